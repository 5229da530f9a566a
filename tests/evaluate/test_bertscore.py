"""BERTScore against the definition computed by hand from the same encoder's vectors, and its awkward inputs."""

from __future__ import annotations

import math

import pytest

from residency.evaluate.bertscore import bertscore, protocol
from residency.models.weights import packaged_encoder


def token_vectors(text: str):
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = str(packaged_encoder())
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
    return torch.nn.functional.normalize(states, dim=-1)


def by_hand(prediction: str, reference: str) -> float:
    """Return F1 of greedy cosine matching, with [CLS] and [SEP] there to be matched but not counted."""
    guess, gold = token_vectors(prediction), token_vectors(reference)
    table = guess @ gold.T
    precision = table.max(dim=1).values[1:-1].mean()
    recall = table.max(dim=0).values[1:-1].mean()
    return float(2 * precision * recall / (precision + recall))


def test_the_score_is_the_published_definition_and_takes_the_best_reference() -> None:
    prediction, references = "a head that is smaller than usual", ["abnormally small head", "low body height"]
    expected = [by_hand(prediction, reference) for reference in references]
    (found,) = bertscore([prediction], [references])
    assert found == pytest.approx(max(expected), abs=1e-4)
    assert expected[0] > expected[1]


def test_the_same_text_scores_one_and_an_empty_answer_zero_and_a_missing_reference_is_nan() -> None:
    scores = bertscore(["seizures", "", "  ", "seizures"], [["seizures", ""], ["fits"], ["fits"], [" "]])
    assert scores[0] == pytest.approx(1.0, abs=1e-4)
    assert scores[1:3] == [0.0, 0.0]
    assert math.isnan(scores[3])


def test_nothing_to_score_needs_no_encoder() -> None:
    assert bertscore([], []) == []
    assert bertscore([""], [["fits"]]) == [0.0]


def test_lists_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="1 predictions for 2 lists"):
        bertscore(["a"], [["a"], ["b"]])


def test_the_protocol_names_the_encoder() -> None:
    assert "all-MiniLM-L6-v2" in str(protocol()["encoder"])
    assert str(protocol()["library"]).startswith("bert-score ")
