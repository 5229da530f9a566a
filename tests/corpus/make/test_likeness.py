"""ROUGE-L by bits against the rouge-score package, and the pool's short cut against comparing all."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residency.corpus.make.likeness import Pool, common, rouge_l

WORDS = st.lists(st.sampled_from("pain fever cough rash dose days of in".split()), max_size=80)


@pytest.fixture(scope="module")
def scorer() -> Any:
    """Return the package's scorer, which takes seconds to import."""
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"])


@given(one=WORDS, other=WORDS)
def test_it_is_what_rouge_score_finds(scorer: Any, one: list[str], other: list[str]) -> None:
    theirs = scorer.score(" ".join(one), " ".join(other))["rougeL"].fmeasure
    assert abs(rouge_l(" ".join(one), " ".join(other)) - theirs) < 1e-9


def test_the_longest_common_subsequence_of_a_hand_worked_pair() -> None:
    assert common("a b c b d a b".split(), "b d c a b a".split()) == 4


def test_the_pool_finds_exactly_what_comparing_all_finds() -> None:
    rng = random.Random(1)
    texts = [" ".join(rng.choices("pain fever cough rash dose days".split(), k=rng.randint(1, 12))) for _ in range(120)]
    pool = Pool(texts[:60])
    held = [pool.holds(text, 0.7) for text in texts[60:]]
    assert held == [any(rouge_l(text, other) >= 0.7 for other in texts[:60]) for text in texts[60:]]
    assert 5 < sum(held) < 60
