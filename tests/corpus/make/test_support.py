"""The support check against sentences that were judged by hand, and numbers read as a nurse would read them."""

from __future__ import annotations

import pytest

from residency.corpus.make.measures import numbers, readings
from residency.corpus.make.support import NUMBER, TURNED, WORDS, Rule, Source, check, stem, verdicts
from residency.models.scripted import ScriptedModel

SOURCE = Source(
    "Give 5 mg of the drug twice a day for 10 to 14 days. The rash does not itch. Fever is common in children, "
    "and blood pressure of 120/80 mmHg was measured in 1,250 patients. The dose is increased after two weeks."
)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("The drug is given at 5 mg twice a day.", None),
        ("The drug is given at 50 mg twice a day.", NUMBER),
        ("The drug is given at 5 g twice a day.", NUMBER),
        ("The drug is given for 10 days.", None),
        ("Blood pressure was 120 mmHg in 1250 patients.", None),
        ("The rash itches.", TURNED),
        ("The rash doesn't itch.", None),
        ("The dose is decreased after two weeks.", TURNED),
        ("The dose is increased after three weeks.", NUMBER),
        ("Surgery removes the tumour and radiation follows.", WORDS),
        ("Fever is common in children.", None),
        ("Fever is not common in children.", TURNED),
    ],
)
def test_an_answer_is_refused_for_the_right_reason(answer: str, reason: str | None) -> None:
    assert check(answer, SOURCE).reason == reason


def test_a_check_that_is_switched_off_finds_nothing() -> None:
    lenient = Rule(words=0.0, numbers=False, negation=False)
    assert check("The rash itches for 99 days after surgery.", SOURCE, lenient).reason is None


def test_the_share_of_words_is_counted_by_hand() -> None:
    source = Source("Children had fever.")
    found = check("Fever and headache in children", source)
    assert found.words == pytest.approx(2 / 3)
    assert found.score == pytest.approx(2 / 3)
    assert check("Fever in children. Surgery removes fever and tumours.", source).words == pytest.approx(1 / 4)
    assert check("Fever. Surgery.", source).words == pytest.approx(1 / 2)


def test_numbers_carry_their_units_also_through_a_range_and_in_words() -> None:
    assert numbers("10-20 mg, 3 to 5 days, two weeks, 120/80 mmHg, 7.50 %, 1,000 ml") == {
        ("10", "mg"), ("20", "mg"), ("3", "day"), ("5", "day"), ("2", "week"), ("120", "mmhg"), ("80", "mmhg"),
        ("7.5", "%"), ("1000", "ml"),
    }  # fmt: skip
    assert numbers("one of the two patients, B12 and 5 apples") == {("12", ""), ("5", "")}
    assert numbers("a fifty-seven year old, sixteen", spelt=True) == {("57", "year"), ("16", "")}


def test_a_mark_in_a_number_is_read_as_decimal_or_thousands() -> None:
    assert readings("2,5") == ["2.5"]
    assert readings("2.50") == ["2.5"]
    assert readings("1.000") == ["1", "1000"]
    assert readings("1,000") == ["1000", "1"]
    assert readings("1.000,5") == ["1000.5"]
    assert readings("1,000,000") == ["1000000"]


def test_endings_are_taken_off_and_short_words_are_left() -> None:
    assert stem("patients") == stem("patient")
    assert stem("treating") == stem("treated") == stem("treats")
    assert stem("biopsies") == stem("biopsy")
    assert stem("hypertension") != stem("hypotension")
    assert stem("virus") == "virus"


def test_chinese_is_compared_by_pairs_of_signs() -> None:
    source = Source("患者每日服用阿司匹林。")
    assert check("服用阿司匹林", source).words > 0.9
    assert check("手术切除肿瘤", source).words == 0.0


def test_a_models_verdict_is_read_strictly() -> None:
    said = {
        "yes": '{"supported": true}',
        "no": '{"supported": false}',
        "odd": "I think so",
        "wrong": '{"supported": 1}',
    }
    model = ScriptedModel(lambda prompt: next(reply for key, reply in said.items() if f"Statement:\n{key}\n" in prompt))
    pairs = [(key, "a source with {braces}") for key in said]
    assert list(verdicts(pairs, model, batch=3)) == [True, False, None, None]
