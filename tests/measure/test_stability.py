"""Stability by rows made by hand, whose answers are known: a model that never moves, one that always says A."""

from __future__ import annotations

import math

import pytest

from residency.measure import stability
from residency.measure.intervals import bootstrap, mean_of


def asked(item, chosen, *, right, turn, places=4, group="", **more):
    """Return the row of a question whose option number ``right`` is right, its options turned, answered by a place."""
    place, at = chosen, (right - turn) % places
    score = None if chosen is None else float(place == at)
    row = {"id": item, "group": group or item, "score": score, "prediction": "x", "wanted": ["x"], "parsed": True}
    return {**row, "place": place, "right": at, "places": places, "turn": turn, **more}


def turned(items, choose, places=4):
    """Return the rows of each turn; ``choose`` gives the place chosen in (right option, turn)."""
    return [
        [asked(f"i{n}", choose(right, turn), right=right, turn=turn, places=places) for n, right in enumerate(items)]
        for turn in range(places)
    ]


RIGHT = [0, 1, 2, 3, 1, 0]
FOLLOWS = turned(RIGHT, lambda right, turn: (right - turn) % 4)
ALWAYS_FIRST = turned(RIGHT, lambda right, turn: 0)


def mean(rows):
    scores = [row["score"] for row in rows if row["score"] is not None]
    return sum(scores) / len(scores)


def test_a_model_that_follows_the_words_has_no_favourite_place_and_is_consistent():
    side = stability.side_by_side(FOLLOWS)
    assert [len(rows) for rows in side] == [4] * 6
    assert mean(stability.consistency(side, stability.said_by("choice"))) == 1
    assert mean(stability.averaged(side)) == 1
    rows = [row for one in FOLLOWS for row in one]
    for place in range(4):
        assert mean(stability.excess(rows, place)) == 0


def test_a_model_that_always_takes_the_first_is_found_out():
    side = stability.side_by_side(ALWAYS_FIRST)
    same = stability.consistency(side, stability.said_by("choice"))
    assert mean(same) == 0 and {row["answers"] for row in same} == {4}
    rows = [row for one in ALWAYS_FIRST for row in one]
    assert stability.favourite(rows) == 0
    assert mean(stability.excess(rows, 0)) == pytest.approx(0.75)
    assert mean(stability.excess(rows, 1)) == pytest.approx(-0.25)
    assert mean(stability.averaged(side)) == pytest.approx(0.25), (
        "each option has a turn at the first place: a tie of 4"
    )
    found = bootstrap(stability.excess(rows, 0), mean_of("position_bias", graded=True))
    assert found.value == pytest.approx(0.75) and found.low <= 0.75 <= found.high


def test_places_that_an_item_does_not_have_are_left_out():
    rows = [asked("two", 1, right=0, turn=0, places=2), asked("four", 1, right=1, turn=0)]
    assert [row["score"] for row in stability.excess(rows, 1)] == [1.0, 0.0]
    assert [row["score"] for row in stability.excess(rows, 3)] == [None, 0.0]
    assert stability.favourite(rows) == 1


def test_averaging_over_turns_takes_out_a_liking_for_a_place():
    """Option 2 is a little likelier, place 0 much: each turn alone is wrong where option 2 stands elsewhere."""

    def row(turn):
        weights = [(3.0 if place == 0 else 0.0) + (1.0 if (place + turn) % 4 == 2 else 0.0) for place in range(4)]
        chosen = max(range(4), key=weights.__getitem__)
        return asked("q", chosen, right=2, turn=turn, choice_logprobs=[w - 7 for w in weights])

    rows = [row(turn) for turn in range(4)]
    assert [r["score"] for r in rows] == [0, 0, 1, 0]
    assert [r["score"] for r in stability.averaged([rows])] == [1.0]
    without = [{**r, "choice_logprobs": None} for r in rows]
    assert [r["score"] for r in stability.averaged([without])] == [0.25]


def test_probabilities_are_averaged_and_not_their_logarithms():
    """By hand: option 0 has 0.9 and 0.01, option 1 has 0.1 and 0.99; the mean favours 1, either way of the logs."""
    log = [math.log(p) for p in (0.9, 0.1)]
    rows = [
        asked("q", 0, right=0, turn=0, places=2, choice_logprobs=log),
        asked("q", 0, right=0, turn=1, places=2, choice_logprobs=[math.log(0.8), math.log(0.2)]),
    ]
    assert [r["score"] for r in stability.averaged([rows])] == [1.0]  # 0.9 + 0.2 against 0.1 + 0.8
    far = [rows[0], asked("q", 0, right=0, turn=1, places=2, choice_logprobs=[math.log(0.999), math.log(0.001)])]
    assert [r["score"] for r in stability.averaged([far])] == [0.0]  # 0.901 against 1.099


def test_an_unread_choice_is_the_same_as_nothing_and_an_unasked_one_is_not_counted():
    unread = {"parsed": False, "prediction": "", "place": None, "score": 0.0}
    first = asked("a", 1, right=1, turn=0)
    for rows, score in (
        ([first, first], 1.0),
        ([first, {**first, **unread}], 0.0),
        ([{**first, **unread}, {**first, **unread}], 0.0),
        ([first, {**first, "score": None, "prediction": None}], None),
    ):
        [made] = stability.consistency([rows], stability.said_by("choice"))
        assert made["score"] == score


@pytest.mark.parametrize(
    "kind, one, other, same",
    [
        ("extract", '["fever", "cough"]', '[ "cough","fever" ]', True),
        ("extract", '["fever"]', '["fever", "cough"]', False),
        ("extract", '[{"text": "a", "label": "X"}]', '[{"label": "X", "text": "a"}]', True),
        ("relate", '[["a", "b"]]', '[["b", "a"]]', False),
        ("generate", "A  Cold.", "a cold.", True),
        ("generate", "a cold", "the flu", False),
        ("classify", "yes", "no", False),
    ],
)
def test_what_counts_as_the_same_answer(kind, one, other, same):
    rows = [{"id": "1", "group": "g", "score": 0.5, "prediction": text, "parsed": True} for text in (one, other)]
    [made] = stability.consistency([rows], stability.said_by(kind))
    assert made["score"] == float(same) and made["group"] == "g"


def test_the_interval_of_consistency_draws_whole_groups():
    said = stability.said_by("generate")
    rows = [
        [{"id": f"{g}{i}", "group": g, "score": 1.0, "prediction": text, "parsed": True} for text in ("a", other)]
        for g, other in (("x", "a"), ("y", "b"))
        for i in range(50)
    ]
    found = bootstrap(stability.consistency(rows, said), mean_of("consistency"))
    assert found.value == 0.5 and found.low < 0.05 and found.high > 0.95, "two groups say next to nothing"
