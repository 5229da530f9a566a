"""A prompt's file: read, checked by line, written again; its hash goes by what a model is asked alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from residency.core.errors import RecipeError
from residency.infer.prompts.prompt import Prompt, Shots, prompt_of, read_prompt, text_of, write_prompt
from residency.infer.prompts.words import OF_KIND, PLACES, WORDINGS

WHOLE = """\
id: ward-notes
version: 3
kind: choice
task: wards
language: en
instruction: Answer from the note.
style: options
words: {options: 'One of: {}', turned: true}
shots: {count: 2, pick: fixed, ids: [a, b]}
schema: true
about: A made-up prompt.
parent: abc
measured: [{on: wards, value: 0.5}]
"""


def file(tmp_path, text):
    path = tmp_path / "ward-notes-3.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read_and_written_back_to_the_same_prompt(tmp_path):
    one = read_prompt(file(tmp_path, WHOLE))
    assert one.name == "ward-notes-3" and one.shots == Shots(2, "fixed", ("a", "b")) and one.schema
    assert one.worded.options == "One of: {}" and one.worded.turned and one.worded.answer == "Answer with the letter."
    again = read_prompt(write_prompt(one, tmp_path / "new" / "copy.yaml"))
    assert again == one and again.measured == one.measured and text_of(again) == text_of(one)


def test_what_is_as_usual_is_not_written():
    assert text_of(Prompt("a", "extract")) == "id: a\nversion: 1\nkind: extract\n"


def test_the_hash_changes_with_what_is_asked_and_not_with_what_is_told_about_it():
    one = Prompt("a", "choice", instruction="Look.")
    same = [{"id": "b"}, {"version": 2}, {"about": "x"}, {"parent": "y"}, {"measured": ({"value": 1},)}, {"task": "t"}]
    assert {replace(one, **change).hash for change in same} == {one.hash}
    asked = [{"instruction": "See."}, {"style": "options"}, {"schema": True}, {"language": "es"}]
    asked += [{"shots": Shots(1)}, {"shots": Shots(2)}, {"words": (("answer", "Letter?"),)}]
    assert len({replace(one, **change).hash for change in asked} | {one.hash}) == len(asked) + 1


def test_words_that_say_what_the_language_says_anyway_make_no_other_prompt():
    one = Prompt("a", "choice")
    assert replace(one, words=(("answer", "Answer with the letter."),)).hash == one.hash


def test_every_mistake_is_told_at_once_by_line(tmp_path):
    text = "id: a b\nkind: chioce\nversion: 0\nstyle: 3\nwords: {}\nlanguage: xx\ninstructions: x\n"
    with pytest.raises(RecipeError) as found:
        read_prompt(file(tmp_path, text))
    told = str(found.value)
    assert "line 1: id is 'a b'" in told and "line 2: kind is 'chioce'; did you mean choice?" in told
    assert "line 3: version is 0" in told and "line 4: style is int; expected a text" in told
    assert "line 6: language is 'xx'" in told and "line 7: instructions is no field of a prompt; did you mean" in told


@pytest.mark.parametrize(
    "kind, words, told",
    [
        ("choice", "{options: none}", "options: it must leave 1 free, written {}"),
        ("choice", "{mark: '{}. {'}", "mark: its braces do not match"),
        ("choice", "{mark: '{a}. {b}'}", "mark: it must leave 2 free"),
        ("choice", "{listed: x}", "listed is no word of kind choice; "),
        ("extract", """{labelled: '{"text": x} {}'}""", "labelled: "),
        ("extract", "{turned: maybe}", "turned is true or false"),
        ("tag", "{verdict: [a]}", "verdict is a list of two texts"),
        ("tag", "{several: 3}", "several is int; expected a text"),
        ("rubric", "{opening: x}", "opening is no word of kind rubric"),
    ],
)
def test_words_must_leave_the_places_free_that_are_filled(kind, words, told, tmp_path):
    with pytest.raises(RecipeError) as found:
        read_prompt(file(tmp_path, f"id: a\nkind: {kind}\nwords: {words}\n"))
    assert "line 3: words: " in str(found.value) and told in str(found.value)


@pytest.mark.parametrize(
    "shots, told",
    [
        ("{count: -1}", "count is -1; expected a whole number from 0 to 64"),
        ("{count: true}", "count is True"),
        ("{count: 2, pick: best}", "pick is 'best'"),
        ("{count: 2, ids: [a]}", "1 ids are named and count is 2"),
        ("{count: 1, ids: [a], pick: random}", "pick random; ids go with as many, pick fixed"),
        ("{number: 2}", "no such key as number"),
    ],
)
def test_shots_are_checked(shots, told, tmp_path):
    with pytest.raises(RecipeError) as found:
        read_prompt(file(tmp_path, f"id: a\nkind: choice\nshots: {shots}\n"))
    assert told in str(found.value)


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words", "id: [", "", "!!python/object:os.system {}"])
def test_what_is_no_mapping_is_told_as_such(text, tmp_path):
    with pytest.raises(RecipeError, match="no YAML mapping|is missing"):
        read_prompt(file(tmp_path, text))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(RecipeError, match="there is no prompt file"):
        read_prompt(tmp_path / "none.yaml")


def test_an_instruction_as_long_as_a_record_is_none(tmp_path):
    with pytest.raises(RecipeError, match="instruction has 5000 characters"):
        read_prompt(file(tmp_path, f"id: a\nkind: choice\ninstruction: {'x' * 5000}\n"))


@pytest.mark.parametrize("language", WORDINGS)
def test_every_language_has_four_wordings_that_leave_the_same_places_free(language):
    assert len(WORDINGS[language]) == 4
    for words in WORDINGS[language]:
        for name, places in PLACES.items():
            assert getattr(words, name).replace("{{", "").replace("}}", "").count("{}") == places, name
        for name in ("answer", "listed", "paired"):
            assert getattr(words, name) and "{" not in getattr(words, name)


def test_a_prompt_says_all_words_of_its_kind_in_its_language():
    one = prompt_of({"id": "a", "kind": "extract", "language": "zh"})
    assert dict(one.said).keys() == set(OF_KIND["extract"]) and dict(one.said)["listed"] == WORDINGS["zh"][0].listed
