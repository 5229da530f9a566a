"""Texts in another language than they are read in are told of, and a few of them, or none, are not."""

from __future__ import annotations

import pytest

from residency.corpus.deidentify.tongue import LOOKED, foreign, tongues

ENGLISH = "The patient was admitted with chest pain and was discharged home after two days of observation."
SPANISH = "Paciente que ingresa por dolor torácico y es dado de alta a su domicilio tras dos días de observación."


@pytest.fixture(autouse=True)
def model():
    pytest.importorskip("fasttext", reason="the model of languages is not installed")


def test_the_first_texts_are_looked_at():
    assert tongues([ENGLISH, SPANISH, SPANISH, "ok"]) == {"en": 1, "es": 2}
    assert tongues([ENGLISH] * 90).total() == LOOKED


def test_a_tenth_and_two_are_said():
    assert "es 40" in foreign({"en": 20, "es": 40}, "en") and "40 of 60" in foreign({"en": 20, "es": 40}, "en")
    assert foreign({"en": 20, "es": 40}, "es")  # the English ones are foreign then
    assert not foreign({"en": 50, "es": 4}, "en") and not foreign({"en": 1, "es": 1}, "en") and not foreign({}, "en")
