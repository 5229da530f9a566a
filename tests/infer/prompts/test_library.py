"""Which prompts there are: ours are whole, the user's stand beside them, and no version is ever written over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from residency.core.errors import UserError
from residency.evaluate.tasks import TASKS
from residency.infer.prompts import library
from residency.infer.prompts.library import add, every_prompt, find_prompt, find_prompts, fitting, ours
from residency.infer.prompts.prompt import Prompt, write_prompt


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    monkeypatch.setenv("RESIDENCY_PROMPTS", str(tmp_path / "mine"))
    return tmp_path / "mine"


def test_every_file_of_ours_is_called_after_its_prompt_and_says_what_it_is_for():
    found = every_prompt()
    assert len(found) >= 15 and all(path.stem == one.name and one.about for path, one in found)
    named = {one.task for _, one in found if one.task}
    assert named <= set(TASKS) and all(TASKS[one.task].kind == one.kind for _, one in found if one.task)


@pytest.mark.parametrize(
    "task, name",
    [("ncbi_disease", "diseases-1"), ("pubmedqa", "pubmedqa-1"), ("deid_es", "identifiers-es-1"), ("medqa", "exam-1"),
     ("aci_next_turn", "doctors-turn-1"), ("meqsum", "question-in-short-1")],
)  # fmt: skip
def test_the_public_tasks_ask_in_the_words_of_their_files(task, name):
    ask, one = TASKS[task].ask, ours(name)
    assert ask.instruction == one.instruction and ask.words == replace(one.worded)
    assert ask.by(one).words == ask.words and (ask.by(one).style == ask.style)


def test_a_new_version_comes_behind_all_others_and_is_found_by_its_id(mine):
    first = add(Prompt("diseases", "extract", instruction="Find them."))
    second = add(Prompt("diseases", "extract", instruction="Find them all."))
    assert [first.name, second.name] == ["diseases-2.yaml", "diseases-3.yaml"] and first.parent == mine
    assert find_prompt("diseases").version == 3 and find_prompt("diseases-1") == ours("diseases-1")
    assert find_prompt("diseases-2").instruction == "Find them." and find_prompt(str(second)).version == 3
    assert len(every_prompt()) == len(list(library.OURS.glob("*.yaml"))) + 2


def test_what_is_not_there_is_told_with_the_nearest():
    with pytest.raises(UserError, match="no prompt is called diseses; did you mean diseases"):
        find_prompt("diseses")
    with pytest.raises(UserError, match="no prompt is named"):
        find_prompts(" ,")


def test_an_id_that_makes_no_file_name_is_refused_before_anything_is_written(mine):
    with pytest.raises(UserError, match=r"id is '\.\./x'"):
        add(Prompt("../x", "extract"))
    assert not mine.exists()


def test_a_prompt_of_the_tasks_name_goes_before_one_of_its_kind():
    whole, own = Prompt("a", "choice"), Prompt("b", "choice", task="wards")
    assert fitting([whole, own], "wards", "choice") == own and fitting([whole, own], "beds", "choice") == whole
    assert fitting([own], "beds", "choice") is None and fitting([whole], "wards", "extract") is None
    with pytest.raises(UserError, match="the prompt b-1 is of kind choice, and wards is of kind extract"):
        fitting([own], "wards", "extract")


def test_two_prompts_for_the_same_tasks_are_refused(tmp_path):
    for name in ("a", "b"):
        write_prompt(Prompt(name, "extract"), tmp_path / f"{name}.yaml")
    with pytest.raises(UserError, match="a-1 and b-1 are both for every task of kind extract"):
        find_prompts(f"{tmp_path}/a.yaml, {tmp_path}/b.yaml")
    assert [one.id for one in find_prompts(f"{tmp_path}/a.yaml,pubmedqa")] == ["a", "pubmedqa"]
