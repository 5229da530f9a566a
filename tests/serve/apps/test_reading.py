"""How hard a text is: against syllables counted by hand and grades reckoned by hand."""

from __future__ import annotations

import pytest

from residency.serve.apps.reading import level, syllables_en, syllables_es

EN = {
    1: "the heart take blood you your high weak eye eyes lungs sleep chest tongue vein once times miles used called "
    "helped walked home homes bruise nurse pulse pills side sides bone bones stopped tired real stairs",
    2: "patient doctor tablet people little table wanted needed noses pressure breathing lately safely kidney asthma "
    "muscle stable trying being disease social special quiet science something because changes fever fluid create able "
    "studies bodies virus union fatigue value rescue treatment movement careful painless weakness headache headaches "
    "cancer diet fuel fluent nervous urine minute swollen treated nurses bruises million",
    3: "medicine every hospital infection area idea diseases oxygen radio video possible easier surgery serious "
    "various period biopsy continue nausea vomiting insulin allergy previous obvious dangerous actual annual audio",
    4: "pneumonia diabetes usually dialysis ischemia operation influenza medication information emergency temperature "
    "anxiety variety society gradually",
    5: "antibiotic metabolism appendicitis immediately",
}
ES = {
    1: "el quien ley muy hoy y pie buey",
    2: "día hueso agua guerra ciudad fiebre sangre río causa aire seguir queso riñón país veintiún",
    3: "paciente médico corazón pingüino poeta infección ahora oído rehúse",
    4: "medicina aéreo enfermedad análisis",
    5: "antibiótico",
}


def test_english_syllables_are_right_for_nearly_all_words_and_in_the_sum():
    wanted = {word: count for count, words in EN.items() for word in words.split()}
    wrong = {word: syllables_en(word) for word, count in wanted.items() if syllables_en(word) != count}
    assert len(wanted) > 130 and len(wrong) <= 0.05 * len(wanted), wrong
    assert sum(map(syllables_en, wanted)) == pytest.approx(sum(wanted.values()), rel=0.02)


def test_spanish_syllables_follow_its_rules():
    assert {word: syllables_es(word) for words in ES.values() for word in words.split()} == {
        word: count for count, words in ES.items() for word in words.split()
    }


def test_the_grade_is_that_of_the_formula_reckoned_by_hand():
    # 9 words in 2 sentences, 11 syllables: 0.39 * 4.5 + 11.8 * 11/9 - 15.59 = 0.587
    found = level("The doctor looked at your heart. It is healthy.")
    assert (found.words, found.sentences) == (9, 2) and found.value == pytest.approx(0.587, abs=0.001)
    hard = level("Percutaneous coronary revascularisation necessitates uninterrupted dual antiplatelet administration.")
    assert hard.value > 20 and hard.harder(8) and not found.harder(8)


def test_the_spanish_ease_is_that_of_the_corrected_formula_reckoned_by_hand():
    # 8 words in 2 sentences; el mé-di-co le mi-ró el co-ra-zón. es-tá bien: 1+3+1+2+1+3+2+1 = 14 in 9 words
    found = level("El médico le miró el corazón. Está bien.", "es")
    assert found.words == 8 and found.value == pytest.approx(206.84 - 60 * 14 / 8 - 1.02 * 4, abs=0.01)
    assert found.measure == "Fernández Huerta" and not found.harder(8)
    assert level("Revascularización percutánea coronaria ininterrumpida", "es").harder(8)


def test_a_text_without_words_has_no_level():
    assert level("12 / 7 …") is None
