"""The two trainers of taggers that are compared, each in a process of its own: a share of the steps for every "go"."""

from __future__ import annotations

import os
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from parts.trainers import keep_gradient, peak_mb, serve

GRADIENTS = 2
"""Batches that gradients are compared on, without dropout; they also warm the kernels up."""
TAGS = ["O", "B-Disease", "I-Disease"]


def base() -> str:
    """Return the encoder's folder."""
    from residency.models.weights import packaged_encoder

    return str(packaged_encoder())


def opened() -> Any:
    """Return the encoder with a fresh head, the same in every process."""
    import torch

    from residency.models.encoder import read_encoder

    torch.manual_seed(0)
    return read_encoder(base(), "tag", TAGS)


def pieces(count: int) -> list[Any]:
    """Return windows of NCBI-disease's training texts, shuffled, as both trainers are given them."""
    import random

    from residency.core.types import Span
    from residency.corpus.benchmarks import items
    from residency.models.encoder import reader_of
    from residency.models.sheet import prepared
    from residency.models.tagging import bio, words_of

    net = opened()
    reader = reader_of(base(), net, prepared(net))
    rows = items("ncbi_disease", "train").items
    random.Random(0).shuffle(rows)
    texts, found = [row["text"] for row in rows], []
    words = [words_of(text) for text in texts]
    for mine, row in zip(words, rows, strict=True):
        spans = [Span(e["start"], e["end"], e["label"]) for e in row["entities"]]
        found.append([TAGS.index(tag) for tag in bio(mine, spans, ["Disease"])])
    made = list(reader.tagged(texts, words, found))
    return [made[i % len(made)] for i in range(count)]


def dropout(net: Any, kept: dict[Any, float] | None = None) -> dict[Any, float]:
    """Return each dropout's share after setting it to 0, or to what was kept."""
    found = {m: m.p for m in net.modules() if type(m).__name__ == "Dropout"}
    for module in found:
        module.p = 0.0 if kept is None else kept[module]
    return found


def ours(name: str, data: list[list[Any]], scratch: Path, pipe: Connection) -> None:
    """Train with our loop's own step, one go at a time."""
    import torch
    from accelerate import Accelerator
    from torch.nn import functional as F

    from residency.core.memory import share_heap
    from residency.models.device import precision
    from residency.models.mixed import mixed
    from residency.models.sheet import lay, prepared, scores
    from residency.train.adapters import trainable
    from residency.train.loop import step_once
    from residency.train.noise import generator, with_own_dropout

    share_heap()  # as the command line does
    net = opened()
    form = prepared(net)
    mixed(with_own_dropout(net), precision(name.split("-")[1])).train()
    weights = trainable(net)
    optimizer = torch.optim.AdamW(weights, lr=5e-5, weight_decay=0.0, fused=True)
    accelerator = Accelerator(cpu=True, mixed_precision="no")

    def step(rows: list[Any], kept: int | None = None) -> int:
        parts: list[list[Any]] = [[] for _ in range(min(torch.get_num_threads(), len(rows)))]
        for piece in sorted(rows, key=lambda p: -len(p.ids)):
            min(parts, key=lambda part: sum(len(p.ids) for p in part)).append(piece)
        sheets = [lay(part, form, fill_to=-(-sum(len(p.ids) for p in part) // 32) * 32) for part in parts]
        targets = sum(len(sheet.targets) for sheet in sheets)

        def loss(model: Any, sheet: Any) -> tuple[Any, dict[str, float]]:
            sheet.layout.draw = generator()
            found = scores(model, sheet, form)
            return F.cross_entropy(found, sheet.targets, reduction="sum") / targets * len(sheets), {}  # as Trainer's

        step_once(accelerator, net, sheets, loss)
        if kept is not None:
            keep_gradient(net, scratch / f"{name}.{kept}.safetensors")
        accelerator.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return sum(sheet.useful for sheet in sheets)

    shares = dropout(net)
    for i, rows in enumerate(data[:GRADIENTS]):
        step(rows, kept=i)
    dropout(net, shares)
    pipe.send("ready")
    serve(pipe, data[GRADIENTS:], step)


def theirs(name: str, data: list[list[Any]], scratch: Path, pipe: Connection) -> None:
    """Train with transformers' Trainer (its defaults, dynamic padding; "bf16" turns its bf16 on), held at each go."""
    from datasets import Dataset
    from torch.utils.data import SequentialSampler
    from transformers import (
        AutoTokenizer,
        DataCollatorForTokenClassification,
        PrinterCallback,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    model, share = opened(), int(os.environ["BENCH_STEPS"])
    tokens = [sum(len(p.ids) for p in rows) for rows in data]
    config = TrainingArguments(
        output_dir=str(scratch / name),
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        max_steps=len(data),
        logging_strategy="no",
        disable_tqdm=True,
        bf16=name.endswith("bf16"),
    )

    class Hold(TrainerCallback):
        """Waits for a go before each share of the steps and reports it after."""

        began = 0.0

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            done = state.global_step - GRADIENTS
            if done == 0:
                pipe.send("ready")
            if done >= 0 and done % share == 0:
                pipe.recv()
                self.began = time.perf_counter()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            done = state.global_step - GRADIENTS
            if done >= 1 and done % share == 0:
                pipe.send((sum(tokens[GRADIENTS:][done - share : done]), time.perf_counter() - self.began))

    class InOrder(Trainer):
        """Takes the batches in their order and keeps the first gradients, before clipping."""

        kept = 0

        def _get_train_sampler(self, *_: Any) -> Any:
            return SequentialSampler(self.train_dataset)

        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            if self.kept == 0:
                self.shares = dropout(self.model)
            found = super().training_step(*args, **kwargs)
            if self.kept < GRADIENTS:
                keep_gradient(self.accelerator.unwrap_model(self.model), scratch / f"{name}.{self.kept}.safetensors")
                self.kept += 1
                if self.kept == GRADIENTS:
                    dropout(self.model, self.shares)
            return found

    flat = Dataset.from_list([row_of(piece) for rows in data for piece in rows])
    collator = DataCollatorForTokenClassification(AutoTokenizer.from_pretrained(base()))
    trainer = InOrder(model=model, args=config, train_dataset=flat, data_collator=collator, callbacks=[Hold()])
    trainer.remove_callback(PrinterCallback)  # standard output is the report's
    trainer.train()
    pipe.recv()
    pipe.send(peak_mb())


def row_of(piece: Any) -> dict[str, list[int]]:
    """Return a window in the columns of transformers: a word's label at its first token."""
    labels = [-100] * len(piece.ids)
    for place, target in zip(piece.keep, piece.targets, strict=True):
        labels[place] = target
    return {"input_ids": piece.ids, "attention_mask": [1] * len(piece.ids), "labels": labels}


WORKERS = {"ours": ours, "trainer": theirs}
