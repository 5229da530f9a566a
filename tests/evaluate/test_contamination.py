"""A test item that a run has trained on is found, whichever way it came in."""

from __future__ import annotations

from residency.core.store import write_examples
from residency.core.types import Example
from residency.evaluate.contamination import found_in_training

LONG = "The patient was admitted with crushing chest pain that radiated to the left arm and the jaw on Monday."


def item(key, text, **meta):
    return Example(
        key, [{"role": "user", "content": f"Find all diseases. {text}"}], ["x"], meta={"facts": [text], **meta}
    )


def found(tmp_path, train, tests):
    write_examples(tmp_path / "examples.jsonl", train)
    return found_in_training(tmp_path, tests)


def test_items_in_a_prompt_an_answer_or_a_text_are_found_and_no_others(tmp_path):
    other = "Nothing of this was ever said to anyone, in any ward, on any day of the year, as far as is known here."
    third = "A third text, long enough to be compared, about the fever that came and went for three days in the spring."
    train = [
        Example("a", [{"role": "user", "content": f"Read: {LONG.upper()}"}], ["ok"], meta={"task": "t"}),
        Example("b", [], ["well: " + third], meta={"task": "t"}),
        Example("c", [], ["y"], meta={"task": "t", "text": "short"}),
    ]
    tests = [item("1", LONG), item("2", other), item("3", third), item("4", "short")]
    assert found(tmp_path, train, tests) == ["1", "3"]


def test_the_words_around_an_item_are_not_the_item(tmp_path):
    train = [
        Example("a", [{"role": "user", "content": "Find all diseases in the text. " * 5}], ["x"], meta={"task": "t"})
    ]
    assert found(tmp_path, train, [item("1", LONG)]) == []
