"""Findings by a small dictionary: what is affirmed, what is denied, and what two texts disagree on, by hand."""

from __future__ import annotations

import math

import pytest

from residency.measure.findings import best_counts, finding_counts, findings, names_of
from residency.measure.intervals import bootstrap
from residency.measure.metrics import metric_for

NAMES = names_of(
    [
        ("Fever", "F"), ("Cough", "C"), ("Rash", "R"), ("Chest pain", "P"), ("Pain", "A"), ("Hay fever", "H"),
        ("Pyrexia", "F"), ("Coughing", "C"), ("Seizure", "S"), ("Fever", "other"),
    ],
    "made by hand",
)  # fmt: skip


def said(text: str) -> set[str]:
    """Return concepts, the denied ones with a minus."""
    return {concept if affirmed else f"-{concept}" for concept, affirmed in findings(text, NAMES)}


def test_the_longest_name_counts_under_any_of_its_names() -> None:
    assert said("Pyrexia and chest pain; hay-fever as a child. Two SEIZURES.") == {"F", "P", "H", "S"}
    assert said("Feverfew tea. Painting.") == set() and said("") == set()
    assert NAMES.reach["hay"] == 2 and NAMES.concepts["fever"] == "F"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("No fever, rash or chest pain.", {"-F", "-R", "-P"}),
        ("No fever or rash, but a cough.", {"-F", "-R", "C"}),
        ("Cough, no fever.", {"C", "-F"}),
        ("Denies fever; cough since May.", {"-F", "C"}),
        ("No fever\nCough", {"-F", "C"}),
        ("The patient denied fever and has a cough.", {"-F", "C"}),
        ("She has no fever.", {"-F"}),
        ("He has never had seizures.", {"-S"}),
        ("I do n't have a cough. I haven't had a rash.", {"-C", "-R"}),
        ("Fever was ruled out. Cough is absent. Rash: negative.", {"-F", "-C", "-R"}),
        ("Positive for cough, negative for fever.", {"C", "-F"}),
        ("Negative for fever, positive for cough.", {"-F", "C"}),
        ("Not only fever but also cough.", {"F", "C"}),
        ("No change in the cough.", {"C"}),
        ("Cough today. No cough last week.", {"C", "-C"}),
        ("A note of fever is not signed.", {"F"}),
    ],
)
def test_a_negation_reaches_as_far_as_its_clause(text: str, expected: set[str]) -> None:
    assert said(text) == expected


def test_a_finding_affirmed_in_one_text_and_denied_in_the_other_is_wrong_missed_and_contradicted() -> None:
    counts = finding_counts(findings("Fever. No rash. Seizures.", NAMES), findings("No fever, no rash. Cough.", NAMES))
    assert counts == {"tp": 1, "fp": 2, "fn": 2, "contradicted": 1}
    both = finding_counts(findings("Cough. No cough.", NAMES), findings("Cough.", NAMES))
    assert both == {"tp": 1, "fp": 1, "fn": 0, "contradicted": 1}


def test_of_several_references_the_one_that_agrees_best_counts() -> None:
    assert best_counts("Cough.", ["No cough.", "A cough."], NAMES) == {"tp": 1, "fp": 0, "fn": 0, "contradicted": 0}
    assert best_counts("Well.", ["No cough.", "Well."], NAMES)["fn"] == 0
    assert best_counts("A rash.", ["No cough.", "Fever, cough."], NAMES)["fn"] == 1  # neither meets any: the first


def test_f1_and_contradiction_are_over_all_findings_and_what_names_none_adds_nothing() -> None:
    counts = [(3, 1, 0, 1), (0, 1, 2, 0), (0, 0, 0, 0)]
    names = ("tp", "fp", "fn", "contradicted")
    rows = [{"group": str(i), "findings": dict(zip(names, c, strict=True))} for i, c in enumerate(counts)]
    assert bootstrap(rows, metric_for("finding_f1", rows)).value == pytest.approx(6 / 10)
    found = bootstrap(rows, metric_for("contradiction", rows))
    assert found.value == pytest.approx(1 / 5) and found.low <= found.value <= found.high
    assert not metric_for("contradiction", rows).higher_is_better


def test_without_a_dictionary_nothing_is_scored_and_never_zero() -> None:
    rows = [{"group": "a", "findings": None}, {"group": "b"}]
    for name in ("finding_f1", "contradiction"):
        assert math.isnan(bootstrap(rows, metric_for(name, rows)).value)
