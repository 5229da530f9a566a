"""How the reader does with the lines of a writer that it did not learn from: what its thresholds are chosen by.

Lines of one writer are alike, so that folds drawn from all of them would promise too much.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from residency.serve.guard.asked import read
from residency.serve.guard.examples import CLASSES, Line, Thresholds
from residency.serve.guard.reader import made
from residency.serve.guard.rules import Rules

FALSE = Thresholds(high=0.01, low=0.05)
"""The share of harmless lines above each threshold, at most."""
OF_LETTERS = 0.03
"""The share of real letters above the high one, at most: longer than our lines, and not all of them harmless."""


@dataclass(frozen=True, slots=True)
class Held:
    """A line as a reader sees it that learned from other writers: how likely it is harmful, and as what."""

    line: Line
    danger: float
    what: str


def held_out(lines: Sequence[Line], writers: Sequence[str], rules: Rules) -> Iterator[Held]:
    """Yield the lines of these writers, each read by a reader that learned from all other writers."""
    for writer in writers:
        reader = made([line for line in lines if line.writer != writer], rules, {})
        for line in (line for line in lines if line.writer == writer):
            shares = reader.shares(read(line.text, rules))
            yield Held(line, 1 - float(shares[0]), CLASSES[1 + int(shares[2] > shares[1])])


def thresholds_for(harmless: Sequence[float], letters: Sequence[float] = ()) -> Thresholds:
    """Return the lowest thresholds that no more than ``FALSE`` of these, and ``OF_LETTERS`` of letters, reach."""
    high = max(_lowest(harmless, FALSE.high), _lowest(letters, OF_LETTERS))
    return Thresholds(high, _lowest(harmless, FALSE.low))


def _lowest(dangers: Sequence[float], share: float) -> float:
    """Return the lowest threshold that no more than a share of these reach, in ten-thousandths."""
    most = math.floor(share * len(dangers))
    return (math.floor(10_000 * sorted(dangers, reverse=True)[most]) + 1) / 10_000 if most < len(dangers) else 0.0
