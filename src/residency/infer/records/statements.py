"""Statements that name the lines they stand on: asked of a model by the numbers of lines, read strictly, and checked.

A model never writes where something stands: it names numbers of what lies before it, and a number that is not there is
no citation. In its own words a statement is kept only where the lines that it names (or one other line) support it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from residency.core.types import Message, Reply
from residency.corpus.make.support import Source, check
from residency.infer.evidence import Evidence, laid_before
from residency.infer.records.central import central

Style = Literal["quote", "write"]
"""Whether a model chooses lines as they are, or writes statements of its own and names their lines."""
LONGEST = 300
"""Characters of a statement that a model writes."""
UNREAD, UNSUPPORTED, NO_LINE = "reply not read", "not supported by its lines", "names no line"
_ASKED = {
    "quote": "Choose at most {most} of the numbered lines that matter most for the patient's further care: diagnoses, "
    "results, treatments, allergies, decisions and what changed. {later}"
    'Reply as a JSON object with "lines", the list of their numbers.',
    "write": "Summarise the numbered lines of this patient's record in at most {most} short statements on diagnoses, "
    "results, treatments, allergies, decisions and what changed. Say only what the lines say, with their numbers "
    'and dates. {later}Reply as a JSON object with a list "statements"; each has "text" and "lines", the numbers of '
    "the lines that it stands on.",
}
_LATER = "Where a later line corrects an earlier one, keep the later one. "


@dataclass(frozen=True, slots=True)
class Statement:
    """Something that is said of a record, and the lines that say it, the oldest first."""

    text: str
    lines: tuple[Evidence, ...]

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it: each citation is a note, characters in it, their words and the note's date."""
        return {"text": self.text, "citations": [_cited(line) for line in self.lines]}

    def shown(self) -> Evidence:
        """Return it as evidence for a model that reads statements: in its own words, dated by its oldest line."""
        first = self.lines[0]
        return Evidence(first.id, first.document, self.text, title=first.title, date=first.date, shelf=first.shelf)


def _cited(line: Evidence) -> dict[str, Any]:
    place = {"document": line.document, "start": line.start, "end": line.end}
    return {**place, "section": line.section, "quote": line.text, "date": line.date}


@dataclass(slots=True)
class Tally:
    """What became of the statements that a model gave, by reason where they were not kept."""

    kept: int = 0
    left: Counter[str] = field(default_factory=Counter)


def request(shown: Sequence[Evidence], most: int, style: Style) -> list[Message]:
    """Return the chat that asks for at most ``most`` statements about numbered evidence."""
    return laid_before([{"role": "user", "content": words(most, style)}], shown)


def words(most: int, style: Style) -> str:
    """Return what is asked, without the evidence."""
    return _ASKED[style].format(most=most, later=_LATER)


def schema(count: int, most: int, style: Style) -> dict[str, Any]:
    """Return the JSON schema of a reply: numbers from 1 to ``count`` alone."""
    number = {"type": "integer", "minimum": 1, "maximum": count}
    lines = {"type": "array", "items": number, "minItems": 1, "maxItems": most}
    if style == "quote":
        return _object(lines=lines)
    statement = _object(text={"type": "string", "maxLength": LONGEST}, lines={**lines, "maxItems": 5})
    return _object(statements={"type": "array", "items": statement, "minItems": 1, "maxItems": most})


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def read(reply: Reply, given: Sequence[Statement], most: int, style: Style, tally: Tally) -> list[Statement]:
    """Return the statements of a reply about ``given`` ones, in the order of those; what is not kept is counted.

    Where the reply cannot be read, or nothing of it is kept, the most central of the given ones are taken.
    """
    found = _choice(reply, given, most) if style == "quote" else _written(reply, given, most, tally)
    if found is None:
        tally.left[UNREAD] += 1
    if not found:
        return [given[at] for at in central([one.text for one in given], most)]
    tally.kept += len(found)
    return found


def _parsed(reply: Reply, key: str) -> list[Any] | None:
    try:
        value = json.loads(reply.text or "")
    except (ValueError, RecursionError):
        return None
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else None


def _numbers(values: Any, count: int) -> list[int]:
    """Return the places (from 0) that numbers name, each once and in order; others are no citation."""
    numbers = values if isinstance(values, list) else []
    return sorted({n - 1 for n in numbers if isinstance(n, int) and not isinstance(n, bool) and 0 < n <= count})


def _choice(reply: Reply, given: Sequence[Statement], most: int) -> list[Statement] | None:
    values = _parsed(reply, "lines")
    if values is None:
        return None
    named = set(_numbers(values, len(given)))
    first = [place for place in dict.fromkeys(n - 1 for n in values if isinstance(n, int)) if place in named][:most]
    return [given[place] for place in sorted(first)]


def _written(reply: Reply, given: Sequence[Statement], most: int, tally: Tally) -> list[Statement] | None:
    rows = _parsed(reply, "statements")
    if rows is None:
        return None
    kept: list[tuple[int, Statement]] = []
    for row in rows[:most]:
        text = " ".join(str(row.get("text", "")).split()) if isinstance(row, dict) else ""
        places = _numbers(row.get("lines"), len(given)) if text else []
        found = _standing(text, places, given) if text else None
        if found:
            kept.append((min(found), Statement(text, joined(given[place] for place in found))))
        else:
            tally.left[UNSUPPORTED if places else NO_LINE] += 1
    return [statement for _, statement in sorted(kept, key=lambda pair: pair[0])]


def _standing(text: str, places: Sequence[int], given: Sequence[Statement]) -> list[int]:
    """Return the places that support a text: those that it names, else the one line that does, else none."""
    if places and _supports(text, [given[place] for place in places]):
        return list(places)
    return next(([at] for at, one in enumerate(given) if _supports(text, [one])), [])


def _supports(text: str, statements: Sequence[Statement]) -> bool:
    """Return whether the lines under some statements support a text, as far as words, numbers and negation show."""
    source = "\n".join(line.text for one in statements for line in one.lines)
    dates = " ".join(sorted({(line.date or "")[:10] for one in statements for line in one.lines}))
    found = check(text, Source(f"{source}\n{dates}"))
    return found.reason is None and found.words >= SHARE


SHARE = 0.6
"""The share of a statement's content words that its lines must hold: stricter than for an answer, whose source is
whole."""


def joined(statements: Iterable[Statement]) -> tuple[Evidence, ...]:
    """Return the lines of some statements, each once, in the order of time."""
    lines = {(line.document, line.start, line.end): line for one in statements for line in one.lines}
    return tuple(sorted(lines.values(), key=lambda line: (line.date or "9999", line.document, line.start)))
