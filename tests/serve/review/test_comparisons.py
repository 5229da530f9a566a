"""A comparison is blind until a choice is made, and a choice is made once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from residency.serve.review import comparisons
from residency.serve.review.check import check
from residency.serve.review.comparisons import Answered, Comparison, Tally
from residency.serve.store.tables import COMPARISONS
from residency.serve.types import Refused, Unrecorded
from serve.review.desk import Bench, Gone, run

FIRST, SECOND = Answered("small", "a" * 64, "Rest.", "r1"), Answered("large", "b" * 64, "Rest and drink.", "r2")


def a_comparison(ward: Bench, who: str = "ana") -> Comparison:
    return run(comparisons.make(ward, ward.people[who], question="What helps with a cold?", answers=[FIRST, SECOND]))


def model_of(ward: Bench, answer: str) -> str:
    return FIRST.model if answer == FIRST.text else SECOND.model


def test_no_name_is_told_before_a_choice(ward: Bench) -> None:
    found = run(comparisons.get(ward, ward.people["ana"], a_comparison(ward).id))
    assert (found.first, found.second, found.choice) == ("", "", None)
    assert set(found.answers) == {FIRST.text, SECOND.text}
    assert found.question == "What helps with a cold?"


def test_after_a_choice_each_answer_has_its_name(ward: Bench) -> None:
    found = run(comparisons.choose(ward, ward.people["ana"], a_comparison(ward).id, "first"))
    assert found.first.split()[0] == model_of(ward, found.answers[0])
    assert found.second.split()[0] == model_of(ward, found.answers[1])


def test_a_choice_is_made_once(ward: Bench) -> None:
    made = a_comparison(ward)
    run(comparisons.choose(ward, ward.people["ana"], made.id, "tie"))
    with pytest.raises(Refused) as refused:
        run(comparisons.choose(ward, ward.people["ana"], made.id, "first"))
    assert refused.value.status == 409
    assert run(comparisons.get(ward, ward.people["ana"], made.id)).choice == "tie"


def test_of_two_choices_at_once_one_stands(ward: Bench) -> None:
    made = a_comparison(ward)

    async def both() -> list[Any]:
        choices = (comparisons.choose(ward, ward.people["ana"], made.id, one) for one in ("first", "second"))
        return await asyncio.gather(*choices, return_exceptions=True)

    assert sum(isinstance(one, Refused) for one in run(both())) == 1
    assert len([body for body in ward.bodies() if "choice" in body]) == 1


@pytest.mark.parametrize("choice", ["", "left", "FIRST"])
def test_a_choice_is_one_of_four(ward: Bench, choice: str) -> None:
    with pytest.raises(Refused, match="first, second, tie, neither"):
        run(comparisons.choose(ward, ward.people["ana"], a_comparison(ward).id, choice))


def test_sides_are_drawn(ward: Bench) -> None:
    left = [a_comparison(ward).answers[0] for _ in range(24)]
    assert 0 < left.count(FIRST.text) < 24  # all on one side: once in eight million


def test_anothers_comparison_is_not_there(ward: Bench) -> None:
    made = a_comparison(ward)
    for work in (
        comparisons.get(ward, ward.people["ben"], made.id),
        comparisons.choose(ward, ward.people["ben"], made.id, "tie"),
    ):
        with pytest.raises(Refused) as refused:
            run(work)
        assert refused.value.status == 404


def test_choices_are_counted_by_model_and_not_by_side(ward: Bench) -> None:
    for _ in range(6):
        made = a_comparison(ward)
        side = "first" if made.answers[0] == SECOND.text else "second"
        run(comparisons.choose(ward, ward.people["ana"], made.id, side))
    run(comparisons.choose(ward, ward.people["ben"], a_comparison(ward, "ben").id, "tie"))
    a_comparison(ward)  # not decided: not counted
    (tally,) = run(comparisons.tallies(ward))
    assert [name.split()[0] for name in tally.models] == ["large", "small"]
    assert (tally.chosen, tally.ties, tally.neither) == ((6, 0), 1, 0)


def test_the_record_has_both_requests_and_the_choice_and_no_words(ward: Bench) -> None:
    made = a_comparison(ward)
    run(comparisons.choose(ward, ward.people["ana"], made.id, "neither"))
    first, last = ward.bodies()
    assert set(first["requests"]) == {"r1", "r2"}
    assert last["choice"] == "neither"
    assert "cold" not in str(ward.bodies())
    assert "Rest" not in str(ward.bodies())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"choice": "second"}, "its choice is not the one on record"),
        ({"choice": None}, "its choice is not the one on record"),
        ({"first": "mine 1"}, "its first is not the one on record"),
        ({"sealed": b"x" * 40}, "its words are not those on record"),
        ({"id": "f" * 32}, "not on record"),
    ],
)
def test_a_comparison_changed_beside_the_record_is_found(ward: Bench, changes: dict[str, Any], said: str) -> None:
    made = a_comparison(ward)
    a_comparison(ward)
    run(comparisons.choose(ward, ward.people["ana"], made.id, "first"))
    assert check(ward) == []
    ward.change(COMPARISONS.update().where(COMPARISONS.c.id == made.id).values(**changes))
    assert any(said in one for one in check(ward))


def test_words_of_a_comparison_that_were_damaged_are_refused_in_words(ward: Bench) -> None:
    made = a_comparison(ward)
    ward.change(COMPARISONS.update().values(sealed=b"x" * 40))
    with pytest.raises(Refused) as refused:
        run(comparisons.get(ward, ward.people["ana"], made.id))
    assert (refused.value.status, refused.value.code) == (409, "damaged")


def test_without_a_record_there_is_no_comparison_and_no_choice(ward: Bench) -> None:
    made = a_comparison(ward)
    ward.recorder = Gone()
    with pytest.raises(Unrecorded):
        a_comparison(ward)
    with pytest.raises(Unrecorded):
        run(comparisons.choose(ward, ward.people["ana"], made.id, "tie"))
    assert [row["choice"] for row in run(comparisons.listed(ward, ward.people["ana"]))] == [None]


@pytest.mark.parametrize(
    ("counts", "low", "high"),  # by scipy 1.16: binomtest(k, n).proportion_ci(method="wilson")
    [((6, 1), 0.4868721707, 0.9743203757), ((0, 3), 0.0, 0.5614970318), ((40, 2), 0.8421014760, 0.9868424751)],
)
def test_a_share_has_its_wilson_interval(counts: tuple[int, int], low: float, high: float) -> None:
    share = Tally(("a", "b"), counts, 2, 1).share
    assert share["value"] == counts[0] / sum(counts)
    assert [share["low"], share["high"]] == pytest.approx([low, high], abs=1e-6)


def test_a_share_of_no_choices_is_none() -> None:
    assert Tally(("a", "b"), (0, 0), 3, 0).share["value"] is None


def test_a_long_name_leaves_room_for_its_hash(ward: Bench) -> None:
    long = Answered("/models/" + "x" * 200, "c" * 64, "Sleep.", "r3")
    made = run(comparisons.make(ward, ward.people["ana"], question="?", answers=[long, FIRST]))
    found = run(comparisons.choose(ward, ward.people["ana"], made.id, "tie"))
    assert any(name.endswith("c" * 64) and len(name) <= 160 for name in (found.first, found.second))
