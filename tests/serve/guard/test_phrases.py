"""Phrases of the rules: how they are written, what they find, and that no text makes them slow."""

from __future__ import annotations

import time

import pytest

from residency.serve.guard.context import meant
from residency.serve.guard.phrases import Phrases, phrase
from residency.serve.guard.words import MOST, words_of


def found(text: str, **concepts: str) -> list[tuple[str, str]]:
    words = words_of(text)
    phrases = Phrases({name.replace("_", "-"): [one] for name, one in concepts.items()})
    return [(one.concept, " ".join(words.words[one.start : one.end])) for one in phrases.find(words)]


@pytest.mark.parametrize(
    ("written", "text", "said"),
    [
        ("(chest|breastbone) pain", "Pain? No: breastbone pain.", "breastbone pain"),
        ("hurts (in)? (my|the) chest", "It hurts my chest", "hurts my chest"),
        ("swell*", "It is swelling", "swelling"),
        ("cannot _ straight", "I cannot walk straight", "cannot walk straight"),
        ("pain ... chest", "a pain deep in my chest", "pain deep in my chest"),
        ("(out of breath|breathless)", "I am out of breath", "out of breath"),
        ("cant breathe", "I can’t breathe", "cant breathe"),
        ("corazon", "El CORAZÓN", "corazon"),
        ("suicide", "sui\u200bci\u00adde", "suicide"),
        ("fever (38|39)", "fever 38.9", "fever 38"),
    ],
)
def test_a_phrase_is_found_however_it_is_written(written: str, text: str, said: str) -> None:
    assert found(text, it=written) == [("it", said)]


def test_a_phrase_does_not_go_on_in_the_next_sentence_nor_over_more_than_four_words() -> None:
    assert found("I had pain. My chest is fine.", it="pain ... chest") == []
    assert found("pain one two three four five chest", it="pain ... chest") == []


@pytest.mark.parametrize(
    "wrong", ["", "(a|b", "((a|b)|c) d", "(my)? chest", "... chest", "_ chest", "ab* cd", "a|", "né!", "(x|...) y"]
)
def test_a_phrase_that_cannot_be_read_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError):
        phrase(wrong)


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("I have no chest pain", True),
        ("She denies fever, cough and chest pain", True),
        ("Chest pain is absent", True),
        ("My chest pain has gone away", True),
        ("I have no fever but chest pain", False),
        ("I have no fever, my chest pain is worse", False),
        ("No fever. Chest pain since noon", False),
        ("I don't know why I have chest pain", False),
        ("No better. Still chest pain", False),
        ("The chest pain is not getting better", False),
        ("No tengo dolor en el pecho", True),
        ("No tengo fiebre, pero me duele el pecho", False),
    ],
)
def test_a_denial_reaches_as_far_as_it_is_meant(text: str, denied: bool) -> None:
    from residency.serve.guard.rules import read_rules

    words = words_of(text)
    mentions = [one for one in meant(words, read_rules().phrases.find(words)) if one.concept == "chest-pain"]
    assert mentions and all(one.denied is denied for one in mentions)


@pytest.mark.parametrize(
    "piece", ["no chest pain ", "I want to ", "how ... much ", "\u0301a", "dolor de ", "(((", "no no no ", "a.b."]
)
def test_no_text_makes_reading_slow(piece: str) -> None:
    from residency.serve.guard import Guard

    guard, text = Guard(), piece * (MOST // 4 // len(piece))
    began = time.process_time()
    guard.before([{"role": "user", "content": text[: MOST // 16]}], "patient")
    short = time.process_time() - began
    began = time.process_time()
    guard.before([{"role": "user", "content": text}], "patient")
    assert time.process_time() - began < 12 * short + 0.5
