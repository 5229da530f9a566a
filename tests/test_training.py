"""The verb train: as far as the training and no further, in the run that `residency run` then goes on with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from residency import cli, pipeline
from residency.core import runs
from residency.core.errors import UserError
from residency.core.store import read_manifest, write_manifest
from residency.plan import Stage, make_plan
from residency.training import train_summary, trains

TOTALS = {"steps": 12, "tokens": 3400, "seconds": 8.5, "tokens_per_second": 400.0, "loss": 1.25}
called: list[str] = []


def base(*, out: Path) -> None:
    called.append("base")
    write_manifest(out, model={"name": "small"})


def examples(*, out: Path) -> None:
    called.append("examples")
    write_manifest(out)


def tune(model: Path, examples: Path, *, out: Path, how: str = "") -> None:
    called.append("tune")
    if how == "stop":
        raise KeyboardInterrupt
    left = {"too_long": 3, "beyond_tokens": 1200, "empty": 0}
    write_manifest(out, model={"name": "tuned"}, totals=TOTALS, left_out=left)


def evaluate(run: Path, *, out: Path) -> None:
    called.append("evaluate")
    write_manifest(out)


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A recipe with something before the training and something behind it."""
    stages = {
        "base": Stage(base, model="base"),
        "examples": Stage(examples),
        "tune": Stage(tune, ("model", "examples"), section="train", model="tuned"),
        "evaluate": Stage(evaluate, ("run",)),
    }
    monkeypatch.setattr(pipeline, "STAGES", stages)
    called.clear()
    path = tmp_path / "small.yaml"
    path.write_text("train: [tune]\n")
    return str(path)


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = cli.main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_it_walks_what_training_needs_and_says_what_came_of_each_stage(recipe, capsys):
    code, document = answer(capsys, "train", recipe)
    assert code == 0 and called == ["base", "examples", "tune"]
    [row] = document["stages"]
    assert (row["stage"], row["steps"], row["tokens"], row["tokens_per_second"], row["loss"]) == (
        "tune", 12, 3400, 400.0, 1.25,
    )  # fmt: skip
    assert row["wall_s"] >= 0 and row["peak_rss_mb"] > 1 and row["left_out"]["beyond_tokens"] == 1200
    assert Path(document["paths"]["tune"]).is_dir() and document["next"][1] == f"residency run {recipe}"


def test_people_get_a_table_and_what_was_left_out(recipe, capsys):
    assert cli.main(["train", recipe]) == 0
    out, err = capsys.readouterr()
    head, row = out.splitlines()[:2]
    assert head.split()[:2] == ["stage", "steps"] and row.split()[:5] == ["tune", "12", "3400", "400", "1.250"]
    assert "Left out of tune: too long 3, beyond tokens 1,200." in out and "empty" not in out
    assert f'residency ask {runs.runs_root() / "latest"}:tuned "What' in out and "tune: done in" in err


def test_a_run_goes_on_where_the_training_ended_and_a_training_where_the_run_stands(recipe, capsys):
    _, trained = answer(capsys, "train", recipe)
    called.clear()
    assert cli.main(["run", recipe]) == 0
    capsys.readouterr()
    assert called == ["evaluate"] and (runs.runs_root() / "latest").resolve().name == trained["run"]
    called.clear()
    _, again = answer(capsys, "train", recipe)
    assert called == [] and again["stages"] == trained["stages"]
    answer(capsys, "train", recipe, "--fresh")
    assert called == ["base", "examples", "tune"]


def test_ctrl_c_says_that_the_same_command_goes_on(recipe, capsys):
    assert cli.main(["train", recipe, "--trace", "train.tune.how=stop"]) == 130
    assert "the same command goes on from here" in capsys.readouterr().err


def test_a_recipe_that_trains_nothing_is_refused_before_anything_starts(recipe, capsys):
    for arguments in (["train=[]"], ["train=[]", "--estimate"], ["train.tune=false"]):
        assert cli.main(["train", recipe, *arguments]) == 2
        assert "trains nothing" in capsys.readouterr().err and called == []
    with pytest.raises(UserError, match="name a stage under train"):
        trains([])


def test_an_estimate_is_asked_for_by_a_flag_and_does_no_stage(recipe, capsys, monkeypatch):
    from residency import estimate

    monkeypatch.setattr(estimate, "estimate", lambda recipe, stages: ({"stages": list(stages)}, "two minutes"))
    assert answer(capsys, "train", "--estimate", recipe) == (0, {"stages": ["base", "examples", "tune"]})
    assert called == []


def test_a_stage_without_totals_has_gaps_and_no_fault(recipe, tmp_path):
    plan = make_plan({"base": {}, "examples": {}, "train": [{"tune": {}}], "evaluate": False}, pipeline.STAGES)
    folder = tmp_path / "run"
    (folder / "tune").mkdir(parents=True)
    write_manifest(folder / "tune", model={"name": "tuned"})
    document, words = train_summary(folder, plan, "")
    assert read_manifest(folder / "tune") and document["stages"][0]["steps"] is None and "-" in words
