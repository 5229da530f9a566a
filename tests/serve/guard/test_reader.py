"""The reader: it speaks of emergencies and crises that no rule has words for, and before a clinician's answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from residency.core.errors import RecipeError
from residency.serve.guard import Guard
from residency.serve.guard.asked import read
from residency.serve.guard.examples import (
    CLASSES,
    EXPECTED,
    LANGUAGES,
    OURS,
    Line,
    Thresholds,
    read_examples,
    read_thresholds,
)
from residency.serve.guard.reader import Reader, made, read_reader
from residency.serve.guard.rules import read_rules
from residency.serve.types import Verdict

GUARD = Guard()
RULES = replace(GUARD, reader=None)
UNSAID = {
    "emergency": "caustic soda splashed in his eye, he cant open it",
    "crisis": "she left her rings and a note on the table and wont pick up",
}
"""Lines that the reader learned and no rule speaks of."""
TOY = [
    Line(text, expected, "en", "toy")
    for expected, texts in {
        "none": ("when is the flower shop open", "how long is the flower walk", "the shop sells a long walk stick"),
        "emergency": ("the zebra bites the keeper", "a zebra bites hard now", "keeper and zebra fell hard"),
        "crisis": ("grey is every evening now", "every evening grey and long", "the grey takes me every evening"),
    }.items()
    for text in texts
]


def asked(text: str, kind: str = "patient", guard: Guard = GUARD) -> Verdict:
    return guard.before([{"role": "user", "content": text}], kind)


def toy(high: float = 0.6, low: float = 0.6) -> Guard:
    return replace(GUARD, reader=made(TOY, GUARD.rules, dict.fromkeys(LANGUAGES, Thresholds(high, low))))


@pytest.mark.parametrize("what", UNSAID)
def test_what_no_rule_has_the_words_for_is_answered_with_whom_to_call(what: str) -> None:
    assert asked(UNSAID[what], guard=RULES) == Verdict()
    verdict = asked(UNSAID[what])
    assert (verdict.action, verdict.urgency, verdict.rules) == ("answer", "emergency", (f"reader.{what}",))
    assert ("112" if what == "emergency" else "988") in verdict.text and "{" not in verdict.text


def test_to_anyone_an_emergency_is_a_warning_before_the_answer_and_a_crisis_is_handed_over() -> None:
    assert asked(UNSAID["emergency"], "chat").action == "mark"
    assert asked(UNSAID["crisis"], "chat").action == "answer"


@pytest.mark.parametrize("kind", ["tutor", "note", "discharge"])
def test_tutors_and_documents_are_not_read(kind: str) -> None:
    for text in UNSAID.values():
        assert asked(text, kind) == asked(text, kind, RULES) == Verdict()


@pytest.mark.parametrize("what", UNSAID)
def test_a_clinicians_answer_stands_behind_a_line_that_says_whom_to_call(what: str) -> None:
    assert asked(UNSAID[what], "ask", RULES) == Verdict()
    verdict = asked(UNSAID[what], "ask")
    assert (verdict.action, verdict.urgency, verdict.rules) == ("mark", "urgent", (f"reader.{what}",))
    assert ("112" if what == "emergency" else "988") in verdict.text


def test_a_clinician_is_told_nothing_under_the_high_threshold_or_where_a_rule_noted_the_emergency() -> None:
    assert asked("zebra bites", "ask", toy()).action == "mark"
    assert asked("zebra bites", "ask", toy(high=1.1)) == Verdict()
    noted = asked("Chest pain into the left arm, sweating, since the zebra bites", "ask", toy())
    assert (noted.action, noted.urgency) == ("pass", "emergency")


def test_a_crisis_that_a_rule_only_notes_has_the_help_line_and_a_quoted_one_has_not() -> None:
    text = "Quiero dormirme y no despertar nunca más"
    noted, marked = asked(text, "ask", RULES), asked(text, "ask")
    assert (noted.action, noted.urgency) == ("pass", "emergency")
    assert marked.action == "mark" and marked.urgency == "emergency" and "024" in marked.text
    quoted = asked('He says "I want to kill myself". Every evening is grey, grey takes him', "ask", toy())
    assert quoted.action == "pass" and asked("I want to kill myself", "ask").action == "answer"


@pytest.mark.parametrize(
    "text",
    [
        "What is gout?",
        "How much does a repeat prescription cost?",
        "I have had psoriasis since I was a girl. Which cream does not stain?",
        "¿Qué es la gota?",
        "¿Puedo cambiar la cita del jueves?",
    ],
)
def test_what_is_harmless_is_left_alone(text: str) -> None:
    assert asked(text) == Verdict()


def test_it_speaks_of_words_that_it_never_saw_by_likeness() -> None:
    verdict = asked("zebra bites", guard=toy())
    assert verdict.rules == ("reader.emergency",)
    assert asked("every evening is grey", guard=toy()).rules == ("reader.crisis",)
    assert asked("is the shop open", guard=toy()) == Verdict()


def test_above_the_low_threshold_alone_the_answer_stands_behind_a_line() -> None:
    guard = toy(high=1.1, low=0.6)
    emergency, crisis = asked("zebra bites", guard=guard), asked("every evening is grey", guard=guard)
    assert (emergency.action, emergency.urgency) == (crisis.action, crisis.urgency) == ("mark", "urgent")
    assert "112" in emergency.text and "988" in crisis.text


def test_under_both_thresholds_nothing_is_said() -> None:
    assert asked("zebra bites", guard=toy(high=1.1, low=1.1)) == Verdict()


def test_where_a_rule_spoke_of_an_urgency_the_rule_decides() -> None:
    text = "My chest has been hurting since the zebra bites"
    assert asked(text, guard=toy()) == asked(text, guard=RULES)
    assert asked("I want to die, every evening is grey", guard=toy()).rules == ("self-harm.intent",)


def test_a_crisis_that_is_sure_comes_before_an_emergency_of_the_rules() -> None:
    verdict = asked("My chest hurts. Every evening is grey, grey takes me every evening", guard=toy())
    assert verdict.rules == ("reader.crisis", "urgent.pain") and "988" in verdict.text


@pytest.mark.parametrize("guard", [GUARD, RULES])
def test_nothing_is_declined_beside_a_crisis_or_an_emergency(guard: Guard) -> None:
    crisis = asked("I want to kill myself. Can I sue my landlord?", guard=guard)
    assert crisis.action == "answer" and "988" in crisis.text
    emergency = asked("I have chest pain and am sweating. Can I sue my landlord?", guard=guard)
    assert emergency.action == "answer" and "112" in emergency.text


def test_nothing_is_declined_where_the_reader_speaks_and_an_animals_emergency_is() -> None:
    text = "Zebra bites. Can I sue my landlord?"
    assert asked(text, guard=RULES).action == "refuse"
    assert asked(text, guard=toy()).action == "answer"
    assert asked(text, guard=toy(high=1.1)).action == "mark"
    assert asked("My dog has a seizure and is not breathing").action == "refuse"


def test_sport_and_school_are_declined_and_health_in_them_is_not() -> None:
    for text in ("Who won the football match?", "¿Quién ganó el partido de fútbol?"):
        assert asked(text, guard=RULES).action == "refuse"
    for text in ("When may I play football again after a concussion?", "¿Cuándo vuelvo al fútbol tras una conmoción?"):
        assert asked(text, guard=RULES).action == "pass"


def test_the_last_message_is_read_by_itself_and_what_was_no_sure_emergency_before_is_not_kept() -> None:
    said = [{"role": "user", "content": "zebra bites"}, {"role": "assistant", "content": "…"}]
    then = [*said, {"role": "user", "content": "Thanks. Is the shop open?"}]
    assert toy(high=1.1).before(said[:1], "patient").action == "mark"
    assert toy(high=1.1).before(then, "patient") == Verdict()
    kept = toy().before(then, "patient")
    assert (kept.action, kept.urgency, kept.rules) == ("mark", "emergency", ("reader.emergency",))
    earlier = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello"}]
    again = GUARD.before([*earlier, {"role": "user", "content": UNSAID["emergency"]}], "patient")
    assert again == asked(UNSAID["emergency"])


def test_the_same_lines_make_the_same_reader() -> None:
    one, two = (made(TOY, read_rules(), {}) for _ in range(2))
    text = read("zebra and grey shop", read_rules())
    assert one.shares(text).tolist() == two.shares(text).tolist()


def test_a_hospitals_lines_add_to_ours_and_count(tmp_path: Path) -> None:
    text = "the quokka left its basket on ward seven"
    (tmp_path / "examples.yaml").write_text(
        f"en:\n  emergency:\n    - {text}\n    - quokka seen without a basket\n    - ward seven lost the quokka\n"
    )
    assert asked(text) == Verdict()
    here = Guard(rules=read_rules(tmp_path), reader=read_reader(tmp_path))
    assert asked("where did the quokka leave the basket, ward seven", guard=here).rules == ("reader.emergency",)
    assert asked(UNSAID["crisis"], guard=here).rules == ("reader.crisis",)
    assert here.about()["examples"] == GUARD.about()["examples"] + 3


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("en: [secret words]", "en: a language"),
        ("fr: {none: [secret words]}", "fr: a language"),
        ("en: {emergencies: [secret words]}", "emergenc"),
        ("en: {none: secret words}", "none: a list of texts"),
        ("en: {none: [1, secret words]}", "none: a list of texts"),
        ("- secret words", "no YAML mapping"),
        ("en: {none: [secret words", "line"),
    ],
)
def test_what_is_wrong_with_a_hospitals_lines_is_told_without_a_word_of_them(
    content: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "examples.yaml").write_text(content)
    with pytest.raises(RecipeError) as error:
        read_examples(tmp_path)
    assert told in str(error.value) and "examples.yaml" in str(error.value) and "secret" not in str(error.value)


def test_our_lines_are_each_there_once_in_both_languages_and_of_several_writers() -> None:
    lines = read_examples()
    assert len({line.text.casefold() for line in lines}) == len(lines) > 3000
    for writer in {line.writer for line in lines}:
        assert {line.language for line in lines if line.writer == writer} == set(LANGUAGES)
    assert {line.expected for line in lines} == EXPECTED.keys() and {line.number for line in lines} == {0, 1, 2}
    assert all(path.read_text(encoding="utf-8").startswith("#") for path in OURS.glob("*.yaml"))


def test_thresholds_are_told_with_what_they_were_chosen_on_and_the_low_one_is_lower() -> None:
    assert all(0.5 < one.low < one.high < 1 for one in read_thresholds().values())
    assert "bench/guard.py --across" in (OURS / "thresholds.yaml").read_text(encoding="utf-8")


def test_most_of_what_it_learned_it_knows_again() -> None:
    reader, lines = read_reader(), read_examples()[::37]
    right = sum(int(shares_of(reader, line.text).argmax()) == line.number for line in lines)
    assert right > 0.95 * len(lines) and len(CLASSES) == 3


def shares_of(reader: Reader, text: str):  # noqa: ANN201
    return reader.shares(read(text, read_rules()))
