"""Preference alignment by our loop's step and by TRL's DPOTrainer, a process each: a share of the steps a "go"."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from parts.trainers import GRADIENTS, common, finish, hold, in_order, learner, opened, rows_of, serve

BETA, RATE = 0.1, 1e-6
"""TRL's defaults."""
BEST = {"gradient_checkpointing": False, "precompute_ref_log_probs": True}
TRL: dict[str, dict[str, Any]] = {
    "trl-default": {},
    "trl-fp32": {"bf16": False},
    "trl-best": {**BEST, "dtype": "bfloat16"},
    "trl-best-fp32": {**BEST, "bf16": False},
    "trl-best-autocast": BEST,
    "trl-kept": {"gradient_checkpointing": False},
}
"""TRL's settings by the name of a variant; ``dtype`` is that of the weights (fp32, where bf16 is its autocast)."""


def ours(name: str, data: list[list[dict[str, Any]]], scratch: Path, pipe: Connection) -> None:
    """Align with our loop's own step, one go at a time; each go scores the reference of its own pairs first."""
    import torch

    from residency.models.pack import Batch, Block
    from residency.train.forward import scored
    from residency.train.objectives import dpo, summed

    local, learn = learner(name, scratch, RATE)
    share = int(os.environ["BENCH_STEPS"])

    def block(row: dict[str, Any], number: int) -> Block:
        turns = [row[side][0]["content"] for side in ("chosen", "rejected")]
        answers = [[*local.encode(turn), local.end, *local.encode("\n")] for turn in turns]
        return Block(local.encode_prompt(row["prompt"]), answers, [2 * number, 2 * number + 1])

    def referred(rows: list[dict[str, Any]]) -> list[list[float]]:
        """Return the reference log-probabilities of pairs, as the stage scores them: packed, before training."""
        found = local.score([block(row, number) for number, row in enumerate(rows)])
        return [[found[2 * i].total, found[2 * i + 1].total] for i in range(len(rows))]

    notes = [referred(rows) for rows in data]  # before any step: what is scored again in a go is only timed

    def step(rows: list[dict[str, Any]], noted: list[list[float]], kept: int | None = None) -> int:
        blocks = [block(row, 0) for row in rows]
        for each, reference in zip(blocks, noted, strict=True):
            each.notes = reference
        batches = rows_of(blocks)

        def loss(logprobs: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
            sums, count = summed(logprobs, batch.owners, len(batch.notes)), len(batch.notes) // 2
            value = dpo(sums[0::2], sums[1::2], batch.notes[0::2], batch.notes[1::2], beta=BETA)
            return value * count * len(batches) / len(rows), {}  # the mean over the step's pairs, as TRL's

        return learn(batches, scored(loss), kept)

    for i, rows in enumerate(data[:GRADIENTS]):
        step(rows, notes[i], kept=i)
    pipe.send("ready")

    def go(first: int) -> int:
        number = GRADIENTS + first
        if first % share == 0:
            referred([row for rows in data[number : number + share] for row in rows])
        return step(data[number], notes[number])

    serve(pipe, list(range(len(data) - GRADIENTS)), go)


def theirs(name: str, data: list[list[dict[str, Any]]], scratch: Path, pipe: Connection) -> None:
    """Align with TRL's DPOTrainer, held at each go; where it computes references beforehand, a go does so again."""
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    tokenizer, model, settings = opened(TRL[name], scratch)
    config = DPOConfig(**common(name, data, scratch), learning_rate=RATE, beta=BETA, **settings)
    flat = Dataset.from_list([row for rows in data for row in rows])
    size, made = len(data[0]), []

    def before(first: int, last: int) -> None:
        if settings.get("precompute_ref_log_probs"):
            trainer = made[0]
            for step in range(first, last):
                rows = [trainer.train_dataset[i] for i in range(step * size, (step + 1) * size)]
                trainer.compute_ref_log_probs(trainer.model, trainer.data_collator(rows))

    tokens = [sum(useful(tokenizer, row) for row in rows) for rows in data]
    kind = in_order(DPOTrainer, scratch / name)
    callbacks = [hold(pipe, tokens, before)]
    made.append(kind(model=model, args=config, train_dataset=flat, processing_class=tokenizer, callbacks=callbacks))
    finish(made[0], pipe)


def useful(tokenizer: Any, row: dict[str, Any]) -> int:
    """Return the tokens of a pair: its prompt once, and both answers."""

    def size(messages: list[dict[str, str]], more: bool = False) -> int:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=more)
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    prompt = size(row["prompt"], True)
    return sum(size(row["prompt"] + row[side]) for side in ("chosen", "rejected")) - prompt


WORKERS = {"ours": ours, "trl": theirs}
