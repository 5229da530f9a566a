"""The chain as arithmetic: what an entry's hash covers, and how the next is made with it. No file, no database.

Each entry's hash (SHA-256) covers everything in it and the hash of the one before, so that a change anywhere changes
all that follow; what is sealed goes in by its own hash. Anyone can recompute it. Beside it stands, in the body, a keyed
hash of the same (``mac``): who changes an entry and then mends the chain behind it is still found at that entry.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from residency.core.store import dumps
from residency.serve.types import Entry

GENESIS = "0" * 64
"""What stands for the hash before the first entry."""
MAC, BACK = "mac", "clock_back_s"
COLUMNS = {"kind": 32, "request": 32, "actor": 80}
"""The short texts of an entry and how long they may be."""
Mark = Callable[[str], str]
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as it stands in the record; ``body`` is canonical JSON, ``before`` the hash of the entry before."""

    seq: int
    at: str
    kind: str
    request: str
    actor: str
    body: str
    sealed: bytes | None
    before: str
    hash: str

    @property
    def content(self) -> dict[str, Any]:
        """Return the body as what it says, without the record's own mark; one that was spoiled as it stands."""
        try:
            return {name: value for name, value in json.loads(self.body).items() if name != MAC}
        except (ValueError, AttributeError, RecursionError):
            return {"unreadable": self.body}


@dataclass(frozen=True, slots=True)
class Tip:
    """Where the chain ends: the last entry's number, hash and time."""

    seq: int = 0
    hash: str = GENESIS
    at: str = ""


def canonical(value: Any) -> str:
    """Return JSON that is the same for equal values: sorted keys, no spaces, ASCII alone; nan is null."""
    try:
        return _CANONICAL.encode(value)
    except (TypeError, ValueError):  # a nan, or what only our own writing knows as JSON
        return _CANONICAL.encode(json.loads(dumps(value)))


def moment(at: datetime) -> str:
    """Return a time as the record writes it: ISO 8601 in UTC, with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def plain(entry: Entry) -> Entry:
    """Return an entry as any database takes it and JSON gives it back; TypeError where its body is no JSON."""
    short = {name: fitted(getattr(entry, name), most) for name, most in COLUMNS.items()}
    texts = {str(name): str(text) for name, text in entry.texts.items()} if entry.texts else None
    return replace(entry, **short, body=json.loads(dumps(entry.body)), texts=texts)


def linked(tip: Tip, entry: Entry, *, now: datetime, mark: Mark, sealed: Callable[[int], bytes | None]) -> Row:
    """Return the row that follows ``tip``, of an entry that is ``plain``; ``sealed`` gives what is sealed for a number.

    A clock that went back does not take the record's time back: the entry then has the time of the one before, and its
    body says by how many seconds the clock was behind it.
    """
    at, seq, body = moment(now), tip.seq + 1, dict(entry.body)
    if at < tip.at:
        behind = datetime.fromisoformat(tip.at) - datetime.fromisoformat(at)
        at, body[BACK] = tip.at, round(behind.total_seconds(), 6)
    short = {name: getattr(entry, name) for name in COLUMNS}
    closed = sealed(seq)
    body[MAC] = mark(_said(seq, at, short, canonical({**body, MAC: ""}), closed, tip.hash))
    text = canonical(body)
    found = _digest(_said(seq, at, short, text, closed, tip.hash))
    return Row(seq, at, **short, body=text, sealed=closed, before=tip.hash, hash=found)


def fitted(text: str, most: int) -> str:
    """Return a short text that any database takes: what does not print is escaped, what is too long is cut."""
    shown = text
    if not text.isprintable():
        shown = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def hash_of(row: Row) -> str:
    """Return the hash that a row ought to have."""
    return _digest(_said(row.seq, row.at, _short(row), row.body, row.sealed, row.before))


def told_hash(told: dict[str, Any]) -> str:
    """Return the hash that an exported entry ought to have, from what is told of it (``exported``)."""
    return _digest(canonical([told[name] for name in ("seq", "at", *COLUMNS, "body", "sealed", "before")]))


def told(row: Row) -> dict[str, Any]:
    """Return an entry for export: its columns, and of what is sealed the hash alone."""
    return {
        "seq": row.seq,
        "at": row.at,
        **_short(row),
        "body": row.body,
        "sealed": _of_sealed(row.sealed),
        "before": row.before,
        "hash": row.hash,
    }


def is_ours(row: Row, mark: Mark) -> bool:
    """Return whether the key's holder wrote a row as it stands."""
    try:
        body = json.loads(row.body)
        found = body[MAC]
        text = canonical({**body, MAC: ""})
    except (KeyError, TypeError, ValueError, RecursionError):
        return False
    return bool(found == mark(_said(row.seq, row.at, _short(row), text, row.sealed, row.before)))


def follows(rows: Iterable[Row], tip: Tip, mark: Mark) -> Tip | None:
    """Return the tip after some rows, None where they do not follow ``tip`` one by one, unchanged and ours."""
    for row in rows:
        right = row.seq == tip.seq + 1 and row.before == tip.hash and row.hash == hash_of(row) and row.at >= tip.at
        if not right or not is_ours(row, mark):
            return None
        tip = Tip(row.seq, row.hash, row.at)
    return tip


# --- what is hashed --------------------------------------------------------------------------------------------------


def _short(row: Row) -> dict[str, str]:
    return {"kind": row.kind, "request": row.request, "actor": row.actor}


def _said(seq: int, at: str, short: dict[str, str], body: str, sealed: bytes | None, before: str) -> str:
    """Return an entry as one text of which no two entries share it."""
    return canonical([seq, at, *(short[name] for name in COLUMNS), body, _of_sealed(sealed), before])


def _of_sealed(sealed: bytes | None) -> str | None:
    return None if sealed is None else sha256(sealed).hexdigest()


def _digest(said: str) -> str:
    return sha256(said.encode()).hexdigest()
