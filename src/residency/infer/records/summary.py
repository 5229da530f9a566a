"""A summary of a record that is longer than a model's context, each statement citing the lines it stands on.

``map_reduce`` reads the record in pieces and joins what was said of them until it is short enough; ``rolling`` reads it
in the order of time, and after each piece says anew what the summary is. Wu et al. 2021, Recursively Summarizing Books
with Human Feedback; Chang et al. 2023, BooookScore, where the two are called hierarchical and incremental.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from residency.core.errors import UserError
from residency.core.types import Model
from residency.infer.evidence import Evidence
from residency.infer.records.central import central
from residency.infer.records.fit import cost_of, cut, packed, room, sizes
from residency.infer.records.lines import Record, distinct
from residency.infer.records.statements import LONGEST, Statement, Style, Tally, read, request, schema, words

How = Literal["map", "rolling", "central"]
MOST = 12
"""Statements of a summary, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What is said of a record, in the order of time, and how it came about.

    ``lines`` were read, in ``calls`` questions to the model; ``left`` counts what it said and is not kept, by reason.
    """

    patient: str
    statements: tuple[Statement, ...]
    lines: int
    calls: int
    how: How
    style: Style
    left: dict[str, int] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        rest = {"patient": self.patient, "lines": self.lines, "calls": self.calls, "how": self.how, "style": self.style}
        return {"statements": [statement.told() for statement in self.statements], **rest, "left": self.left}


def summary(
    record: Record,
    model: Model | None,
    *,
    how: How = "map",
    style: Style = "quote",
    most: int = MOST,
    context: int | None = None,
) -> Summary:
    """Return a summary of at most ``most`` statements; "central" takes no model, and is the rule to beat.

    ``style`` "quote" tells the chosen lines word for word; "write" keeps of what the model writes only what its lines
    support. ``context`` is for models that do not say theirs. Raises UserError where it is too small.
    """
    if model is None and how != "central":
        raise UserError(f"a summary by {how} needs a model; without one there is the rule central")
    if how == "central" or model is None:
        lines = _statements(record.lines)
        return Summary(record.patient, tuple(_central(lines, most)), len(lines), 0, "central", "quote")
    reader = Reader(model, most, style, context)
    size, third = sizes(model), reader.space // 3
    lines = _statements(part for line in record.lines for part in cut(line, third, size))
    found = reader.rolled(lines) if how == "rolling" else reader.reduced(lines)
    return Summary(record.patient, tuple(found), len(lines), reader.calls, how, style, dict(reader.tally.left))


def _statements(lines: Iterable[Evidence]) -> list[Statement]:
    """Return lines as statements of themselves, what is copied forward once with all its places."""
    return [Statement(group[0].text, group) for group in distinct(lines)]


@dataclass(slots=True)
class Reader:
    """A model that reads statements and says at most ``most``, within its context; what it does is counted."""

    model: Model
    most: int
    style: Style
    context: int | None = None
    calls: int = 0
    tally: Tally = field(default_factory=Tally)

    @property
    def space(self) -> int:
        """Return the tokens of evidence that fit into one question."""
        return room(self.model, words(self.most, self.style), self._reply(self.most), context=self.context)

    def reduced(self, given: Sequence[Statement]) -> list[Statement]:
        """Return what is left of statements: pieces are read at once, and what is said of them is read again.

        A piece gives at most half of what it holds, so that it ends; what is short enough is not read once more.
        """
        found = list(given)
        while len(found) > self.most:
            pieces = list(self._pieces(found, self.space))
            if max(map(len, pieces)) == 1:  # nothing can be joined in so small a room
                return _central(found, self.most)
            halves = [max(1, min(self.most, len(piece) // 2)) for piece in pieces]
            found = self._asked(pieces, halves if len(pieces) > 1 else [self.most])
        return found

    def rolled(self, given: Sequence[Statement]) -> list[Statement]:
        """Return what is left of statements: the summary is said anew after each piece of the record."""
        held, rest = list[Statement](), list(given)
        while rest:
            while held and self._cost(held) > 2 * self.space // 3:
                held = _central(held, len(held) - 1)
            piece = next(self._pieces(rest, self.space - self._cost(held)))
            rest, both = rest[len(piece) :], [*held, *piece]
            held = both if len(both) <= self.most else self._asked([both], [self.most])
        return held

    def _cost(self, held: Sequence[Statement]) -> int:
        size = sizes(self.model)
        return sum(cost_of(one.shown(), size) for one in held)

    def _reply(self, most: int) -> int:
        """Return the tokens of the longest reply: numbers, or statements of ``LONGEST`` characters."""
        return 16 + most * (6 if self.style == "quote" else LONGEST // 4 + 24)

    def _pieces(self, given: Sequence[Statement], space: int) -> Iterator[list[Statement]]:
        """Yield statements in pieces that fit a space of tokens."""
        place = 0
        for piece in packed((one.shown() for one in given), space, sizes(self.model)):
            yield list(given[place : place + len(piece)])
            place += len(piece)

    def _asked(self, pieces: Sequence[Sequence[Statement]], most: Sequence[int]) -> list[Statement]:
        """Return what the model says of each piece, one after the other; all that are asked for as much go at once."""
        found: dict[int, list[Statement]] = {}
        for count in sorted(set(most)):
            places = [at for at, asked in enumerate(most) if asked == count]
            prompts = [request([one.shown() for one in pieces[at]], count, self.style) for at in places]
            form = schema(max(len(pieces[at]) for at in places), count, self.style)
            replies = self.model.generate(prompts, max_tokens=self._reply(count), schema=form)
            self.calls += len(prompts)
            for at, reply in zip(places, replies, strict=True):
                found[at] = read(reply, pieces[at], count, self.style, self.tally)
        return [statement for at in sorted(found) for statement in found[at]]


def _central(given: Sequence[Statement], count: int) -> list[Statement]:
    return [given[at] for at in central([one.text for one in given], count)]
