"""Documents with their identifiers hidden, in JSONL, from any source: part by part, in the order of the source."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from residency.core.progress import track
from residency.core.store import atomic_path, dumps, write_json
from residency.core.types import Document
from residency.corpus.deidentify.begin import begin, end
from residency.corpus.deidentify.stage import Deidentify, Tally, Treating, added, treat
from residency.corpus.engine import engine
from residency.corpus.records import Bad, Left, Part, Source

DOCUMENTS, ASIDE, WORK = "documents.jsonl", "aside.json", "work"
BATCH = 200


@dataclass(frozen=True, slots=True)
class Hidden:
    """What came of a source: the tally of its documents, and what could not be read or was left out, by reason."""

    tally: Tally
    bad: list[dict[str, Any]]
    left: Counter[str]


@dataclass(frozen=True, slots=True)
class Task:
    """A part, where its documents go, and how they are treated."""

    part: Part
    path: Path
    treating: Treating = field(repr=False)


def hide_source(source: Source, settings: Deidentify, out: Path, *, workers: int = 0) -> Hidden:
    """Return what was found in a source after writing its documents to ``out/documents.jsonl``.

    ``id``, ``text``, ``language``, ``patient``, ``date`` and the labelled ``spans`` of each are kept, and ``kind``.
    Nothing is written under its final name before all of it is done; an error in the detector ends the whole.
    """
    work = out / WORK
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        with engine("local", scratch=work, workers=workers) as run:
            treating = begin(settings, [source], run, work)
            tasks = [Task(part, work / f"{number:06d}", treating) for number, part in enumerate(source.parts)]
            found = list(track(run.each(hide_part, tasks), "find and hide", len(tasks), unit="parts"))
        with atomic_path(out / DOCUMENTS) as temporary, temporary.open("wb") as whole:
            for task in tasks:
                with (task.path / DOCUMENTS).open("rb") as part:
                    shutil.copyfileobj(part, whole)
        end(treating)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    bad = [row for facts in found for row in facts["bad"]]
    left: Counter[str] = sum((Counter(facts["left"]) for facts in found), Counter())
    (out / ASIDE).unlink(missing_ok=True)
    if bad or left:
        write_json(out / ASIDE, {"bad": bad, "left_out": dict(sorted(left.items()))})
    return Hidden(added([facts["patients"] for facts in found]), bad, left)


def hide_part(task: Task) -> dict[str, Any]:
    """Return what was found in a part after writing its documents."""
    task.path.mkdir()
    tally, bad, left = Tally(), list[dict[str, Any]](), Counter[str]()
    with (task.path / DOCUMENTS).open("wb") as file:
        for batch in _batches(task.part, bad, left):
            file.writelines(dumps(_row(document)).encode() + b"\n" for document in treat(batch, task.treating, tally))
    return {"patients": tally.row(), "bad": bad, "left": left}


def _batches(part: Part, bad: list[dict[str, Any]], left: Counter[str]) -> Iterator[list[Document]]:
    held: list[Document] = []
    for record in part():
        if isinstance(record, Bad):
            bad.append(asdict(record))
        elif isinstance(record, Left):
            left[record.reason] += record.count
        else:
            held.append(record)
        if len(held) == BATCH:
            yield held
            held = []
    if held:
        yield held


def _row(document: Document) -> dict[str, Any]:
    row = {"id": document.id, "text": document.text, "language": document.language}
    row |= {name: value for name in ("patient", "date") if (value := getattr(document, name))}
    row |= {"kind": kind} if (kind := document.meta.get("kind")) else {}
    return row | ({"spans": [asdict(span) for span in document.spans]} if document.spans else {})
