"""The reward model: an adapter and a head that score an answer, so that better ones score higher (Bradley-Terry).

Both chats of a pair share what they begin with in the packed row. What is left is an adapter for transformers' sequence
classification with one label (the head is in it), a held-out accuracy over pairs, and cut points that turn scores into
ratings where people's ratings were given.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from safetensors.torch import load_file, save_file

from residency.core.errors import UserError
from residency.core.legal import Above0, AtLeast0, AtLeastOne, Range
from residency.core.store import (
    atomic_path,
    read_json,
    read_jsonl,
    read_manifest,
    sha256_file,
    write_json,
    write_jsonl,
    write_manifest,
)
from residency.measure.intervals import bootstrap, mean_of
from residency.models.local import LocalModel
from residency.models.pack import Batch, Block
from residency.models.reward import HEAD, chat_ids, chat_scores, with_head
from residency.train import check, objectives
from residency.train.checkpoint import finish
from residency.train.loop import train
from residency.train.processes import is_main
from residency.train.rated import Row, blocks_of, cuts_for, given_pairs, parted, rated_pairs
from residency.train.schedule import Schedule
from residency.train.stage import Tokens, cut_to_tokens, open_model, pack_rows
from residency.train.tuning import Rank, Tuning
from residency.train.watch import Watch

DEFAULT = Schedule(learning_rate=1e-4, batch_tokens=1024)
MEASURED = 20_000
"""Tokens of held-out pairs that are measured on the way, at most: a look must not cost what it saves."""


def reward(
    model: Path,
    examples: Path,
    *,
    out: Path,
    # Tokens of the pairs that are learned, at most; 0 takes all there are.
    tokens: Tokens = 0,
    # A public set of rated answers whose training part gives further pairs, and the cut points between ratings.
    rated: Literal["medquad_judged"] | None = None,
    # How far apart two ratings must lie to make a pair of that set.
    gap: Above0 = 1.0,
    # The most pairs of one question of that set.
    per_question: AtLeastOne = 24,
    # How much further the better answer must score, for each step between two ratings.
    margin: AtLeast0 = 0.0,
    # Characters of an answer that are read; of a longer one the middle is left out.
    longest: Annotated[int, Range(least=100)] = 2000,
    # The share of questions that is held out for the accuracy over pairs and the cut points.
    held_out: Annotated[float, Range(least=0, most=0.5)] = 0.2,
    # The rank of a new adapter; an earlier stage's goes on learning as it is.
    rank: Rank = 16,
    # The scale of a new adapter times its rank; left out, it is the rank.
    alpha: Above0 | None = None,
    schedule: Schedule = DEFAULT,
) -> None:
    """Write a reward model trained on the preference pairs of the examples, and on those of a set of rated answers."""
    if "reward" in (read_manifest(model) or {}).get("model", {}):
        raise UserError(f"{model} is a reward model, which is not trained further; name a base, or a tuned model")
    net, local = open_model(model, schedule=schedule, tuning=Tuning(rank=rank, alpha=alpha))
    with_head(net.get_base_model(), schedule.seed)
    kept = out / "pairs.jsonl"
    if not kept.exists():
        write_jsonl(kept, _pairs(examples, rated, gap, per_question, schedule.seed))
    learned, held = parted(list(read_jsonl(kept)), held_out, schedule.seed)
    blocks, left = cut_to_tokens(blocks_of(learned, local, longest, margin), tokens, schedule.batch_tokens)
    check.within(blocks, local.context)
    rows = pack_rows(blocks, schedule, fill=local.end)
    fresh = [b for b in blocks_of(held, local, longest, margin) if b.read <= schedule.batch_tokens]
    unseen = pack_rows(fresh, schedule, fill=local.end)
    some = unseen[: max(1, MEASURED // schedule.batch_tokens)]
    look = Watch(lambda: _summary(pair_results(net, some))) if some else None
    totals = train(net, rows, reward_loss, schedule, out=out, label="reward model", held_out=look)
    if not is_main():
        return
    net.eval()
    ratings: Row = {}
    if rated:
        ratings = cuts_for(
            rated, {p["group"] for p in learned}, lambda found: item_scores(net, found, local, longest, schedule)
        )
    facts = {"examples": len(blocks), "left_out": left, "totals": totals, "schedule": asdict(schedule), "rank": rank}
    settings = {"rated": rated, "gap": gap, "per_question": per_question, "margin": margin}
    accuracy = _accuracy(pair_results(net, unseen), {pair["id"]: pair["group"] for pair in held})
    _leave(net, model, out, longest, **facts, held_out=accuracy, ratings=ratings, **settings)


def _pairs(examples: Path, rated: str | None, gap: float, per_question: int, seed: int) -> list[Row]:
    pairs = list(given_pairs(examples, seed))
    pairs += rated_pairs(rated, gap, per_question, seed) if rated else ()
    if not pairs:
        raise UserError(
            f"nothing to learn from: {examples} holds no preference example (examples.jsonl with meta.use prefer, "
            "preference.jsonl or preference/*.parquet), and no set of rated answers is named; set rated"
        )
    random.Random(f"{seed}:reward").shuffle(pairs)
    return pairs


def reward_loss(model: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
    """Return the Bradley-Terry loss of a packed row of pairs (owners 2i chosen, 2i+1 rejected; notes the margins)."""
    chosen, rejected = _sides(model, batch)
    value = objectives.reward(chosen, rejected, batch.notes[0::2])
    lead = (chosen - rejected).detach()
    return value, {"accuracy": float((lead > 0).float().mean()), "margin": float(lead.mean())}


def _sides(model: Any, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    scores = chat_scores(model.get_base_model(), batch, len(batch.notes))
    return scores[0::2], scores[1::2]


# --- measuring -------------------------------------------------------------------------------------------------------


@torch.no_grad()
def pair_results(net: Any, rows: Sequence[Any]) -> list[Row]:
    """Return by how much the chosen answer of each pair in packed rows scores more (``lead``), and the pair's loss."""
    results: list[Row] = []
    for row in rows:
        batch = row().to(next(net.parameters()).device)
        chosen, rejected = _sides(net, batch)
        sides = zip(row.ids, chosen, rejected, batch.notes[0::2], strict=True)
        results += [{"id": i, "lead": float(c - r), "loss": float(objectives.reward(c, r, m))} for i, c, r, m in sides]
    return results


def _summary(results: Sequence[Row]) -> dict[str, float]:
    right = sum(r["lead"] > 0 for r in results)
    return {
        "held_out_loss": sum(r["loss"] for r in results) / len(results),
        "held_out_accuracy": right / len(results),
    }


def _accuracy(results: Sequence[Row], groups: dict[str, str]) -> Row:
    """Return the accuracy over held-out pairs with its interval, drawn over questions; empty where none is held out."""
    if not results:
        return {}
    rows = [{"group": groups[r["id"]], "score": float(r["lead"] > 0)} for r in results]
    found = bootstrap(rows, mean_of("accuracy"))
    low, high = (None if limit != limit else limit for limit in (found.low, found.high))
    pairs = {"pairs": len(rows), "questions": len({row["group"] for row in rows})}
    return {**pairs, **_summary(results), "low": low, "high": high}


@torch.no_grad()
def item_scores(net: Any, found: Sequence[Row], local: LocalModel, longest: int, schedule: Schedule) -> list[float]:
    """Return the scores of answers, each a row of ``question`` and ``answer``, in their order."""
    asked = [[{"role": "user", "content": item["question"]}] for item in found]
    chats = [chat_ids(local, prompt, item["answer"], longest) for prompt, item in zip(asked, found, strict=True)]
    blocks = [Block(ids, [[local.end]], id=str(i)) for i, ids in enumerate(chats)]
    room = replace(schedule, batch_tokens=max(schedule.batch_tokens, *(block.read for block in blocks)))
    scores = [0.0] * len(blocks)
    for row in pack_rows(blocks, room, fill=local.end):
        batch = row().to(local.net.device)
        for name, score in zip(row.ids, chat_scores(local.net, batch, len(row.ids)).tolist(), strict=True):
            scores[int(name)] = score
    return scores


# --- leaving ---------------------------------------------------------------------------------------------------------


def _leave(net: Any, earlier: Path, out: Path, longest: int, *, ratings: Row, **facts: Any) -> None:
    """Write the finished stage: adapter and head as peft keeps those of TRL's reward models, then the manifest."""
    folder = out / "adapter"
    net.save_pretrained(str(folder), safe_serialization=True)
    (folder / "README.md").unlink(missing_ok=True)
    weights = folder / "adapter_model.safetensors"
    tensors = {**load_file(weights), HEAD: net.get_base_model().score.weight.detach().cpu().contiguous()}
    with atomic_path(weights) as temporary:
        save_file(tensors, temporary, metadata={"format": "pt"})
    config = read_json(folder / "adapter_config.json")
    write_json(folder / "adapter_config.json", {**config, "task_type": "SEQ_CLS", "modules_to_save": ["score"]})
    finish(out)
    base = (read_manifest(earlier) or {})["model"]
    about = {"longest": longest, "cuts": {ratings["axis"]: ratings["cuts"]} if ratings else {}}
    made = {**base, "adapter": "adapter", "adapter_sha256": sha256_file(weights), "reward": about}
    write_manifest(out, stage="reward", model=made, ratings=ratings, longest=longest, **facts)
