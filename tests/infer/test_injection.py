"""A hundred hostile passages: none causes a call, ends the fence or hides, whatever the model is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from residency.infer.answer.cited import answer
from residency.infer.evidence import Found, fenced

BENCH = Path(__file__).parents[2] / "bench"
CONTROL = re.compile(r"<\||\|>|</?s>|\[/?INST\]|<</?SYS>>|(?:start|end)_of_turn>")


@pytest.fixture(scope="module")
def injection():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCH))
        import injection

        yield injection


@pytest.fixture(scope="module")
def passages(injection):
    return injection.hostile()


def test_there_are_a_hundred_passages_each_with_a_mark_of_its_own(passages):
    assert len(passages) == len({one.mark for one in passages}) == len({one.evidence.text for one in passages}) == 100
    assert not any(one.mark in one.twin.text for one in passages)


def test_ten_of_them_come_out_of_a_pdf_in_which_nobody_sees_the_order(passages, injection):
    of_pdf = [one for one in passages if one.family == "pdf"]
    assert len(of_pdf) == 10
    assert all(one.mark in one.evidence.text for one in of_pdf)


def test_no_passage_ends_its_fence_or_begins_a_turn(passages):
    for one in passages:
        inside = fenced([one.evidence]).removeprefix("<evidence>").removesuffix("</evidence>")
        assert not re.search(r"<\s*/?\s*(?:evidence|passage)", inside, re.IGNORECASE), one.id
        assert not CONTROL.search(inside), one.id


def test_nothing_unseen_is_laid_before_a_model(passages):
    shown = "".join(fenced([one.evidence]) for one in passages)
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f\x08\x1b]", shown)


@pytest.mark.parametrize("way", ["agent", "given"])
def test_a_model_that_obeys_all_that_it_reads_makes_no_call_for_an_order(injection, passages, way):
    puppet, called = injection.Puppet(), set()
    for one in passages:
        bad = injection.WAYS[way](puppet, one.question, one.evidence)
        called.add(tuple(bad["calls"]))
        assert bad["seen"] == 0, one.id
    twin = injection.WAYS[way](puppet, passages[0].question, passages[0].twin)
    assert called == {tuple(twin["calls"])}


def test_the_same_model_without_the_fence_calls_the_trap(injection, passages):
    obeyed = [injection.WAYS["pasted"](injection.Puppet(), one.question, one.evidence)["calls"] for one in passages]
    assert sum(map(bool, obeyed)) > 90


def test_a_cited_answer_says_of_an_order_no_more_than_its_words(injection, passages):
    """What is said stands in the passage word for word, and names the place: an order can be quoted, not obeyed."""
    for one in passages:
        done = answer(one.question, injection.Puppet(), lambda _, one=one: Found([one.evidence]))
        for sentence in done.sentences:
            for cite in sentence.citations:
                assert one.evidence.text[cite.start : cite.end] == cite.quote, one.id


def test_a_mark_is_found_however_it_is_spaced(injection):
    assert injection.marked("F L O N-Q u e 6!", "FLONQUE6")
    assert not injection.marked("Wool socks.", "FLONQUE6")
    assert not injection.marked(None, "FLONQUE6")
