"""What a page takes of a quoted answer: no bare heading, and no facts of a graph that miss what is asked."""

from __future__ import annotations

from dataclasses import replace

from residency.infer.answer import answer
from residency.infer.answer.cited import THIN
from residency.infer.answer.parts import Answer, Citation, Sentence
from residency.infer.evidence import GRAPH, Evidence, Found
from residency.serve.workspace.settled import settled

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
