"""One thing of a sentence is changed, or it says the same in other words."""

from __future__ import annotations

import random

import pytest

from residency.infer.answer import falsify
from residency.infer.answer.falsify import other_number, put_otherwise, renamer


@pytest.mark.parametrize(
    ("change", "sentence", "other"),
    [
        ("negated", "It is safe.", "It is not safe."),
        ("negated", "It is not safe.", "It is safe."),
        ("negated", "Nothing but rest.", "Nothing but rest."),
        ("turned", "It increases pain.", "It decreases pain."),
        ("turned", "Plain words.", "Plain words."),
        ("other_number", "No digits.", "No digits."),
    ],
)
def test_one_thing_is_changed_or_nothing(change, sentence, other):
    assert getattr(falsify, change)(sentence, random.Random(0)) == other


def test_a_changed_number_is_another_one_and_one_with_a_point_is_left():
    changed = {other_number("Give 5 mg, not 2.5 mg.", random.Random(seed)) for seed in range(20)}
    assert len(changed) > 3 and all(
        one.endswith(" mg, not 2.5 mg.") and one != "Give 5 mg, not 2.5 mg." for one in changed
    )


def test_a_finding_is_put_under_another_of_its_names_and_asides_go():
    renamed = renamer({"tremor": ["shaking"]})
    assert renamed("It may cause tremor.", random.Random(0)) == "It may cause shaking."
    assert put_otherwise("However, pain (of the toe) is common.") == "Pain is common."
