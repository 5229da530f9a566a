"""The timeline of a record: what is said to have been when, each event with the line that says so.

An event is a line with a date in it, a line under a heading with a date (the results of a day), or a dated note. What
lies after the day of its note is planned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from residency.core.types import Document
from residency.infer.evidence import Evidence
from residency.infer.records.dates import Order, When, dates_in
from residency.infer.records.lines import Record, lines_of

_TO = re.compile(r"^,?\s*(?:-|–|—|to|through|until|till|and until|hasta|al?)\s*$", re.IGNORECASE)
_UNTIL = re.compile(r"\b(?:until|till|hasta)\s*$", re.IGNORECASE)
_SOURCES = ("written", "counted", "either", "heading", "note")


@dataclass(frozen=True, slots=True)
class Event:
    """Something at a date (ISO 8601, as precise as known; ``until`` where it lasted), and the line that says so.

    ``how`` is that of the date: "written", "counted" from the note's day, "either" of two days (only the year is sure),
    "heading" above the line, or "note" for the note itself.
    """

    date: str
    text: str
    evidence: Evidence
    how: str = "written"
    until: str | None = None
    planned: bool = False

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it: the note, and the characters of the line in it."""
        where = {"document": self.evidence.document, "start": self.evidence.start, "end": self.evidence.end}
        span = {"date": self.date, "until": self.until, "how": self.how, "planned": self.planned}
        return {**span, "text": self.text, **where, "section": self.evidence.section, "noted": self.evidence.date}


@dataclass(frozen=True, slots=True)
class Timeline:
    """Events by date, and how many lines named none."""

    patient: str
    events: tuple[Event, ...]
    undated: int

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"patient": self.patient, "events": [event.told() for event in self.events], "undated": self.undated}


def timeline(record: Record, *, order: Order = "", since: str = "", until: str = "") -> Timeline:
    """Return a record's events by date, what is said in the same words in several notes once, by the oldest note.

    ``order`` says how numbers such as 03/04/2024 are meant; without it only their year is sure. ``since`` and
    ``until`` are ISO dates of any precision: events whose date may lie between them are kept.
    """
    events: dict[tuple[str, str, str], Event] = {}
    undated = 0
    for document in record.documents:
        found, without = _of_note(document, order)
        undated += without
        for event in found:
            events.setdefault((event.date, event.until or "", " ".join(event.text.lower().split())), event)
    kept = [event for event in events.values() if _within(event, since, until)]
    return Timeline(record.patient, tuple(sorted(kept, key=_place)), undated)


def _place(event: Event) -> tuple[str, str, int, str]:
    return event.date, event.evidence.document, event.evidence.start, event.until or ""


def _within(event: Event, since: str, until: str) -> bool:
    """Return whether an event may lie between two dates: as far as the less precise of two dates goes."""
    last = event.until or event.date
    early = bool(since) and last[: len(since)] < since[: len(last)]
    return not early and not (until and event.date[: len(until)] > until[: len(event.date)])


def _of_note(document: Document, order: Order) -> tuple[list[Event], int]:
    """Return a note's events in its order, and how many of its lines have no date."""
    lines = lines_of(document)
    events = [_note(document, lines)] if document.date and lines and document.meta.get("kind") != "record" else []
    without = 0
    for line in lines:
        found = _of_line(line, dates_in(line.text, said=document.date, order=order, language=document.language))
        found = found or _under(line, dates_in(line.section, order=order, language=document.language))
        events += found
        without += not found
    return events, without


def _note(document: Document, lines: Sequence[Evidence]) -> Event:
    name = str(document.meta.get("note_type") or document.meta.get("title") or "") or lines[0].text
    return Event(str(document.date)[:10], name, lines[0], "note")


def _of_line(line: Evidence, dates: Sequence[When]) -> list[Event]:
    """Return an event for each date of a line; two that are joined by "to" or "until" are one that lasted."""
    events: list[Event] = []
    for at, when in enumerate(dates):
        between = line.text[dates[at - 1].end : when.start] if at else ""
        if events and (_TO.match(between) or _UNTIL.search(between)) and when.date >= events[-1].date:
            last = events.pop()
            events.append(Event(last.date, line.text, line, last.how, when.date, last.planned))
        else:
            events.append(Event(when.date, line.text, line, when.how, None, _later(when.date, line.date)))
    return events


def _under(line: Evidence, dates: Sequence[When]) -> list[Event]:
    """Return the event of a line under a heading that names one date."""
    return [Event(dates[0].date, line.text, line, "heading")] if len(dates) == 1 else []


def _later(day: str, noted: str | None) -> bool:
    return bool(noted) and day > str(noted)[: len(day)]


def counts(events: Iterable[Event]) -> dict[str, int]:
    """Return how many events there are of each way to know the date."""
    found = [event.how for event in events]
    return {how: found.count(how) for how in _SOURCES}
