"""Items of kind extract from annotated texts as people have them: a folder of brat's files, or CoNLL's columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from residency.core.errors import SourceError
from residency.core.types import Document
from residency.corpus.readers import read_part
from residency.corpus.readers.folder import files_under
from residency.corpus.readers.guard import Given
from residency.corpus.records import Bad
from residency.evaluate.tasks.form import Item

MOST = 20
"""Mistakes that are told one by one."""


def each_annotated(path: Path, labels: tuple[Any, ...]) -> Iterator[Item]:
    """Yield an item for each annotated text; SourceError at the end names every bad file and annotation.

    With ``labels`` only spans of these are kept: a text is usually annotated with more than one task asks for.
    """
    folder, files, _ = files_under(path)
    inside = folder if folder.is_dir() else folder.parent
    given = [Given(file, file.relative_to(inside).as_posix(), "own", "not stated") for file in files]
    wrong: list[str] = []
    count = 0
    for record in read_part(given):
        if isinstance(record, Bad):
            wrong.append(str(record))
        elif isinstance(record, Document) and record.meta.get("format") in ("brat", "conll"):
            count += 1
            yield _item(record, labels)
    if wrong:
        more = [f"and {len(wrong) - MOST} other mistakes"] if len(wrong) > MOST else []
        raise SourceError("\n".join([*wrong[:MOST], *more]))
    if not count:
        raise SourceError(f"{path} holds no annotated text: brat's .txt files with an .ann beside each, or CoNLL")


def _item(document: Document, labels: tuple[Any, ...]) -> Item:
    entities = [
        {"start": span.start, "end": span.end, "label": span.label}
        for span in document.spans
        if not labels or span.label in labels
    ]
    return {"id": document.id, "text": document.text, "entities": entities, "group": document.id}
