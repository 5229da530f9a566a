"""The tagger: what it learned it marks again after being saved, whatever way the words are dressed."""

import numpy as np
import pytest

from residency.core.errors import ModelError, UserError
from residency.corpus.identify import chain, likely
from residency.corpus.identify.lexicon import EMPTY, table_of
from residency.corpus.identify.tagger import bio, load, train
from residency.corpus.identify.words import codes_of, cut, tables

TEXTS = [(f"then {name} came in", [(5, 5 + len(name), "NAME")]) for name in ("Okonjo", "Adebayo", "Quill", "Ferreira")]
TEXTS += [(f"the {word} was seen", []) for word in ("lung", "liver", "heart", "spleen")]


@pytest.fixture(scope="module")
def made():
    return train(TEXTS, lists=table_of([("Okonjo", 1)]), epochs=12, bits=14)


def marked(tagger, text):
    read = tagger.read(text)
    return [text[a:b] for a, b, _ in tagger.marked(read, tagger.scores(read))]


def chances(scores, moves, labels):
    """Return what is likely, of scores and moves that are filled up to eight tags as a tagger's are."""
    more = (0, -len(moves) % 8)
    wide = np.pad(moves, more, constant_values=-1e9)
    return likely.chances(np.pad(scores, ((0, 0), more), constant_values=-1e9), *likely.steps_of(wide, labels))


def test_it_marks_what_it_learned_and_is_the_same_when_saved(made, tmp_path):
    assert marked(made, "then Adebayo came in") == ["Adebayo"]
    assert marked(made, "the spleen was seen") == []
    saved = made.save(tmp_path, {"language": "en"})
    again = load(tmp_path)
    assert again.hash == saved and again.facts["language"] == "en"
    for text, _ in TEXTS:
        one, two = (tagger.scores(tagger.read(text)) for tagger in (made, again))
        assert np.array_equal(one, two)


def test_signs_without_room_and_look_alikes_change_nothing(made):
    assert marked(made, "then Ade\u200bba\u00adyo came in") == ["Ade\u200bba\u00adyo"]
    assert marked(made, "then \u0410debayo came in") == ["\u0410debayo"]


def test_a_damaged_file_is_said(tmp_path):
    (tmp_path / "tagger.safetensors").write_bytes(b"no")
    with pytest.raises(ModelError, match="train it again"):
        load(tmp_path)


def test_without_a_mark_nothing_is_learned():
    with pytest.raises(UserError, match="learns from marked ones"):
        train([("text", [])])


def test_the_gradient_is_that_of_the_likelihood():
    """One step on one text raises its likelihood, and the odds of a word's tags sum to one."""
    tagger = train(TEXTS[:1], lists=EMPTY, epochs=1, bits=12)
    read = tagger.read(TEXTS[0][0])
    odds = tagger.odds(tagger.scores(read))
    assert np.allclose(odds.sum(1), 1, atol=1e-4)
    some, best, other = chances(tagger.scores(read), tagger.moves, len(tagger.labels))
    assert np.allclose(some, 1 - odds[:, 0], atol=1e-5)
    assert (other == odds[:, 1:].argmax(1) + 1).all() and (best == odds.argmax(1)).all()


def test_odds_and_the_likeliest_row_are_those_of_all_rows_counted():
    rng = np.random.default_rng(0)
    scores, moves = (rng.normal(size=shape).astype(np.float32) for shape in ((4, 3), (3, 3)))
    moves[2, 0] = -1e9  # O, B, I: no inside behind nothing
    rows = [(a, b, c, d) for a in range(3) for b in range(3) for c in range(3) for d in range(3)]
    worth = np.array(
        [sum(scores[w, t] for w, t in enumerate(r)) + sum(moves[r[w], r[w - 1]] for w in (1, 2, 3)) for r in rows]
    )
    assert tuple(likely.likeliest(scores, moves, 1)) == rows[int(worth.argmax())]
    share = np.exp(worth - worth.max())
    share /= share.sum()
    want = np.array([[share[[r[w] == t for r in rows]].sum() for t in range(3)] for w in range(4)])
    assert np.allclose(chain.odds(scores, moves)[0], want, atol=1e-4)
    some, best, other = chances(scores, moves, 1)
    assert np.allclose(some, 1 - want[:, 0], atol=1e-4) and (best == want.argmax(1)).all()
    assert (other == want[:, 1:].argmax(1) + 1).all()


def test_exponentials_are_those_of_numpy():
    scores = -np.abs(np.random.default_rng(0).normal(0, 9, (200, 41))).astype(np.float32)
    want = np.exp(scores - scores.max(1, keepdims=True))
    found = likely.raised(scores, 41)
    assert np.allclose(found[want > 1e-17], want[want > 1e-17], rtol=1e-5) and (found[want < 1e-18] < 1e-17).all()


def test_words_are_cut_where_letters_digits_and_capitals_meet():
    text = "ptOkonjo 12mg/d O'Neil"
    spans = cut(codes_of(text), tables()[0])
    assert [text[a:b] for a, b in spans] == ["pt", "Okonjo", "12", "mg", "/", "d", "O", "'", "Neil"]


def test_a_mark_inside_a_word_takes_all_of_it():
    text = "seen Okonjo"
    spans = cut(codes_of(text), tables()[0])
    place = {"O": 0, "B-NAME": 1, "I-NAME": 2}
    assert bio(spans, [(6, 8, "NAME")], place).tolist() == [0, 1]
