"""Words, tags and spans, by hand; the likeliest legal tags against all rows of tags, one by one."""

from itertools import product

import numpy as np
import pytest

from residency.core.types import Span
from residency.models.tagging import INSIDE, UNDER, bio, decode, legal, lost, spans_by, spans_of, tagset, words_of


def cut(text):
    return [text[a:b] for a, b in words_of(text)]


def test_words_and_signs_stand_apart():
    assert cut("anti-HER2/neu (IgG4), 2.5 mg") == [
        *("anti", "-", "HER2", "/", "neu"), "(", "IgG4", ")", ",", "2", ".", "5", "mg",
    ]  # fmt: skip
    assert cut("a_b\n\n  c…") == ["a", "_", "b", "c", "…"]
    assert cut("") == cut(" \n\t") == []


def test_words_of_other_scripts():
    assert cut("Fièvre à 39") == ["Fièvre", "à", "39"]
    assert cut("Fie\u0300vre") == ["Fie\u0300vre"]  # the accent as a sign of its own
    assert cut("患者有2型糖尿病") == ["患", "者", "有", "2", "型", "糖", "尿", "病"]


def test_a_label_has_a_tag_for_its_beginning_and_one_for_what_follows():
    assert tagset(["Drug", "Dose"]) == ["O", "B-Drug", "I-Drug", "B-Dose", "I-Dose"]


TEXT = "No renal cell cancer, cysts."
#       0  3     9    14    20 22


def test_tags_say_where_spans_begin_and_go_on():
    words = words_of(TEXT)
    spans = [Span(3, 20, "Disease"), Span(22, 27, "Disease")]
    tags = bio(words, spans, ["Disease"])
    assert tags == ["O", "B-Disease", "I-Disease", "I-Disease", "O", "B-Disease", "O"]
    assert spans_of(words, tags) == spans and not lost(words, spans, ["Disease"])


def test_neighbouring_spans_of_one_label_stay_two():
    words = words_of("aspirin ibuprofen")
    spans = [Span(0, 7, "Drug"), Span(8, 17, "Drug")]
    assert spans_of(words, bio(words, spans, ["Drug"])) == spans


def test_of_spans_that_overlap_the_longest_is_kept_and_of_equal_ones_the_first():
    words = words_of(TEXT)
    short, long, late = Span(14, 20, "Disease"), Span(3, 20, "Disease"), Span(14, 27, "Disease")
    assert spans_of(words, bio(words, [short, late, long], ["Disease"])) == [long]
    assert lost(words, [short, late, long], ["Disease"]) == {UNDER: 2}
    equal = [Span(3, 13, "B"), Span(9, 20, "A")]  # of 10 and 11 characters
    assert spans_of(words, bio(words, equal, ["A", "B"])) == [equal[1]]
    same = [Span(9, 13, "B"), Span(9, 13, "A")]
    assert spans_of(words, bio(words, same, ["A", "B"])) == [same[1]]  # by name where all else is equal


def test_a_span_that_cuts_a_word_is_widened_to_the_word_and_counted():
    words = words_of("Lungenembolie links")
    assert bio(words, [Span(6, 13, "D")], ["D"]) == ["B-D", "O"]
    assert lost(words, [Span(6, 13, "D")], ["D"]) == {INSIDE: 1}
    assert lost(words, [Span(0, 13, "D")], ["D"]) == {}


def test_spans_of_other_labels_are_no_spans():
    words = words_of(TEXT)
    assert set(bio(words, [Span(3, 20, "Drug")], ["Disease"])) == {"O"}
    assert not lost(words, [Span(3, 20, "Drug")], ["Disease"])


def test_a_span_of_white_space_has_no_word_and_is_lost():
    assert lost(words_of("a   b"), [Span(1, 4, "D")], ["D"]) == {UNDER: 1}


def test_a_tag_that_goes_on_with_nothing_begins_a_span():
    words = words_of("a b c d")
    assert spans_of(words, ["I-X", "I-X", "I-Y", "O"]) == [Span(0, 3, "X"), Span(4, 5, "Y")]
    assert spans_of(words, ["O", "B-X", "B-X", "I-X"]) == [Span(2, 3, "X"), Span(4, 7, "X")]


def test_labels_with_dashes_keep_them():
    words = words_of("a b")
    assert spans_of(words, ["B-non-drug", "I-non-drug"]) == [Span(0, 3, "non-drug")]


def every_legal_row(count, tags):
    for row in product(tags, repeat=count):
        before = ("O", *row)
        if all(not b.startswith("I-") or a[2:] == b[2:] and a != "O" for a, b in zip(before, row, strict=False)):
            yield row


@pytest.mark.parametrize("labels", [["D"], ["D", "Drug"]])
def test_the_likeliest_legal_tags_are_those_of_all_rows_tried_one_by_one(labels):
    tags, rng = tagset(labels), np.random.default_rng(7)
    place = {tag: i for i, tag in enumerate(tags)}
    for _ in range(60):
        odds = rng.dirichlet(np.full(len(tags), 0.3), size=5)
        best = max(every_legal_row(5, tags), key=lambda row: sum(np.log(odds[i, place[t]]) for i, t in enumerate(row)))
        assert decode(odds, tags) == list(best)


def test_an_illegal_row_is_not_chosen_however_sure_each_word_is():
    tags = tagset(["D"])
    odds = np.array([[0.6, 0.3, 0.1], [0.1, 0.1, 0.8]])  # word by word: O, I-D
    assert decode(odds, tags) == ["B-D", "I-D"]  # 0.3 x 0.8 beats 0.6 x 0.1 and 0.6 x 0.1
    assert decode(np.array([[0.0, 0.0, 1.0]]), tags) == ["O"]
    assert decode(np.zeros((0, 3)), tags) == []


def test_what_may_follow_what():
    assert legal(["O", "B-a", "I-a", "I-b"]).tolist() == [
        [True, True, False, False],
        [True, True, True, False],
        [True, True, True, False],
        [True, True, False, True],
    ]


def test_a_tagger_without_a_way_of_its_own_is_decoded():
    class Fixed:
        tags = tagset(["D"])

        def tag_probabilities(self, texts):
            return [(words_of(t), np.array([[0.1, 0.8, 0.1]] * len(words_of(t)))) for t in texts]

    assert spans_by(Fixed(), ["a b", ""]) == [[Span(0, 1, "D"), Span(2, 3, "D")], []]
