"""Practice for the tagger: every mark lies in its text, the same seed says the same, and every label comes."""

import random

import pytest

pytest.importorskip("faker", reason="names for practice are Faker's")
pytest.importorskip("numba", reason="words are cut by compiled code")

from residency.core.errors import UserError
from residency.corpus.identify import messes
from residency.corpus.identify.kinds import KINDS
from residency.corpus.identify.practice import practice, told
from residency.corpus.identify.slots import Filler, book, parse, slots_of

LANGUAGES = ("en", "es")
COUNT = 300


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_marked_lies_in_the_text_and_does_not_overlap(language: str) -> None:
    for text, spans in practice(COUNT, language=language):
        last = 0
        for start, end, label in sorted(spans):
            assert last <= start < end <= len(text)
            assert label in KINDS
            assert text[start:end] == text[start:end].strip() != ""
            last = end


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_seed_says_the_same_and_another_says_other_things(language: str) -> None:
    one = practice(20, seed=3, language=language)
    assert one == practice(20, seed=3, language=language)
    assert one == practice(40, seed=3, language=language)[:20]
    assert not {text for text, spans in one if spans} & {text for text, _ in practice(20, seed=4, language=language)}


def test_every_label_comes_and_every_mess() -> None:
    rows = [row for language in LANGUAGES for row in told(3 * COUNT, language=language)]
    assert {label for _, spans, _ in rows for *_, label in spans} == set(KINDS)
    assert {mess for *_, mess in rows} == {"", *messes.MESSES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_half_of_the_text_or_more_identifies_nobody(language: str) -> None:
    rows = practice(COUNT, language=language)
    assert not any(spans for _, spans in rows[1::2])
    assert sum(len(text) for text, _ in rows[1::2]) > 0.9 * sum(len(text) for text, _ in rows[0::2])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_marked_template_marks_something_and_no_plain_one_does(language: str) -> None:
    pages = book(language)
    assert len(pages.marked) >= {"en": 250, "es": 120}[language]
    for half, marks in ((pages.marked, True), (pages.plain, False)):
        for row in half:
            filler = Filler(pages, random.Random(0))
            filler.fill(row)
            text, spans = filler.document()
            assert bool(spans) == marks, text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_slot_can_be_filled(language: str) -> None:
    pages = book(language)
    rows = [*pages.marked, *pages.plain, *(row for pool in pages.pools.values() for row in pool.rows)]
    for row in rows:
        for slot in slots_of(row):
            Filler(pages, random.Random(0)).fill((slot,))
    assert set(pages.sections) <= set(pages.pools)


def test_no_template_is_both_learned_from_and_held_back() -> None:
    pages, learn, held = (book("en", part) for part in ("all", "learn", "held"))
    assert not set(learn.marked) & set(held.marked)
    assert set(learn.marked) | set(held.marked) == set(pages.marked)
    names = {part: {Filler(book("en", part), random.Random(n)).book.words.word(random.Random(n), "family")
                    for n in range(200)} for part in ("learn", "held")}  # fmt: skip
    assert len(names["learn"] & names["held"]) <= 2


def test_a_person_stays_the_same_throughout_a_text() -> None:
    filler = Filler(book("en"), random.Random(1))
    filler.fill(parse("{patient.last} {patient.last} {patient.first}"))
    text, spans = filler.document()
    assert [label for *_, label in spans] == ["NAME"] * 3
    words = [text[start:end] for start, end, _ in spans]
    assert words[0] == words[1]


def test_an_edit_at_the_edge_of_a_mark_stays_outside_it_and_one_within_belongs_to_it() -> None:
    text, spans = messes.edited("see Ann Lee now", [(4, 11, "NAME")], [(4, 4, "*"), (7, 8, "\n"), (11, 11, "!!")])
    assert text == "see *Ann\nLee!! now"
    assert [text[start:end] for start, end, _ in spans] == ["Ann\nLee"]
    text, spans = messes.edited("see Ann now", [(4, 7, "NAME")], [(3, 4, "")])
    assert (text, text[spans[0][0] : spans[0][1]]) == ("seeAnn now", "Ann")


def test_a_template_that_is_wrong_is_told() -> None:
    for wrong in ("{name", "name}", "{Not A Slot}"):
        with pytest.raises(UserError):
            parse(wrong)
    with pytest.raises(UserError, match="nosuch"):
        Filler(book("en"), random.Random(0)).fill(parse("{nosuch}"))
    with pytest.raises(UserError, match="'xx'"):
        practice(1, language="xx")
