"""Rules that type hints carry: ranges and their edges, words with the nearest legal one, all of them enforced."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

from residency.core.errors import RecipeError
from residency.core.legal import Above0, Count, Date, FileName, Keys, Legal, Range, Seed, rules_of
from residency.core.recipe import resolve
from residency.core.settings import Field


def stage(
    *,
    rows: Count = 3,
    rate: Annotated[float, Range(above=0, most=1)] = 0.5,
    scale: Above0 | None = None,
    end: Date = "2024-12-31",
    weights: Annotated[dict[str, Count], Keys(("qa", "nli"), numbered=True)] | None = None,
    seed: Seed = 0,
) -> None: ...


SECTIONS = {"name": Field(FileName, ""), "seed": Field(Seed | None, None), "stage": Field(stage, {})}


def problems(text: str, *arguments: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        resolve(text, arguments, SECTIONS)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


@pytest.mark.parametrize(
    ("rule", "legal", "inside", "outside"),
    [
        (Range(least=1), "at least 1", [1, 10**12], [0, -1, 0.999, float("nan"), float("inf")]),
        (Range(least=0, most=0.5), "from 0 to 0.5", [0, 0.5], [-1e-9, 0.51]),
        (Range(above=0), "above 0", [1e-12, 3], [0, -3, float("nan")]),
        (Range(above=0, most=1), "above 0 and at most 1", [1, 0.1], [0, 1.1]),
        (Range(least=0, zero="all"), "at least 0 (0: all)", [0], [-1]),
        (Range(least=0, most=2**32 - 1), "from 0 to 4294967295", [2**32 - 1], [2**32]),
    ],
)
def test_a_range_holds_its_edges_and_says_itself_in_words(rule: Range, legal: str, inside: list, outside: list) -> None:
    assert rule.legal == legal
    assert all(rule.problem(value) is None for value in inside)
    assert all((rule.problem(value) or "").endswith(f"is out of range; legal: {legal}") for value in outside)


def test_every_value_out_of_range_is_answered_at_once_with_its_line() -> None:
    found = problems("stage:\n  rows: -4\n  rate: 0\n  scale: .nan\n  end: soon\nseed: -1\nname: ../up")
    assert found == [
        "line 2: stage.rows: -4 is out of range; legal: at least 0",
        "line 3: stage.rate: 0 is out of range; legal: above 0 and at most 1",
        "line 4: stage.scale: nan is out of range; legal: above 0",
        "line 5: stage.end: 'soon' is not a date; legal: a date such as 2024-12-31",
        "line 6: seed: -1 is out of range; legal: from 0 to 4294967295",
        "line 7: name: '../up' names a folder; legal: letters, digits, dots, dashes and underscores",
    ]


def test_a_value_of_another_type_is_answered_once_by_its_type() -> None:
    [found] = problems("stage: {rows: some}")
    assert found == "line 1: stage.rows: 'some' is not a whole number (such as 200, 60k or 1.5M)"


def test_the_edges_and_null_pass() -> None:
    recipe = resolve(
        "stage: {rows: 0, rate: 1, scale: null, end: 2024-02-29, weights: {qa: 1, nli-2: 3}}", [], SECTIONS
    )
    assert recipe["stage"] == {
        "rows": 0,
        "rate": 1.0,
        "scale": None,
        "end": "2024-02-29",
        "weights": {"qa": 1, "nli-2": 3},
        "seed": 0,
    }


def test_keys_are_named_with_the_nearest_also_where_a_value_is_wrong_too() -> None:
    found = problems("stage: {weights: {nil: 1, qa: -1}}", "stage.rows=2")
    assert found == [
        "line 1: stage.weights.qa: -1 is out of range; legal: at least 0",
        "line 1: stage.weights: no such key as nil; did you mean nli? legal: qa, nli",
    ]


def test_an_argument_is_named_as_it_was_given() -> None:
    assert problems("", "stage.rows=-4") == [
        "argument stage.rows=-4: stage.rows: -4 is out of range; legal: at least 0"
    ]


def test_rules_are_read_off_a_hint() -> None:
    hints: list[Any] = [int, Count, Annotated[int, "words"]]
    assert [len(rules_of(hint)) for hint in hints] == [0, 1, 0]
    assert all(isinstance(rule, Legal) for rule in rules_of(Count))
