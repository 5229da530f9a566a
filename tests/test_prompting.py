"""The verb of prompts: what there is, what one says, a search for a model, and an evaluation by what was found."""

from __future__ import annotations

import argparse
import json

import pytest

from residency import prompting
from residency.cli import main, make_parser
from residency.core.errors import Unsupported, UserError
from residency.core.store import read_jsonl, sha256_json
from residency.evaluate.protocol import Protocol, finder, with_shots
from residency.evaluate.run import evaluate_models
from residency.evaluate.selection import development_items, mark
from residency.evaluate.tasks import named
from residency.infer.prompts.library import OURS, find_prompt
from residency.infer.prompts.prompt import Prompt, Shots, read_prompt, write_prompt
from residency.models.scripted import ScriptedModel
from residency.trying import answers, bench_of, job_of, models_of, start_of
from toy import toy_base  # noqa: F401

COLOURS = ("red", "green", "blue")


@pytest.fixture(autouse=True)
def mine(tmp_path, monkeypatch):
    monkeypatch.setenv("RESIDENCY_PROMPTS", str(tmp_path / "mine"))
    return tmp_path / "mine"


@pytest.fixture
def quiz(tmp_path):
    """Return a task of colours: four questions to be examined on, sixty to develop on and six to show."""
    parts = {"items": 4, "dev": 60, "shots": 6}
    for part, count in parts.items():
        rows = [
            {"id": f"{part}{n:02}", "question": f"sky {part} {n} ?", "choices": list(COLOURS), "answer": n % 3}
            for n in range(count)
        ]
        (tmp_path / f"{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    files = "".join(f"{part}: {part}.jsonl\n" for part in parts)
    (tmp_path / "quiz.yaml").write_text(f"task: quiz\nkind: choice\nstyle: options\ninstruction: the sky is\n{files}")
    return str(tmp_path / "quiz.yaml")


def command(*words):
    parser = argparse.ArgumentParser()
    prompting.add_arguments(parser)
    return parser.parse_args(list(words))


@pytest.mark.parametrize("name", ["run", "corpus", "train", "nosuch"])
def test_a_prompt_may_be_called_as_a_verb_is(name, capsys):
    assert main(["prompt", "show", name]) == 2
    assert capsys.readouterr().err.startswith("residency prompt: ")


def test_no_verb_puts_its_own_words_in_the_place_of_the_verb():
    [verbs] = [one for one in make_parser()._actions if isinstance(one, argparse._SubParsersAction)]
    for verb, parser in verbs.choices.items():
        assert verbs.dest not in {action.dest for action in parser._actions}, verb


def run(*words):
    return prompting.prompt(command(*words))


def test_the_list_names_ours_and_yours_with_hash_and_task(mine):
    write_prompt(Prompt("wards", "classify", about="Mine."), mine / "wards-1.yaml")
    document, words = run("list")
    rows = {row["name"]: row for row in document["prompts"]}
    assert rows["wards-1"]["whose"] == "yours" and rows["pubmedqa-1"]["whose"] == "ours"
    assert rows["pubmedqa-1"]["hash"] == find_prompt("pubmedqa").hash and "wards-1" in words and "any classify" in words
    assert [row["name"] for row in run("list", "--task", "pubmedqa")[0]["prompts"]] == ["exam-1", "pubmedqa-1"]


@pytest.mark.parametrize("name", [path.stem for path in sorted(OURS.glob("*.yaml"))])
def test_every_prompt_of_ours_is_shown_on_a_made_up_item(name):
    document, words = run("show", name)
    assert document["hash"] in words and document["example"]["prompt"][-1]["content"] in words
    json.dumps(document)


def test_what_does_not_go_together_is_told():
    with pytest.raises(UserError, match="say which prompt"):
        run("show")
    with pytest.raises(UserError, match="residency prompt show diseases"):
        run("list", "diseases")
    with pytest.raises(UserError, match="say for what"):
        run("search", "--task", "pubmedqa")
    with pytest.raises(UserError, match="is of kind read, whose prompt is not searched"):
        run("search", "--task", "general_text", "--model", "smollm2-135m")


def test_a_search_writes_a_version_with_its_evidence_and_evaluation_asks_by_it(quiz, toy_base, mine, capsys):  # noqa: F811
    asked = ("search", "--task", quiz, "--model", str(toy_base), "--tries", "0", "--precision", "fp32")
    document, words = run(*asked, "--generations", "1", "--limit", "60")
    assert document["tried"] == 12 and document["split"].startswith("development") and document["n"] > 8
    assert document["chosen_on"] + document["n"] == 60 and len(document["rounds"][-1]) > 1
    if document["file"] is None:
        assert "nothing that was tried is better" in words
        write_prompt(Prompt("quiz", "choice", task="quiz", instruction="Look."), mine / "quiz-1.yaml")
        document["file"] = str(mine / "quiz-1.yaml")
    else:
        (evidence,) = read_prompt(mine / "quiz-1.yaml").measured
        assert evidence["difference"]["value"] == document["difference"]["value"] and "kept apart" in evidence["split"]
        assert f"--prompt {mine / 'quiz-1.yaml'}" in words
    found = find_prompt("quiz")
    protocol = Protocol(prompts=(found,))
    rows = evaluate_models([str(toy_base)], tasks=quiz, out=mine.parent / "own", precision="fp32", protocol=protocol)[
        "rows"
    ]
    assert rows[0]["protocol"]["prompt"] == {"id": "quiz", "version": 1, "hash": found.hash}
    again, _ = run(*asked, "--generations", "1", "--limit", "60")
    assert again["rounds"] == document["rounds"], "kept rows give the same rounds"


def test_a_prompt_file_takes_the_place_of_a_tasks_words(quiz, tmp_path):
    (task,) = named(quiz)
    one = Prompt("q", "choice", instruction="Look up.", style="letters", words=(("answer", "Letter?"),))
    asked = Protocol(prompts=(one,)).task(task)
    (first, *_), _ = development_items(None, asked)
    assert first.prompt[0]["content"] == "Look up.\n\nsky dev 0 ?\n\nA. red\nB. green\nC. blue\n\nLetter?"
    (usual, *_), _ = development_items(None, task)
    assert usual.prompt[0]["content"].startswith("the sky is") and usual.split == "validation"
    assert Protocol(prompts=(Prompt("q", "extract"),)).task(task).ask == task.ask
    worded = Protocol(prompts=(one,), wording=2).task(task).ask.words
    assert worded.answer == "Which letter is right? Give the letter only."


def test_a_prompt_brings_its_solved_examples_and_its_schema(quiz):
    (task,) = named(quiz)
    one = Prompt("q", "choice", shots=Shots(2, "fixed", ("shots03", "shots01")), schema=True)
    protocol = Protocol(prompts=(one,)).of(task)
    _, pool = development_items(None, task)
    assert protocol.constrained and protocol.shots(task) == 2 and protocol.shots(task, 5) == 5
    assert [e.id for e in with_shots([], pool, 2, protocol)[1]] == ["shots03", "shots01"]
    assert Protocol(prompts=(Prompt("q", "choice", shots=Shots(2, "nearest")),)).of(task).pick == "nearest"
    assert Protocol(prompts=(Prompt("q", "extract"),)).of(task) == Protocol()
    with pytest.raises(UserError, match="not there: shots99"):
        with_shots([], pool, 1, Protocol(prompts=(Prompt("q", "choice", shots=Shots(1, "fixed", ("shots99",))),)))


def test_solved_examples_are_picked_by_vectors_with_every_answer_among_them(quiz, monkeypatch):
    (task,) = named(quiz)
    monkeypatch.setattr("residency.evaluate.protocol.embedding", lambda name: ScriptedModel({}).embed)
    items, pool = development_items(None, task)
    protocol = Protocol(pick="balanced")
    made, before = with_shots(items[:2], pool, 3, protocol, find=finder(pool, protocol))
    answers_shown = [turn["content"] for turn in made[0].prompt if turn["role"] == "assistant"]
    assert sorted(answers_shown) == sorted(COLOURS) and before == [] and len(made[0].meta["shots"]) == 3


def test_a_prompt_for_no_task_here_is_said(quiz, toy_base, tmp_path, capsys):  # noqa: F811
    protocol = Protocol(prompts=(Prompt("q", "extract"),))
    evaluate_models([str(toy_base)], tasks=quiz, out=tmp_path / "own", precision="fp32", protocol=protocol, limit=2)
    assert "--prompt q-1 changes nothing: it is for no task here" in capsys.readouterr().err


def test_without_a_development_part_a_share_of_what_may_be_learned_is_held_out(tmp_path):
    rows = [{"id": f"{n}", "text": f"Bed {n}.", "label": ("a", "b")[n % 2]} for n in range(100)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "items.jsonl").write_text(json.dumps({"id": "t", "text": "Ward.", "label": "a"}) + "\n")
    text = "task: beds\nkind: classify\nlabels: [a, b]\nitems: items.jsonl\ntrain: train.jsonl\n"
    (tmp_path / "beds.yaml").write_text(text)
    (task,) = named(str(tmp_path / "beds.yaml"))
    held, solved = development_items(None, task, 0.3)
    assert {e.id for e in held} == {str(n) for n in range(100) if mark(str(n)) < 0.3}
    assert {e.id for e in held}.isdisjoint(e.id for e in solved) and len(held) + len(solved) == 100
    assert {e.split for e in held} == {"dev"}


def test_an_endpoint_that_writes_is_shown_no_item_of_yours(quiz, toy_base, monkeypatch, capsys):  # noqa: F811
    (task,) = named(quiz)
    args = command("search", "--task", quiz, "--model", str(toy_base), "--precision", "fp32")
    bench, start = bench_of(task, args), start_of(task, args)
    job = job_of(task, start, args)
    monkeypatch.setattr("residency.trying.load", lambda name, type: ScriptedModel({}))
    *_, mends = models_of(job, task, bench, "http://10.0.0.1/v1#x")
    assert not mends and "is shown none of your items" in capsys.readouterr().err
    assert models_of(job, task, bench, "other")[2] is True
    model, writer, mends = models_of(job, task, bench, "")
    assert writer is model and not mends and models_of(job, task, bench, "", rewrites=False)[1] is None
    rows = answers(job, model, ["dev05", "dev03"], bench)
    assert [row["id"] for row in rows] == ["dev05", "dev03"]


def test_what_only_reads_has_no_prompt(quiz):
    (task,) = named(quiz)
    args = command("search", "--task", quiz, "--model", "minilm")
    with pytest.raises(Unsupported, match="reads a text without a prompt"):
        job_of(task, start_of(task, args), args)


def test_a_search_may_begin_with_a_prompt_of_ours_that_is_for_the_task(quiz):
    (task,) = named(quiz)
    args = command("search", "--task", quiz, "--model", "x", "--start", "exam")
    assert start_of(task, args).style == "letters" and start_of(task, args).task == "quiz"
    with pytest.raises(UserError, match="the prompt diseases-1 is for kind extract, and not quiz"):
        start_of(task, command("search", "--task", quiz, "--start", "diseases"))


def test_rows_are_kept_by_prompt_and_items(quiz, toy_base, own_runs_folder):  # noqa: F811
    run("search", "--task", quiz, "--model", str(toy_base), "--tries", "0", "--generations", "1", "--precision", "fp32")
    files = sorted(own_runs_folder.glob("prompts/quiz-*/*.jsonl"))
    assert files and all(row["id"].startswith("dev") for row in read_jsonl(files[0]))
    assert sha256_json([row["id"] for row in read_jsonl(files[0])])[:12] in files[0].stem
