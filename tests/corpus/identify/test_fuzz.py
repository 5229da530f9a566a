"""Whatever a text holds: no crash, offsets of the original, no overlap, time that grows with the text and no more."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixture_rules import made
from residency.corpus.identify.finder import finder
from residency.corpus.identify.practice import practice
from residency.corpus.identify.view import view_of

ODD = [
    "\u200b",
    "\u202e",
    "\u2066",
    "\u0301",
    "\u00ad",
    "\ufeff",
    "\u0430",
    "\u0455",
    "\x00",
    "\x1b",
    "\ud800",
    "\U0001f600",
    "\u05d0",
    "\u0645",
    "\u4e2d",
    "\r\n",
    "\t",
    "|",
    "\u2028",
    "1l/O3/199S",
    "SGVsbG8gd29ybGQhIQ==",
    "Dr.",
    "MRN:",
    "4482-1243",
    "03/14/2021",
    "t@x.example",
    " at ",
    " dot ",
    "O-K-O-N-J-O",
    "(212) 555-0199",
    "Tamsin",
    "\u212a",
    "\ufb01",
]
TEXTS = st.lists(st.one_of(st.sampled_from(ODD), st.text(max_size=8), st.characters()), max_size=30).map("".join)


def check(text, found):
    last = 0
    for f in found:
        assert last <= f.start < f.end <= len(text) and 0 <= f.score <= 1
        last = f.end


@settings(max_examples=100, deadline=None)
@given(text=TEXTS, language=st.sampled_from(["en", "es"]), mode=st.sampled_from(["default", "recall"]))
def test_any_text_is_read(kept, text, language, mode):
    found = finder(language=language, mode=mode)
    made = found.find(text, {"name": [{"family": "Tamsin"}]})
    check(text, made)
    assert made == found.find(text, {"name": [{"family": "Tamsin"}]})


@settings(max_examples=100, deadline=None)
@given(text=TEXTS, language=st.sampled_from(["en", "es"]))
def test_hyperscan_and_re_find_the_same(text, language):
    view = view_of(text)
    fast, slow = (made(language, compiled=compiled).find(view) for compiled in (True, False))
    assert fast == slow


def test_on_practice_hyperscan_and_re_find_the_same():
    for language in ("en", "es"):
        fast, slow = made(language), made(language, compiled=False)
        text = "\n".join(text for text, _ in practice(60, seed=9, language=language))
        assert fast.find(view_of(text)) == slow.find(view_of(text))


@pytest.mark.slow
def test_ten_megabytes_take_ten_times_as_long_as_one(kept):
    rng = random.Random(0)
    page = " ".join(text for text, _ in practice(300, seed=5)) + " " + "".join(rng.choices("ABCabc123+/", k=20_000))
    found = finder(language="en")
    spent = []
    for size in (1_000_000, 10_000_000):
        text = (page * (size // len(page) + 1))[:size]
        began = time.process_time()
        check(text, found.find(text))
        spent.append(time.process_time() - began)
    assert spent[1] < 20 * spent[0]
