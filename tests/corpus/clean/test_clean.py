"""Which checks meet which documents, and what comes back."""

from __future__ import annotations

import json

import pytest

from residency.core.check import Node, Place, as_node, check
from residency.core.settings import typed
from residency.core.types import Document, Span
from residency.corpus.clean import Clean, Outcome, Quality, cleaner

NOTE = (
    "Patient is a 64 year old woman with hypertension and diabetes who was admitted with chest pain.\n"
    "No fever. BP 132/80, HR 72. Aspirin 81 mg daily, metformin 500 mg twice daily.\n"
    "The ECG was normal and she was discharged on the next day with a follow-up in the clinic."
)
COOKIES = "We use cookies. Accept all cookies. Read our privacy policy and cookie policy. Subscribe to our newsletter."
SPANISH = (
    "La paciente ingresa en el servicio de urgencias con dolor torácico y fiebre desde hace dos días, sin otros datos."
)


def document(text: str, kind: str | None = "note", **fields: object) -> Document:
    meta = {"kind": kind, **fields.pop("meta", {})} if kind else dict(fields.pop("meta", {}))
    return Document("d1", text, "made up", "none", meta=meta, **fields)


def reason(text: str, kind: str | None = "note", **settings: object) -> str | None:
    return cleaner(Clean(**settings))(document(text, kind)).reason


def test_a_note_is_kept_whole_by_the_defaults():
    note = document(NOTE)
    assert cleaner(Clean())(note) == Outcome(None, {})
    assert note.text == NOTE


@pytest.mark.parametrize("kind", ["term", "code", "label"])
def test_knowledge_passes_untouched_whatever_it_looks_like(kind):
    assert reason("x", kind, languages=("es",), shortest=100) is None


@pytest.mark.parametrize("kind", ["dialogue", "instruction", "preference"])
def test_conversations_are_not_held_to_the_rules_of_running_text_but_to_language_and_safety(kind):
    repeated = "\n".join(["Doctor: Any pain?", "Patient: No, there is no pain at all."] * 20)
    assert reason(repeated, "note") == "quality: repeated lines"
    assert reason(repeated, kind) is None
    assert reason(SPANISH, kind, languages=("en",)) == "language: es"
    assert reason("How to kill yourself: a guide.", kind) == "safety: self-harm instruction"


def test_a_check_that_is_switched_off_drops_nothing():
    assert reason(COOKIES * 2) == "quality: boilerplate"
    assert reason(COOKIES * 2, quality=False) is None
    assert reason(COOKIES * 2, quality=Quality(boilerplate=1.0, repeated_5=1.0, repeated_10=1.0)) is None


def test_length_is_judged_in_characters_and_blank_text_is_too_short():
    assert reason(" \n\t ") == "length: too short"
    assert reason("No fever.", shortest=10) == "length: too short"
    assert reason("No fever!!", shortest=10) is None
    assert reason(NOTE, longest=50) == "length: too long"


def test_answers_with_fewer_votes_drop_and_those_without_votes_are_kept():
    clean = cleaner(Clean(votes=3))
    assert clean(document(NOTE, meta={"votes": 2})).reason == "votes: too few"
    assert clean(document(NOTE, meta={"votes": 3})).reason is None
    assert clean(document(NOTE)).reason is None


def test_the_language_found_decides_where_it_is_sure_and_the_sources_word_else():
    clean = cleaner(Clean(languages=("es",)))
    assert clean(document(SPANISH, language="en")).reason is None
    assert clean(document(NOTE, language="es")).reason == "language: en"
    assert clean(document("BP 120/80", language="es-MX")).reason is None
    assert clean(document("BP 120/80", language="en")).reason == "language: en"


def test_a_sources_word_that_is_no_code_does_not_reach_the_reason():
    assert cleaner(Clean(languages=("es",)))(document("BP 120/80", language="Mrs Smith")).reason == "language: other"


@pytest.mark.parametrize(("mode", "said", "then"), [
    ("missing", "", "es"), ("missing", "en", "en"), ("always", "en", "es"), ("never", "", "")
])  # fmt: skip
def test_the_language_is_set_as_asked(mode, said, then):
    found = document(SPANISH, language=said)
    cleaner(Clean(set_language=mode))(found)
    assert found.language == then


def test_a_document_with_spans_keeps_its_text():
    book = "Contents\n1 The heart .......... 1\n2 The lungs .......... 20\n\n" + (NOTE + "\n") * 3
    plain, marked = document(book, "book"), document(book, "book", spans=[Span(0, 8, "X")])
    clean = cleaner(Clean(quality=False))
    assert clean(plain).trimmed and plain.text.startswith("Patient is")
    assert clean(marked).trimmed == {} and marked.text == book


def test_settings_of_a_recipe_reach_the_check_typed_and_wrong_ones_are_found():
    place = Place()
    plain = check(as_node({"quality": {"repeated_lines": 0.9}, "safety": False}, "line 1"), Clean, place)
    assert not place.problems
    settings = typed(plain, Clean)
    assert settings.quality == Quality(repeated_lines=0.9)
    assert settings.safety is False
    check(Node({"shortest": Node(0, "line 2")}, "line 1"), Clean, place)
    assert [problem.where for problem in place.problems] == ["line 2"]


def test_reasons_hold_no_numbers_and_no_text():
    texts = [COOKIES * 2, "a" * 3000, "na " * 500, "ï¿½" * 200, "x9y " * 80, "~^|" * 100]
    reasons = [reason(text) for text in texts]
    assert all(reasons), reasons
    assert not any(sign.isdigit() for sign in json.dumps(reasons))
