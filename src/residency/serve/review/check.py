"""Whether drafts and comparisons are what the record says: nothing is lost, changed, signed or chosen by no one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from sqlalchemy import select

from residency.serve.review.comparisons import context_of
from residency.serve.review.content import Desk, context
from residency.serve.store.database import snapshot
from residency.serve.store.keys import Unopened
from residency.serve.store.tables import COMPARISONS, DRAFTS, RECORD, VERSIONS

Step = tuple[str, int]


def check(desk: Desk) -> list[str]:
    """Return what does not fit, a line for each, by the draft's id and version; empty where all fits.

    A version whose words do not open, or have another hash, a version that the record does not know, an entry of the
    record whose version is gone, and a draft whose state is not what was decided last.
    """
    with snapshot(desk.database) as connection:
        entries = dict(_entries(connection))
        last: dict[str, tuple[int, str]] = {}
        found: list[str] = []
        steps: set[Step] = set()
        for row in connection.execute(select(VERSIONS).order_by(VERSIONS.c.draft, VERSIONS.c.version)).mappings():
            step = (row["draft"], row["version"])
            steps.add(step)
            last[row["draft"]] = (row["version"], row["decision"])
            found += [f"draft {step[0]} version {step[1]}: {what}" for what in _faults(desk, row, entries.get(step))]
        found += [f"draft {draft} version {version}: on record, but gone" for draft, version in entries.keys() - steps]
        for row in connection.execute(select(DRAFTS.c.id, DRAFTS.c.version, DRAFTS.c.status)).mappings():
            if last.get(row["id"]) != (row["version"], row["status"]):
                found.append(f"draft {row['id']}: its state is not what was decided last")
        found += _comparisons(desk, connection)
    return sorted(found)


def _comparisons(desk: Desk, connection: Any) -> Iterator[str]:
    """Yield what does not fit of comparisons: names, words or choice that the record does not have so, or has alone."""
    said = _chosen(connection)
    rows = {row["id"]: row for row in connection.execute(select(COMPARISONS)).mappings()}
    for id, row in rows.items():
        if id not in said:
            yield f"comparison {id}: not on record"
            continue
        has = {"first": row["first"], "second": row["second"], "choice": row["choice"]}
        for name, value in has.items():
            if value != said[id].get(name):
                yield f"comparison {id}: its {name} is not the one on record"
        if _digest(desk, row["sealed"], context_of(id)) != said[id].get("digest"):
            yield f"comparison {id}: its words are not those on record"
    yield from (f"comparison {id}: on record, but gone" for id in said.keys() - rows.keys())


def _chosen(connection: Any) -> dict[str, dict[str, Any]]:
    """Return what the record holds of each comparison."""
    found: dict[str, dict[str, Any]] = {}
    chosen = select(RECORD.c.body).where(RECORD.c.kind.in_(("comparison", "choice"))).order_by(RECORD.c.seq)
    for (text,) in connection.execute(chosen):
        with suppress(ValueError, KeyError, TypeError):  # what is no entry the chain tells of
            body = json.loads(text)
            found.setdefault(body["comparison"], {}).update(body)
    return found


def _digest(desk: Desk, sealed: bytes, place: str) -> str:
    """Return the keyed hash of sealed words; "" where they do not open."""
    try:
        return str(desk.seal.digest(desk.seal.open(sealed, place).decode()))
    except Unopened:
        return ""


def _entries(connection: Any) -> Iterator[tuple[Step, tuple[str, str]]]:
    """Yield what the record holds of each version: its decision and the keyed hash of its words."""
    chosen = select(RECORD.c.body).where(RECORD.c.kind.in_(("draft", "decision"))).order_by(RECORD.c.seq)
    for (text,) in connection.execute(chosen):
        with suppress(ValueError, KeyError, TypeError):  # what is no entry the chain tells of
            body = json.loads(text)
            yield (str(body["draft"]), int(body["version"])), (str(body["decision"]), str(body["digest"]))


def _faults(desk: Desk, row: Any, entry: tuple[str, str] | None) -> Iterator[str]:
    try:
        words = desk.seal.open(row["sealed"], context(row["draft"], row["version"])).decode()
    except Unopened:
        yield "its words do not open"
        return
    if desk.seal.digest(words) != row["digest"]:
        yield "its words are not those that were hashed"
    if entry is None:
        yield "not on record"
    elif entry != (row["decision"], row["digest"]):
        yield "not what the record says"
