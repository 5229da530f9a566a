"""An identifier in an answer is told, unless it stood in the question; the message does not repeat it."""

from __future__ import annotations

import re

import pytest

from residency.corpus.deidentify.outgoing import leaks, told
from residency.corpus.identify.found import Found

KINDS = {"NAME": r"[A-ZÉ]\w+ [A-Z]\w+", "DATE": r"\d{4}-\d\d-\d\d", "SEX": r"\b(?:fe)?male\b"}


class Patterns:
    """Finds two capital words, dates and a sex."""

    def find(self, text, patient=None):
        found = [Found(*m.span(), kind, 1.0, "test") for kind, rule in KINDS.items() for m in re.finditer(rule, text)]
        return sorted(found, key=lambda f: f.start)


ANSWER = "Élodie Quill, a female, came on 2024-05-06."


def test_what_is_direct_is_told_and_what_is_not_is_left():
    assert [f.entity_type for f in leaks(ANSWER, Patterns())] == ["NAME", "DATE"]


@pytest.mark.parametrize(
    ("known", "left"),
    [
        ("Who is Élodie Quill?", ["DATE"]),
        ("who is ELODIE  QUILL, seen 2024/05/06?", []),
        ("Elodie Quillfeather was seen on 2024-05-061", ["NAME", "DATE"]),
        ("Quill, Élodie", ["NAME", "DATE"]),
        ("", ["NAME", "DATE"]),
        (["e\u0301lodie quill", "on 2024 05 06"], []),
        ([], ["NAME", "DATE"]),
    ],
)
def test_what_the_asker_wrote_is_no_leak(known, left):
    assert [f.entity_type for f in leaks(ANSWER, Patterns(), known)] == left


def test_the_message_counts_and_does_not_quote():
    words = told(leaks(ANSWER, Patterns()))
    assert words == "the text holds 2 identifiers that were not in the question (1 DATE, 1 NAME)"
    assert told([]) == "" and "1 identifier that was not" in told(leaks("Ana Bell", Patterns()))


def test_a_finder_that_fails_stops_the_answer():
    class Broken:
        def find(self, text, patient=None):
            raise RuntimeError("no finder")

    with pytest.raises(RuntimeError):
        leaks("x", Broken())
