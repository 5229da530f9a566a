"""Whether a text denies a short phrase: by hand, with what parts a sentence and what it must not be taken for."""

from __future__ import annotations

import pytest

from residency.serve.apps.denial import turned


@pytest.mark.parametrize(
    "phrase, text, wanted",
    [
        ("pneumonia", "No pneumonia.", True),
        ("Pneumothorax.", "No pneumothorax. Nodule of 8 mm.", True),
        ("fever", "She denies cough, chills or fever.", True),
        ("fever", "No cough, but fever for two days.", False),
        ("pulmonary embolism", "Pulmonary embolism was ruled out.", True),
        ("neumonía", "Se descarta fractura. Sin neumonía.", True),
        ("fiebre", "Sin tos, pero fiebre desde ayer.", False),
        ("no pneumonia", "No pneumonia.", False),
        ("no pneumonia", "Pneumonia of the left lung.", True),
        ("pneumonia", "No pneumonia on Monday. Pneumonia on Friday.", False),
        ("Scurvy is a lack of vitamin C.", "Scurvy is caused by a lack of vitamin C.", False),
        ("asthma", "Known asthma.", False),
        ("asthma", "Known gout.", False),
        ("no", "No pneumonia.", False),
        ("a long phrase of many different words about pneumonia", "No pneumonia.", False),
    ],
)
def test_a_phrase_is_turned_where_every_sentence_that_holds_it_says_the_opposite(phrase, text, wanted):
    assert turned(phrase, text) is wanted
