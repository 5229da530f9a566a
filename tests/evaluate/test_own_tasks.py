"""A user's own task: each of the four kinds from a few lines, and every mistake told at once, by line."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from residency.core.errors import RecipeError, SourceError, UserError
from residency.evaluate.tasks import named, own
from residency.evaluate.tasks.items import each_item
from residency.evaluate.tasks.own import read_declaration
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


@pytest.mark.parametrize(
    "lines, words",
    [
        ("labels: [a, b]\nlabels: [a, c]\n", "line 5: labels stands already in line 4"),
        ("labels: [a, A]\n", "line 4: labels holds a label twice"),
        ("labels: [not  yet, not yet]\n", "line 4: labels holds a label twice"),
        ("labels: [a, ' b']\n", "line 4: labels holds a label that is empty, or begins or ends with white space"),
        ("labels: [a, '']\n", "line 4: labels holds a label that is empty"),
        ("labels: [a, b]\nlanguage: English\n", "line 5: language is 'English'; expected its code"),
    ],
)
def test_what_would_be_taken_for_something_else_is_told(lines, words, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("task: t\nitems: x.jsonl\nkind: classify\n" + lines)
    with pytest.raises(RecipeError, match=words):
        read_declaration(path)


def test_a_language_without_words_of_ours_is_told(tmp_path, capsys):
    named(str(task_file(tmp_path, "choice", more="language: de\n")))
    assert "no words of ours in 'de'; the answer is asked for in English" in capsys.readouterr().err
    named(str(task_file(tmp_path, "choice", more="language: fr\n")))
    assert "words of ours" not in capsys.readouterr().err


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
        list(each_item(path, "classify", ("a", "c")))
    told = str(found.value)
    lines = ("line 2: not JSON", "line 3: not a JSON object; a file holds one", 'line 4: "id"',
             'line 5: "label" is none of a, c', "line 6: its id stands already in line 1",
             'line 7: "text" is missing')  # fmt: skip
    for words in lines:
        assert words in told, words
    assert "secret" not in told and len(told.splitlines()) == len(lines)


@pytest.mark.parametrize(
    "kind, item, words",
    [
        ("choice", {"question": "q", "choices": ["a", "b"], "answer": 2}, '"answer" is not the index'),
        ("choice", {"question": "q", "choices": ["a", "a "], "answer": 0}, "holds a text twice"),
        ("choice", {"question": "q", "choices": ["a", " "], "answer": 0}, "holds an empty text"),
        (
            "extract",
            {"text": "abc", "entities": [{"start": 1, "end": 2, "label": "X", "text": "c"}]},
            "is not what stan",
        ),
        ("generate", {"input": " ", "reference": "a"}, '"input" is empty'),
        ("choice", {"question": "q", "choices": ["a"], "answer": 0}, '"choices" is not a list of 2'),
        ("extract", {"text": "abc", "entities": [{"start": 1, "end": 9, "label": "X"}]}, "entity 1 does not lie"),
        ("extract", {"text": "abc", "entities": [{"start": 1, "end": 2}]}, "entity 1 is not an object"),
        ("generate", {"input": "a", "reference": []}, '"reference" is neither'),
        ("generate", {"input": "a", "reference": "b", "group": None}, '"group" is neither a text nor a number'),
        ("generate", {"input": "a \ud83d", "reference": "b"}, "holds half of a character"),
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
    items = each_item(path, "classify", ("a", "b"))
    assert [next(items)["id"], next(items)["id"]] == ["1", "2"]
    with pytest.raises(SourceError, match="items.jsonl: line 2: not JSON"):
        next(items)


def test_an_unknown_key_of_an_item_is_named_by_line_with_the_legal_ones(tmp_path):
    rows = [
        {"id": "1", "text": "pain", "label": "urgent", "group": "p1", "meta": {"ward": "B"}},
        {"id": "2", "text": "pain", "lable": "urgent"},
        {"id": "3", "text": "pain", "label": "urgent", "Mr Smith, aged 40": 1},
    ]
    with pytest.raises(UserError) as found:
        named(str(task_file(tmp_path, "classify", rows)))
    told = str(found.value).splitlines()
    assert len(told) == 2 and "Smith" not in str(found.value)
    legal = "Legal are id, text, text_b, label, group, meta"
    assert told[0] == f'items.jsonl: line 2: unknown key "lable"; did you mean "label". {legal}'
    assert told[1] == f"items.jsonl: line 3: unknown key one of 17 characters. {legal}"


def test_lines_with_the_same_mistake_are_told_together_and_another_kind_is_suggested(tmp_path):
    rows = [{"id": str(n), "input": "a", "reference": "b"} for n in range(30)]
    with pytest.raises(UserError) as found:
        named(str(task_file(tmp_path, "classify", [*rows, {"id": "x", "text": "a", "label": "none"}])))
    told = str(found.value).splitlines()
    first = ", ".join(map(str, range(1, 21)))
    assert len(told) == 2 and told[0].startswith(f"items.jsonl: lines {first} and 10 more: unknown key ")
    assert "did you mean kind: generate" in told[0] and told[1].startswith("items.jsonl: line 31: ")


@pytest.mark.parametrize("more", ["max_tokens: 0\n", "metrik: accuracy\n", "style: [letters]\n"])
def test_mistakes_of_the_declaration_the_items_and_the_solved_items_are_told_together(more, tmp_path):
    (tmp_path / "solved.jsonl").write_text('{"id": "s1", "text": "a", "label": "none"}\n')
    path = task_file(tmp_path, "classify", [{"id": "1", "text": "a"}], f"shots: solved.jsonl\n{more}")
    with pytest.raises(RecipeError) as found:
        named(str(path))
    told = str(found.value).splitlines()
    assert len(told) == 3 and told[0].startswith("classify.yaml: line 6: ")
    assert told[1:] == [
        'items.jsonl: line 1: "label" is missing, or is not a text',
        'solved.jsonl: line 1: "label" is none of urgent, routine',
    ]


@pytest.mark.parametrize("line", ["[" * 100_000, '{"id": ' + "9" * 5000 + "}"])
def test_a_line_that_no_parser_takes_is_a_bad_line(line, tmp_path):
    (tmp_path / "items.jsonl").write_text(line + "\n")
    with pytest.raises(UserError, match="line 1: holds a number of thousands of digits, or lists in lists"):
        list(each_item(tmp_path / "items.jsonl", "generate", ()))


def test_a_solved_example_is_none_of_the_items(tmp_path):
    asked = [{"id": "1", "text": "Chest pain.", "label": "urgent"}, {"id": "2", "text": "A cold.", "label": "routine"}]
    solved = {"id": "1", "text": "Fever.", "label": "routine"}  # the same id is another file's numbering
    path = task_file(tmp_path, "classify", asked, "shots: solved.jsonl\n")
    (tmp_path / "solved.jsonl").write_text(json.dumps(solved) + "\n")
    assert named(str(path))
    (tmp_path / "solved.jsonl").write_text("".join(json.dumps(r) + "\n" for r in (solved, {**asked[1], "id": "s"})))
    with pytest.raises(UserError, match="solved.jsonl: 1 of the items of .* stand there too") as found:
        named(str(path))
    assert "cold" not in str(found.value)


def test_what_a_user_keeps_with_an_item_is_not_taken_for_ours(tmp_path):
    kept = {"turns": 3, "facts": 7, "shots": ["x"]}
    path = task_file(tmp_path, "generate", [{"id": "1", "input": "a", "reference": "b", "meta": kept}])
    (example,), _ = examples_of(named(str(path))[0])
    assert example.meta["own"] == kept and example.meta["facts"] == ["a"] and "turns" not in example.meta


def test_files_whose_form_is_not_known_are_not_read(tmp_path):
    path = task_file(tmp_path, "classify", [{"id": "1"}])
    path.write_text(path.read_text().replace("labels: [urgent, routine]", "labels: [1, 2]"))
    with pytest.raises(RecipeError) as found:
        named(str(path))
    assert len(str(found.value).splitlines()) == 1 and "line 4: labels holds something" in str(found.value)


def test_a_solved_item_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UserError, match="solved.jsonl cannot be read"):
        named(str(task_file(tmp_path, "generate", more="shots: solved.jsonl\n")))


# --- MedNLI's own files -------------------------------------------------------------------------------------------

PAIR = {
    "pairID": "p1-e",
    "sentence1": "He takes insulin.",
    "sentence2": "He has diabetes.",
    "gold_label": "entailment",
    "sentence1_parse": "(ROOT (S He takes insulin))",
}


def mednli_file(folder, rows, more=""):
    (folder / "mli.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = folder / "mli.yaml"
    path.write_text(f"task: mli\nitems: mli.jsonl\nkind: classify\nformat: mednli\n{more}")
    return path


def test_mednli_is_read_as_it_is_with_its_labels_and_premises_as_groups(tmp_path):
    rows = [
        PAIR,
        {**PAIR, "pairID": "p1-n", "sentence2": "He is tall.", "gold_label": "neutral"},
        {**PAIR, "pairID": "p2-c", "sentence1": "No fever.", "sentence2": "A fever.", "gold_label": "contradiction"},
    ]
    (task,) = named(str(mednli_file(tmp_path, rows)))
    found, _ = examples_of(task)
    assert [e.id for e in found] == ["p1-e", "p1-n", "p2-c"] and task.metric == "macro_f1"
    assert [e.wanted for e in found] == [["entailment"], ["neutral"], ["contradiction"]]
    assert found[0].choices == ["entailment", "contradiction", "neutral"]
    assert found[0].group == found[1].group != found[2].group and "insulin" not in found[0].group
    asked = found[0].prompt[0]["content"]
    assert asked.startswith("He takes insulin.\n\nHe has diabetes.\n\nDoes the second statement follow")
    assert "ROOT" not in asked and found[0].meta["facts"] == ["He takes insulin.", "He has diabetes."]


def test_mednli_may_have_other_labels_and_another_question(tmp_path):
    more = "labels: [yes_it_does, not_so]\ninstruction: Sure?\n"
    (task,) = named(str(mednli_file(tmp_path, [{**PAIR, "gold_label": "not_so"}], more)))
    (example,), _ = examples_of(task)
    assert example.wanted == ["not_so"] and "Sure?" in example.prompt[0]["content"]


def test_bad_lines_of_mednli_are_named_by_its_own_keys(tmp_path):
    rows = [
        {**PAIR, "gold_label": "-"},
        {**PAIR, "sentence1": None},
        {**PAIR, "sentence2": "  "},
        {**PAIR, "pairID": None},
        PAIR,
        PAIR,
        ITEMS["classify"][0],
    ]
    with pytest.raises(UserError) as found:
        named(str(mednli_file(tmp_path, rows)))
    assert [line.removeprefix("mli.jsonl: ") for line in str(found.value).splitlines()] == [
        'line 1: "gold_label" is none of entailment, contradiction, neutral',
        'lines 2, 7: "sentence1" is missing, or is not a text',
        'line 3: "sentence2" is empty',
        'line 4: "pairID" is missing, or is neither a text nor a number',
        "line 6: its id stands already in line 5",
    ]


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("mednli", "mednl", "line 4: format is 'mednl'; did you mean mednli. Legal are mednli"),
        ("mednli", "[mednli]", "line 4: format is .*; expected a text"),
        ("classify", "choice", "line 4: format is 'mednli', which is of kind classify, and not choice"),
    ],
)
def test_a_format_is_one_that_there_is_and_of_its_kind(old, new, words, tmp_path):
    path = mednli_file(tmp_path, [PAIR])
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(RecipeError, match=words) as found:
        named(str(path))
    assert "mli.jsonl" not in str(found.value)


def test_two_files_of_one_task_name_are_refused_and_one_file_twice_is_asked_once(tmp_path):
    row = {"id": "1", "text": "pain", "label": "urgent"}
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
    one, other = (task_file(tmp_path / place, "classify", [row]) for place in ("a", "b"))
    assert len(named(f"{one},{one}")) == 1
    with pytest.raises(UserError, match="two task files are called"):
        named(f"{one},{other}")


def test_items_in_another_encoding_are_named_by_line(tmp_path):
    path = task_file(tmp_path, "generate")
    (tmp_path / "items.jsonl").write_bytes((json.dumps(ITEMS["generate"][0]) + "\n").encode("utf-16"))
    with pytest.raises(SourceError, match="items.jsonl: line 1: not UTF-8 at byte 0"):
        list(each_item(tmp_path / "items.jsonl", "generate", ()))
    assert path.exists()


def test_an_entity_with_white_space_at_an_end_could_never_be_found(tmp_path):
    rows = [{"id": "1", "text": "Fever, no rash.", "entities": [{"start": 6, "end": 9, "label": "x"}]}]
    task_file(tmp_path, "extract", rows)
    with pytest.raises(SourceError, match="line 1: entity 1 begins or ends with white space"):
        list(each_item(tmp_path / "items.jsonl", "extract", ()))
