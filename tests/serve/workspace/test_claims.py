"""What of a model's own words is a sentence to be compared, and which sentences bring a number in other words."""

from __future__ import annotations

import pytest

from residency.infer.answer.support import Support, all_supported
from residency.infer.evidence import Evidence
from residency.serve.workspace.claims import guards, reworded, says_something, unfenced
from residency.serve.workspace.shown import checked

TEXT = (
    "## Stage 1 hypertension\nParacetamol for adults: 1 g up to four times a day.\n\n"
    "Adults take at most 4 g of paracetamol in a day. Warfarin is stopped before surgery."
)
PASSAGE = Evidence("p#0", "p", TEXT, 0, len(TEXT), title="Major bleeding on warfarin", section="Reversal")
MUCH = "How much paracetamol may an adult take in a day?"
WORDS = "a number in other words"


@pytest.mark.parametrize(
    ("sentence", "question"),
    [
        ("# Stage 1 hypertension", "What is the first treatment of hypertension?"),
        ("Stage 1 hypertension.", "What is the first treatment of high pressure?"),
        ("Major bleeding on warfarin", "How is it reversed?"),
        ("24 hours of paracetamol", "How much paracetamol may be taken in 24 hours?"),
        ("when warfarin is stopped before cataract surgery", "Should warfarin be stopped before cataract surgery?"),
        ("Should warfarin be stopped before surgery?", "Should warfarin be stopped before surgery?"),
    ],
)
def test_headings_and_the_question_again_are_no_sentences_of_an_answer(sentence, question):
    assert not says_something(sentence, question, [PASSAGE])


@pytest.mark.parametrize(
    ("sentence", "question"),
    [
        ("Warfarin should be stopped before surgery.", "Should warfarin be stopped before surgery?"),
        ("Warfarin is not stopped.", "When is warfarin stopped?"),
        ("Paracetamol 4 g in a day.", MUCH),
        ("10 mg.", "Which dose of amlodipine, 5 mg or 10 mg?"),
        ("No.", "Is warfarin stopped?"),
    ],
)
def test_a_sentence_that_answers_by_the_questions_words_a_number_or_a_no_stays(sentence, question):
    assert says_something(sentence, question, [PASSAGE])


def test_a_number_stands_only_where_its_whole_sentence_stands_in_the_passage():
    said = {
        "Adults take at most 4 g of paracetamol in a day.": False,
        "adults take at most  4 g of paracetamol in a day": False,
        "Adults take 4 g of paracetamol in a day.": True,
        "1 g up to four times": True,  # a part of a sentence
        "Adults take paracetamol at most four times.": True,
        "Warfarin is stopped before any surgery.": False,  # no number
        "Stage 1 hypertension of paracetamol.": False,  # a name
    }
    found = all_supported(list(said), [PASSAGE], Support())
    assert {one.text: reworded(one, [PASSAGE]) for one in found if one.citations} == said


def test_a_false_dose_with_the_passages_words_is_marked_and_keeps_its_number():
    laid = checked("1 g paracetamol in a day [1].", [PASSAGE], [], MUCH)
    [piece] = [one for one in laid.pieces if one.text.startswith("1 g")]
    assert piece.unsupported and piece.reworded and piece.cites == (1,)
    laid = checked("Adults take at most 4 g of paracetamol in a day.", [PASSAGE], [], MUCH)
    assert [one.unsupported for one in laid.pieces] == [False] and laid.pieces[0].cites == (1,)


def test_fences_and_lines_of_headings_go_and_what_stands_beside_them_stays():
    assert unfenced("<evidence>\n# Gout\nGout hurts.\n</evidence>") == "Gout hurts."
    assert unfenced("Use <b>bold</b> # here.") == "Use <b>bold</b> # here."
    laid = checked("<evidence>", [PASSAGE], [], MUCH)
    assert not any(one.text.strip() for one in laid.pieces) and laid.used == 0


def test_a_no_of_a_model_is_its_claim_though_the_guard_has_the_word_too():
    ours = ["There is no dose here. Ask a pharmacist."]
    assert guards("There is no dose here.", ours) and guards(ours[0], ours) and not guards("no", ours)
    [piece] = checked("no", [PASSAGE], ours, "Should warfarin be stopped before surgery?").pieces
    assert piece.unsupported and not piece.reworded
