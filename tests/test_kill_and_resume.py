"""Killed anywhere and started again with the same command, a run ends with the very bits of one left in peace."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file

from journey import interrupt, kill_all, kill_alone, residency, residency_until, small_base, small_recipe
from residency.core.store import read_json, read_jsonl, read_manifest, sha256_file

pytestmark = pytest.mark.slow

TRAINING = """\
base: smollm2-135m
corpus: {sources: [{hpo: {}}, {icd10: {}}]}
examples: {qa: 40, nli: 40, ie: 20, gen: 20, prefer_qa: 12, prefer_nli: 12, prefer_ie: 4, prefer_gen: 4,
           test_choice: 8, test_written: 4, test_shown: 2, dev: 2, text: 60}
train:
  - pretrain: {tokens: 3000, rank: 8, schedule: {batch_tokens: 256, checkpoint: 2}}
  - instruct: {tokens: 8000, rank: 8, schedule: {batch_tokens: 512, checkpoint: 2}}
  - prefer: {tokens: 3000, rank: 8, schedule: {batch_tokens: 512, checkpoint: 1}}
evaluate: false
report: false
card: false
"""
TRAINED = ("pretrain", "instruct", "prefer")


def only_run(root: Path) -> Path:
    """Return the folder of the one run there is, or that will be."""
    found = [path.parent for path in root.glob("*/recipe.yaml") if not path.parent.is_symlink()]
    return found[0] if found else root / "none-yet"


def after_steps(root: Path, stage: str, steps: int) -> Callable[[], bool]:
    """Return whether a stage has taken so many steps, with a checkpoint behind it."""

    def come() -> bool:
        out = only_run(root) / stage
        curve = out / "curve.jsonl"
        return (out / "checkpoint").exists() and curve.exists() and curve.read_bytes().count(b"\n") >= steps

    return come


def soon_after(root: Path, path: str, seconds: float) -> Callable[[], bool]:
    """Return whether a file of the run has been there for a moment."""
    seen: list[float] = []

    def come() -> bool:
        if not seen and (only_run(root) / path).exists():
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() > seen[0] + seconds

    return come


def adapters(root: Path) -> dict[str, str]:
    return {stage: sha256_file(only_run(root) / stage / "adapter" / "adapter_model.safetensors") for stage in TRAINED}


def test_training_killed_three_times_and_stopped_once_gives_the_identical_adapters(tmp_path: Path) -> None:
    recipe = tmp_path / "training.yaml"
    recipe.write_text(TRAINING)
    whole, broken = tmp_path / "whole" / "runs", tmp_path / "broken" / "runs"
    done = residency("run", recipe, root=whole)
    assert done.returncode == 0, done.stderr
    stops = [("pretrain", 3, kill_all), ("instruct", 3, interrupt), ("instruct", 9, kill_all), ("prefer", 2, kill_all)]
    for stage, steps, stop in stops:
        code = residency_until(after_steps(broken, stage, steps), stop, "run", recipe, root=broken)
        assert code == (130 if stop is interrupt else -signal.SIGKILL)
        assert read_manifest(only_run(broken) / stage) is None, f"{stage} had ended already: kill it earlier"
    again = residency("run", recipe, root=broken)
    assert again.returncode == 0, again.stderr
    assert "prefer: goes on" in again.stderr and "instruct: done before" in again.stderr
    assert adapters(broken) == adapters(whole)
    for stage in TRAINED:
        steps = [row["step"] for row in read_jsonl(only_run(broken) / stage / "curve.jsonl")]
        assert steps == list(range(1, len(steps) + 1)), stage
        losses = [[row["loss"] for row in read_jsonl(only_run(r) / stage / "curve.jsonl")] for r in (whole, broken)]
        assert losses[0] == losses[1], stage
    assert read_manifest(only_run(broken) / "instruct")["cost"]["starts"] == 3


def test_a_recipe_walked_by_two_processes_leaves_the_adapters_of_one(tmp_path: Path) -> None:
    recipe = tmp_path / "training.yaml"
    recipe.write_text(TRAINING.replace("checkpoint: ", "accumulate: 2, precision: fp32, checkpoint: "))
    one, two = tmp_path / "one" / "runs", tmp_path / "two" / "runs"
    for root, processes in ((one, 1), (two, 2)):
        done = residency("run", recipe, root=root, processes=processes)
        assert done.returncode == 0, done.stderr
    assert done.stderr.count("pretrain: starts") == 1, "both processes speak"
    for stage in TRAINED:
        found = [load_file(only_run(root) / stage / "adapter" / "adapter_model.safetensors") for root in (one, two)]
        assert all(torch.allclose(found[0][name], found[1][name], atol=1e-5) for name in found[0]), stage
        steps = [[row["tokens"] for row in read_jsonl(only_run(root) / stage / "curve.jsonl")] for root in (one, two)]
        assert steps[0] == steps[1], stage


def gguf_of(root: Path) -> str:
    return sha256_file(only_run(root) / "export" / "model-q8_0.gguf")


def numbers(root: Path) -> dict[Any, Any]:
    """Return the ledger's values that this machine makes the same each time (llama.cpp's hang on its batches)."""
    rows = read_json(only_run(root) / "ledger.json")["rows"]
    found = {(r["model"], r["task"], r["metric"]): [r["value"], r["low"], r["high"], r["n"]] for r in rows}
    return {key: value for key, value in found.items() if key[0] != "gguf"}


def test_a_run_killed_in_every_stage_ends_with_the_files_of_one_that_was_not(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path, small_base(tmp_path / "tiny"))
    whole, broken = tmp_path / "whole" / "runs", tmp_path / "broken" / "runs"
    done = residency("run", recipe, root=whole)
    assert done.returncode == 0, done.stderr
    for moment in (
        soon_after(broken, "corpus/started.json", 3.0),
        soon_after(broken, "examples/started.json", 1.5),
        after_steps(broken, "instruct", 3),
        soon_after(broken, "export/convert.log", 0.5),
        soon_after(broken, "export/model-q8_0.gguf", 0.5),
        soon_after(broken, "items/nli/base-0shot.jsonl", 0.1),
    ):
        assert residency_until(moment, kill_all, "run", recipe, root=broken) == -signal.SIGKILL
    group = []

    def alone(pid: int) -> None:
        group.append(pid)
        kill_alone(pid)

    residency_until(soon_after(broken, "items/general_text/tuned.jsonl", 0.0), alone, "run", recipe, root=broken)
    end = time.monotonic() + 60
    while any(os.getpgid(p.pid) == group[0] for p in psutil.process_iter() if p.status() != psutil.STATUS_ZOMBIE):
        assert time.monotonic() < end, "what the killed process had started goes on"
        time.sleep(0.2)
    again = residency("run", recipe, root=broken)
    assert again.returncode == 0, again.stderr
    for file in ("corpus/documents/part-00000.parquet", "examples/text.jsonl", "examples/examples.jsonl"):
        assert sha256_file(only_run(broken) / file) == sha256_file(only_run(whole) / file), file
    assert adapters(broken) == adapters(whole)
    assert gguf_of(broken) == gguf_of(whole)
    assert numbers(broken) == numbers(whole) and len(numbers(whole)) > 30
    left = [path.name for path in only_run(broken).rglob("*") if path.name.startswith(".") and path.name != ".lock"]
    assert left == [], "half-made files of the killed processes"
    assert not list(only_run(broken).rglob("checkpoint*"))


def test_ctrl_c_stops_a_corpus_at_once_and_the_same_command_goes_on(tmp_path: Path) -> None:
    words = "The patient was seen in clinic today and reports that cough and fever have settled since then".split()
    for name, count in (("a", 1), ("b", 3500), ("c", 3500)):  # three parts: one is soon done, two are at work
        text = " ".join(f"{word}{{0}}{at}" if at % 3 else word for at, word in enumerate(words * 40))
        rows = (json.dumps({"id": f"{name}{row}", "text": text.format(f"{name}{row}x")}) for row in range(count))
        (tmp_path / f"{name}.jsonl").write_text("\n".join(rows))
    recipe = tmp_path / "archive.yaml"
    sources = ", ".join(f"{{jsonl: {tmp_path / name}.jsonl}}" for name in "abc")
    recipe.write_text(f"corpus: {{sources: [{sources}], dedup: {{}}, workers: 2}}")
    runs = tmp_path / "runs"
    prepared = Path("corpus", "work", "prepared")

    def at_work() -> bool:
        here = only_run(runs) / prepared
        return (here / "000000" / "facts.json").exists() and len(list(here.glob(".*"))) == 2

    began: list[float] = []

    def stop(pid: int) -> None:
        began.append(time.monotonic())
        os.kill(pid, signal.SIGINT)

    assert residency_until(at_work, stop, "corpus", recipe, root=runs) == 130
    took = time.monotonic() - began[0]
    assert not list((only_run(runs) / prepared).glob("00000[12]")), "the parts at work were waited for"
    assert took < 5
    assert "stopped; the same command goes on from here" in (tmp_path / "stopped.log").read_text()
    again = residency("corpus", recipe, root=runs)
    assert again.returncode == 0 and "corpus: goes on" in again.stderr, again.stderr
    assert read_manifest(only_run(runs) / "corpus")["documents"] == 7001
