"""The first steps of a stage: the real ones, counted and timed, and then no more."""

from __future__ import annotations

import time
from types import SimpleNamespace

import torch

from residency.core.store import read_jsonl
from residency.train.instruct import instruct
from residency.train.loop import train
from residency.train.pretrain import pretrain
from residency.train.probe import first_steps
from residency.train.schedule import Schedule
from residency.train.tuning import Tuning
from residency.train.watch import Watch

FAST = Schedule(batch_tokens=32, precision="fp32", accumulate=2)


def test_the_loop_ends_after_the_wanted_steps_and_says_what_it_would_have_done(toy_base, toy_examples, tmp_path):
    instruct(toy_base, toy_examples, out=tmp_path / "whole", tuning=Tuning(rank=4), schedule=FAST)
    curve = list(read_jsonl(tmp_path / "whole" / "curve.jsonl"))
    with first_steps(2) as seen:
        instruct(toy_base, toy_examples, out=tmp_path / "few", tuning=Tuning(rank=4), schedule=FAST)
        raise AssertionError("the stage came to its end")
    assert seen.plan == len(curve) > 2 and len(seen.seconds) == 2 and seen.rows == len(seen.useful)
    assert sum(seen.useful) == sum(row["tokens"] for row in curve)
    assert len(set(seen.ids)) == 30 and seen.before > 0 and seen.peak_mb >= 50
    assert not (tmp_path / "few" / "adapter").exists()


def test_what_learns_is_counted_in_bytes(toy_base, toy_examples, tmp_path):
    for rank in (2, 4):
        with first_steps(1) as seen:
            pretrain(toy_base, toy_examples, out=tmp_path / str(rank), tuning=Tuning(rank=rank), schedule=FAST)
        layer = 2 * (32 + 32) + 2 * (32 + 16) + 3 * (32 + 64)  # q and o, k and v, gate and up and down: in and out
        assert seen.weights == 4 * rank * 2 * layer


def test_a_stage_outside_goes_to_its_end_and_a_training_shorter_than_the_probe_too(toy_base, toy_examples, tmp_path):
    with first_steps(99) as seen:
        pretrain(toy_base, toy_examples, out=tmp_path / "a", tokens=60, tuning=Tuning(rank=4), schedule=FAST)
    assert len(seen.seconds) == seen.plan == 1 and seen.taken == 2
    pretrain(toy_base, toy_examples, out=tmp_path / "b", tuning=Tuning(rank=4), schedule=FAST)
    assert (tmp_path / "b" / "adapter").exists() and len(seen.seconds) == 1


def test_what_is_held_out_is_timed_apart(toy_base, toy_examples, tmp_path):
    def measure():
        time.sleep(0.2)
        return {"held_out_loss": 1.0}

    def squared(model, batch):
        return (model(batch.x) ** 2).mean(), {}

    rows = [lambda: SimpleNamespace(x=torch.ones(1, 4), useful=1, to=lambda device: rows[0]()) for _ in range(8)]
    schedule, watch = Schedule(evaluate=4), Watch(measure)
    with first_steps(2) as seen:
        train(torch.nn.Linear(4, 1), rows, squared, schedule, out=tmp_path, label="a line", held_out=watch)
    assert 0.2 <= seen.look < 0.5 and len(seen.seconds) == 2
