"""The second pass over the text: a shard without what fell when all were compared, sorted by id, and counted.

Beside the documents it writes the shapes that trainers read: running text, instructions and preferences.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from residency.core.documents import BATCH, read_documents, table
from residency.core.machine import give_back_memory
from residency.core.store import atomic_path, read_json, write_json
from residency.core.types import Document
from residency.corpus.compare.paragraphs import without_paragraphs
from residency.corpus.deidentify.admission import fact_hash
from residency.corpus.mixing.mixture import token_counts
from residency.corpus.mixing.splits import Splits, part
from residency.corpus.named import is_public
from residency.corpus.prepare import dropped_table
from residency.corpus.records import KNOWLEDGE_KINDS
from residency.corpus.verdicts import LEFT_OUT, Stretch

Shape = Literal["text", "instruct", "preference"]
Row = dict[str, Any]
DONE, ROWS = "done", "rows"


@dataclass(frozen=True, slots=True)
class Finishing:
    """What ``finish`` is given: a shard of the first pass, what was decided of its rows, and where its files go."""

    number: int
    shard: Path
    out: Path
    decided: Stretch
    splits: Splits | None
    shapes: tuple[Shape, ...]


def finish(task: Finishing) -> dict[str, Any]:
    """Return the numbers of one shard of the corpus after writing it, and what was dropped of it."""
    name = f"part-{task.number:05d}"
    note = task.out / DONE / f"{name}.json"
    if not note.is_file():
        write_json(note, _finished(task, name))
        give_back_memory()
    facts: dict[str, Any] = read_json(note)
    return facts


def _finished(task: Finishing, name: str) -> dict[str, Any]:
    documents = list(read_documents(task.shard))
    if task.splits:
        _split(documents, task.splits, task.decided.parted)
    kept, dropped, taken = _sifted(documents, task.decided)
    kept.sort(key=lambda document: document.id)
    files, rows = _written(kept, task)
    _write(task.out / ROWS / f"{name}.parquet", rows)
    if dropped:
        _write(task.out / "dropped" / f"{name}.parquet", dropped_table(dropped))
    shapes = {shape: _shaped(kept, shape, task.out / shape / f"{name}.parquet") for shape in task.shapes}
    fell = Counter(why for _, why in dropped)
    more = {"name": name, "files": files, "dropped": fell, "repeated_characters": taken, "shapes": shapes}
    return {**_facts(kept), **more}


def _shaped(documents: list[Document], shape: Shape, path: Path) -> dict[str, Any]:
    """Return how many training documents have a shape, after writing them, and why the others have not."""
    rows: list[Row] = []
    left: Counter[str] = Counter()
    for document in documents:
        split = document.meta.get("split", "train")
        row = SHAPES[shape](document) if split == "train" else f"of the split {split}, which is not trained on"
        if isinstance(row, str):
            left[row] += 1
        else:
            rows.append(row)
    if rows:
        _write(path, _table(rows))
    return {"rows": len(rows), "left": left}


def _written(documents: list[Document], task: Finishing) -> tuple[dict[str, str], Any]:
    """Return the file of each split after writing it, and a row a document of what is looked at in all of them."""
    import pyarrow as pa

    sides: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        sides[str(document.meta.get("split", ""))].append(document)
    files, rows = {}, []
    for side, mine in sorted(sides.items()) or [("", [])]:
        files[side or "train"] = f"{side or 'part'}-{task.number:05d}"
        _write(task.out / "documents" / f"{files[side or 'train']}.parquet", table(mine))
        rows.append(_rows(mine, files[side or "train"]))
    return files, pa.concat_tables(rows)


def _rows(documents: list[Document], file: str) -> Any:
    """Return a row a document: its place in its file, id, source, tokens, split, date, patient (a number), public."""
    import pyarrow as pa

    people = [_number(document.patient) if document.patient else None for document in documents]
    columns: dict[str, Any] = {
        "file": pa.array([file] * len(documents), pa.string()),
        "place": pa.array(range(len(documents)), pa.uint32()),
        "id": pa.array([document.id for document in documents], pa.string()),
        "source": pa.array([document.source for document in documents], pa.string()),
        "tokens": pa.array(token_counts([document.text for document in documents]), pa.uint64()),
        "split": pa.array([str(document.meta.get("split", "")) for document in documents], pa.string()),
        "date": pa.array([document.date for document in documents], pa.string()),
        "patient": pa.array(people, pa.uint64()),
        "public": pa.array([is_public(document) for document in documents], pa.bool_()),
    }
    return pa.table(columns)


def _number(name: str) -> int:
    """Return a patient's number: names go into no table that stays."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def _split(documents: list[Document], splits: Splits, parted: Sequence[str] | None) -> None:
    """Note in each document which split it is in; what is for evaluation already stays so."""
    if parted is None:
        columns: dict[str, Any] = {
            key: [getattr(d, key) for d in documents] for key in ("patient", "id", "date", "source")
        }
        parted = [str(name) for name in part(splits, **columns).split]
    for document, name in zip(documents, parted, strict=True):
        if not document.meta.get("evaluation"):
            document.meta["split"] = name


def _sifted(documents: list[Document], decided: Stretch) -> tuple[list[Document], list[tuple[Document, str]], int]:
    """Return what stays, what falls with the reason, and how many characters were cut out of what stays."""
    kept: list[Document] = []
    dropped: list[tuple[Document, str]] = []
    taken = 0
    for row, document in enumerate(documents, decided.first):
        if row in decided.bad:
            continue
        document.id = decided.renamed.get(row, document.id)
        reason = decided.dropped.get(row)
        if document.meta.get("split") == "left out":
            reason = reason or decided.left.get(row, LEFT_OUT)
        if reason is not None:
            dropped.append((document, reason))
            continue
        if row in decided.repeated and not document.spans:
            rest = without_paragraphs(document.text, decided.repeated[row])
            taken += len(document.text) - len(rest)
            document.text = rest
        kept.append(document)
    return kept, dropped, taken


def _write(path: Path, rows: Any) -> None:
    import pyarrow.parquet as pq

    with atomic_path(path) as temporary:
        pq.write_table(rows, temporary, compression="zstd", row_group_size=BATCH)


def _facts(documents: list[Document]) -> dict[str, Any]:
    """Return counts by what a data card shows, and a hash that does not hang on the order of the documents.

    ``content`` is the sum of the documents' SHA-256, modulo 2^256: those of shards may be added, however they are cut,
    and a document that comes twice counts twice. It tells changes by accident; against someone who forges, the SHA-256
    of the shards is what counts.
    """
    counts: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    content = 0
    for document in documents:
        size = {"documents": 1, "characters": len(document.text)}
        for by in ("source", "language", "licence"):
            counts[by][getattr(document, by)].update(size)
        counts["kind"][str(document.meta.get("kind", ""))].update(size)
        counts["split"][str(document.meta.get("split", ""))].update(size)
        content += fact_hash(document)
    dates = sorted(document.date for document in documents if document.date)
    return {
        "documents": len(documents),
        "counts": counts,
        "dates": [dates[0], dates[-1]] if dates else [],
        "undated": len(documents) - len(dates),
        "content": f"{content % 2**256:064x}",
    }


# --- the shapes that trainers read -----------------------------------------------------------------------------------


def _text(document: Document) -> Row | str:
    """Return running text as a row, or what it is instead."""
    meta = document.meta
    if meta.get("kind") in KNOWLEDGE_KINDS:
        return "a record of an ontology or a classification, not a text"
    if "messages" in meta or "chosen" in meta:
        return "a chat or a judged pair, not a text"
    return {
        "id": document.id,
        "text": document.text,
        "source": document.source,
        "group": document.patient or document.id,
    }


def _instruct(document: Document) -> Row | str:
    """Return a chat that ends with an answer as a row of ``messages``, or what it is instead."""
    messages = document.meta.get("messages")
    if not messages:
        return "not a chat"
    if messages[-1].get("role") != "assistant":
        return "a chat that does not end with an answer"
    return {"id": document.id, "messages": [_message(message) for message in messages]}


def _preference(document: Document) -> Row | str:
    """Return a judged pair as a row of ``prompt``, ``chosen`` and ``rejected``, or that it is none."""
    if "chosen" not in document.meta or "rejected" not in document.meta:
        return "not a judged pair"
    parts = {name: document.meta.get(name) or [] for name in ("prompt", "chosen", "rejected")}
    return {"id": document.id, **{name: [_message(message) for message in rows] for name, rows in parts.items()}}


def _message(message: dict[str, Any]) -> dict[str, str]:
    return {"role": str(message["role"]), "content": str(message["content"])}


SHAPES: dict[Shape, Callable[[Document], Row | str]] = {
    "text": _text,
    "instruct": _instruct,
    "preference": _preference,
}
"""TRL's columns (``text``, ``messages``, ``prompt`` with ``chosen`` and ``rejected``), each with the document's id."""


def _table(rows: list[Row]) -> Any:
    import pyarrow as pa

    return pa.Table.from_pylist(rows)
