"""The linear CRF beside every extraction: seconds of training on the task's own training texts, and no language model.

A generator or an encoder that does not do better has no reason to be there. It is trained once for a folder of results
and kept there; other training texts, labels or settings make another.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from residency import __version__
from residency.core.progress import say
from residency.core.settings import load
from residency.core.store import ListHash, read_manifest, sha256_json
from residency.core.types import Example
from residency.evaluate.jobs import Job
from residency.evaluate.names import stem_of
from residency.evaluate.readers import UNPLACED, labels_of, unplaced
from residency.evaluate.selection import drawn, test_items, train_items
from residency.evaluate.tasks import Task
from residency.models.load import of_stage

CRF = "baseline:crf"
MOST, LEAST = 2000, 10
"""Training texts: drawn from more of them, and fewer are none."""
WORK, WORD = 400_000_000, 1400
"""What learning may cost: each word ``WORD`` and the square of the tags, about a minute of one core in all. Beyond it
texts are left out, so that many labels take no longer."""


def crf_jobs(
    tasks: Sequence[Task], examples: Path | None, items: Path, limit: int = 0
) -> tuple[list[Job], dict[str, str]]:
    """Return the CRF's job on every extraction that has marked training texts, and why each other has none.

    What is not there yet is trained on the way, and kept in ``baselines/`` beside ``items``.
    """
    jobs, without = [], {}
    for task in tasks:
        if task.kind != "extract" or not (test := test_items(examples, task, 1)):
            continue
        train = train_items(examples, task)
        if why := why_none(train):
            say(f"{task.name}: no linear CRF stands beside it: {why}")
            without[task.name] = why
            continue
        folder = items.parent / "baselines" / task.name
        about = trained(train, labels_of([*test, *train]), folder)
        taken = f"{about['texts']:,}{'' if about['texts'] == len(train) else f' of {len(train):,}'}"
        note = f"{taken} training texts, {about['seconds']:.0f} s of training"
        jobs.append(Job(stem_of(CRF), task.name, of_stage(folder), limit=limit, note=note, own=task.own))
    return jobs, without


def why_none(train: Sequence[Example]) -> str:
    """Return why no CRF can be trained for a task; "" where one can."""
    if not train:
        return "it has no training items"
    if any(map(unplaced, train)) or not any(example.spans for example in train):
        return UNPLACED
    return "" if len(train) >= LEAST else f"it has {len(train)} training items, and fewer than {LEAST} are too few"


def trained(train: Sequence[Example], labels: Sequence[str], folder: Path) -> dict[str, Any]:
    """Return the manifest of the CRF in a folder, after training it where this very one is not there."""
    chosen = _few(drawn(train, MOST), 2 * len(labels) + 1)
    mark = _mark(chosen, labels)
    about = read_manifest(folder) or {}
    if about.get("fingerprint") != mark:
        say(f"{folder.name}: a linear CRF learns from {len(chosen):,} training texts")
        load("residency.train.crf:fit")(chosen, labels, folder, name="linear CRF", fingerprint=mark)
        about = read_manifest(folder) or {}
    return about


def _few(examples: Sequence[Example], tags: int) -> list[Example]:
    """Return as many of the examples, drawn from them, as ``WORK`` allows; a word is taken for five characters."""
    room, kept = WORK // (WORD + tags * tags), 0
    for example in examples:
        room -= len(example.meta["text"]) // 5
        if room < 0 and kept:
            break
        kept += 1
    return drawn(examples, kept)


def _mark(examples: Sequence[Example], labels: Sequence[str]) -> str:
    digest = ListHash()
    for example in examples:
        digest.add([example.id, example.meta["text"], [[s.start, s.end, s.label] for s in example.spans]])
    return sha256_json([digest.hexdigest(), list(labels), __version__])
