"""Models and rules are named by what they are and by what was really done."""

from __future__ import annotations

from residency.evaluate import names
from residency.evaluate.rules import RULES, SHOWN


def test_a_base_is_labelled_by_the_examples_it_was_shown() -> None:
    assert [names.label(f"base-{n}shot") for n in (0, 1, 3, 12)] == [
        "Base, no example", "Base, 1 example", "Base, 3 examples", "Base, 12 examples",
    ]  # fmt: skip
    assert names.model_words("base-0shot") == "the base (no example)"
    assert names.model_words("base-1shot") == "the base (one example)"
    assert names.model_words("base-12shot") == "the base (12 examples)"


def test_the_file_of_a_base_gives_way_to_what_its_protocol_says_was_shown() -> None:
    assert names.model_name("base-3shot", {"shots": 0}) == "base-0shot"
    assert names.model_name("base-3shot", {"shots": 2}) == "base-2shot"
    assert names.model_name("tuned", {"shots": 0}) == "tuned"


def test_models_stand_in_the_order_of_the_journey() -> None:
    mixed = ["rule:copy", "gguf", "base-10shot", "aligned", "own", "base-2shot", "tuned", "base-0shot"]
    assert names.in_order(mixed) == [
        "base-0shot", "base-2shot", "base-10shot", "tuned", "aligned", "gguf", "own", "rule:copy",
    ]  # fmt: skip


def test_every_rule_that_does_not_gate_has_its_reason_and_every_rule_has_words() -> None:
    assert set(SHOWN) | {"rule:dictionary_hpo"} == set(names.SHOWN_RULES)
    assert not set(RULES) & set(names.SHOWN_RULES)
    for rule in (*RULES, *names.SHOWN_RULES):
        assert names.model_words(rule) != rule
        assert names.is_gating_rule(rule) == (rule in RULES)
