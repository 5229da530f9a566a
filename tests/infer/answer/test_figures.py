"""A number stands in the evidence for the same thing, at the same turn, on the same side of the same limit."""

from __future__ import annotations

import pytest

from fixture_passages import passage
from residency.corpus.make.support import NUMBER
from residency.infer.answer.figures import COMPARED, COUNTED, ELSEWHERE, ORDINAL, figures
from residency.infer.answer.parts import UNSUPPORTED
from residency.infer.answer.support import supported

GOUT = (
    "An acute attack of gout is treated with colchicine or a non-steroidal anti-inflammatory drug. The first dose of "
    "colchicine is 1 mg, followed by 0.5 mg after one hour. Colchicine is not given when the creatinine clearance is "
    "below 10 mL/min. Allopurinol is started two weeks after the attack has settled."
)
ASTHMA = (
    "Give salbutamol 5 mg by nebuliser and prednisolone 40 mg by mouth. Oxygen is given to keep the saturation between "
    "94 and 98 percent. Children below 5 years receive salbutamol 2.5 mg by nebuliser. The daily dose is 1 mg/kg. "
    "It is taken three times a day, up to 60 mg. People aged 65 years or older need at least 2 g a day."
)
EVIDENCE = [passage(GOUT), passage(ASTHMA, "asthma")]


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("The second dose of colchicine is 1 mg.", ORDINAL),
        ("The third dose of colchicine is 1 mg.", ORDINAL),
        ("The 2nd dose of colchicine is 1 mg.", NUMBER),
        ("The first dose of colchicine is 0.5 mg, followed by 1 mg after one hour.", ORDINAL),
        ("The first dose of colchicine is 0.5 mg, then 1 mg.", ORDINAL),
        ("The first dose of colchicine is 1 mg, followed by a third dose of 0.5 mg.", ORDINAL),
        ("The first dose of colchicine is 1 mg per kg.", COUNTED),
        ("The first dose of colchicine is 1 mg twice a day.", COUNTED),
        ("The first dose of colchicine is 1 mg/kg, followed by 0.5 mg after one hour.", COUNTED),
        ("Colchicine is not given when the creatinine clearance is above 10 mL/min.", COMPARED),
        ("Colchicine is not given when the creatinine clearance is at least 10 mL/min.", COMPARED),
        ("Colchicine is not given when the creatinine clearance is > 10 mL/min.", COMPARED),
        ("Colchicine is followed by 0.5 mg before one hour.", COMPARED),
        ("Give prednisolone 5 mg by mouth and salbutamol 40 mg by nebuliser.", ELSEWHERE),
        ("Children above 5 years receive salbutamol 2.5 mg.", COMPARED),
        ("The daily dose is 1 mg.", COUNTED),
        ("It is taken three times a day, at least 60 mg.", COMPARED),
        ("People aged 65 years or younger need at least 2 g a day.", COMPARED),
        ("People aged 65 years or older need up to 2 g a day.", COMPARED),
    ],
)
def test_a_number_that_stands_there_for_something_else_is_refused(sentence, reason):
    found = supported(sentence, EVIDENCE)
    assert (found.support, found.reason) == (UNSUPPORTED, reason)


@pytest.mark.parametrize(
    "sentence",
    [
        "The first dose of colchicine is 1 mg.",
        "Colchicine is given as a first dose of 1 mg, followed by 0.5 mg after one hour.",
        "The first dose of colchicine is 1 mg and 0.5 mg is given after one hour.",
        "The first dose of colchicine is 1 mg, followed by a second dose of 0.5 mg.",
        "The first dose of colchicine is 1 mg, then 0.5 mg.",
        "Colchicine: 1 mg, followed by 0.5 mg after 1 hour.",
        "Colchicine is not given when creatinine clearance is under 10 ml per minute.",
        "Colchicine is not given when creatinine clearance is < 10 mL/min.",
        "Allopurinol is started 2 weeks after the attack.",
        "Salbutamol 5 mg by nebuliser and prednisolone 40 mg by mouth are given.",
        "Prednisolone 40 mg is given by mouth.",
        "Oxygen keeps the saturation between 94 and 98%.",
        "Children younger than 5 years receive 2.5 mg of salbutamol.",
        "It is taken three times daily, at most 60 mg.",
        "People aged 65 years and older need at least 2 g daily.",
    ],
)
def test_a_number_put_otherwise_is_the_same(sentence):
    found = supported(sentence, EVIDENCE)
    assert found.support != UNSUPPORTED, found.reason


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            "A child of two carriers has a 25% (1 in 4) chance to be ill, and a 50% (1 in 2) chance to be a carrier.",
            "A child of two carriers has a 25% chance to be ill, and a 50% chance to be a carrier.",
        ),
        ("By the first year, about 5 percent of children stammer.", "About 5 percent stammer by the first year."),
    ],
)
def test_neither_brackets_nor_what_a_sentence_begins_with_part_a_number_from_its_words(source, sentence):
    assert supported(sentence, [passage(source, title="")]).reason is None


def test_a_drug_that_only_stands_nearby_does_not_take_the_dose():
    assert supported("Allopurinol is started with 1 mg after the attack.", EVIDENCE).reason == ELSEWHERE
    evidence = [passage("Colchicine is given at 1 mg. Allopurinol is started after the attack.", title="")]
    assert supported("Allopurinol is started at 1 mg.", evidence).reason == ELSEWHERE


def test_a_sentence_that_goes_on_with_it_speaks_of_what_the_one_before_names():
    evidence = [passage("Colchicine is used in attacks. It is given at 0.5 mg twice a day.", title="")]
    assert supported("Colchicine is given at 0.5 mg twice a day.", evidence).support != UNSUPPORTED
    assert supported("Colchicine is given at 0.5 mg once a day.", evidence).support == UNSUPPORTED


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("No more than 4 g a day.", ("4", "g", "most", {"day"})),
        ("Not less than 30 seconds.", ("30", "second", "least", set())),
        ("5 mg/kg/day", ("5", "mg", "", {"kg", "day"})),
        ("a maximum dose of 60 mg", ("60", "mg", "most", set())),
        ("twice a day", ("2", "times", "", {"day"})),
        ("over the age of 50", ("50", "", "above", set())),
    ],
)
def test_a_number_is_read_with_its_limit_and_its_measure(text, told):
    [one] = figures(text)
    assert (one.value, one.unit, one.limit, set(one.per)) == told


def test_a_name_that_holds_a_number_is_none():
    assert figures("Vitamin B12 in COVID-19 is a first-line drug.") == []
