"""Slots: what was read for one user is gone on from for that user alone, and what is alike goes where it was read."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from residency.serve.engine.slots import CHARACTERS, Slots, marks_of

NOTE = "The patient has a fever since Monday. " * 40


def put(slots: Slots, user: str, prompt: Any) -> dict[str, Any]:
    with slots.place(user, prompt) as where:
        return where


def test_a_user_goes_on_from_what_was_read_for_them_and_another_begins_anew():
    slots = Slots(2)
    assert put(slots, "anna", NOTE) == {"id_slot": 0, "cache_prompt": False}
    assert put(slots, "anna", NOTE + "And now?") == {"id_slot": 0, "cache_prompt": True}
    assert put(slots, "ben", NOTE) == {"id_slot": 1, "cache_prompt": False}
    assert put(slots, "cleo", NOTE) == {"id_slot": 0, "cache_prompt": False}  # the one used longest ago
    assert put(slots, "anna", NOTE) == {"id_slot": 1, "cache_prompt": False}


def test_of_ones_own_slots_the_one_that_has_read_most_of_it_is_taken():
    slots = Slots(3)
    with ExitStack() as held:
        for prompt in ("a" * 3000, NOTE, NOTE[:300]):
            held.enter_context(slots.place("anna", prompt))
    assert put(slots, "anna", NOTE + "And now?") == {"id_slot": 1, "cache_prompt": True}
    assert put(slots, "anna", [1, 2, 3] * 100) == {"id_slot": 0, "cache_prompt": True}


def test_a_slot_is_one_requests_at_a_time_and_is_free_again_when_that_fails():
    slots = Slots(2)
    with slots.place("anna", NOTE) as first, slots.place("anna", NOTE) as second:
        assert {first["id_slot"], second["id_slot"]} == {0, 1}
    try:
        with slots.place("anna", NOTE):
            raise ValueError
    except ValueError:
        pass
    with slots.place("anna", NOTE), slots.place("anna", NOTE):
        pass


def test_what_takes_several_slots_leaves_them_nobodys():
    slots = Slots(2)
    put(slots, "anna", NOTE)
    with slots.several() as where:
        assert where == {"cache_prompt": False}
        put(slots, "ben", NOTE)
        assert not put(slots, "ben", NOTE)["cache_prompt"]  # a part of the other may just have been read in it
    assert not put(slots, "anna", NOTE)["cache_prompt"] and not put(slots, "ben", NOTE)["cache_prompt"]


def test_where_all_is_shared_llama_chooses():
    slots = Slots(2, share=True)
    assert put(slots, "anna", NOTE) == put(slots, "ben", NOTE) == {"cache_prompt": True}
    with slots.several() as where:
        assert where == {"cache_prompt": True}


def test_marks_are_the_same_as_far_as_prompts_are_and_hold_no_text():
    one, other = marks_of(NOTE), marks_of(NOTE[: 2 * CHARACTERS] + "x" + NOTE[2 * CHARACTERS :])
    assert one[:2] == other[:2] and one[2] != other[2] and len(set(one)) == len(one)
    assert all(isinstance(mark, int) for mark in one)
    assert marks_of(list(range(130)))[:2] == marks_of(list(range(128)))
