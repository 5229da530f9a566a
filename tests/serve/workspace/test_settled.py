"""What a page takes of a quoted answer: no bare heading, and no facts of a graph that miss what is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from residency.infer.answer import answer
from residency.infer.answer.cited import THIN
from residency.infer.answer.parts import Answer, Citation, Sentence
from residency.infer.evidence import GRAPH, Evidence, Found
from residency.serve.engine.sources import Sources
from residency.serve.workspace.settled import from_shelves, settled
from residency.serve.workspace.told_by_graph import told_by_graph

ASTHMA = "Acute asthma in adults. Acute asthma is treated with salbutamol 5 mg."
PASSAGE = Evidence("asthma#0", "asthma", ASTHMA, 0, len(ASTHMA), title="asthma.txt")
FACT = Evidence("t", "gout", "Gout is a kind of Arthritis.", 0, 28, title="Gout", shelf=GRAPH)


def sentence(passage, text):
    cite = Citation(passage.id, passage.document, passage.title, "", None, 0, 0, text, None, passage.shelf)
    return Sentence(text, "quoted", 1.0, (cite,))


def said(question, passage, *texts):
    made = tuple(sentence(passage, text) for text in texts)
    return Answer(question, " ".join(texts), sentences=made, evidence=(passage,))


def test_the_heading_of_a_text_without_a_title_is_not_quoted_as_its_sentence():
    given = said(
        "How is acute asthma treated?", PASSAGE, *ASTHMA.split(". ")[:0], "Acute asthma in adults.", ASTHMA[24:]
    )
    found = settled(given)
    assert found.answer == ASTHMA[24:] and len(found.sentences) == 1
    assert found.answer[found.sentences[0].start : found.sentences[0].end] == ASTHMA[24:]


def test_where_only_a_heading_is_left_there_is_no_answer():
    found = settled(said("How is acute asthma treated?", PASSAGE, "Acute asthma in adults."))
    assert found.abstained and found.why == THIN and found.missing == ("treated",) and found.evidence == (PASSAGE,)


def test_a_first_sentence_that_answers_stays_though_it_has_no_word_but_the_questions():
    text = "Aspirin causes Reye syndrome."
    passage = replace(PASSAGE, text=text)
    for question in ("Does aspirin cause Reye syndrome?", "Is it true that aspirin causes Reye syndrome?"):
        given = said(question, passage, text)
        assert settled(given) is given


def test_facts_of_a_graph_are_no_answer_to_how_something_is_treated():
    for question in (
        "How is gout treated?",
        "gout treatment?",
        "Which dose of colchicine for gout?",
        "Who prevents gout?",
    ):
        found = settled(said(question, FACT, FACT.text))
        assert found.abstained and found.missing and found.evidence == (FACT,)


def test_facts_of_a_graph_answer_what_a_graph_tells():
    for question in ("What is gout?", "What kind of disease is gout?", "Which findings does gout have?"):
        given = said(question, FACT, FACT.text)
        assert settled(given) is given


def test_an_answer_of_documents_and_one_that_abstained_stay_as_they_are():
    passage = Evidence("g#0", "g", "Gout is treated with colchicine.", 0, 32, title="Gout")
    for question in ("How is gout treated?", "What is a kangaroo?"):
        given = answer(question, None, lambda _: Found([passage], "s"))
        assert settled(given) is given


@pytest.mark.parametrize(
    "question",
    [
        "When should blood pressure above 180/120 with headache be referred?",
        "Is amlodipine 50 mg right for stage 1 hypertension in adults under 55?",
        "What is the target blood pressure in adults with diabetes?",
        "Where are people with confusion referred?",
        "How much colchicine for gout?",
        "What is the first-line drug for gout?",
        "¿Cuándo hay que derivar una hipertensión?",
        "¿Cuál es la dosis de colchicina en la gota?",
        "Blood pressure 190/125 and confusion",
    ],
)
def test_what_a_graph_of_findings_is_not_asked(question):
    assert not told_by_graph(question)


@pytest.mark.parametrize(
    "question",
    [
        "What is minimal change disease?",
        "Which findings does double outlet right ventricle have?",
        "What are the symptoms of gout?",
        "How is Marfan syndrome inherited?",
        "What causes Liddle syndrome?",
        "What is Liddle syndrome also called?",
        "Does Marfan syndrome have scoliosis?",
        "When does Huntington disease begin?",
        "¿Qué síntomas tiene la gota?",
        "¿Qué es la gota?",
    ],
)
def test_what_a_graph_of_findings_tells(question):
    assert told_by_graph(question)


class Shelf:
    """An index of these passages, and a graph of one fact."""

    snapshot = "s"

    def __init__(self, *passages):
        self.passages = passages

    def search(self, question, k):
        return Found(list(self.passages), "s")

    def facts(self, question, k):
        return Found([replace(FACT, id="h", text="Liddle syndrome 1 has the finding Headache.")], "g")

    def passage(self, id):
        return next((one for one in self.passages if one.id == id), None)


def test_where_a_graph_is_not_asked_the_documents_answer_alone_or_all_that_was_found_is_shown():
    text = "Refer on the same day if blood pressure is above 180/120 mmHg with headache."
    flag = Evidence("bp#0", "bp", text, 0, len(text), title="Hypertension")
    shelf = Shelf(flag)
    asked = "When should blood pressure above 180/120 with headache be referred?"
    found = from_shelves(asked, None, Sources((shelf,), shelf))
    shown = [one.id for one in found.evidence]
    assert "Liddle" not in (found.answer or "") and "bp#0" in shown
    other = Shelf(replace(flag, text="Gout hurts.", title="Gout", end=11))
    found = from_shelves(asked, None, Sources((other,), other))
    assert found.abstained and found.why == THIN and [one.id for one in found.evidence] == ["bp#0", "h"]
    found = from_shelves(asked, None, Sources((), other))
    assert found.abstained and found.why == THIN and [one.id for one in found.evidence] == ["h"]
    told = from_shelves("Which diseases have headache as a finding?", None, Sources((), other))
    assert "Liddle syndrome 1" in told.answer
