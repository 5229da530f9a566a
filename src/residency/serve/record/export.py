"""A part of the record as a file that can be checked anywhere, without the database and without the service's key.

JSON lines: what was asked for and the signed head; each entry (of sealed texts only their hash); then how many there
are, the SHA-256 of all lines before, and the service's signature of it. No text of a patient leaves by this way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from residency.core.errors import SourceError
from residency.serve.record import head as heads
from residency.serve.record.chain import canonical, moment, told, told_hash
from residency.serve.record.head import Head
from residency.serve.record.search import ALL, Wanted, oldest
from residency.serve.record.verify import Link, Report, kept_are_ours, signed_at, walk
from residency.serve.store.keys import Seal, signed

FORM = "residency record 1"
_SIGNED = b"residency record export 1\n"


def export(database: Engine, seal: Seal, wanted: Wanted = ALL) -> Iterator[bytes]:
    """Yield the lines of an export: the head of it, the entries that are wanted, and the signature."""
    head = heads.read(seal.folder / heads.FILE, seal.public).head
    count, hashed = 0, sha256()

    def line(value: dict[str, Any]) -> bytes:
        text = canonical(value).encode() + b"\n"
        hashed.update(text)
        return text

    opening = {"form": FORM, "exported": moment(datetime.now(UTC)), "wanted": wanted.asked, "key": seal.public}
    yield line({**opening, "head": asdict(head) if head else None})
    for row in oldest(database, wanted):
        count += 1
        yield line(told(row))
    whole = hashed.hexdigest()
    signature = seal.sign(_SIGNED + whole.encode())
    yield line({"entries": count, "sha256": whole, "key": seal.public, "signature": signature})


def verify_export(path: Path, public: str = "", *, kept: Sequence[Head] = ()) -> Report:
    """Return what is wrong with an exported file, by a public key that is known, or else by the one that it names.

    ``kept`` are heads that were kept elsewhere; entries that the file does not hold are not looked for.

    Raises SourceError where it is no such file.
    """
    with open(path, "rb") as handle:
        opening = _json(handle.readline(), path)
    if opening.get("form") != FORM:
        raise SourceError(f"{path} is no exported record (`residency log export --out FILE` writes one)")
    report = Report(key=public or str(opening.get("key")))
    head = heads.from_told(opening.get("head"))
    everything = not opening.get("wanted")
    end: dict[str, Any] = {}
    walk(_links(path, end), report, signed_at([*kept, *filter(None, [head])]), gaps=not everything)
    if everything and head and head.seq > report.last.seq:
        report.wrong(report.last.seq + 1, f"entries {report.last.seq + 1} to {head.seq} are missing at the end")
    if head is None or head.key != report.key or not head.holds:
        report.wrong(None, "its head was not signed by this key")
    kept_are_ours(report, kept)
    _signature(end, report)
    return report


def _links(path: Path, end: dict[str, Any]) -> Iterator[Link]:
    """Yield the entries of a file; what its last line says, and the hash of all before it, go into ``end``."""
    hashed = sha256()
    with open(path, "rb") as handle:
        hashed.update(handle.readline())
        for line in handle:
            found = _json(line, path)
            if "signature" in found:
                end.update(found, hashed=hashed.hexdigest(), rest=handle.read(1))
                return
            hashed.update(line)
            yield _link(found, path)


def _link(found: dict[str, Any], path: Path) -> Link:
    try:
        right = told_hash(found) == found["hash"]
        seq, at, before = int(found["seq"]), str(found["at"]), str(found["before"])
    except (KeyError, TypeError, ValueError):
        raise SourceError(f"{path} has a line that is no entry of a record") from None
    return Link(seq, at, before, str(found["hash"]), () if right else ("was changed",))


def _signature(end: dict[str, Any], report: Report) -> None:
    """Note what is wrong with the last line of an export."""
    if not end:
        report.wrong(report.last.seq + 1, "the file is cut off: its last line, with the signature, is missing")
        return
    if end["rest"]:
        report.wrong(None, "something stands behind the signature")
    right = end.get("sha256") == end["hashed"] and end.get("entries") == report.entries
    if not right or not signed(_SIGNED + end["hashed"].encode(), str(end["signature"]), report.key):
        report.wrong(None, "the signature of the file does not hold by this key")


def _json(line: bytes, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (UnicodeDecodeError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise SourceError(f"{path} is no exported record, or was changed: it has a line that is not JSON")
    return found
