"""Scores of text against the field's own programs."""

from __future__ import annotations

import numpy as np
import pytest
import sacrebleu
from nltk.translate.gleu_score import corpus_gleu
from rouge_score.rouge_scorer import RougeScorer

from residency.measure.writing import bleu_counts, bleu_value, chrf, distinct, gleu_counts, ndcg, rouge

SAID = ["the cat sat on the mat today", "a dog ran fast over there and back"]
WANTED = ["the cat sat on a mat today", "the dog ran fast over there"]


def test_summed_counts_give_sacrebleus_corpus_bleu():
    sums = np.sum([bleu_counts(a, [b]) for a, b in zip(SAID, WANTED, strict=True)], axis=0)
    theirs = sacrebleu.corpus_bleu(SAID, [WANTED], smooth_method="none").score / 100
    assert 0.3 < float(bleu_value(sums)) == pytest.approx(theirs, abs=1e-9)


def test_bleu_of_an_empty_answer_is_zero_and_a_short_one_is_made_to_pay():
    assert float(bleu_value(np.array(bleu_counts("", ["the cat sat on the mat"])))) == 0.0
    cut = float(bleu_value(np.array(bleu_counts("the cat sat on", ["the cat sat on the mat today"]))))
    assert cut == pytest.approx(np.exp(1 - 7 / 4))


def test_chrf_and_rouge_are_those_of_their_makers():
    assert chrf(SAID[0], [WANTED[0]]) == pytest.approx(sacrebleu.sentence_chrf(SAID[0], [WANTED[0]]).score / 100)
    theirs = RougeScorer(["rouge2"]).score(WANTED[0], SAID[0])["rouge2"].fmeasure
    assert rouge(SAID[0], ["nothing alike", WANTED[0]])["rouge_2"] == pytest.approx(theirs)
    assert np.isnan(rouge("a", [" "])["rouge_l"])


def test_summed_counts_give_nltks_corpus_gleu():
    """nltk is told the words; of several references the best one counts, an empty answer as all that was wanted."""
    said, wanted = [*SAID, "", "a b"], [[WANTED[0]], ["nothing alike", WANTED[1]], ["a cat"], ["a b", "b a"]]
    sums = np.sum([gleu_counts(a, b) for a, b in zip(said, wanted, strict=True)], axis=0)
    theirs = corpus_gleu([[r.split() for r in refs] for refs in wanted], [s.split() for s in said])
    assert 0.3 < sums[0] / sums[1] == pytest.approx(theirs, abs=1e-12)
    assert gleu_counts("It hurts.", ["It hurts ."]) == [6.0, 6.0]  # words as for BLEU: the full stop stands alone


def test_distinct_counts_different_pairs_over_all():
    assert distinct("a b a b", 2) == pytest.approx(2 / 3)
    assert distinct("a b a b", 1) == 0.5 and np.isnan(distinct("a", 2))


def test_gain_of_a_ranking_worked_by_hand():
    """Gains 3, 0, 1 at places 1 to 3: (3 + 1/2) over (3 + 1/log2 3)."""
    assert ndcg([2, 0, 1]) == pytest.approx(3.5 / (3 + 1 / np.log2(3)))
    assert ndcg([0, 1], at=1) == 0.0 and np.isnan(ndcg([0, 0]))
