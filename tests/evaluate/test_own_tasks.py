"""A user's own task: each of the four kinds from a few lines, and every mistake told at once, by line."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from residency.core.errors import RecipeError, SourceError, UserError
from residency.evaluate.tasks import named, own
from residency.evaluate.tasks.own import read_declaration, read_items
from residency.evaluate.tasks.read import examples_of

ITEMS = {
    "choice": [{"id": "1", "context": "A note.", "question": "Which?", "choices": ["a", "b"], "answer": 1}],
    "classify": [{"id": 1, "text": "chest pain", "text_b": "since today", "label": "urgent"}],
    "extract": [{"id": "1", "text": "Fever, no rash.", "entities": [{"start": 0, "end": 5, "label": "Finding"}]}],
    "generate": [{"id": "1", "input": "Explain fever.", "reference": ["A high temperature.", "Being too hot."]}],
}
MORE = {"classify": "labels: [urgent, routine]\n"}


def task_file(folder, kind, items=None, more=""):
    (folder / "items.jsonl").write_text("".join(json.dumps(i) + "\n" for i in items or ITEMS[kind]))
    path = folder / f"{kind}.yaml"
    path.write_text(f"task: my_{kind}\nitems: items.jsonl\nkind: {kind}\n{MORE.get(kind, '')}{more}")
    return path


@pytest.mark.parametrize("kind", ITEMS)
def test_each_kind_becomes_a_question_with_an_answer(kind, tmp_path):
    (task,) = named(str(task_file(tmp_path, kind, more="instruction: Look well.\n")))
    (example,), _ = examples_of(task)
    asked = example.prompt[0]["content"]
    assert task.name == f"my_{kind}" and "Look well." in asked and example.id == "1" and example.group == "1"
    expected = {
        "choice": ["B"],
        "classify": ["urgent"],
        "extract": ['["Fever"]'],
        "generate": ITEMS[kind][0].get("reference"),
    }
    assert example.wanted == expected[kind]
    assert example.choices == {"choice": ["A", "B"], "classify": ["urgent", "routine"]}.get(kind, [])


def test_options_may_be_compared_by_their_own_text(tmp_path):
    (task,) = named(str(task_file(tmp_path, "choice", more="style: options\n")))
    (example,), _ = examples_of(task)
    assert example.choices == ["a", "b"] and example.wanted == ["b"]


def test_every_mistake_of_a_declaration_is_told_at_once_with_its_line(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("task: t\nitem: x.jsonl\nkind: clasify\nlabels: [yes, no]\nmax_tokens: 0\n")
    with pytest.raises(RecipeError) as found:
        read_declaration(path)
    told = str(found.value)
    for words in ("items is missing", "line 2: item is not a field of a task; did you mean items",
                  "line 3: kind is 'clasify'; did you mean classify", "line 4: labels holds something that",
                  "line 5: max_tokens is 0"):  # fmt: skip
        assert words in told, words


@pytest.mark.parametrize("name", ["../../elsewhere", "a b", "/tmp/x", ".hidden", "qa", "pubmedqa"])
def test_a_task_may_not_lie_elsewhere_nor_take_the_name_of_one_of_ours(name, tmp_path):
    path = task_file(tmp_path, "choice")
    path.write_text(path.read_text().replace("my_choice", name))
    with pytest.raises(RecipeError, match="line 1: task is .*(a name is made of letters|the name of a task of ours)"):
        named(str(path))


@pytest.mark.parametrize(
    "text, words",
    [("- a\n", "not a YAML mapping"), ("", "not a YAML mapping"), ("task: t\nitems: [", "line 2: not YAML")],
)
def test_a_file_that_is_no_declaration_is_refused(text, words, tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=words):
        read_declaration(path)


def test_every_bad_item_is_named_by_line_without_a_word_of_it(tmp_path):
    path = tmp_path / "items.jsonl"
    good = {"id": "1", "text": "secret words", "label": "a"}
    rows = [
        json.dumps(good), "{", "[1]", json.dumps({**good, "id": None}), json.dumps({**good, "id": "2", "label": "b"}),
        json.dumps(good), json.dumps({"id": "3", "label": "a"}), "",
    ]  # fmt: skip
    path.write_text("\n".join(rows))
    with pytest.raises(SourceError) as found:
        read_items(path, "classify", ("a", "c"))
    told = str(found.value)
    lines = ("line 2: not JSON", "line 3: not a JSON object", 'line 4: "id"', 'line 5: "label" is none of a, c',
             "line 6: its id stands already in line 1", 'line 7: "text" is missing')  # fmt: skip
    for words in lines:
        assert words in told, words
    assert "secret" not in told and len(told.splitlines()) == len(lines)


@pytest.mark.parametrize(
    "kind, item, words",
    [
        ("choice", {"question": "q", "choices": ["a", "b"], "answer": 2}, '"answer" is not the index'),
        ("choice", {"question": "q", "choices": ["a", "a "], "answer": 0}, "holds a text twice"),
        ("generate", {"input": " ", "reference": "a"}, '"input" is empty'),
        ("choice", {"question": "q", "choices": ["a"], "answer": 0}, '"choices" is not a list of 2'),
        ("extract", {"text": "abc", "entities": [{"start": 1, "end": 9, "label": "X"}]}, "entity 1 does not lie"),
        ("extract", {"text": "abc", "entities": [{"start": 1, "end": 2}]}, "entity 1 is not an object"),
        ("generate", {"input": "a", "reference": []}, '"reference" is neither'),
    ],
)
def test_what_each_kind_asks_of_an_item(kind, item, words, tmp_path):
    with pytest.raises(UserError, match=words):
        named(str(task_file(tmp_path, kind, [{"id": "1", **item}])))


def test_the_items_of_a_large_file_do_not_stay_in_memory(tmp_path):
    count, path = 4000, tmp_path / "items.jsonl"
    with path.open("w") as handle:
        for number in range(count):
            handle.write(json.dumps({"id": number, "text": f"{number} " + "word " * 400, "label": "a"}) + "\n")
    declared = {"task": "t", "items": "items.jsonl", "kind": "classify", "labels": ["a", "b"]}
    tracemalloc.start()
    found = sum(1 for _ in own.examples_of(declared, tmp_path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == count and peak < 300 * count + 100_000, peak / count


def test_a_file_is_read_as_its_items_are_asked_for_and_its_mistakes_are_told_at_its_end(tmp_path):
    path = tmp_path / "items.jsonl"
    path.write_text('{"id": 1, "text": "a", "label": "a"}\n{\n{"id": 2, "text": "b", "label": "a"}\n')
    items = own.each_item(path, "classify", ("a", "b"))
    assert [next(items)["id"], next(items)["id"]] == ["1", "2"]
    with pytest.raises(SourceError, match="items.jsonl: line 2: not JSON"):
        next(items)
