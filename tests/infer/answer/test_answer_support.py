"""A sentence is supported where it stands: its words, its numbers and its yes or no, and what an encoder finds."""

from __future__ import annotations

import numpy as np
import pytest

from fixture_passages import GOUT, passage
from residency.core.errors import Unsupported
from residency.corpus.make.support import NUMBER, TURNED, WORDS
from residency.infer.answer.parts import QUOTED, SUPPORTED, UNSUPPORTED
from residency.infer.answer.support import JUDGED, NOTHING, Support, judge_of, supported

EVIDENCE = [passage("Scurvy comes from a lack of vitamin C.", "scurvy"), passage()]


def quotes(sentence):
    return [one.quote for one in sentence.citations]


def test_a_quotation_is_cited_at_its_exact_place():
    found = supported("Colchicine is given at 0.5 mg twice a day.", EVIDENCE)
    [cited] = found.citations
    assert found.support == QUOTED and found.score == 1 and cited.document == "gout"
    assert GOUT[cited.start : cited.end] == cited.quote == found.text


def test_a_paraphrase_is_cited_by_the_sentences_that_hold_it():
    found = supported("Gout causes sudden pain and swelling, and colchicine is given twice a day.", EVIDENCE)
    assert found.support == SUPPORTED and 0.6 <= found.score <= 1
    assert [quote.split()[0] for quote in quotes(found)] == ["The", "Colchicine"]


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("Colchicine is given at 5 mg twice a day.", NUMBER),
        ("It is safe in kidney failure.", TURNED),
        ("Gout is cured by a long walk on the beach.", WORDS),
    ],
)
def test_what_the_evidence_does_not_say_is_refused_with_the_reason(sentence, reason):
    found = supported(sentence, EVIDENCE)
    assert (found.support, found.reason) == (UNSUPPORTED, reason)


def test_what_no_passage_speaks_of_has_no_citation():
    assert supported("Bananas ripen.", EVIDENCE).citations == ()
    assert supported("It is so.", EVIDENCE).reason == NOTHING


def test_the_encoder_is_asked_about_what_passes_by_words_and_can_refuse_it():
    asked = []

    def judge(sources, claims):
        asked.extend(zip(sources, claims, strict=True))
        return [[0.2, 0.7, 0.1]] * len(claims)

    claim = "Colchicine twice a day is given to cure arthritis."
    found = supported(claim, EVIDENCE, Support(judge=judge))
    assert (found.support, found.reason, found.score) == (UNSUPPORTED, JUDGED, 0.2)
    assert [each for _, each in asked] == [claim] and "twice a day" in asked[0][0]
    assert supported("Gout is a form of arthritis.", EVIDENCE, Support(judge=judge)).support == QUOTED
    assert supported(claim, EVIDENCE, Support(judge=judge, least=0.1)).support == SUPPORTED


class Encoder:
    name, labels = "made up", ["unknown", "yes", "no"]

    def classify(self, texts, pairs):
        return np.array([[0.1, 0.6, 0.3]] * len(texts))


def test_an_encoders_labels_are_read_in_our_order_and_another_encoder_is_refused():
    assert judge_of(Encoder())(["a"], ["b"]) == [[0.6, 0.3, 0.1]]
    assert judge_of(Encoder())([], []) == []
    tagger = Encoder()
    tagger.labels = ["O", "B-Disease"]
    with pytest.raises(Unsupported, match="residency run support"):
        judge_of(tagger)
