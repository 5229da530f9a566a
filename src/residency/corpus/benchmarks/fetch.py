"""One file from the web: in pieces, gone on with where the line broke, refused unless it is the file it should be."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from residency.core.errors import SourceError
from residency.core.progress import progress, say
from residency.core.store import sha256_file

TIMEOUT = 60.0
"""Seconds without a byte after which a line counts as broken."""
ATTEMPTS = 3
PAUSE = 2.0
"""Seconds before the second attempt; twice as long before the third."""
MOST = 4_000_000_000
"""Bytes that a file may have whose size nobody told."""
HUB = ("huggingface.co", "hf.co")
"""Where the hub keeps large files; it sends there."""


class Broken(Exception):
    """The line broke, or the server asked to come again: what has arrived may be gone on with."""


def fetch(url: str, target: Path, *, headers: Mapping[str, str], sha256: str = "", size: int = 0) -> dict[str, Any]:
    """Return ``sha256`` and ``bytes`` of a file after fetching it to ``target``; until it is whole it is NAME.part.

    ``sha256`` and ``size`` are what it must have, where that is known; else the hub's word is taken for both. Raises
    SourceError where it is another file, or the way to it is not to be trusted, and Broken after the last attempt.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    say(f"fetching {url}")
    for attempt in range(ATTEMPTS):
        try:
            told = _attempt(url, part, headers, bool(sha256), size)
            found = sha256_file(part)
            _check_hash(url, found, sha256 or told)
            part.rename(target)
            return {"sha256": found, "bytes": target.stat().st_size}
        except Broken as error:
            if attempt + 1 == ATTEMPTS:
                raise
            say(f"{error}; once more")
            time.sleep(PAUSE * 2**attempt)
    raise AssertionError("unreachable")


def _attempt(url: str, part: Path, headers: Mapping[str, str], pinned: bool, size: int) -> str:
    """Return the SHA-256 that the hub tells ("" where none) after adding to ``part`` what is missing of it."""
    have = part.stat().st_size if part.exists() else 0
    asked = {**headers, "accept-encoding": "identity", **({"range": f"bytes={have}-"} if have else {})}
    told: dict[str, str] = {}

    def look(reply: httpx.Response) -> None:
        told.update({key: reply.headers[key] for key in ("x-linked-etag", "x-linked-size") if key in reply.headers})
        _check_way(reply, pinned)

    try:
        with (
            httpx.Client(follow_redirects=True, timeout=TIMEOUT, event_hooks={"response": [look]}) as client,
            client.stream("GET", url, headers=asked) as reply,
        ):
            begun = _begun(url, reply, part, have)
            _receive(url, reply, part, begun, size or int(told.get("x-linked-size", 0)))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Broken(f"{httpx.URL(url).host} cannot be reached ({type(error).__name__})") from None
    etag = told.get("x-linked-etag", "").strip('"')
    return etag if re.fullmatch(r"[0-9a-f]{64}", etag) else ""


def _begun(url: str, reply: httpx.Response, part: Path, have: int) -> int:
    """Return how many bytes of ``part`` the reply goes on from: all that there are, or none of them."""
    code = reply.status_code
    if code == 429 or code >= 500:
        raise Broken(f"{url} answered {code}")
    if code == 416 or (code == 206 and not reply.headers.get("content-range", "").startswith(f"bytes {have}-")):
        part.unlink()
        raise Broken(f"{url} cannot go on at byte {have:,}")
    if code not in (200, 206):
        raise SourceError(f"{url} answered {code}; nothing was kept")
    return have if code == 206 else 0


def _receive(url: str, reply: httpx.Response, part: Path, begun: int, size: int) -> None:
    """Write a reply's body behind the ``begun`` first bytes; never more than ``size``, or than the server said."""
    encoded = reply.headers.get("content-encoding", "identity") != "identity"
    length = None if encoded else reply.headers.get("content-length")
    total = begun + int(length) if length and length.isdigit() else None
    if size and total is not None and total != size:
        raise SourceError(
            f"{url} has {total:,} bytes, not {size:,}: it is not the file that was read; nothing was kept"
        )
    most = size or total or MOST
    with part.open("ab" if begun else "wb") as handle, progress(part.stem, size or total, "bytes", before=begun) as bar:
        for piece in reply.iter_bytes():
            begun += handle.write(piece)
            bar.add(len(piece))
            if begun > most:
                raise SourceError(
                    f"{url} sends more than {most:,} bytes: it is not the file that was read; nothing was kept"
                )
    if begun < (size or 0):
        raise Broken(f"{httpx.URL(url).host} stopped after {begun:,} of {size:,} bytes")


def _check_way(reply: httpx.Response, pinned: bool) -> None:
    """Raise SourceError where a reply sends on to an address that is not to be trusted, before that is asked."""
    if not reply.has_redirect_location:
        return
    here, there = reply.url, reply.url.join(reply.headers["location"])
    if here.scheme == "https" and there.scheme != "https":
        raise SourceError(f"{here.host} sends on to {there.host} without encryption (http); nothing was fetched")
    if here.host == there.host:
        return
    hub = any(there.host == name or there.host.endswith(f".{name}") for name in HUB)
    if not pinned and not hub:
        raise SourceError(
            f"{here.host} sends on to another host, {there.host}, and the file's SHA-256 is not known beforehand; "
            "nothing was fetched"
        )
    say(f"{here.host} sends on to {there.host}")


def _check_hash(url: str, found: str, wanted: str) -> None:
    if wanted and found != wanted:
        raise SourceError(f"{url} has the SHA-256 {found}, not {wanted}: it is not the file that was read")
