"""What the training stages share: opening the model of an earlier stage, packing, and leaving a finished folder."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from peft import PeftModel
from transformers import AutoTokenizer

from residency.core.errors import UserError
from residency.core.legal import Range
from residency.core.store import read_manifest, sha256_file, write_manifest
from residency.models.attention import use_packed
from residency.models.device import device
from residency.models.local import GPU_ROW, LocalModel
from residency.models.pack import Batch, Block, collate, fill_rows
from residency.models.residual import read_to_learn
from residency.train import adapters, check
from residency.train.checkpoint import finish
from residency.train.processes import is_main
from residency.train.schedule import Schedule

Rank = Annotated[int, Range(least=1, most=1024)]
Tokens = Annotated[int, Range(least=0, zero="all there are")]


def open_model(stage: Path, *, schedule: Schedule, rank: int, alpha: float | None) -> tuple[PeftModel, LocalModel]:
    """Return (the network with a trainable adapter, the same as a `Model`) of an earlier stage's folder.

    A base gets a fresh adapter of ``rank``; a trained stage's adapter goes on learning. Raises UserError where the
    folder is no finished model stage.
    """
    manifest = read_manifest(stage) or {}
    if "model" not in manifest:
        raise UserError(f"{stage} holds no finished model stage; run the stage before this one first")
    about = manifest["model"]
    net = use_packed(read_to_learn(about["path"], schedule.precision)).to(device())
    folder = stage / "adapter"
    if folder.exists():
        tuned = adapters.resume(net, folder)
    else:
        tuned = adapters.attach(net, rank=rank, alpha=alpha, seed=schedule.seed)
    tokenizer = AutoTokenizer.from_pretrained(about["path"], trust_remote_code=False)
    row = schedule.batch_tokens if net.device.type == "cpu" else max(GPU_ROW, schedule.batch_tokens)
    model = LocalModel(about["name"], about["hash"], tuned.get_base_model(), tokenizer, row=row)
    return tuned, model


@dataclass(frozen=True, slots=True)
class Row:
    """A packed row that is made when it is its turn, of the examples ``ids``."""

    blocks: tuple[Block, ...]
    fill_to: int
    fill: int

    @property
    def ids(self) -> list[str]:
        """Return the ids of its examples."""
        return [block.id for block in self.blocks if block.id]

    def __call__(self) -> Batch:
        """Return the batch; owners are numbered from 0 anew, branch by branch."""
        chosen, owner = [], 0
        for block in self.blocks:
            count = max(1, len(block.branches))
            owners = list(range(owner, owner + count))
            chosen.append(Block(block.context, block.branches, owners, block.notes, scored=block.scored))
            owner += count
        return collate(chosen, fill_to=self.fill_to, fill_id=self.fill)


def pack_rows(blocks: Sequence[Block], schedule: Schedule, *, fill: int, shuffled: bool = True) -> list[Row]:
    """Return the packed rows of ``blocks``, each filled to ``schedule.batch_tokens`` tokens.

    The blocks are first shuffled by the seed, or stay about in their order.
    """
    order = list(range(len(blocks)))
    if shuffled:
        random.Random(f"{schedule.seed}:rows").shuffle(order)
    rows = fill_rows([blocks[i].read for i in order], schedule.batch_tokens)
    return [Row(tuple(blocks[order[i]] for i in row), schedule.batch_tokens, fill) for row in rows]


def cut_to_tokens(blocks: Sequence[Block], tokens: int, capacity: int) -> tuple[list[Block], dict[str, int]]:
    """Return the first blocks that fit in ``tokens`` and in a row of ``capacity``, and what was left out, by reason."""
    kept: list[Block] = []
    total, counts = 0, {"too_long": 0, "beyond_tokens": 0}
    for block in blocks:
        if block.read > capacity:
            counts["too_long"] += 1
        elif tokens and total + block.length > tokens:
            counts["beyond_tokens"] += 1
        else:
            kept.append(block)
            total += block.length
    if not kept:
        raise UserError(f"nothing to learn from: {counts} of {len(blocks)} examples; raise tokens or batch_tokens")
    return kept, counts


def fitting(groups: Sequence[Sequence[Block]], tokens: int, capacity: int) -> tuple[list[list[Block]], dict[str, int]]:
    """Return the blocks of each group, one group after the other, that fit in ``tokens`` and in a row; and what not."""
    place = {id(block): at for at, group in enumerate(groups) for block in group}
    made = [block for group in groups for block in group]
    check.learnable(made)
    blocks, left = cut_to_tokens(made, tokens, capacity)
    parts = [[b for b in blocks if place[id(b)] == at] for at in range(len(groups))]
    return [part for part in parts if part], left


def leave(model: PeftModel, earlier: Path, out: Path, **facts: Any) -> None:
    """Write the finished stage: the adapter, then the manifest that makes the stage complete."""
    if not is_main():
        return
    model.save_pretrained(str(out / "adapter"), safe_serialization=True)
    (out / "adapter" / "README.md").unlink(missing_ok=True)
    finish(out)
    about = dict((read_manifest(earlier) or {})["model"])
    digest = sha256_file(out / "adapter" / "adapter_model.safetensors")
    write_manifest(out, model={**about, "adapter": "adapter", "adapter_sha256": digest}, **facts)
