"""Passages are ranked again by a model that reads question and passage together."""

from __future__ import annotations

import pytest

from residency.core.errors import Unsupported
from residency.infer.retrieve import by_classifier, by_likelihood
from residency.infer.retrieve.rerank import ASKED
from residency.models.load import load
from residency.models.scripted import ScriptedModel


def test_a_passage_scores_the_mean_log_probability_of_the_question_after_it(toy_base):
    model = load(str(toy_base))
    texts = ["the sky is blue", "grass is green"]
    found = by_likelihood(model)("the sky ?", texts)
    asked = [[{"role": "user", "content": ASKED.format(text)}] for text in texts]
    alone = model.loglik(asked, ["the sky ?"] * 2)
    assert found == pytest.approx([one.total / len(one.logprobs) for one in alone], abs=1e-4)
    assert by_likelihood(model)("the", []) == []


def test_a_model_that_does_not_know_the_label_is_refused():
    with pytest.raises(Unsupported, match="scripted tells apart nothing, no relevant"):
        by_classifier(ScriptedModel({}), "relevant")


def test_a_classifier_of_pairs_scores_by_the_probability_of_the_label():
    class Pairs:
        """What an encoder that was trained on pairs looks like."""

        name, labels = "pairs", ["other", "relevant"]

        def classify(self, texts, pairs):
            import numpy as np

            return np.array([[1 - len(two) / 10, len(two) / 10] for _, two in zip(texts, pairs, strict=True)])

    assert by_classifier(Pairs(), "relevant")("why", ["abc", "abcdef"]) == pytest.approx([0.3, 0.6])
