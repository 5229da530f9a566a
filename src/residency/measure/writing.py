"""Scores of written text: ROUGE, BLEU, GLEU, chrF and Distinct-n, by the field's own implementation where that adds up.

An item's row holds what its metric needs; BLEU and GLEU are no means over items, so a row holds their n-gram counts
and the bootstrap adds those up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

ROUGES = ("rouge1", "rouge2", "rougeL")


def rouge(prediction: str, references: Sequence[str]) -> dict[str, float]:
    """Return ``{"rouge_1", "rouge_2", "rouge_l"}``, each the best F1 over the references, by rouge-score, no stemming.

    Lin (2004), ROUGE: a package for automatic evaluation of summaries. nan where no reference holds a word.
    """
    usable = [r for r in references if r.strip()]
    scores = [_rouge().score(reference, prediction) for reference in usable]
    names = ("rouge_1", "rouge_2", "rouge_l")
    return {n: max((s[k].fmeasure for s in scores), default=float("nan")) for n, k in zip(names, ROUGES, strict=True)}


@cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(ROUGES), use_stemmer=False)


@cache
def _sacre(name: str, language: str) -> Any:
    import sacrebleu

    if name == "chrf":
        return sacrebleu.CHRF()
    return sacrebleu.BLEU(tokenize="zh" if language == "zh" else "13a", effective_order=True)


def chrf(prediction: str, references: Sequence[str]) -> float:
    """Return chrF2 of one text, 0 to 1, by sacrebleu (Popović 2015, chrF: character n-gram F-score)."""
    return float(_sacre("chrf", "").sentence_score(prediction, list(references)).score) / 100


def bleu_counts(prediction: str, references: Sequence[str], language: str = "en") -> list[float]:
    """Return what one text adds to a corpus BLEU: its length, the closest reference's, matches and totals of 1- to
    4-grams, as sacrebleu counts them (Papineni et al. 2002; Post 2018)."""
    metric = _sacre("bleu", language)
    return [float(v) for v in metric._extract_corpus_statistics([prediction], [[r] for r in references])[0]]


def bleu_value(sums: np.ndarray) -> np.ndarray:
    """Return corpus BLEU, 0 to 1, of summed counts ``[..., 10]``: without smoothing, 0 where an order has no match."""
    length, reference = sums[..., 0], sums[..., 1]
    matches, totals = sums[..., 2:6], sums[..., 6:10]
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.log(np.where(totals > 0, matches / totals, 0.0)).mean(-1)
        brevity = np.where(length < reference, np.exp(1 - reference / length), 1.0)
    return np.where(length > 0, brevity * np.exp(precision), 0.0)


def gleu_counts(prediction: str, references: Sequence[str], language: str = "en") -> list[float]:
    """Return what one text adds to a corpus GLEU: matching 1- to 4-grams, and all of the longer text.

    Wu et al. (2016), Google's neural machine translation system, section 6: the smaller of precision and recall,
    against the reference that it meets best; words as BLEU has them here. Grammar correction has another GLEU.
    """
    own = _grams(prediction, language)
    others = (_grams(reference, language) for reference in references)
    counts = [((own & other).total(), max(own.total(), other.total())) for other in others]
    return [float(v) for v in max(counts, key=lambda c: c[0] / max(1, c[1]), default=(0, 0))]


def _grams(text: str, language: str) -> Counter[tuple[str, ...]]:
    """Return the 1- to 4-grams of a text with their numbers."""
    words = _sacre("bleu", language).tokenizer(text.strip()).split()
    return Counter(tuple(words[i : i + n]) for n in range(1, 5) for i in range(len(words) - n + 1))


def distinct(text: str, n: int) -> float:
    """Return Distinct-n of one text: its different n-grams of words over all of them; nan where it has none.

    Li et al. (2016), A diversity-promoting objective function for neural conversation models; within each reply, as
    the intra-dist of Gu et al. (2019), DialogWAE. It shows a reply that goes round in circles. Over the replies of a
    whole set the number would fall with their count and with every item that a bootstrap draws twice.
    """
    words = text.split()
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(set(grams)) / len(grams) if grams else float("nan")


def ndcg(relevances: Sequence[float], *, at: int | None = None) -> float:
    """Return the normalised discounted gain of documents in ranked order, gain 2^rel - 1; nan where none is relevant.

    Järvelin and Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques; Burges et al. (2005) for the gain.
    """

    def gain(values: Sequence[float]) -> float:
        return float(sum((2**v - 1) / np.log2(i + 2) for i, v in enumerate(values[:at])))

    best = gain(sorted(relevances, reverse=True))
    return gain(relevances) / best if best > 0 else float("nan")
