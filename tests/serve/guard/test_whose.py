"""A finding is denied or not, and the patient's, the family's or another's, by the words near it."""

from __future__ import annotations

import pytest

from residency.serve.guard.rules import read_rules
from residency.serve.guard.whose import held
from residency.serve.guard.words import starts, words_of

P, F, O = "patient", "family", "other"  # noqa: E741


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("The patient has microcephaly and scoliosis but no seizures.",
         {"microcephaly": (False, P), "scoliosis": (False, P), "seizures": (True, P)}),
        ("Denies fever. No cough. Father had epilepsy.",
         {"fever": (True, P), "cough": (True, P), "epilepsy": (False, F)}),
        ("No fever, chills, or dyspnea; has rash.", {"dyspnea": (True, P), "rash": (False, P)}),
        ("Pneumonia was ruled out.", {"Pneumonia": (True, P)}),
        ("Mother reports fever since Monday.", {"fever": (False, P)}),
        ("Mother denies fever.", {"fever": (True, P)}),
        ("Lives with his mother and has asthma.", {"asthma": (False, P)}),
        ("Mother with diabetes, patient has asthma.", {"diabetes": (False, F), "asthma": (False, P)}),
        ("History of epilepsy in his father.", {"epilepsy": (False, F)}),
        ("No family history of epilepsy.", {"epilepsy": (True, F)}),
        ("Family history:\nepilepsy\ndiabetes\n\nExam: scoliosis",
         {"epilepsy": (False, F), "diabetes": (False, F), "scoliosis": (False, P)}),
        ("His roommate had tuberculosis.", {"tuberculosis": (False, O)}),
        ("Father had epilepsy and he died of stroke.", {"epilepsy": (False, F), "stroke": (False, None)}),
        ("The risk of stroke is high.", {"stroke": (False, None)}),
        ("Niega fiebre. Sin tos. Su padre tuvo epilepsia. Tiene asma.",
         {"fiebre": (True, P), "tos": (True, P), "epilepsia": (False, F), "asma": (False, P)}),
        ("Epilepsia en su padre. La madre refiere náuseas.", {"Epilepsia": (False, F), "náuseas": (False, P)}),
        ("Antecedentes familiares: diabetes. Sin fiebre.", {"diabetes": (False, F), "fiebre": (True, P)}),
    ],
)  # fmt: skip
def test_a_finding_is_held_by_the_words_near_it(text: str, findings: dict[str, tuple[bool, str | None]]):
    places = [(text.index(word), text.index(word) + len(word)) for word in findings]
    found = held(text, places, read_rules())
    assert {word: (one.denied, one.of) for word, one in zip(findings, found, strict=True)} == findings


def test_words_are_where_they_stand_whatever_signs_are_between():
    text = "“Náuseas” — ﬁebre, 38.5 °C;\u200b sin\u00a0tos"
    assert len(starts(text)) == len(words_of(text))
    assert [text[at] for at in starts(text)] == ["N", "ﬁ", "3", "C", "s", "t"]


def test_a_text_without_findings_or_words_holds_nothing():
    assert held("", [], read_rules()) == []
    assert held("---", [(0, 3)], read_rules())[0].denied is False
