"""Preference alignment: pairs of a right answer and the wrong one that this model itself likes best.

The rejected answer is chosen among an example's known wrong answers (other options, other labels, corrupted facts)
by the model's own likelihood before training. Both answers share their prompt in the packed row, and the reference
log-probabilities are computed once and kept, so that a resumed run aligns against the same pairs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from residency.core.errors import UserError
from residency.core.legal import Above0, AtLeast0, AtLeastOne
from residency.core.progress import say
from residency.core.settings import Flat, together
from residency.core.store import read_examples, read_jsonl, write_jsonl
from residency.core.types import Example
from residency.models.local import LocalModel
from residency.models.pack import Batch, Block
from residency.train.forward import scored
from residency.train.loop import train
from residency.train.objectives import dpo, lengths, summed
from residency.train.schedule import Schedule
from residency.train.stage import leave, open_model, pack_rows
from residency.train.tuning import LORA, Tuning, disagreements

DEFAULT = Schedule(learning_rate=1e-4)
Loss = Literal["dpo"]
LOSSES = get_args(Loss)
NOTHING = "[]"


@together(disagreements)
def prefer(
    model: Path,
    examples: Path,
    *,
    out: Path,
    tokens: AtLeastOne = 50_000,
    loss: Loss = "dpo",
    beta: Above0 = 0.1,
    nll: AtLeast0 = 0.2,
    tuning: Flat[Tuning] = LORA,
    schedule: Schedule = DEFAULT,
) -> None:
    """Write an adapter aligned on preference pairs, up to ``tokens`` tokens.

    ``nll`` adds that share of the chosen answers' own loss a token, which keeps their likelihood from falling with
    the rejected one's (Pang et al. 2024, "Iterative Reasoning Preference Optimization", eq. 1).
    """
    if loss not in LOSSES:
        raise UserError(f"preference loss {loss!r} is not known; legal are {', '.join(LOSSES)}")
    net, local = open_model(model, schedule=schedule, tuning=tuning)
    kept = out / "pairs.jsonl"
    if not kept.exists():
        items = [
            e
            for e in read_examples(examples / "examples.jsonl", split="train")
            if e.unwanted and e.meta.get("use") == "prefer"
        ]
        random.Random(f"{schedule.seed}:prefer").shuffle(items)
        write_jsonl(kept, hardest_pairs(items, local, tokens, schedule.batch_tokens))
    pairs = list(read_jsonl(kept))
    rows = pack_rows([encode_pair(p, local) for p in pairs], schedule, fill=local.end)

    def objective(logprobs: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        return preference_loss(logprobs, batch, beta=beta, nll=nll)

    totals = train(net, rows, scored(objective), schedule, out=out, label="preference alignment")
    leave(
        net,
        local,
        model,
        out,
        tuning,
        stage="prefer",
        examples=len(pairs),
        totals=totals,
        schedule=asdict(schedule),
        rank=tuning.rank,
        loss=loss,
        beta=beta,
        nll=nll,
    )


def preference_loss(
    logprobs: torch.Tensor, batch: Batch, *, beta: float, nll: float
) -> tuple[torch.Tensor, dict[str, float]]:
    """Return the DPO loss of a packed row of pairs (owners 2i chosen, 2i+1 rejected; notes the reference's sums)."""
    count = len(batch.notes)
    sums, sizes = summed(logprobs, batch.owners, count), lengths(batch.owners, count)
    chosen, rejected = sums[0::2], sums[1::2]
    value = dpo(chosen, rejected, batch.notes[0::2], batch.notes[1::2], beta=beta)
    margin = (chosen - batch.notes[0::2]) - (rejected - batch.notes[1::2])
    figures = {
        "preference": float(value.detach()),
        "margin": float(beta * margin.detach().mean()),
        "accuracy": float((margin.detach() > 0).float().mean()),
    }
    return value + nll * -(chosen / sizes[0::2]).mean(), figures


def hardest_pairs(items: Sequence[Example], model: LocalModel, tokens: int, capacity: int) -> list[dict[str, Any]]:
    """Return TRL preference rows with the reference log-probabilities (nats) of both answers, up to ``tokens``.

    The rejected one is the wrong answer with the highest log-probability a token under ``model``. Examples whose right
    answer is an empty list make no pair: preferred over full lists, it teaches silence.
    """
    candidates: list[tuple[Example, Block]] = []
    total = 0
    for number, example in enumerate(e for e in items if len(answers_of(e)) > 1 and e.wanted[0] != NOTHING):
        branches = [[*model.encode(a), model.end] for a in answers_of(example)]
        block = Block(model.encode_prompt(example.prompt), branches, [number * 16 + i for i in range(len(branches))])
        pair_length = len(block.context) + len(branches[0]) + max(map(len, branches[1:]))
        if pair_length > capacity:
            continue
        total += pair_length
        if total > tokens:
            break
        candidates.append((example, block))
    if not candidates:
        raise UserError(f"no preference pair fits: {len(items)} examples with wrong answers; raise tokens")
    scores = model.score([b for _, b in candidates])
    pairs: list[dict[str, Any]] = []
    for example, block in candidates:
        found = [scores[owner] for owner in block.owners]
        worst = max(range(1, len(found)), key=lambda i: found[i].total / len(found[i].logprobs))
        answers = answers_of(example)
        pairs.append(
            {
                "id": example.id,
                "prompt": example.prompt,
                "chosen": [{"role": "assistant", "content": answers[0]}],
                "rejected": [{"role": "assistant", "content": answers[worst]}],
                "chosen_logprob": found[0].total,
                "rejected_logprob": found[worst].total,
            }
        )
    liked = sum(p["rejected_logprob"] > p["chosen_logprob"] for p in pairs)
    say(f"preference pairs: {len(pairs)}; in {liked} of them the model liked the wrong answer better")
    return pairs


def answers_of(example: Example) -> list[str]:
    """Return the wanted answer and up to 15 wrong ones that differ from every wanted one."""
    wrong = [a for a in example.unwanted if a not in example.wanted]
    return [example.wanted[0], *wrong[:15]]


def encode_pair(pair: dict[str, Any], model: LocalModel) -> Block:
    """Return one pair as a block of two branches, noting the reference log-probabilities."""
    branches = [[*model.encode(pair[side][0]["content"]), model.end] for side in ("chosen", "rejected")]
    notes = [pair["chosen_logprob"], pair["rejected_logprob"]]
    return Block(model.encode_prompt(pair["prompt"]), branches, notes=notes, id=pair["id"])
