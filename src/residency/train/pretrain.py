"""Continued pretraining: the next token of running medical text, every token counted alike."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch

from residency.core.settings import Flat, together
from residency.core.store import read_jsonl
from residency.models.pack import Batch, Block
from residency.train import check
from residency.train.forward import scored
from residency.train.held_out import parted, watch_of
from residency.train.loop import train
from residency.train.objectives import next_token
from residency.train.order import Order, in_stages, step_by_step
from residency.train.schedule import Schedule
from residency.train.stage import Tokens, fitting, leave, open_model, pack_rows
from residency.train.tuning import LORA, Tuning, disagreements

DEFAULT = Schedule()
HELD = 100
"""Held-out texts that are measured on the way."""


@together(disagreements)
def pretrain(
    model: Path,
    examples: Path,
    *,
    out: Path,
    tokens: Tokens = 30_000,
    # The order of reading: drawn from the seed, or that of the corpus's mixture, stage by stage.
    order: Order = "drawn",
    tuning: Flat[Tuning] = LORA,
    schedule: Schedule = DEFAULT,
) -> None:
    """Write an adapter that has read ``examples/text.jsonl``, up to ``tokens`` tokens."""
    net, local = open_model(model, schedule=schedule, tuning=tuning)
    found, held = parted(list(read_jsonl(examples / "text.jsonl")), schedule)
    groups = in_stages(examples, found, lambda row: str(row["id"])) if order == "corpus" else [found]

    def block(row: dict[str, str]) -> Block:
        return Block([*local.encode(row["text"]), local.end], [], id=row["id"])

    parts, left = fitting([list(map(block, group)) for group in groups], tokens, schedule.batch_tokens)
    check.within([b for part in parts for b in part], local.context)
    phases = [pack_rows(part, schedule, fill=local.end, shuffled=order == "drawn") for part in parts]
    rows, sizes = [row for phase in phases for row in phase], [len(phase) for phase in phases]
    steps = step_by_step(sizes, schedule.accumulate) if order == "corpus" else sizes

    def loss(logprobs: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        return next_token(logprobs, batch.owners, 0, per_example=False), {}

    look = watch_of(net, local, list(map(block, held[:HELD])), scored(loss), schedule)
    totals = train(
        net, rows, scored(loss), schedule, out=out, label="continued pretraining", phases=steps, held_out=look
    )
    leave(
        net,
        local,
        model,
        out,
        tuning,
        stage="pretrain",
        examples=sum(map(len, parts)),
        left_out=left,
        totals=totals,
        schedule=asdict(schedule),
        rank=tuning.rank,
        order=order,
    )
