"""MedQuAD's held-out questions with the answers that they were written with, and an index of all answers.

An answer is a document, titled by the disease or drug that it is about (as the web page is that it comes from), without
its question. Many answers of one disease stand beside each other there, and some are given to several questions.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from residency.core.types import Document
from residency.corpus import benchmarks

SET, PARTS = "medquad", ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its answer, and the documents that hold the answer's words: ``own`` is the first of them."""

    id: str
    group: str
    text: str
    reference: str
    own: frozenset[str]


def drawn(part: str, count: int) -> list[Question]:
    """Return ``count`` questions of a part, drawn by a hash of their ids, whose answers have 20 words or more."""
    same: dict[str, set[str]] = {}
    for row in benchmarks.items(SET, *PARTS).items:
        same.setdefault(row["reference"], set()).add(row["id"])
    rows = [row for row in benchmarks.items(SET, part).items if len(row["reference"].split()) >= 20]
    rows = sorted(rows, key=lambda row: sha256(row["id"].encode()).digest())[:count]
    return [
        Question(row["id"], row["group"], row["input"], row["reference"], frozenset(same[row["reference"]]))
        for row in rows
    ]


def index_at(folder: Path, embedder: str | None) -> Any:
    """Return the open index of all answers, built where it is not there yet."""
    from residency.infer.retrieve import build, open_index

    if not folder.exists():
        rows = benchmarks.items(SET, *PARTS).items
        about = benchmarks.known(SET)
        documents = [
            Document(row["id"], row["reference"], SET, about.licence, meta={"title": row["group"]}) for row in rows
        ]
        build(documents, folder, embedder=embedder)
    return open_index(folder)
