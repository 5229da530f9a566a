"""What the training stages share: opening the model of an earlier stage, packing, and leaving a finished folder."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from transformers import AutoTokenizer, PreTrainedModel

from residency.core.errors import UserError
from residency.core.legal import Range
from residency.core.progress import say
from residency.core.store import read_manifest, sha256_file, sha256_json, write_manifest
from residency.models.alone import why_never
from residency.models.attention import use_packed
from residency.models.cache import Cache
from residency.models.device import device
from residency.models.load import weights_of
from residency.models.local import GPU_ROW, LocalModel, read_net
from residency.models.pack import Batch, Block, collate, fill_rows
from residency.models.residual import read_to_learn
from residency.models.soft import soft_cache, virtual_tokens
from residency.train import check, methods
from residency.train.checkpoint import finish
from residency.train.processes import count, is_main
from residency.train.schedule import Schedule
from residency.train.sharded import shard
from residency.train.tuning import LORA, SOFT, Tuning, method_now

Tokens = Annotated[int, Range(least=0, zero="all there are")]


def open_model(stage: Path, *, schedule: Schedule, tuning: Tuning = LORA) -> tuple[Any, LocalModel]:
    """Return (the network ready to learn, the same as a `Model`) of an earlier stage's folder.

    A base gets a fresh adapter, or learns all its weights; a trained stage's adapter goes on learning. Raises UserError
    where the folder is no finished model stage, or its adapter is of another method.
    """
    about = _about(stage)
    path, before = weights_of(stage, about), _method(about)
    method = method_now(before, tuning.method)
    if before and method != tuning.method:
        say(f"goes on with the {method} adapter of the stage before")
    net = _read(path, method, schedule, whole=not tuning.shard)
    if before:
        tuned = methods.go_on(net, stage, tuning, before, seed=schedule.seed)
    else:
        tuned = methods.begin(net, tuning, seed=schedule.seed)
    if tuning.shard:
        _shard(tuned)
    bare = tuned.get_base_model() if hasattr(tuned, "get_base_model") else tuned
    tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    row = schedule.batch_tokens if net.device.type == "cpu" else max(GPU_ROW, schedule.batch_tokens)
    virtual = virtual_tokens(tuned)
    soft = partial(soft_cache, tuned) if virtual else Cache
    _tell(method, bare, schedule)
    return tuned, LocalModel(about["name"], about["hash"], bare, tokenizer, row, soft=soft, virtual=virtual)


def _read(path: str, method: str, schedule: Schedule, *, whole: bool) -> PreTrainedModel:
    """Return the network of a folder in the form that a method learns on, set to packed attention; on the device where
    that has to hold the whole of it."""
    if method == "qlora":
        return use_packed(methods.read_4bit(path, schedule.precision))
    if method in SOFT:  # peft's own forward wants all numbers of one type
        net = read_net(path, schedule.precision).requires_grad_(False)
    else:
        net = read_to_learn(path, schedule.precision, masters=method == "full")
    return use_packed(net).to(device() if whole else "cpu")


def _shard(tuned: Any) -> None:
    """Leave a part of the frozen weights in each process; a process that is alone keeps all."""
    if count() > 1:
        shard(tuned)
        return
    say("shard: there is one process, which holds all weights; torchrun or accelerate launch start several")
    tuned.to(device())


def _tell(method: str, net: PreTrainedModel, schedule: Schedule) -> None:
    """Say what of this method and this network is slower than it could be, and why."""
    reach = getattr(net, "reach", schedule.batch_tokens)
    if method in SOFT:
        say(f"{method} tuning learns virtual tokens: it reads one text at a time, unpacked, and cannot be merged")
    elif not reach:
        say(f"packed attention cannot run this network, since {why_never(net)}: it reads one text at a time, by eager")
    elif reach < schedule.batch_tokens:
        say(
            f"this network sees {reach} tokens: rows with a longer text are read one text at a time, by eager attention"
        )


def _about(stage: Path) -> dict[str, Any]:
    manifest = read_manifest(stage) or {}
    if "model" not in manifest:
        raise UserError(f"{stage} holds no finished model stage; run the stage before this one first")
    return dict(manifest["model"])


def _method(about: dict[str, Any]) -> str:
    """Return the method of the adapter that a stage left; empty where it left none."""
    return str(about.get("method", "lora")) if "adapter" in about else ""


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


def leave(tuned: Any, model: LocalModel, earlier: Path, out: Path, tuning: Tuning, **facts: Any) -> None:
    """Write the finished stage: the adapter or the whole model, then the manifest that makes the stage complete."""
    if not is_main():
        return
    about = _about(earlier)
    method = method_now(_method(about), tuning.method)
    methods.save(tuned, out, method)
    if method == "full":
        model.tokenizer.save_pretrained(out / "model")
    finish(out)
    write_manifest(out, model=_left(about, earlier, out, method), tuning=asdict(tuning), **facts)


def _left(about: dict[str, Any], earlier: Path, out: Path, method: str) -> dict[str, Any]:
    """Return what the manifest says of the model that a stage leaves; paths inside the run are from the stage on."""
    known = {key: value for key, value in about.items() if not key.startswith("adapter")}
    if method == "full":
        hashes = [sha256_file(file) for file in sorted((out / "model").glob("*.safetensors"))]
        return {**known, "path": "model", "hash": sha256_json(hashes), "method": method}
    if not Path(about["path"]).is_absolute():
        known["path"] = os.path.relpath(earlier / about["path"], out)
    digest = sha256_file(out / "adapter" / "adapter_model.safetensors")
    known |= {"adapter": "adapter", "adapter_sha256": digest, "method": method}
    return {**known, "packed": False, "merges": False} if method in SOFT else known
