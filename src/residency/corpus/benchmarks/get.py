"""Getting a public set from its publisher: at a pinned commit, every file's SHA-256 written down, whole or not at all.

The files go to the user's data folder (``~/.local/share/residency/data``), with ``SOURCE.json`` beside them. Nothing is
fetched unless this is asked for.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from residency.core.errors import SourceError
from residency.core.progress import say
from residency.core.store import atomic_path, read_json, sha256_file, write_json
from residency.corpus import benchmarks
from residency.corpus.benchmarks.publishers import LAYOUTS, PUBLISHERS, Publisher

GITHUB = "https://raw.githubusercontent.com"
SOURCE = "SOURCE.json"
TIMEOUT = 60.0
Record = dict[str, Any]


def get(name: str) -> Record:
    """Return what is known of a set's folder after it was fetched: ``folder``, ``commit``, ``files``, ``fetched``.

    One that is here already stays; its files are held against the SHA-256 that was written down. Raises SourceError
    where the set cannot be fetched, the publisher cannot be reached, or a file has another hash than expected.
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
    folder = benchmarks.data_folders()[-1] / about.folder
    with atomic_path(folder) as temporary:
        files = {file: _fetched(publisher, file, temporary / file) for file in publisher.files}
        record = {
            "from": address(publisher, ""),
            "commit": publisher.commit,
            "licence": about.licence,
            "got": datetime.now(UTC).isoformat(timespec="seconds"),
            "files": files,
        }
        write_json(temporary / SOURCE, record)
    return {"set": name, "folder": str(folder), "fetched": True, **record}


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
    """Return a file's ``sha256`` and ``bytes`` after writing it to ``target``; it goes by piece by piece."""
    url = address(publisher, file)
    say(f"fetching {url}")
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with (
        _clear(url, publisher),
        httpx.stream("GET", url, follow_redirects=True, timeout=TIMEOUT, headers=_headers(publisher)) as reply,
    ):
        reply.raise_for_status()
        with target.open("wb") as handle:
            for piece in reply.iter_bytes():
                digest.update(piece)
                size += handle.write(piece)
    wanted = publisher.sha256.get(file)
    if wanted and digest.hexdigest() != wanted:
        raise SourceError(f"{url} has the SHA-256 {digest.hexdigest()}, not {wanted}: it is not the file that was read")
    return {"sha256": digest.hexdigest(), "bytes": size, "url": url}


def _headers(publisher: Publisher) -> dict[str, str]:
    """Return what the hub wants to know: a token where the user has one."""
    if publisher.host != "hub":
        return {}
    if os.environ.get("HF_HUB_OFFLINE") == "1":
        raise SourceError("HF_HUB_OFFLINE=1 keeps data from being fetched from the hub; unset it for this command")
    from huggingface_hub import get_token

    token = get_token()
    return {"authorization": f"Bearer {token}"} if token else {}


@contextmanager
def _clear(url: str, publisher: Publisher) -> Iterator[None]:
    """Turn what a network can do into one clear error, which says what would lie here."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise SourceError(f"{url} answered {error.response.status_code}; nothing was kept") from None
    except httpx.HTTPError as error:
        host = httpx.URL(url).host
        raise SourceError(
            f"{host} cannot be reached ({type(error).__name__}); nothing was kept. Where there is a network, get "
            f"{', '.join(publisher.files)} of {publisher.repository} at commit {publisher.commit}, and put the files "
            f"into a folder of this name in {benchmarks.data_folders()[-1]} or $RESIDENCY_DATA"
        ) from None
