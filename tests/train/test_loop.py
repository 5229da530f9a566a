"""The loop by itself, on models of a few numbers: what it measures on the way, draws, shares, and refuses."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass, field

import pytest
import torch

from journey import launched
from residency.core.errors import OutOfMemory, UserError
from residency.core.store import read_jsonl, sha256_file
from residency.train import loop
from residency.train.instruct import instruct
from residency.train.noise import Dropout, drawn_from, generator, with_own_dropout
from residency.train.schedule import Schedule
from residency.train.tuning import Tuning
from residency.train.watch import Watch


@dataclass
class Points:
    """A batch of numbers with what they should become."""

    x: torch.Tensor
    y: torch.Tensor
    useful: int = 1
    ids: list[str] = field(default_factory=list)

    def to(self, device):
        return self

    def __call__(self):
        return self


def points(count=8, slope=3.0):
    torch.manual_seed(0)
    made = torch.randn(count, 4)
    return [Points(x[None], slope * x.sum()[None, None], 1, [f"row-{i}"]) for i, x in enumerate(made)]


def squared(model, batch):
    return ((model(batch.x) - batch.y) ** 2).mean(), {}


def line(dropout=0.0):
    torch.manual_seed(1)
    return with_own_dropout(torch.nn.Sequential(torch.nn.Dropout(dropout), torch.nn.Linear(4, 1)))


def learn(model, out, rows=None, held_out=None, loss=squared, **settings):
    schedule = Schedule(**{"learning_rate": 0.05, "epochs": 10, "decay": "constant", "clip": 100.0, **settings})
    return loop.train(model, rows or points(), loss, schedule, out=out, label="a line", held_out=held_out)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_the_best_weights_are_left_and_training_ends_when_nothing_gets_better(tmp_path):
    model, seen = line(), []
    figures = iter([4.0, 3.0, 1.0, 2.0, 1.5, 0.1])

    def measure():
        seen.append(weights(model))
        return {"held_out_loss": next(figures)}

    totals = learn(model, tmp_path, held_out=Watch(measure), evaluate=4, patience=2)
    rows = list(read_jsonl(tmp_path / "measured.jsonl"))
    assert [row["step"] for row in rows] == [0, 4, 8, 12, 16] and totals["steps"] == 16
    assert [row["best"] for row in rows] == [True, True, True, False, False]
    assert torch.equal(weights(model), seen[2]) and not torch.equal(seen[2], seen[4])


def test_where_higher_is_better_the_highest_is_kept_and_without_patience_all_steps_are_taken(tmp_path):
    model, seen = line(), []
    figures = iter([0.05, 0.1, 0.9, 0.5, math.nan, 0.2])

    def measure():
        assert not model.training and not torch.is_grad_enabled()
        seen.append(weights(model))
        return {"f1": next(figures)}

    totals = learn(model, tmp_path, held_out=Watch(measure, "f1", lower=False), evaluate=16)
    assert totals["steps"] == 80 and len(seen) == 6 and torch.equal(weights(model), seen[2])


def test_a_run_stopped_between_two_measures_keeps_and_ends_as_one_that_was_not(tmp_path, monkeypatch):
    held = points(4, slope=2.5)

    def run(out):
        model = line(0.3)

        def measure():
            return {"held_out_loss": float(sum(squared(model, row)[0] for row in held))}

        learn(model, out, held_out=Watch(measure), evaluate=3, patience=4, checkpoint=5, accumulate=2)
        return weights(model), list(read_jsonl(out / "measured.jsonl"))

    whole, rows = run(tmp_path / "whole")
    real, calls = loop.rows_once, []

    def stops(*given, **named):
        calls.append(1)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return real(*given, **named)

    monkeypatch.setattr(loop, "rows_once", stops)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts")
    again, again_rows = run(tmp_path / "parts")
    assert torch.equal(whole, again) and rows == again_rows and len(rows) > 3


def test_dropout_draws_the_same_for_a_row_whatever_runs_beside_it_and_nothing_in_eval(tmp_path):
    layer, x = Dropout(0.5), torch.ones(64)

    def drawn(name):
        with drawn_from(name, x.device):
            return layer(x)

    assert torch.equal(drawn("a"), drawn("a")) and not torch.equal(drawn("a"), drawn("b"))
    assert set(drawn("a").tolist()) == {0.0, 2.0} and generator() is None
    assert torch.equal(layer.eval()(x), x)
    threads, found = torch.get_num_threads(), []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            model = line(0.5)
            learn(model, tmp_path / str(number), accumulate=4)
            found.append(weights(model))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*found)


def test_a_step_whose_loss_is_no_number_is_named_by_its_examples_and_leaves_the_checkpoint(tmp_path):
    rows = points()
    rows[5].y = torch.tensor([[math.nan]])
    with pytest.raises(loop.Diverged, match=r"loss is nan at step \d+ \(examples row-5\)"):
        learn(line(), tmp_path, rows, checkpoint=1, seed=3)
    taken = len(list(read_jsonl(tmp_path / "curve.jsonl")))
    assert taken == 0 or (tmp_path / "checkpoint" / "state.safetensors").exists()


def test_a_gradient_that_is_not_finite_changes_no_weight(tmp_path):
    model = line()
    before = weights(model)

    def steep(model, batch):
        value = model(batch.x).sum() * 1e-30
        return value.abs().sqrt().sqrt().sqrt() * 0 + (model(batch.x) * 0).abs().sqrt().sum(), {}

    with pytest.raises(loop.Diverged, match="the gradient is not finite at step 1"):
        learn(model, tmp_path, loss=steep)
    assert torch.equal(weights(model), before)


LACKING = ("can't allocate memory: you tried to allocate 7 bytes", "not enough memory: you tried")


@pytest.mark.parametrize(
    "error", [MemoryError(), *(RuntimeError(f"DefaultCPUAllocator: {words}") for words in LACKING)]
)
@pytest.mark.parametrize(
    ("threads", "rows", "told"),
    [(1, 1, "512 and schedule.accumulate=2"), (2, 1, "512:"), (2, 2, "512 and schedule.accumulate=4")],
)
def test_too_little_memory_is_told_with_the_settings_that_need_half(error, threads, rows, told, tmp_path):
    def hungry(model, batch):
        raise error

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with pytest.raises(OutOfMemory, match=f"batch_tokens={told}"):
            learn(line(), tmp_path, loss=hungry, accumulate=rows)
    finally:
        torch.set_num_threads(before)


def test_another_error_of_torch_is_not_taken_for_too_little_memory(tmp_path):
    def wrong(model, batch):
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        learn(line(), tmp_path, loss=wrong)


def test_a_tracker_that_is_not_known_or_not_installed_is_refused_before_the_first_step(tmp_path):
    for name in ("wandb", "mlflow"):
        try:
            learn(line(), tmp_path, track=(name,))
        except UserError as error:
            assert "legal are" in str(error) or "pip install" in str(error)
        assert not (tmp_path / "curve.jsonl").exists() or name == "mlflow"


TWO = """
import sys
from pathlib import Path
from residency.train.instruct import instruct
from residency.train.schedule import Schedule
from residency.train.tuning import Tuning
base, examples, out, rows = sys.argv[1:]
schedule = Schedule(learning_rate=1e-2, batch_tokens=64, accumulate=int(rows), precision="fp32", checkpoint=2, epochs=2)
instruct(Path(base), Path(examples), out=Path(out), tuning=Tuning(rank=4), schedule=schedule)
"""


@pytest.mark.parametrize(("rows", "same"), [(2, True), (3, False)], ids=["two rows a step", "three rows a step"])
def test_two_processes_leave_the_weights_that_one_leaves(rows, same, toy_base, toy_examples, tmp_path):
    for processes in (1, 2):
        launched(TWO, processes, toy_base, toy_examples, tmp_path / str(processes), str(rows))
    files = [tmp_path / each / "adapter" / "adapter_model.safetensors" for each in ("1", "2")]
    curves = [list(read_jsonl(tmp_path / each / "curve.jsonl")) for each in ("1", "2")]
    assert [row["tokens"] for row in curves[0]] == [row["tokens"] for row in curves[1]]
    if same:  # a sum of two has one order
        assert sha256_file(files[0]) == sha256_file(files[1])
    from safetensors.torch import load_file

    one, two = (load_file(file) for file in files)
    assert all(torch.allclose(one[name], two[name], atol=1e-6) for name in one)


def test_what_is_learned_does_not_depend_on_the_loops_caller(toy_base, toy_examples, tmp_path):
    """The same stage twice in one process, with other random numbers drawn between, leaves the same bits."""
    schedule = Schedule(learning_rate=1e-2, batch_tokens=64, precision="fp32")
    for name in ("a", "b"):
        instruct(toy_base, toy_examples, out=tmp_path / name, tuning=Tuning(rank=4), schedule=schedule)
        torch.rand(7)
    hashes = {sha256_file(tmp_path / n / "adapter" / "adapter_model.safetensors") for n in ("a", "b")}
    assert len(hashes) == 1


@dataclass
class Wide:
    """A row of so many tokens, each of which takes 40 kB until the backward pass."""

    tokens: int
    useful: int = 1
    ids: list[str] = field(default_factory=list)

    def to(self, device):
        return self

    def __call__(self):
        return self


def wide(model, batch):
    x = torch.ones(batch.tokens, 1) * model[1].weight[0, 0]
    for _ in range(10):
        x = torch.exp(0.001 * (x.expand(-1, 1000) if x.shape[1] == 1 else x))  # each keeps what it gave
    return x.mean(), {}


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is the kernel's")
@pytest.mark.parametrize(("threads", "rows"), [(1, 1), (2, 1), (2, 2)])
def test_memory_that_runs_out_for_real_is_told_and_what_is_told_then_fits(threads, rows, tmp_path):
    from residency.core.memory import at_most

    def run(tokens, accumulate):
        schedule = {"batch_tokens": tokens, "accumulate": accumulate, "epochs": 1}
        with at_most(1_000_000 * 60 * rows * 10):
            return learn(line(), tmp_path / str(tokens), [Wide(tokens) for _ in range(8)], loss=wide, **schedule)

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with pytest.raises(OutOfMemory, match="--estimate") as caught:
            run(20_000, rows)
        tokens, more = re.search(r"batch_tokens=(\d+)(?: and schedule.accumulate=(\d+))?", str(caught.value)).groups()
        assert run(int(tokens), int(more or rows))["steps"] > 0
    finally:
        torch.set_num_threads(before)
