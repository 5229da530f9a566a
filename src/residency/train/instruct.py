"""Instruction tuning: the loss on the answer only, every answer weighing the same however long it is."""

from __future__ import annotations

import random
from dataclasses import asdict
from pathlib import Path

import torch

from residency.core.store import read_examples
from residency.core.types import Example
from residency.models.local import LocalModel
from residency.models.pack import Batch, Block
from residency.train.loop import train
from residency.train.objectives import next_token
from residency.train.schedule import Schedule
from residency.train.stage import cut_to_tokens, leave, open_model, pack_rows

DEFAULT = Schedule()


def instruct(model: Path, examples: Path, *, out: Path, tokens: int = 180_000, rank: int = 16,
             alpha: float | None = None, per_example: bool = True, schedule: Schedule = DEFAULT) -> None:
    """Write an adapter tuned on the training examples, up to ``tokens`` tokens in an order drawn from the seed."""
    net, local = open_model(model, schedule=schedule, rank=rank, alpha=alpha)
    items = [e for e in read_examples(examples / "examples.jsonl", split="train") if e.meta.get("use") != "prefer"]
    random.Random(f"{schedule.seed}:instruct").shuffle(items)
    blocks, left = cut_to_tokens([block_of(e, local) for e in items], tokens, schedule.batch_tokens)
    rows = pack_rows(blocks, schedule, fill=local.end)

    def loss(logprobs: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        count = int(batch.owners.max()) + 1
        return next_token(logprobs, batch.owners, count, per_example=per_example), {"answers": count}

    totals = train(net, rows, loss, schedule, out=out, label="instruction tuning")
    leave(net, model, out, stage="instruct", examples=len(blocks), left_out=left, totals=totals,
          schedule=asdict(schedule), rank=rank, per_example=per_example)


def block_of(example: Example, model: LocalModel) -> Block:
    """Return the prompt as context and the wanted answer with its end token as the one branch."""
    return Block(model.encode_prompt(example.prompt), [[*model.encode(example.wanted[0]), model.end]])
