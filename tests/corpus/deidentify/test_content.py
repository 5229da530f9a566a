"""The hash of a set of texts: the same in any order and any parts, another one for any other set."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residency.core.errors import UserError
from residency.corpus.deidentify.content import Content, content_of, part_of

TEXTS = st.lists(st.tuples(st.text(max_size=8), st.text(max_size=20)), max_size=12)


@settings(deadline=None)
@given(TEXTS.flatmap(lambda texts: st.tuples(st.just(texts), st.permutations(texts))), st.integers(0, 12))
def test_neither_order_nor_parts_count(both, cut):
    whole, mixed = content_of(both[0]), both[1]
    assert content_of(mixed) == whole == content_of(mixed[:cut]) + content_of(mixed[cut:])
    assert part_of(whole.as_part()) == whole
    assert whole + Content() == whole


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_two_sets_have_the_same_hash_only_if_they_are_the_same(first, second):
    same = sorted(first) == sorted(second)
    assert (content_of(first).hash == content_of(second).hash) == same


@settings(deadline=None)
@given(TEXTS.filter(len), st.data())
def test_any_change_gives_another_hash(texts, data):
    at = data.draw(st.integers(0, len(texts) - 1))
    key, text = texts[at]
    rest = texts[:at] + texts[at + 1 :]
    for other in ([(key, text + " ")], [(key + " ", text)], [], [(key, text)] * 2):
        assert content_of(rest + other).hash != content_of(texts).hash


def test_what_is_id_and_what_is_text_is_told_apart():
    assert content_of([("ab", "c")]).hash != content_of([("a", "bc")]).hash
    assert content_of([("a", "b"), ("c", "d")]).hash != content_of([("a", "d"), ("c", "b")]).hash


def test_the_hash_is_what_its_definition_says():
    total = 0
    for key, text in (("a", "first"), ("b", "second")):
        name = f'["{key}", "{hashlib.sha256(text.encode()).hexdigest()}"]'
        seed = hashlib.sha256(name.encode()).digest()
        total += int(hashlib.shake_256(seed).hexdigest(512), 16)
    wide = (total % 2**4096).to_bytes(512, "big")
    wanted = hashlib.sha256(b"residency content 1\n2\n" + wide).hexdigest()
    assert content_of([("b", "second"), ("a", "first")]).as_row() == {"documents": 2, "hash": wanted}


@pytest.mark.parametrize(
    "row", [{}, {"documents": 1, "total": "zz"}, {"documents": -1, "total": "0"}, {"documents": 1}]
)
def test_a_damaged_part_is_refused(row):
    with pytest.raises(UserError, match="make the corpus again"):
        part_of(row)
