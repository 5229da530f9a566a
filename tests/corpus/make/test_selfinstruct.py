"""New tasks from seed tasks by a scripted model: unlike the old, of a fit length, with an output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from residency.core.errors import SourceError
from residency.core.types import Document
from residency.corpus.make.likeness import rouge_l
from residency.corpus.make.rows import Asking, Tally, kept
from residency.corpus.make.selfinstruct import (
    ALIKE,
    EMPTY,
    LENGTH,
    REPEATS,
    START,
    WORD,
    Shown,
    read_tasks,
    self_instruct,
)
from residency.models.scripted import ScriptedModel

SEEDS = [
    {"id": "s1", "instruction": "Explain to a patient what high blood pressure is.", "input": "", "output": "It is …"},
    {
        "id": "s2",
        "instruction": "List the side effects of this drug.",
        "instances": [{"input": "drug", "output": "rash"}],
    },
]
ONE = Asking(batch=1, temperature=0.7)
ALONE = Shown(per_prompt=1)


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    path = tmp_path / "seeds.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in SEEDS), encoding="utf-8")
    return path


def proposing(*instructions: str, output: str = "A fine answer.", given: str = "") -> ScriptedModel:
    def say(prompt: str) -> str:
        if "Now do the same" in prompt:
            return json.dumps({"input": given, "output": output})
        return json.dumps({"instructions": list(instructions)})

    return ScriptedModel(say)


def test_a_new_task_is_a_row_that_stands_on_what_was_shown(tasks: Path) -> None:
    model = proposing("Write a discharge letter for a child with asthma.", given="Child, 6 years")
    rows = list(self_instruct(model, tasks=tasks, count=1, each=ALONE, rounds=1, licence="MIT", asking=ONE))
    (row,) = rows
    assert isinstance(row, Document) and row.licence == "MIT" and set(row.meta["from"]) == {"s1", "s2"}
    assert row.meta["messages"][0]["content"] == "Write a discharge letter for a child with asthma.\n\nChild, 6 years"
    assert "- Explain to a patient what high blood pressure is." in model.asked[0][0]["content"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("Explain to a patient what low blood pressure is.", ALIKE),
        ("Help me.", LENGTH),
        ("word " * 151, LENGTH),
        ("", LENGTH),
        ("Describe the X-ray image of this patient here.", WORD),
        ("- Name five causes of chest pain.", START),
    ],
)
def test_an_unfit_task_is_refused(tasks: Path, said: str, reason: str) -> None:
    tally = Tally()
    assert not list(kept(self_instruct(proposing(said), tasks=tasks, count=1, each=ALONE, rounds=1, asking=ONE), tally))
    assert tally.refused == {reason: 1}


@pytest.mark.parametrize(("output", "reason"), [(" ", EMPTY), ("Name five causes of chest pain.", REPEATS)])
def test_an_unfit_output_is_refused(tasks: Path, output: str, reason: str) -> None:
    tally = Tally()
    model = proposing("Name five causes of chest pain.", output=output)
    assert not list(kept(self_instruct(model, tasks=tasks, count=1, each=ALONE, rounds=1, asking=ONE), tally))
    assert tally.refused == {reason: 1}


def test_no_two_kept_tasks_are_alike_and_made_ones_are_shown_again(tasks: Path) -> None:
    topics = "asthma gout stroke measles anaemia epilepsy".split()
    said = [f"{verb} {t} in {n} words" for n, t in enumerate(topics) for verb in ("Describe", "Please describe")]
    asked: list[str] = []

    def say(prompt: str) -> str:
        if "Now do the same" in prompt:
            return json.dumps({"input": "", "output": "Text."})
        asked.append(prompt)
        at = 2 * (len(asked) - 1) % len(said)
        return json.dumps({"instructions": [s + f" {'x' * at}" for s in said[at : at + 2]]})

    tally = Tally()
    rows = list(
        kept(
            self_instruct(ScriptedModel(say), tasks=tasks, count=4, each=Shown(2), rounds=6, asking=ONE),
            tally,
        )
    )
    made = [row.meta["task"] for row in rows]
    assert len(made) == 4 and len({row.id for row in rows}) == 4 and tally.refused[ALIKE] == 4
    assert max(rouge_l(a, b) for a in made for b in made if a != b) < 0.7
    assert any(task in asked[-1] for task in made)


def test_it_stops_at_the_rounds_and_counts_unread_replies(tasks: Path) -> None:
    tally = Tally()
    model = ScriptedModel(lambda prompt: "no JSON")
    assert not list(kept(self_instruct(model, tasks=tasks, each=Shown(4), rounds=2, asking=Asking(batch=3)), tally))
    assert tally.refused == {"the reply is not JSON": 24} and len(model.asked) == 6


def test_lines_that_are_no_tasks_are_named(tasks: Path) -> None:
    assert [(t.input, t.output) for t in read_tasks(tasks, licence="MIT")] == [("", "It is …"), ("drug", "rash")]
    tasks.write_text('{"instruction": "x"}\n[1]\n', encoding="utf-8")
    with pytest.raises(SourceError, match="line 1, 2"):
        read_tasks(tasks, licence="MIT")
