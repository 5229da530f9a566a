"""Training of encoders: tags of words, classes of texts and pairs, relations of concepts, and hidden words.

The whole encoder learns, its weights in fp32 and its products in bf16 where the hardware has it. What is left is a
usual folder of transformers, whose head is found again by its class.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from torch.nn import functional as F
from transformers import PreTrainedModel

from residency.core.errors import UserError
from residency.core.legal import Above0, Count, Range, Rule
from residency.core.store import read_examples, read_jsonl, read_manifest, write_json, write_manifest
from residency.core.types import Example
from residency.models.device import device, precision, precision_name
from residency.models.encoder import EncoderModel, is_encoder, read_encoder, reader_of
from residency.models.load import find, weights_of
from residency.models.mixed import mixed
from residency.models.pack import fill_rows
from residency.models.sheet import Form, Sheet, lay, prepared, scores
from residency.models.weights import quiet_transformers
from residency.models.windows import Piece, Reader
from residency.train.checkpoint import finish
from residency.train.freeze import freeze, set_dropout, set_head_rate
from residency.train.held_out import parted
from residency.train.lessons import Lesson, Task, lesson_of
from residency.train.loop import Loss, train
from residency.train.masking import hidden
from residency.train.noise import drawn_from, generator, with_own_dropout
from residency.train.processes import is_main
from residency.train.schedule import Schedule
from residency.train.stage import Tokens
from residency.train.watch import Watch


def _no_task(value: str) -> str | None:
    return None if re.fullmatch(r"[\w.-]*", value) else f"{value!r} is no name of a task, such as ncbi_disease"


TaskName = Annotated[str, Rule("a task's name, of letters, digits, dots, dashes and underscores", _no_task)]
Label = Annotated[str, Rule("a label that examples have", lambda value: None if value.strip() else "it is empty")]
DEFAULT = Schedule(learning_rate=4e-4, batch_tokens=1024, accumulate=2, epochs=3)


def encode(
    model: Path,
    examples: Path,
    *,
    out: Path,
    # What the encoder learns: tags of words, classes of texts or pairs, relations of concepts, or hidden words (mlm).
    task: Task = "tag",
    # The evaluation task whose examples are learned, where the folder holds those of several; empty: all.
    examples_of: TaskName = "",
    # The labels to learn, in the order of the model's scores; empty: all that the examples name.
    labels: tuple[Label, ...] = (),
    # The most tokens that are learned from in an epoch, drawn by the seed; 0: all.
    tokens: Tokens = 0,
    # The most tokens of a window, which long texts are read in; 0: as many as the model has positions.
    window: Annotated[int, Range(least=0, zero="the model's positions")] = 0,
    # The share of a window that the next one reads again.
    overlap: Annotated[float, Range(least=0, most=0.5)] = 0.25,
    # Whether the embeddings stay as they are: half of a small encoder, and time saved in every step.
    freeze_embeddings: bool = False,
    # How many of the lowest layers stay as they are, the embeddings with them.
    freeze_layers: Count = 0,
    # The learning rate of the fresh head; none: that of the schedule.
    head_rate: Above0 | None = None,
    # The share of numbers that dropout sets to zero, of attention too; none: what the encoder was made with.
    dropout: Annotated[float, Range(least=0, most=0.9)] | None = None,
    # The share of the words that are hidden, for mlm.
    hide: Annotated[float, Range(above=0, most=0.9)] = 0.15,
    schedule: Schedule = DEFAULT,
) -> None:
    """Write an encoder with a head that has learned ``task``, as a folder of transformers in ``out/model``.

    Reads ``examples.jsonl`` (for mlm ``text.jsonl``). With ``schedule.evaluate`` the part dev (or validation), or
    where there is none a twentieth of the examples, decides which weights are kept.
    """
    about = _model_of(model)
    texts, held = _texts(examples, schedule) if task == "mlm" else ([], [])
    lesson = lesson_of(task, *_parts(examples, examples_of, schedule), labels) if task != "mlm" else None
    net, form, reader = _opened(about["path"], lesson, schedule, window, overlap)
    frozen = freeze(net, embeddings=freeze_embeddings, layers=freeze_layers)
    set_head_rate(net, head_rate, schedule)
    set_dropout(with_own_dropout(net), dropout)
    mixed(net, precision(schedule.precision))
    net.to(device())
    named = _named(lesson.pieces(reader, lesson.train), lesson.train) if lesson else _running(reader, texts)
    pieces, left = cut(named, tokens, schedule)
    rows = rows_of(pieces, form, schedule)
    each = sum(len(piece.targets) for piece in pieces) / len(rows)
    loss = hiding(reader, form, hide) if task == "mlm" else loss_of(form, each)
    look = _watch(net, reader, form, lesson, held, loss, schedule)
    totals = train(net, rows, loss, schedule, out=out, label=f"encoder ({task})", held_out=look)
    _leave(
        net,
        reader,
        about,
        out,
        task=task,
        labels=lesson.labels if lesson else [],
        examples=len({piece.id for piece in pieces}),
        windows=len(pieces),
        left_out=left,
        lesson=lesson.facts if lesson else {"hide": hide},
        packed=form.packed,
        frozen=frozen,
        head_rate=head_rate,
        dropout=dropout,
        precision=precision_name(schedule.precision),
        totals=totals,
        schedule=asdict(schedule),
    )


# --- what is read ----------------------------------------------------------------------------------------------------


def _model_of(stage: Path) -> dict[str, Any]:
    about = (read_manifest(stage) or {}).get("model")
    if not about:
        raise UserError(f"{stage} holds no finished model stage; run the stage before this one first")
    path = weights_of(stage, about)
    if about.get("adapter") or not is_encoder(path):
        raise UserError(f"{about['name']} is no encoder; encode starts from one, such as base: minilm")
    return {**about, "path": path}


def _parts(folder: Path, task: str, schedule: Schedule) -> tuple[list[Example], list[Example]]:
    """Return (what is learned, what is held out)."""
    rows = [e for e in read_examples(folder / "examples.jsonl", task=task or None) if e.meta.get("use") != "prefer"]
    learned = [e for e in rows if e.split == "train"]
    held = [e for e in rows if e.split in ("dev", "validation")]
    return (learned, held) if held or not schedule.evaluate else parted(learned, schedule)


def _texts(folder: Path, schedule: Schedule) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rows = [row for row in read_jsonl(folder / "text.jsonl") if row["text"].strip()]
    if not rows:
        raise UserError(f"nothing to learn: {folder / 'text.jsonl'} holds no text")
    return parted(rows, schedule)


def _opened(
    folder: str, lesson: Lesson | None, schedule: Schedule, window: int, overlap: float
) -> tuple[PreTrainedModel, Form, Reader]:
    """Return the network with its head, how it is read, and the reader of its texts."""
    torch.manual_seed(schedule.seed)  # a fresh head is drawn from torch's own generator
    net = read_encoder(folder, lesson.head if lesson else "mlm", lesson.labels if lesson else None)
    form = prepared(net)
    reader = reader_of(folder, net, form)
    reader.most = min(reader.most, schedule.batch_tokens, window or reader.most)
    reader.overlap = overlap
    if reader.room < 8:
        raise UserError(f"a window of {reader.most} tokens holds no text; raise window, or schedule.batch_tokens")
    return net, form, reader


# --- losses -----------------------------------------------------------------------------------------------------------


def loss_of(form: Form, each: float = 0) -> Loss:
    """Return the negative log-likelihood of a row's targets (nats), with the share that is the likeliest.

    It is their sum over ``each``, the targets of a row on average, so that every target weighs the same, be it in a row
    of few or of many; 0 is for the mean over the row's own.
    """

    def loss(net: Any, sheet: Sheet) -> tuple[torch.Tensor, dict[str, float]]:
        sheet.layout.draw = generator()
        found = scores(net, sheet, form)
        right = (found.detach().argmax(-1) == sheet.targets).float().mean()
        whole = F.cross_entropy(found, sheet.targets, reduction="sum")
        return whole / (each or len(sheet.targets)), {"right": float(right)}

    return loss


def hiding(reader: Reader, form: Form, share: float) -> Loss:
    """Return the loss of finding hidden words again, drawn anew at every step."""
    inner, tokenizer = loss_of(form), reader.tokenizer
    mask = tokenizer.mask_token_id
    if mask is None:
        raise UserError("this encoder's tokenizer has no mask token, so no word can be hidden; mlm needs one")

    def loss(net: Any, sheet: Sheet) -> tuple[torch.Tensor, dict[str, float]]:
        return inner(net, hidden(sheet, mask=mask, vocabulary=len(tokenizer), share=share))

    return loss


# --- rows ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A row of pieces that is laid out when it is its turn."""

    pieces: tuple[Piece, ...]
    form: Form
    fill_to: int

    @property
    def ids(self) -> list[str]:
        """Return the ids of its examples."""
        return list(dict.fromkeys(piece.id for piece in self.pieces))

    def __call__(self) -> Sheet:
        """Return the batch."""
        return lay(self.pieces, self.form, fill_to=self.fill_to)


def _named(pieces: list[Piece], examples: Sequence[Example]) -> list[Piece]:
    """Return the pieces that have something to learn, with their examples' ids."""
    for piece in pieces:
        piece.id = examples[piece.owner].id
    return [piece for piece in pieces if piece.targets]


def _running(reader: Reader, texts: Sequence[dict[str, Any]]) -> list[Piece]:
    pieces = list(reader.running([row["text"] for row in texts]))
    for piece in pieces:
        piece.id = str(texts[piece.owner]["id"])
    return [piece for piece in pieces if max(piece.words) >= 0]


def cut(pieces: Sequence[Piece], tokens: int, schedule: Schedule) -> tuple[list[Piece], dict[str, int]]:
    """Return the pieces in an order drawn from the seed, up to ``tokens`` tokens, and how many were left out."""
    order = random.Random(f"{schedule.seed}:rows").sample(range(len(pieces)), len(pieces))
    kept, total = [], 0
    for i in order:
        if not tokens or total + len(pieces[i].ids) <= tokens:
            kept.append(pieces[i])
            total += len(pieces[i].ids)
    if not kept:
        raise UserError(f"nothing to learn: {len(pieces)} windows of text, none of which fits in {tokens} tokens")
    return kept, {"beyond_tokens": len(pieces) - len(kept)}


def rows_of(pieces: Sequence[Piece], form: Form, schedule: Schedule) -> list[Row]:
    """Return the packed rows of pieces, each filled up to ``schedule.batch_tokens`` tokens."""
    rows = fill_rows([len(piece.ids) for piece in pieces], schedule.batch_tokens, open_rows=64)
    return [Row(tuple(pieces[i] for i in row), form, schedule.batch_tokens) for row in rows]


# --- on the way, and at the end --------------------------------------------------------------------------------------


def _watch(
    net: PreTrainedModel,
    reader: Reader,
    form: Form,
    lesson: Lesson | None,
    texts: Sequence[dict[str, Any]],
    loss: Loss,
    schedule: Schedule,
) -> Watch | None:
    """Return what is measured on the way; None where nothing is."""
    if not schedule.evaluate or not (texts or (lesson and lesson.dev)):
        return None
    if lesson:
        held, dev = lesson, EncoderModel("the encoder in training", "", net, reader, form, lesson.head)
        return Watch(lambda: held.measure(dev, held.dev), lesson.figure, lower=False)
    rows = rows_of(_running(reader, texts), form, schedule)

    def measure() -> dict[str, float]:
        values = []
        for i, row in enumerate(rows):
            with drawn_from(f"{schedule.seed}:held out:{i}", net.device):  # the same words are hidden each time
                values.append(float(loss(net, row().to(net.device))[0]))
        return {"held_out_loss": sum(values) / len(values)}

    return Watch(measure)


def _leave(net: PreTrainedModel, reader: Reader, about: dict[str, Any], out: Path, **facts: Any) -> None:
    """Write the finished stage: the folder, then the manifest that makes the stage complete."""
    if not is_main():
        return
    folder = out / "model"
    if kinds := facts["lesson"].get("kinds"):
        net.config.related_types = kinds  # whose concepts are paired, which the weights do not tell
    with quiet_transformers():
        net.save_pretrained(str(folder))
    reader.tokenizer.save_pretrained(str(folder))
    known = {key: about[key] for key in ("licence", "source", "note") if about.get(key)}
    write_json(folder / "residency.json", {"name": about["name"], **known})
    finish(out)
    digest = find(str(folder)).hash
    model = {**known, "name": about["name"], "path": "model", "hash": digest, "encoder": facts["task"]}
    write_manifest(out, stage="encode", model=model, **facts)
