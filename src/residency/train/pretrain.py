"""Continued pretraining: the next token of running medical text, every token counted alike."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch

from residency.core.settings import Flat, together
from residency.core.store import read_jsonl
from residency.models.pack import Batch, Block
from residency.train.forward import scored
from residency.train.loop import train
from residency.train.objectives import next_token
from residency.train.schedule import Schedule
from residency.train.stage import Tokens, cut_to_tokens, leave, open_model, pack_rows
from residency.train.tuning import LORA, Tuning, disagreements

DEFAULT = Schedule()


@together(disagreements)
def pretrain(
    model: Path,
    examples: Path,
    *,
    out: Path,
    tokens: Tokens = 30_000,
    tuning: Flat[Tuning] = LORA,
    schedule: Schedule = DEFAULT,
) -> None:
    """Write an adapter that has read ``examples/text.jsonl``, up to ``tokens`` tokens."""
    net, local = open_model(model, schedule=schedule, tuning=tuning)
    texts = [
        Block([*local.encode(row["text"]), local.end], [], id=row["id"]) for row in read_jsonl(examples / "text.jsonl")
    ]
    blocks, left = cut_to_tokens(texts, tokens, schedule.batch_tokens)
    rows = pack_rows(blocks, schedule, fill=local.end)

    def loss(logprobs: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        return next_token(logprobs, batch.owners, 0, per_example=False), {}

    totals = train(net, rows, scored(loss), schedule, out=out, label="continued pretraining")
    leave(
        net,
        local,
        model,
        out,
        tuning,
        stage="pretrain",
        examples=len(blocks),
        left_out=left,
        totals=totals,
        schedule=asdict(schedule),
        rank=tuning.rank,
    )
