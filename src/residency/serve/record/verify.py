"""Whether the record is as it was written: every entry by its hash, its place and its mark, the end by the signed head.

What was edited, deleted, inserted, moved or cut off is named by number. Someone who changes an entry and mends all
hashes behind it is found at that entry by its mark (with the service's key), or at the head (with the public key).
What nobody can see is that database and head were both put back to an earlier day: for that an auditor keeps heads
elsewhere (``residency log verify --head``), each of which the record must still hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from residency.serve.record import head as heads
from residency.serve.record.book import context_of
from residency.serve.record.chain import GENESIS, Row, Tip, hash_of, is_ours
from residency.serve.record.head import Head
from residency.serve.store.keys import Seal, Unopened, fingerprint
from residency.serve.store.tables import RECORD

Signed = dict[int, set[str]]
"""The hashes that heads say an entry has."""
MOST = 50
"""Faults that are told one by one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and at which entry; None: with the head."""

    seq: int | None
    what: str


@dataclass(slots=True)
class Report:
    """What was found: how many entries, the faults in order (the first MOST), and the entries after the head."""

    entries: int = 0
    last: Tip = heads.EMPTY
    faults: list[Fault] = field(default_factory=list)
    more: int = 0
    after_head: int = 0
    sealed: int = 0
    marks: bool = False
    key: str = ""

    @property
    def ok(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.faults

    @property
    def first_bad(self) -> int | None:
        """Return the number of the first entry that is wrong or missing."""
        return min((fault.seq for fault in self.faults if fault.seq is not None), default=None)

    def wrong(self, seq: int | None, what: str) -> None:
        """Note a fault."""
        if len(self.faults) < MOST:
            self.faults.append(Fault(seq, what))
        else:
            self.more += 1

    def told(self) -> dict[str, Any]:
        """Return the report as JSON."""
        ends = {"last": self.last.seq, "hash": self.last.hash, "key": self.key, "fingerprint": fingerprint(self.key)}
        found = {"faults": [asdict(one) for one in self.faults], "more_faults": self.more, "first_bad": self.first_bad}
        counts = {"entries": self.entries, "after_head": self.after_head, "sealed": self.sealed, "marks": self.marks}
        return {"ok": self.ok, **counts, **ends, **found}


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as the walk along the chain sees it; ``faults`` are those that it has by itself."""

    seq: int
    at: str
    before: str
    hash: str
    faults: tuple[str, ...] = ()


def verify(database: Engine, key: Seal | str, head: Path, *, kept: Sequence[Head] = ()) -> Report:
    """Return what is wrong with the record of a database, by the service's key or its public key alone.

    ``head`` is the file with the signed head; ``kept`` are heads kept elsewhere. A service may write meanwhile.
    """
    public = key.public if isinstance(key, Seal) else key
    report = Report(key=public, marks=isinstance(key, Seal))
    first = heads.read(head, public)
    wanted = signed_at([*kept, *filter(None, [first.head])])
    tail: dict[int, str] = {}

    def noted() -> Iterator[Link]:
        for row in _rows(database):
            report.sealed += row.sealed is not None
            if first.head and row.seq > first.head.seq:
                tail[row.seq] = row.hash
            yield _link(row, key)

    walk(noted(), report, wanted)
    _at_the_end(report, wanted)
    _by_head(report, first, heads.read(head, public), tail)
    kept_are_ours(report, kept)
    return report


def signed_at(some: Iterable[Head]) -> Signed:
    """Return, for each entry at which a head was signed, the hashes that it was signed with: one, if all is well."""
    found: Signed = {}
    for one in some:
        found.setdefault(one.seq, set()).add(one.hash)
    return found


def walk(links: Iterable[Link], report: Report, wanted: Signed, *, gaps: bool = False) -> None:
    """Walk along a chain and note what is wrong; ``gaps`` allows for entries that are not there (a filtered export)."""
    seen: Link | None = None
    for link in links:
        report.entries += 1
        for what in link.faults:
            report.wrong(link.seq, what)
        _after(seen, link, report, gaps)
        if wanted.get(link.seq, {link.hash}) != {link.hash}:
            report.wrong(link.seq, "is not the entry that was signed here: it, or one before it, was changed")
        seen = link
    if seen:
        report.last = Tip(seen.seq, seen.hash, seen.at)


def _after(seen: Link | None, link: Link, report: Report, gaps: bool) -> None:
    """Note what is wrong with a link's place behind the one seen before it."""
    before = seen or Link(0, "", "", GENESIS)
    next_ = before.seq + 1
    if link.seq != next_:
        if link.seq <= before.seq:
            report.wrong(link.seq, "stands behind one with a higher number")
        elif not gaps:
            missing = f"entry {next_} is" if link.seq == next_ + 1 else f"entries {next_} to {link.seq - 1} are"
            report.wrong(next_, f"{missing} missing")
        return
    if link.before != before.hash:
        report.wrong(link.seq, "does not follow the entry before it")
    if link.at < before.at:
        report.wrong(link.seq, "is older than the entry before it")


# --- the end ---------------------------------------------------------------------------------------------------------


def _at_the_end(report: Report, wanted: Signed) -> None:
    """Note what is missing behind the last entry, by the heads that say how far the record had come."""
    last, most = report.last.seq, max(wanted, default=0)
    if most > last:
        missing = f"entry {most} is" if most == last + 1 else f"entries {last + 1} to {most} are"
        report.wrong(last + 1, f"{missing} missing at the end")


def _by_head(report: Report, first: heads.Found, now: heads.Found, tail: dict[int, str]) -> None:
    """Note what is wrong with the head's file; a service that writes may have brought it further since it was read."""
    if first.bad and now.bad:
        report.wrong(None, f"{now.bad} of the head's lines were not signed by the key of this record")
    if first.head is None:
        report.wrong(None, "there is no signed head, so nobody can say where the record ends")
        return
    reached = first.head.seq
    if now.head and now.head.seq in tail:
        reached = now.head.seq
        if tail[reached] != now.head.hash:
            report.wrong(reached, "is not the entry that was signed here")
    report.after_head = max(report.last.seq - reached, 0)
    if report.after_head and not report.marks:
        words = f"after the signed head stand {report.after_head} entries: only the service's key says whose they are"
        report.wrong(reached + 1, words)


def kept_are_ours(report: Report, kept: Sequence[Head]) -> None:
    """Note which heads that were kept elsewhere are not of this record."""
    for one in kept:
        if one.key != report.key or not one.holds:
            report.wrong(None, f"the kept head at entry {one.seq} was not signed by the key of this record")


# --- single entries --------------------------------------------------------------------------------------------------


def _rows(database: Engine) -> Iterator[Row]:
    with database.connect().execution_options(yield_per=1000) as connection:
        for row in connection.execute(select(RECORD).order_by(RECORD.c.seq)):
            yield Row(*row)


def _link(row: Row, key: Seal | str) -> Link:
    faults: list[str] = []
    try:
        if row.hash != hash_of(row):
            faults.append("was changed")
        elif isinstance(key, Seal) and not is_ours(row, key.mark):
            faults.append("was not written by this service")
    except (TypeError, ValueError, AttributeError):
        faults.append("is no entry of a record")
    if row.sealed is not None and isinstance(key, Seal) and not _opens(row.sealed, row.seq, key.open):
        faults.append("has sealed texts that do not open")
    return Link(row.seq, str(row.at), str(row.before), str(row.hash), tuple(faults))


def _opens(sealed: bytes, seq: int, unsealed: Callable[[bytes, str], bytes]) -> bool:
    try:
        unsealed(sealed, context_of(seq))
    except Unopened:
        return False
    return True
