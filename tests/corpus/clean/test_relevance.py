"""Medical text is told from other text by its terms."""

from __future__ import annotations

from pathlib import Path

import pytest

from residency.core.errors import UserError
from residency.corpus.clean.relevance import Relevance, general_terms, relevance_check
from residency.corpus.clean.words import Terms, read

MEDICAL = {
    "en": "The patient was admitted with chest pain and fever. The ECG showed atrial "
    "fibrillation; he has diabetes and asthma.",
    "es": "Paciente que ingresa por dolor torácico y fiebre. Diabetes y asma. Se inicia tratamiento con insulina.",
    "fr": "Patient hospitalisé pour une douleur thoracique et une fièvre. Diabète et asthme. Traitement par insuline.",
    "de": "Aufnahme des Patienten mit Fieber und Schmerzen in der Brust. Diabetes, "
    "Asthma bronchiale. Therapie mit Insulin.",
    "it": "Paziente ricoverato per dolore toracico e febbre. Diabete e asma. Inizia terapia con insulina.",
    "pt": "Paciente internado por dor torácica e febre. Diabetes e asma. Iniciado tratamento com insulina.",
    "zh": "患者因胸痛、发热入院，既往有糖尿病、哮喘病史，给予胰岛素治疗。",
}
GENERAL = {
    "en": "The library reads a file line by line and writes each record to a table that can be queried later on.",
    "es": "La biblioteca abre a las nueve y los libros se pueden devolver hasta el viernes por la tarde.",
    "fr": "La bibliothèque ouvre à neuf heures et les livres peuvent être rendus jusqu'au vendredi soir.",
    "de": "Die Bücherei öffnet um neun Uhr, und die Bücher können bis Freitag zurückgegeben werden.",
    "it": "La biblioteca apre alle nove e i libri si possono restituire fino a venerdì sera.",
    "pt": "A biblioteca abre às nove e os livros podem ser devolvidos até sexta-feira à tarde.",
    "zh": "图书馆九点开门，书可以在星期五晚上之前归还。",
}


def reason(text: str, language: str, **settings: object) -> str | None:
    return relevance_check(Relevance(**{"ontologies": False, **settings}))(read(text), language)


@pytest.mark.parametrize("language", MEDICAL)
def test_medical_text_is_kept_and_other_text_is_dropped(language):
    assert reason(MEDICAL[language], language) is None
    assert reason(GENERAL[language] * 5, language) == "relevance: few medical terms"


def test_a_few_terms_in_a_long_text_are_too_thin():
    assert reason(MEDICAL["en"] + GENERAL["en"] * 30, "en") == "relevance: medical terms are thin"
    assert reason(MEDICAL["en"] + GENERAL["en"] * 30, "en", density=0.01) is None


def test_a_language_without_a_list_is_not_judged():
    assert reason("Библиотека открывается в девять.", "ru") is None


def test_terms_are_stems_words_phrases_and_runs_of_characters():
    terms = Terms(["cardi*", "liver", "heart failure", "heart attack risk", "高血压", "血压"])
    assert terms.count(read("Cardiology and cardiac care; Cardi")) == (3, 1)
    assert terms.count(read("liver livers LIVER")) == (2, 1)
    assert terms.count(read("Heart failure. heart-failure, heart attack, heart attack risk")) == (3, 2)
    assert terms.count(read("患者有高血压，血压升高。")) == (2, 2)
    assert terms.count(read("nothing of it")) == (0, 0)


def test_a_users_list_counts_beside_the_general_one(tmp_path: Path):
    path = tmp_path / "own.txt"
    path.write_text("library\nrecord*\ntable\nfile\n", encoding="utf-8")
    assert reason(GENERAL["en"], "en", lists=(path,)) is None
    with pytest.raises(UserError, match="cannot be read"):
        relevance_check(Relevance(lists=(tmp_path / "none.txt",)))


def test_each_list_has_a_hundred_terms_and_no_term_twice():
    lists = general_terms()
    assert set(lists) == {"en", "es", "fr", "de", "it", "pt", "zh"}
    assert all(len(terms) >= 100 and len(set(terms)) == len(terms) for terms in lists.values())


def test_the_names_of_the_installed_ontologies_count_in_english():
    text = "Arachnodactyly, ectopia lentis and pectus excavatum run in her family. " + GENERAL["en"]
    assert reason(text, "en") == "relevance: few medical terms"
    assert reason(text, "en", ontologies=True) is None
