"""Preference alignment: an answer is made likelier than another to the same prompt.

Both answers of a pair share their prompt in the packed row. The reference, where a loss has one, is the model as it is
before training: its log-probabilities are computed once and kept, so that a resumed run aligns against the same pairs.
"""

from __future__ import annotations

import random
from dataclasses import asdict
from pathlib import Path
from typing import Literal, get_args

import torch

from residency.core.errors import UserError
from residency.core.legal import Above0, AtLeast0, AtLeastOne
from residency.core.settings import Flat, together
from residency.core.store import read_jsonl, write_jsonl
from residency.models.local import LocalModel
from residency.models.pack import Batch
from residency.train import check
from residency.train.forward import scored
from residency.train.held_out import parted, watch_of
from residency.train.loop import train
from residency.train.objectives import dpo, ipo, kto, lengths, orpo, simpo, summed
from residency.train.pairs import Row, encode_pair, hardest_pairs, read_pairs, with_mismatched
from residency.train.schedule import Schedule
from residency.train.stage import leave, open_model, pack_rows
from residency.train.tuning import LORA, Tuning, disagreements

DEFAULT = Schedule(learning_rate=1e-4)
Loss = Literal["dpo", "ipo", "simpo", "orpo", "kto"]
LOSSES = get_args(Loss)
WITH_REFERENCE = ("dpo", "ipo", "kto")
BETA = {"dpo": 0.1, "ipo": 0.1, "simpo": 2.0, "orpo": 0.1, "kto": 0.1}
NLL = {"dpo": 0.2}
GAMMA = 1.0


@together(disagreements)
def prefer(
    model: Path,
    examples: Path,
    *,
    out: Path,
    # Tokens of the pairs that are learned, at most, in an order drawn from the seed.
    tokens: AtLeastOne = 50_000,
    # What is made of a pair; simpo and orpo need no reference.
    loss: Loss = "dpo",
    # The loss's own strength; left out, that of its paper: 2 for simpo, 0.1 for the others.
    beta: Above0 | None = None,
    # The share of the chosen answer's own loss that is added; left out, 0.2 for dpo and nothing for the others.
    nll: AtLeast0 | None = None,
    # By how much simpo's chosen answer must lead; left out, 1.
    gamma: AtLeast0 | None = None,
    tuning: Flat[Tuning] = LORA,
    schedule: Schedule = DEFAULT,
) -> None:
    """Write an adapter aligned on preference pairs, up to ``tokens`` tokens.

    ``nll`` adds that share of the chosen answers' own loss a token, which keeps their likelihood from falling with
    the rejected one's (Pang et al. 2024, "Iterative Reasoning Preference Optimization", eq. 1).
    """
    if loss not in LOSSES:
        raise UserError(f"preference loss {loss!r} is not known; legal are {', '.join(LOSSES)}")
    if gamma is not None and loss != "simpo":
        raise UserError(f"gamma belongs to the loss simpo, and the loss is {loss}; leave gamma out")
    beta, nll = BETA[loss] if beta is None else beta, NLL.get(loss, 0.0) if nll is None else nll
    settings = {"loss": loss, "beta": beta, "nll": nll}
    if loss == "simpo":
        settings["gamma"] = GAMMA if gamma is None else gamma
    net, local = open_model(model, schedule=schedule, tuning=tuning)
    kept = out / "pairs.jsonl"
    if not kept.exists():
        write_jsonl(kept, make_pairs(examples, local, loss, tokens, schedule))
    pairs = list(read_jsonl(kept))
    learned, held = parted([encode_pair(p, local) for p in pairs], schedule)
    check.within(learned, local.context)
    rows = pack_rows(learned, schedule, fill=local.end)

    def objective(logprobs: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        return preference_loss(logprobs, batch, **settings)  # type: ignore[arg-type]

    watch = watch_of(net, local, held, scored(objective), schedule)
    totals = train(net, rows, scored(objective), schedule, out=out, label="preference alignment", held_out=watch)
    facts = {"examples": len(learned), "held_out": len(held), "totals": totals, "schedule": asdict(schedule)}
    leave(net, local, model, out, tuning, stage="prefer", **facts, rank=tuning.rank, **settings)


def make_pairs(examples: Path, local: LocalModel, loss: str, tokens: int, schedule: Schedule) -> list[Row]:
    """Return the pairs that a loss learns from, with what it needs of the reference."""
    items = read_pairs(examples)
    random.Random(f"{schedule.seed}:prefer").shuffle(items)
    pairs = hardest_pairs(items, local, tokens, schedule.batch_tokens, reference=loss in WITH_REFERENCE)
    return with_mismatched(pairs, local, schedule.batch_tokens) if loss == "kto" else pairs


def preference_loss(
    logprobs: torch.Tensor, batch: Batch, *, loss: str = "dpo", beta: float, nll: float, gamma: float = GAMMA
) -> tuple[torch.Tensor, dict[str, float]]:
    """Return the loss of a packed row of pairs, each with its chosen and its rejected answer and, for KTO, a third.

    An answer's note is the reference's log-probability of it. IPO, SimPO and ORPO read means a token.
    """
    count, each = len(batch.notes), 3 if loss == "kto" else 2
    sums, sizes = summed(logprobs, batch.owners, count), lengths(batch.owners, count)
    chosen, rejected = sums[0::each], sums[1::each]
    chosen_ref, rejected_ref = batch.notes[0::each], batch.notes[1::each]
    margin = (chosen - chosen_ref) - (rejected - rejected_ref)
    if loss == "dpo":
        value = dpo(chosen, rejected, chosen_ref, rejected_ref, beta=beta)
    elif loss == "kto":
        ratios = sums - batch.notes
        both = torch.cat([ratios[0::each], ratios[1::each]])
        good = torch.arange(len(both), device=both.device) < len(chosen)
        value = kto(both, good, ratios[2::each], beta=beta)
    else:
        means, known = sums / sizes, batch.notes / sizes
        margin = (means[0::2] - known[0::2]) - (means[1::2] - known[1::2])
        value = _by_means(loss, means, known, beta, gamma)
    figures = {
        "preference": float(value.detach()),
        "margin": float(beta * margin.detach().mean()),
        "accuracy": float((margin.detach() > 0).float().mean()),
    }
    return value + nll * -(chosen / sizes[0::each]).mean(), figures


def _by_means(loss: str, means: torch.Tensor, known: torch.Tensor, beta: float, gamma: float) -> torch.Tensor:
    chosen, rejected = means[0::2], means[1::2]
    if loss == "ipo":
        return ipo(chosen, rejected, known[0::2], known[1::2], beta=beta)
    if loss == "simpo":
        return simpo(chosen, rejected, beta=beta, gamma=gamma)
    return orpo(chosen, rejected, beta=beta)
