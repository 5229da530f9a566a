"""Getting a public set from its publisher: at a pinned commit, every file's SHA-256 written down, whole or not at all.

The files go to the user's data folder (``~/.local/share/residency/data``), with ``SOURCE.json`` beside them. Nothing is
fetched unless this is asked for, and the licence is shown before anything is. What a broken line has left is kept in a
hidden folder, and gone on with.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from residency.core.errors import SourceError
from residency.core.progress import say
from residency.core.store import read_json, sha256_file, storage_errors, write_json
from residency.corpus import benchmarks
from residency.corpus.benchmarks.fetch import Broken, fetch
from residency.corpus.benchmarks.publishers import LAYOUTS, PUBLISHERS, Publisher
from residency.corpus.card.licences import licence_of

GITHUB = "https://raw.githubusercontent.com"
SOURCE = "SOURCE.json"
Record = dict[str, Any]


def get(name: str, accepted: Collection[str] = ()) -> Record:
    """Return what is known of a set's folder after it was fetched: ``folder``, ``commit``, ``files``, ``fetched``.

    One that is here already stays; its files are held against the SHA-256 that was written down. ``accepted`` names the
    sets whose licence the user accepts, where one must be. Raises SourceError where the set cannot be fetched, the
    publisher cannot be reached, or a file has another hash than expected.
    """
    about = benchmarks.known(name)
    if not about.folder:
        raise SourceError(f"{name} is made from {about.url}, which comes with Residency; there is nothing to fetch")
    here = next((f / about.folder for f in benchmarks.data_folders() if (f / about.folder).is_dir()), None)
    if here:
        return {"set": name, "folder": str(here), "fetched": False, **_unchanged(here)}
    publisher = PUBLISHERS.get(about.folder)
    if publisher is None:
        raise SourceError(
            f"{name} cannot be fetched file by file. Take it from {about.url} (commit {about.commit}) and put into "
            f"{benchmarks.data_folders()[-1] / about.folder}: {LAYOUTS[about.folder]}"
        )
    show(name, about.licence, publisher)
    _check_accepted(name, about, accepted)
    folder = benchmarks.data_folders()[-1] / about.folder
    with _half_made(folder, publisher) as half:
        files = {file: _fetched(publisher, file, half / file) for file in publisher.files}
        record = {
            "from": address(publisher, ""),
            "commit": publisher.commit,
            "licence": about.licence,
            "got": datetime.now(UTC).isoformat(timespec="seconds"),
            "files": files,
        }
        write_json(half / SOURCE, record)
    return {"set": name, "folder": str(folder), "fetched": True, **record}


def show(name: str, licence: str, publisher: Publisher) -> None:
    """Say what is about to be fetched, under which licence, how much, and what of it can be verified."""
    count, pinned = len(publisher.files), len(publisher.sha256)
    size = f"{sum(publisher.sizes.values()):,} bytes" if publisher.sizes else "of a size that the publisher will tell"
    held = "each with its SHA-256" if pinned == count else "whose SHA-256 is not known beforehand and is written down"
    say(f"{name}: licence {licence}; {count} files, {size}, {held}; from {address(publisher, '')}")


def _check_accepted(name: str, about: benchmarks.BenchmarkSet, accepted: Collection[str]) -> None:
    """Raise SourceError where a licence is not known, or forbids something, and was not accepted by name."""
    licence = licence_of(about.licence)
    if name in accepted or (licence.commercial and licence.derivatives and licence.redistribution):
        return
    kind = "is not known here" if licence.hub == "unknown" else "does not allow everything"
    raise SourceError(
        f"{name} is under {about.licence!r}, which {kind}: read it at {about.url}, and where you accept it give: "
        f"residency data get {name} --accept-licence {name}"
    )


@contextmanager
def _half_made(folder: Path, publisher: Publisher) -> Iterator[Path]:
    """Yield a hidden folder that becomes ``folder`` when all is there; it stays where the line broke, else it goes."""
    half = folder.with_name(f".{folder.name}.{publisher.commit[:12]}.part")
    with storage_errors(folder):
        half.mkdir(parents=True, exist_ok=True)
        with _alone(half):
            try:
                yield half
                os.replace(half, folder)
            except (Broken, KeyboardInterrupt) as error:
                kept = sum(file.stat().st_size for file in half.rglob("*") if file.is_file() and file.name != _LOCK)
                if not kept:
                    shutil.rmtree(half, ignore_errors=True)
                if isinstance(error, KeyboardInterrupt):
                    raise
                raise SourceError(_broken(error, publisher, kept)) from None
            except BaseException:
                shutil.rmtree(half, ignore_errors=True)
                raise
    (folder / _LOCK).unlink(missing_ok=True)


_LOCK = ".lock"


@contextmanager
def _alone(half: Path) -> Iterator[None]:
    """Hold a folder against a second command; SourceError where another has it."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        yield
        return
    with (half / _LOCK).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SourceError(f"another command is fetching into {half.parent}; wait until it is done") from None
        yield


def _broken(error: Broken, publisher: Publisher, kept: int) -> str:
    state = f"{kept:,} bytes are kept, and the same command goes on there" if kept else "nothing was kept"
    return (
        f"{error}; {state}. Where there is a network, get {', '.join(publisher.files)} of {publisher.repository} at "
        f"commit {publisher.commit}, and put the files into a folder of this name in {benchmarks.data_folders()[-1]} "
        "or $RESIDENCY_DATA"
    )


def _unchanged(folder: Path) -> Record:
    """Return what was written down when a folder was fetched; SourceError names files that are not as they were."""
    if not (folder / SOURCE).exists():
        return {"commit": None, "files": {}}
    record: Record = read_json(folder / SOURCE)
    changed = [
        file
        for file, about in record["files"].items()
        if not (folder / file).is_file() or sha256_file(folder / file) != about["sha256"]
    ]
    if changed:
        raise SourceError(
            f"{folder} is not as it was fetched: {', '.join(changed)}; remove the folder and get it again"
        )
    return record


def address(publisher: Publisher, file: str) -> str:
    """Return the address of a file at its publisher; of "" that of all of them."""
    path = publisher.files.get(file, "")
    if publisher.host == "github":
        return f"{GITHUB}/{publisher.repository}/{publisher.commit}/{path}"
    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    return f"{hub}/datasets/{publisher.repository}/resolve/{publisher.commit}/{path}"


def _fetched(publisher: Publisher, file: str, target: Path) -> Record:
    """Return a file's ``sha256``, ``bytes`` and ``url`` after writing it to ``target``."""
    url = address(publisher, file)
    if target.exists():  # whole, from the command before
        return {"sha256": sha256_file(target), "bytes": target.stat().st_size, "url": url}
    found = fetch(
        url,
        target,
        headers=_headers(publisher),
        sha256=publisher.sha256.get(file, ""),
        size=publisher.sizes.get(file, 0),
    )
    return {**found, "url": url}


def _headers(publisher: Publisher) -> dict[str, str]:
    """Return what the hub wants to know: a token where the user has one."""
    if publisher.host != "hub":
        return {}
    if os.environ.get("HF_HUB_OFFLINE") == "1":
        raise SourceError("HF_HUB_OFFLINE=1 keeps data from being fetched from the hub; unset it for this command")
    from huggingface_hub import get_token

    token = get_token()
    return {"authorization": f"Bearer {token}"} if token else {}
