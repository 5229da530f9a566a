"""The chain as arithmetic: what a hash covers, and what happens to odd bodies, names and clocks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residency.serve.record.chain import GENESIS, Row, Tip, canonical, fitted, follows, hash_of, is_ours, linked, plain
from residency.serve.record.head import EMPTY
from residency.serve.types import Entry
from serve.record.record_case import entry, hash_by_hand

NOON = datetime(2026, 11, 27, 12, 0, 0, 5, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def mark(content: str) -> str:
    return f"{len(content)}:{hash(content)}"


def made(one: Entry, tip: Tip = EMPTY, now: datetime = NOON, sealed: bytes | None = None) -> Row:
    return linked(tip, plain(one), now=now, mark=mark, sealed=lambda seq: sealed)


def test_the_first_entry_stands_behind_nothing_and_has_the_hash_that_anyone_can_compute() -> None:
    row = made(entry(1), sealed=b"sealed")
    assert (row.seq, row.before, row.at) == (1, GENESIS, "2026-11-27T12:00:00.000005Z")
    assert row.hash == hash_of(row) == hash_by_hand(row)


def test_each_entry_follows_the_one_before() -> None:
    first = made(entry(1))
    second = made(entry(2), Tip(first.seq, first.hash, first.at))
    assert (second.seq, second.before) == (2, first.hash)
    assert follows([first, second], Tip(), mark) == Tip(2, second.hash, second.at)
    assert follows([second, first], Tip(), mark) is None and follows([second], Tip(), mark) is None


@pytest.mark.parametrize("name", ["seq", "at", "kind", "request", "actor", "body", "sealed", "before"])
def test_a_change_of_anything_changes_the_hash_and_is_not_ours(name: str) -> None:
    row = made(entry(1), sealed=b"sealed")
    other: Any = {"seq": 2, "sealed": b"sealee", "body": row.body.replace("1", "2", 1)}.get(name, "x")
    changed = replace(row, **{name: other})
    assert hash_of(changed) != row.hash and not is_ours(changed, mark)
    assert follows([replace(changed, hash=hash_of(changed))], Tip(), mark) is None


@settings(max_examples=50, deadline=None)
@given(body=st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_any_body_is_taken_and_given_back_and_stays_ours(body: dict[str, Any]) -> None:
    row = made(entry(body=body))
    assert row.body.isascii() and is_ours(row, mark)
    assert canonical(row.content) == canonical(plain(entry(body=body)).body)


@settings(max_examples=50, deadline=None)
@given(value=JSON)
def test_equal_values_have_one_writing(value: Any) -> None:
    import json

    assert canonical(json.loads(canonical(value))) == canonical(value)


def test_numbers_as_names_and_what_is_not_a_number_are_written_as_json_has_them() -> None:
    assert made(entry(body={10: "a", 9: float("nan"), "z": (1, 2)})).content == {"10": "a", "9": None, "z": [1, 2]}


def test_what_is_no_json_is_refused_before_it_reaches_the_record() -> None:
    with pytest.raises(TypeError):
        plain(entry(body={"x": object()}))


def test_a_name_that_does_not_print_or_is_too_long_is_made_to_fit() -> None:
    assert fitted("user:an\0na\n\ud800", 80) == "user:an\\x00na\\n\\ud800"
    assert len(fitted("é" * 200, 80)) == 80 and fitted("é" * 200, 80).endswith("…")
    assert plain(entry(actor="x" * 99, kind="k" * 99, request="r" * 99)).actor == "x" * 79 + "…"


def test_a_clock_that_goes_back_does_not_take_the_record_back() -> None:
    first = made(entry(1))
    second = made(entry(2), Tip(1, first.hash, first.at), now=NOON - timedelta(hours=1, microseconds=7))
    assert second.at == first.at and second.content["clock_back_s"] == 3600.000007
    third = made(entry(3), Tip(2, second.hash, second.at), now=NOON + timedelta(seconds=1))
    assert third.at > second.at and "clock_back_s" not in third.content
