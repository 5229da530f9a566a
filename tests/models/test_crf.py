"""The linear CRF against its own definition: every row of tags scored by the weights that its file holds."""

from itertools import product

import numpy as np
import pytest
from scipy.special import logsumexp

from residency.core.types import Example, Span
from residency.models.crf import features, shape_of, short
from residency.models.tagging import words_of
from residency.train.crf import fit

TEXTS = (
    ("Aspirin helped her fever.", [("Drug", "Aspirin"), ("Sign", "fever")]),
    ("No fever after ibuprofen", [("Sign", "fever"), ("Drug", "ibuprofen")]),
    ("He takes beta blockers daily", [("Drug", "beta blockers")]),
    ("Nothing was found.", []),
)


def example(number, text, marked):
    spans = [Span(text.index(words), text.index(words) + len(words), label) for label, words in marked]
    return Example(str(number), [], [], spans=spans, meta={"text": text})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    examples = [example(i, *row) for i, row in enumerate(TEXTS)]
    return fit(examples, ["Drug", "Sign"], tmp_path_factory.mktemp("crf"), iterations=15)


def weights(model):
    """Return the weights of each word's features for each known tag, and of each pair of tags."""
    info, known = model._tagger.info(), model._known
    state = {(attribute, label): value for (attribute, label), value in info.state_features.items()}
    pairs = np.array([[info.transitions.get((a, b), 0.0) for b in known] for a in known])
    return state, pairs, known


def test_probabilities_are_sums_over_all_rows_of_tags(model):
    text = "Her beta fever."
    words, odds = model.tag_probabilities([text])[0]
    state, pairs, known = weights(model)
    rows = list(product(range(len(known)), repeat=len(words)))
    of_word = np.array(
        [[sum(state.get((f.decode(), tag), 0.0) for f in row) for tag in known] for row in features(text, words)]
    )
    scores = np.array(
        [
            sum(of_word[i, tag] for i, tag in enumerate(row))
            + sum(pairs[a, b] for a, b in zip(row, row[1:], strict=False))
            for row in rows
        ]
    )
    shares = np.exp(scores - logsumexp(scores))
    for place in range(len(words)):
        for tag, name in enumerate(known):
            mine = sum(share for share, row in zip(shares, rows, strict=True) if row[place] == tag)
            assert odds[place, int(name)] == pytest.approx(mine, abs=1e-5)
    best = rows[int(scores.argmax())]
    assert model._tagger.tag(features(text, words)) == [known[tag] for tag in best]


def test_a_word_has_a_probability_for_every_tag_even_of_a_label_that_was_never_seen(tmp_path):
    model = fit([example(0, *TEXTS[0])], ["Drug", "Dose", "Sign"], tmp_path, iterations=5)
    (words, odds), empty = model.tag_probabilities(["Aspirin helped", ""])
    assert model.tags == ["O", "B-Drug", "I-Drug", "B-Dose", "I-Dose", "B-Sign", "I-Sign"]
    assert odds.shape == (2, 7) and odds.sum(axis=1) == pytest.approx(1.0, abs=1e-6)
    assert not odds[:, 3:5].any() and empty[1].shape == (0, 7) and model.tag([""]) == [[]]


def test_what_it_has_seen_it_finds_by_place(model):
    text = "Then aspirin, and fever; beta blockers"
    assert model.tag(["Aspirin helped her fever."]) == [[Span(0, 7, "Drug"), Span(19, 24, "Sign")]]
    assert [text[s.start : s.end] for s in model.tag([text])[0] if s.label == "Sign"] == ["fever"]


def test_a_word_is_known_by_itself_its_ends_its_shape_and_its_neighbours():
    text = "HER2-positive\nbreast cancer"
    words = words_of(text)
    (first, _, third, fourth, _) = features(text, words)
    assert {b"w=her2", b"s=XXXd", b"t=Xd", b"p3=her", b"e1=2", b"<", b">none", b"1w=-", b"2w=positive"} <= set(first)
    assert {b"-1w=", b"-2w="} <= set(first)  # outside of the text
    assert {b"<none", b">line", b"-1w=-w=positive", b"w=positive1w=breast"} <= set(third)
    assert {b"<line", b">space", b"-2w=-", b"1w=cancer", b"2w="} <= set(fourth)


def test_shapes():
    assert shape_of("HER2-Pos") == "XXXd-Xxx" and short("XXXd-Xxx") == "Xd-Xx" and short("") == ""


def test_any_text_can_be_read(model):
    odd = ["\x00 \ud83d x", "患者 fièvre", "a" * 5000, "\n\n"]
    assert [len(words) for words, _ in model.tag_probabilities(odd)] == [3, 3, 1, 0]
