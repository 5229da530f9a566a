"""The walk: what is done is skipped, what changed is redone, what was killed goes on, what failed leaves the rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from residency import pipeline
from residency.core import runs
from residency.core.errors import RecipeError, StorageError, UserError
from residency.core.recipe import resolve
from residency.core.store import append_jsonl, read_json, read_manifest, write_json, write_manifest
from residency.pipeline import walk
from residency.plan import Stage, givens, left_out, make_plan
from residency.summary import summary

calls: list[str] = []


def prepare(*, out: Path, base: str = "small") -> None:
    calls.append("base")
    write_manifest(out, model={"name": base})


def collect(*, out: Path, words: int = 3, file: str = "") -> None:
    calls.append("corpus")
    (out / "words.txt").write_text("word " * words)
    write_manifest(out, words=words, privacy={"admitted": True, "sources": []}, hashes={"content": "0" * 64})


def shape(corpus: Path, *, out: Path, seed: int = 0) -> None:
    calls.append("examples")
    (out / "examples.txt").write_text((corpus / "words.txt").read_text() + str(seed))
    write_manifest(out)


def tune(model: Path, examples: Path, *, out: Path, steps: int = 2) -> None:
    """Append a line a step, each made from the one before, and go on where the last process stopped."""
    calls.append("tune")
    at = int((out / "step").read_text()) if (out / "step").exists() else 0
    for step in range(at, steps):
        append_jsonl(out / "steps.jsonl", {"step": step, "process": os.getpid()})
        (out / "step").write_text(str(step + 1))
        time.sleep(float(os.environ.get("SLOW", "0")))
    (out / "adapter").mkdir(exist_ok=True)
    (out / "adapter" / "weights").write_text(f"{model.name} {(examples / 'examples.txt').read_text()} {steps}")
    write_manifest(out, model={"name": "tuned"})


def export(model: Path, base: Path, examples: Path, *, out: Path) -> None:
    calls.append("export")
    (out / "model.gguf").write_text((model / "adapter" / "weights").read_text())
    (out / "model").mkdir(exist_ok=True)
    write_manifest(out, gguf="model.gguf")


def examine(examples: Path, models: dict[str, Path], *, out: Path, limit: int = 10) -> None:
    calls.append("evaluate")
    write_json(out.parent / "items" / "qa.json", {name: str(path.name) for name, path in models.items()})
    write_manifest(out)


def report(run: Path, *, out: Path) -> None:
    calls.append("report")
    write_json(run / "ledger.json", {"rows": [], "cost": {}})
    write_manifest(out)


STAGES = {
    "base": Stage(prepare, model="base"),
    "corpus": Stage(collect),
    "examples": Stage(shape, ("corpus",)),
    "tune": Stage(tune, ("model", "examples"), section="train", model="tuned"),
    "export": Stage(
        export, ("model", "base", "examples"), section="compress", folder="out", model="gguf", trains=False
    ),
    "evaluate": Stage(examine, ("examples", "models"), leaves=("items",)),
    "report": Stage(report, ("run",), after=("evaluate",), leaves=("ledger.json",)),
}
RECIPE = "name: quick\ntrain: [tune]\ncompress: [export]\n"
ALL = ["base", "corpus", "examples", "tune", "export", "evaluate", "report"]


def resolved(*arguments: str, text: str = RECIPE) -> dict[str, Any]:
    return resolve(text, arguments, pipeline.sections(STAGES))


def go(*arguments: str, **options: Any) -> Path:
    calls.clear()
    return walk(resolved(*arguments), {"arguments": list(arguments)}, stages=STAGES, **options)


def test_the_first_walk_does_every_stage_in_order_and_leaves_the_whole_record(own_runs_folder: Path) -> None:
    folder = go()
    assert calls == ALL
    assert folder.parent == own_runs_folder and folder.name.startswith("quick-")
    assert (own_runs_folder / "latest").resolve() == folder.resolve()
    assert resolve((folder / "recipe.yaml").read_text(), [], pipeline.sections(STAGES)) == resolved()
    record = read_json(folder / "run.json")
    assert record["status"] == "done" and record["versions"]["python"] and record["seconds"] > 0
    assert runs.list_runs(own_runs_folder)[0]["status"] == "done"


def test_every_stage_keeps_its_settings_its_fingerprint_and_its_cost() -> None:
    manifest = read_manifest(go("train.tune.steps=4") / "tune")
    assert manifest is not None
    assert manifest["settings"] == {"steps": 4} and manifest["model"] == {"name": "tuned"}
    assert manifest["cost"]["wall_s"] >= 0 and manifest["cost"]["peak_rss_mb"] > 1 and manifest["cost"]["starts"] == 1


def test_models_are_handed_on_in_order_and_the_final_ones_linked() -> None:
    folder = go()
    assert read_json(folder / "items" / "qa.json") == {"base": "base", "tuned": "tune", "gguf": "out"}
    assert (folder / "adapter" / "weights").read_text().startswith("base ")
    assert (folder / "gguf" / "model.gguf").is_file() and (folder / "model").is_dir()
    assert (folder / "adapter").is_symlink() and not (folder / "gguf").is_symlink()


def test_the_same_recipe_again_does_nothing() -> None:
    first = go()
    cost = read_json(first / "ledger.json")["cost"]
    assert go() == first and calls == []
    assert read_json(first / "ledger.json")["cost"] == cost
    assert cost["wall_s"] > 0 and set(cost["stages"]) == {"out" if name == "export" else name for name in ALL}


def test_another_setting_is_another_run_and_the_name_and_budget_are_not() -> None:
    first = go()
    assert go("train.tune.steps=3") != first
    assert go("budget={corpus: 5}") == first and calls == []


def test_fresh_starts_anew_and_the_newest_goes_on() -> None:
    first = go()
    second = go(fresh=True)
    assert second.name == f"{first.name}-2" and calls == ALL
    assert go() == second and calls == []


def test_a_stage_that_another_version_left_is_emptied_and_redone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = go()
    (folder / "tune" / "old").touch()
    (folder / "items" / "old").touch()
    monkeypatch.setattr("residency.plan.__version__", "another")
    assert go() == folder and calls == ALL
    assert not (folder / "tune" / "old").exists() and not (folder / "items" / "old").exists()
    assert runs.read_record(folder)["again"]["base"] == "Residency 0.1.0 made it, and this is another"


def test_a_changed_file_named_by_a_setting_redoes_its_stage_and_what_follows(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("one")
    folder = go(f"corpus.file={file}")
    file.write_text("another")
    assert go(f"corpus.file={file}") == folder
    assert calls == [name for name in ALL if name != "base"]


def test_what_is_done_again_is_said_with_its_reason_and_never_the_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.txt").write_text("Jane Doe")
    (notes / "b.txt").write_text("two")
    folder = go(f"corpus.file={notes}")
    assert "a new run" in capsys.readouterr().err
    (notes / "a.txt").write_text("Jane Doe, again")
    (notes / "b.txt").unlink()
    (notes / "c.txt").write_text("three")
    go(f"corpus.file={notes}")
    err = capsys.readouterr().err
    assert "corpus: done again: its inputs changed: a.txt (changed), c.txt (new), b.txt (gone)" in err
    assert "examples: done again: what it is made from changed: corpus" in err
    stale = "out of date, and done again here: corpus, examples, tune, out, evaluate, report (--fresh keeps"
    assert err.index(stale) < err.index("base: done before") and "Jane" not in err
    record = runs.read_record(folder)
    assert record["again"]["corpus"] == "its inputs changed: a.txt (changed), c.txt (new), b.txt (gone)"
    assert record["outdated"] == []
    document, words = summary(folder)
    assert list(document["again"]) == [name if name != "export" else "out" for name in ALL[1:]]
    assert "Done again: corpus (its inputs changed: a.txt (changed)" in words and "Out of date" not in words
    go(f"corpus.file={notes}")
    assert "Done again" not in summary(folder)[1]


def test_results_that_wait_to_be_made_again_are_out_of_date_and_not_linked_at_the_top(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("one")
    folder = go(f"corpus.file={file}")
    file.write_text("another")
    monkeypatch.setattr(time, "sleep", interrupts)
    with pytest.raises(KeyboardInterrupt):
        go(f"corpus.file={file}")
    stale = ["out", "evaluate", "report"]
    assert runs.read_record(folder)["outdated"] == stale
    assert runs.list_runs(folder.parent)[0]["outdated"] == stale
    document, words = summary(folder)
    assert document["outdated"] == stale and "Out of date: out, evaluate, report." in words
    assert "out of date until the same command is given again: out, evaluate, report" in capsys.readouterr().err
    assert not (folder / "adapter").exists() and not (folder / "gguf" / "model.gguf").exists()
    monkeypatch.undo()
    monkeypatch.setenv("RESIDENCY_RUNS", str(folder.parent))
    go(f"corpus.file={file}")
    assert calls == ["tune", "export", "evaluate", "report"] and runs.read_record(folder)["outdated"] == []
    assert (folder / "adapter").exists() and (folder / "gguf" / "model.gguf").exists()


def interrupts(seconds: float) -> None:
    raise KeyboardInterrupt


def test_a_deleted_result_is_made_again() -> None:
    folder = go()
    (folder / "ledger.json").unlink()
    go()
    assert calls == ["report"] and runs.read_record(folder)["again"] == {"report": "its results are gone: ledger.json"}
    (folder / "examples" / "manifest.json").unlink()
    go()
    assert calls == ["examples", "report"]  # the report reads the whole run
    assert runs.read_record(folder)["again"] == {"report": "it reads the whole run, which changed"}


def test_a_stage_that_stopped_half_way_gets_its_folder_back_and_its_costs_are_added(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(seconds: float) -> None:
        if calls.count("stop") == 2:
            raise KeyboardInterrupt
        calls.append("stop")

    monkeypatch.setattr(time, "sleep", stop)
    with pytest.raises(KeyboardInterrupt):
        go("train.tune.steps=5")
    folder = (runs.runs_root() / "latest").resolve()
    assert runs.read_record(folder)["status"] == "stopped" and read_manifest(folder / "tune") is None
    spent = read_json(folder / "tune" / "started.json")["spent"][0]["wall_s"]
    monkeypatch.undo()
    monkeypatch.setenv("RESIDENCY_RUNS", str(folder.parent))
    go("train.tune.steps=5")
    assert calls == ["tune", "export", "evaluate", "report"]
    steps = [json.loads(line)["step"] for line in (folder / "tune" / "steps.jsonl").read_text().splitlines()]
    assert steps == [0, 1, 2, 3, 4]
    manifest = read_manifest(folder / "tune")
    assert manifest is not None and manifest["cost"]["starts"] == 2 and manifest["cost"]["wall_s"] >= spent


def test_a_stage_that_fails_leaves_the_ones_before_intact(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(model: Path, examples: Path, *, out: Path, steps: int = 2) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setitem(STAGES, "tune", Stage(fails, ("model", "examples"), section="train", model="tuned"))
        go()
    folder = (runs.runs_root() / "latest").resolve()
    record = runs.read_record(folder)
    assert record["status"] == "failed" and record["stage"] == "tune" and record["error"] == "ZeroDivisionError"
    assert go() == folder and calls == ["tune", "export", "evaluate", "report"]


def test_stages_are_told_apart_by_number_when_they_stand_twice() -> None:
    folder = go("train=[tune, tune: {steps: 3}]")
    assert (folder / "tune-2" / "adapter" / "weights").read_text().startswith("tune ")
    models = {"base": "base", "tuned": "tune", "tuned-2": "tune-2", "gguf": "out"}
    assert read_json(folder / "items" / "qa.json") == models
    assert (folder / "adapter").resolve() == (folder / "tune-2" / "adapter").resolve()


def test_what_is_switched_off_is_left_out_with_what_needs_it() -> None:
    go("evaluate=false")
    assert calls == ["base", "corpus", "examples", "tune", "export"]
    go("compress=[]", "train=[]")
    assert calls == ["base", "corpus", "examples", "evaluate", "report"]
    with pytest.raises(RecipeError, match="train.tune needs examples"):
        go("examples=false")


def test_what_is_left_out_is_told_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    folder = go("evaluate=false", "train.tune=false", "compress=[]")
    found = {"tune": "switched off", "evaluate": "switched off", "report": "needs evaluate"}
    assert left_out(resolved("evaluate=false", "train.tune=false", "compress=[]"), STAGES) == found
    assert runs.read_record(folder)["left_out"] == found
    told = "left out: tune (switched off), evaluate (switched off), report (needs evaluate)"
    err = capsys.readouterr().err
    assert err.index(told) < err.index("base: starts")
    assert "Left out: tune (switched off), evaluate" in summary(folder)[1]
    assert left_out(resolved(), STAGES) == {}


def test_a_fingerprint_covers_settings_inputs_and_what_came_before() -> None:
    before = givens(make_plan(resolved(), STAGES))
    after = givens(make_plan(resolved("examples.seed=1"), STAGES))
    changed = [name for name in before if before[name].fingerprint != after[name].fingerprint]
    assert changed == ["examples", "tune", "out", "evaluate", "report"]


def test_the_budget_stands_beside_the_time_taken(capsys: pytest.CaptureFixture[str]) -> None:
    go("budget={corpus: 90}")
    assert "corpus: done in 0 s (budget 1 min 30 s)" in capsys.readouterr().err


def test_a_run_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RESIDENCY_RUNS", str(tmp_path / "file" / "runs"))
    with pytest.raises(StorageError, match="cannot write"):
        go()
    assert calls == []


def test_an_index_that_goes_out_of_reach_does_not_end_a_run_that_has_begun(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def loses_the_index(*, out: Path, words: int = 3, file: str = "") -> None:
        monkeypatch.setenv("RESIDENCY_DB", "nosuchdatabase://host/db")
        collect(out=out, words=words)

    monkeypatch.setitem(STAGES, "corpus", Stage(loses_the_index))
    folder = go()
    assert calls == ALL and runs.read_record(folder)["status"] == "done"
    assert "RESIDENCY_DB" in capsys.readouterr().err
    with pytest.raises(UserError, match="RESIDENCY_DB"):
        go(fresh=True)


# --- with real processes ---------------------------------------------------------------------------------------------

PROGRAM = """
import resource, signal, sys
from residency import cli, pipeline
from test_pipeline import STAGES
if limit := int({limit}):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
pipeline.STAGES = STAGES
sys.exit(cli.main(["run", {recipe!r}, *sys.argv[1:]]))
"""


def start(tmp_path: Path, *arguments: str, limit: int = 0, **environment: str) -> subprocess.Popen[str]:
    recipe = tmp_path / "quick.yaml"
    recipe.write_text(RECIPE)
    code = textwrap.dedent(PROGRAM).format(limit=limit, recipe=str(recipe))
    here = os.pathsep.join([str(Path(__file__).parent), os.environ["PYTHONPATH"]])
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": here, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not path.exists() or path.stat().st_size < 60:
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(0.02)


def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been_killed(tmp_path: Path, own_runs_folder: Path) -> None:
    killed = start(tmp_path, "train.tune.steps=6", SLOW="0.3")
    folder = pipeline.run_folder(resolved("train.tune.steps=6"), own_runs_folder)
    wait_for(folder / "tune" / "steps.jsonl")
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert runs.list_runs(own_runs_folder)[0]["status"] == "stopped"

    again = start(tmp_path, "train.tune.steps=6")
    out, err = again.communicate()
    assert again.returncode == 0, err
    assert "examples: done before" in err and "tune: goes on" in err and "residency ask" in out
    rows = [json.loads(line) for line in (folder / "tune" / "steps.jsonl").read_text().splitlines()]
    assert sorted({row["step"] for row in rows}) == list(range(6))
    assert rows[0]["process"] == killed.pid and rows[-1]["process"] == again.pid

    whole = go("train.tune.steps=6", fresh=True)
    for result in ("adapter/weights", "gguf/model.gguf"):
        assert (whole / result).read_text() == (folder / result).read_text()


def test_ctrl_c_exits_130_and_says_that_the_same_command_goes_on(tmp_path: Path, own_runs_folder: Path) -> None:
    process = start(tmp_path, "train.tune.steps=60", SLOW="0.3")
    folder = pipeline.run_folder(resolved("train.tune.steps=60"), own_runs_folder)
    wait_for(folder / "tune" / "steps.jsonl")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert "the same command goes on from here" in err and "Traceback" not in err


def test_a_full_disk_ends_with_a_clear_error_and_finished_stages_intact(tmp_path: Path, own_runs_folder: Path) -> None:
    process = start(tmp_path, "corpus.words=300000", limit=1_000_000)
    _, err = process.communicate()
    assert process.returncode == 1
    assert "no room left on the disk" in err and "Traceback" not in err
    folder = pipeline.run_folder(resolved("corpus.words=300000"), own_runs_folder)
    assert read_manifest(folder / "base") and not read_manifest(folder / "corpus")
    assert runs.read_record(folder)["status"] == "failed"
