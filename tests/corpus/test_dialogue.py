"""Recorded dialogues as chats, cut where the doctor speaks next."""

from __future__ import annotations

import pytest

from residency.core.errors import SourceError
from residency.corpus import benchmarks
from residency.corpus.benchmarks.dialogue import next_turns, turns

SPOKEN = """Doctor: Good morning.
Patient: Hello.
Guest_family: He fell.
 Doctor: When did he
fall down?
Doctor: And where?
Patient: At home.
Doctor: Okay."""


def test_what_one_side_says_in_a_row_is_one_turn_and_only_the_doctor_is_the_assistant() -> None:
    assert turns(SPOKEN) == [
        {"role": "assistant", "content": "Good morning."},
        {"role": "user", "content": "Hello. He fell."},
        {"role": "assistant", "content": "When did he fall down? And where?"},
        {"role": "user", "content": "At home."},
        {"role": "assistant", "content": "Okay."},
    ]
    bracketed = turns("[doctor] hi .\n[patient] hi .\n[patient_guest] hello : all .\n[doctor] [sigh] okay .")
    assert [t["role"] for t in bracketed] == ["assistant", "user", "assistant"]
    assert bracketed[1]["content"] == "hi . hello : all ." and bracketed[2]["content"] == "[sigh] okay ."
    slips = turns('"Doctor: Hello.\nGest_family: Hi.\nGuest_family. I am his wife.\nDocotr_2: Good day."')
    assert [t["content"] for t in slips] == ["Hello.", "Hi. I am his wife. Good day."]
    with pytest.raises(ValueError, match="does not begin with a speaker"):
        turns("Good morning.\nDoctor: Hello.")


def dialogue(name: str, text: str) -> dict[str, str]:
    return {"id": name, "input": text, "reference": "a note", "split": "test"}


def test_a_dialogue_is_cut_only_before_a_turn_of_the_doctor_that_says_something() -> None:
    (item,) = next_turns([dialogue("d1", SPOKEN)], 5)
    assert item["reference"] == "When did he fall down? And where?" and len(item["turns"]) == 2
    assert item["id"] == "1-d1-turn-002" and item["group"] == "d1" and item["split"] == "test"
    (none,) = next_turns([dialogue("d2", "Doctor: Tell me all about it.\nPatient: No.")], 1)
    assert "skip" in none and "Tell" not in none["skip"]


def test_the_places_hang_on_the_id_alone_and_the_first_of_all_dialogues_come_first() -> None:
    text = "\n".join(f"Patient: Answer {i}.\nDoctor: This is question number {i}?" for i in range(20))
    many, few = ([i["id"] for i in next_turns([dialogue("d", text)], n)] for n in (5, 2))
    assert [i[:4] for i in many] == [f"{n}-d-" for n in range(1, 6)] and few == many[:2] and len(set(many)) == 5
    eight = [dialogue(f"d{k}", text) for k in range(8)]
    assert len({tuple(i["id"][-3:] for i in next_turns([one], 2)) for one in eight}) > 4
    first = sorted(next_turns(eight, 2), key=lambda i: i["id"])[:8]
    assert {i["group"] for i in first} == {one["id"] for one in eight}


@pytest.mark.parametrize("name, most", [("mts_next_turn", 1), ("aci_next_turn", 5)])
def test_the_public_dialogues_are_cut_with_the_patient_speaking_last(name: str, most: int) -> None:
    try:
        benchmarks.folder_of(name)
    except SourceError:
        pytest.skip(f"the data set behind {name} is not here (RESIDENCY_DATA)")
    found = benchmarks.items(name, "test")
    whole = benchmarks.items(name.replace("next_turn", {"mts": "dialog", "aci": "bench"}[name[:3]]), "test").items
    by_dialogue: dict[str, int] = {}
    for item in found.items:
        by_dialogue[item["group"]] = by_dialogue.get(item["group"], 0) + 1
        roles = [turn["role"] for turn in item["turns"]]
        assert roles[-1] == "user" and all(a != b for a, b in zip(roles, roles[1:], strict=False))
        assert item["reference"].strip() and all(turn["content"].strip() for turn in item["turns"])
    assert max(by_dialogue.values()) == most and set(by_dialogue) <= {item["id"] for item in whole}
    assert len(by_dialogue) > 0.5 * len(whole) and sum(found.skipped.values()) >= len(whole) - len(by_dialogue)
