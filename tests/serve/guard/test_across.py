"""Lines that are held out are read by who never saw their writer, and thresholds hold the share that they promise."""

from __future__ import annotations

import pytest

from residency.serve.guard.across import FALSE, held_out, thresholds_for
from residency.serve.guard.examples import Line
from residency.serve.guard.rules import read_rules

HERS = [
    ("zebra bites now", "emergency"),
    ("zebra bites hard", "emergency"),
    ("shop is open", "none"),
    ("open shop", "none"),
]
HIS = [
    ("a zebra bites", "emergency"),
    ("zebra bites him", "emergency"),
    ("every evening grey", "crisis"),
    ("grey every evening", "crisis"),
    ("a shop", "none"),
    ("the open shop", "none"),
]
LINES = [Line(text, what, "en", who) for who, texts in (("her", HERS), ("him", HIS)) for text, what in texts]


def test_a_writers_lines_are_judged_by_the_others_lines_alone() -> None:
    hers = [*held_out(LINES, ["her"], read_rules())]
    assert [one.line for one in hers] == LINES[:4]
    assert min(one.danger for one in hers[:2]) > max(one.danger for one in hers[2:])
    copied = [*LINES, *(Line(line.text, "none", "en", "her") for line in LINES[4:])]
    assert [one.danger for one in held_out(copied, ["her"], read_rules())][:4] == [one.danger for one in hers]


@pytest.mark.parametrize("count", [20, 100, 1000, 1013])
def test_no_more_harmless_lines_than_promised_reach_a_threshold(count: int) -> None:
    dangers = [number / count for number in range(count)]
    found = thresholds_for(dangers)
    assert found.low < found.high
    for threshold, share in ((found.high, FALSE.high), (found.low, FALSE.low)):
        above = sum(one >= threshold for one in dangers)
        assert above <= share * count < above + 1.5 or above == int(share * count)
