"""What an encoder reads: windows in which each token has most context, words by their first token, marks and types."""

import pytest
from transformers import AutoTokenizer

from residency.models.tagging import words_of
from residency.models.weights import packaged_encoder
from residency.models.windows import Reader, cuts
from toy_encoder import PIECES, toy_tokenizer


def names(ids):
    return [PIECES[i] for i in ids]


@pytest.mark.parametrize(("count", "room", "overlap"), [(1, 8, 2), (8, 8, 2), (9, 8, 2), (50, 8, 4), (1000, 30, 7)])
def test_every_token_is_asked_about_once_in_the_window_where_its_thinner_side_is_thickest(count, room, overlap):
    found = cuts(count, room, overlap)
    assert [i for _, _, begin, end in found for i in range(begin, end)] == list(range(count))
    for first, last, begin, end in found:
        assert last - first <= room and first <= begin and end <= last
    for (_, end, *_), (start, *_) in zip(found, found[1:], strict=False):
        assert end - start >= overlap

    def side(token, window):
        first, last = window[:2]  # the text's own ends are no edge
        left, right = (token - first if first else 10**6), (last - 1 - token if last < count else 10**6)
        return min(left, right)

    for window in found:
        for token in range(window[2], window[3]):
            assert side(token, window) >= max(side(token, w) for w in found if w[0] <= token < w[1]) - 1


def test_a_text_longer_than_the_tokenizer_would_cut_is_read_whole_between_its_marks():
    reader = Reader(toy_tokenizer(), 32)
    text = "the patient has had no anemia , no fever and no cough ."
    [piece] = reader.tagged([text], [words_of(text)])
    assert names(piece.ids) == ["[CLS]", *text.split(), "[SEP]"]
    assert piece.keep == list(range(1, 14)) and piece.numbers == list(range(13))


def test_a_word_is_asked_about_at_its_first_part_and_a_word_without_a_token_nowhere():
    reader = Reader(toy_tokenizer(), 32)
    text = "Anemias \x00 abc"
    words = [(0, 7), (8, 9), (10, 13)]
    [piece] = reader.tagged([text], [words], [[5, 6, 7]])
    assert names(piece.ids) == ["[CLS]", "anemia", "##s", "a", "##b", "##c", "[SEP]"]
    assert piece.keep == [1, 3] and piece.numbers == [0, 2] and piece.targets == [5, 7]


def test_two_words_in_one_token_are_both_asked_about_there():
    reader = Reader(toy_tokenizer(), 32)
    [piece] = reader.tagged(["anemia"], [[(0, 2), (2, 6)]])
    assert piece.keep == [1, 1]


def test_the_words_of_a_long_text_are_each_in_one_window_with_their_targets():
    reader = Reader(toy_tokenizer(), 10, overlap=0.5)
    text = " ".join(["fever", "cough", "abc"] * 9)
    words = words_of(text)
    pieces = list(reader.tagged([text], [words], [list(range(len(words)))]))
    assert len(pieces) > 3 and all(len(piece.ids) <= 10 for piece in pieces)
    assert [t for piece in pieces for t in piece.targets] == list(range(len(words)))
    for piece in pieces:
        for place, number in zip(piece.keep, piece.numbers, strict=True):
            start, end = words[number]
            assert names(piece.ids)[place] == ("a" if text[start:end] == "abc" else text[start:end])


def test_a_pair_has_the_marks_and_types_that_transformers_gives_it():
    tokenizer = AutoTokenizer.from_pretrained(packaged_encoder())
    wanted = tokenizer("He has a fever.", "No infection is seen.", truncation=False, padding=False)
    [piece] = Reader(tokenizer, 512).classed(["He has a fever."], ["No infection is seen."])
    assert piece.ids == wanted["input_ids"] and piece.types == wanted["token_type_ids"]
    alone = tokenizer("He has a fever.", truncation=False, padding=False)
    [piece] = Reader(tokenizer, 512).classed(["He has a fever."])
    assert piece.ids == alone["input_ids"] and piece.types == alone["token_type_ids"]


def test_a_tokenizer_that_gives_no_types_has_none():
    tokenizer = toy_tokenizer()
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    [piece] = Reader(tokenizer, 32).classed(["fever"], ["no anemia"])
    assert piece.types == [0] * 6


@pytest.mark.parametrize("turned", [False, True])
def test_a_long_pair_keeps_its_shorter_text_beside_every_window_of_the_longer(turned):
    reader = Reader(toy_tokenizer(), 12, overlap=0.25)
    texts = [["no anemia"], ["fever " * 20]] if turned else [["fever " * 20], ["no anemia"]]
    pieces = list(reader.classed(*texts, [1]))
    assert len(pieces) > 2 and all(len(piece.ids) <= 12 and piece.targets == [1] for piece in pieces)
    for piece in pieces:
        first = names(i for i, kind in zip(piece.ids, piece.types, strict=True) if kind == 0)
        second = names(i for i, kind in zip(piece.ids, piece.types, strict=True) if kind == 1)
        short, long = (first[1:], second) if turned else (second, first[1:])
        assert short == ["no", "anemia", "[SEP]"] and set(long) == {"fever", "[SEP]"}


def test_running_text_numbers_the_parts_of_a_word_alike():
    [piece] = Reader(toy_tokenizer(), 32).running(["anemias , abc"])
    assert piece.words == [-1, 0, 0, 1, 2, 2, 2, -1]
