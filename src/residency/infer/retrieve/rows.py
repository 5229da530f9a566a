"""From units to rows: the documents that count, their passages with place, page and facts, and the vectors of those.

Where several files have a document of one id, the last file by name counts, as in PubMed's updates; if that goes, the
one before it counts again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from residency.core.progress import progress
from residency.core.types import Document, Model
from residency.corpus.records import Bad, Left
from residency.infer.retrieve import store
from residency.infer.retrieve.cut import Cut, pieces
from residency.infer.retrieve.gather import Unit
from residency.infer.retrieve.pages import page_at, page_starts
from residency.infer.retrieve.said import Said, digest_of, said_of

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = 20
"""Files and lines that could not be read which are named, at most; all are counted."""
TOGETHER = 512
"""Passages whose vectors are made at once."""
SHADOWED, TWICE = "a document that a later file has too, which counts", "a document whose id its own file gave before"


@dataclass
class Work:
    """One making or changing of an index: what is set, which unit each document is of, and what is counted.

    ``taken``: a document of a unit that is not read again was taken over by one that is.
    """

    model: Model | None
    width: int
    state: dict[str, Any]
    owners: dict[str, str] = field(default_factory=dict)
    units: dict[str, dict[str, Any]] = field(default_factory=dict)
    taken: bool = False
    bad: list[Bad] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)


def rows_of(units: Sequence[Unit], work: Work) -> Iterator[pa.RecordBatch]:
    """Yield the passages of units, the last unit first, so that of two documents of one id the later file's is met."""
    held: list[dict[str, Any]] = []
    cut = Cut(**work.state["cut"])
    with progress("indexing", None, "passages") as bar:
        for unit in reversed(units):
            work.units[unit.key] = {"source": unit.source, "hash": unit.hash, "shadowed": []}
            before = len(work.bad)
            for said, document in _documents(unit, work):
                held += _passages(said, document, unit, cut)
                while len(held) >= TOGETHER:
                    yield _batch(held[:TOGETHER], work)
                    bar.add(TOGETHER)
                    held = held[TOGETHER:]
            if bad := work.bad[before:]:  # an update that does not read the unit again tells it again
                work.units[unit.key] |= {"bad": len(bad), "bad_first": [str(one) for one in bad[:SHOWN]]}
        if held:
            yield _batch(held, work)
            bar.add(len(held))


def _documents(unit: Unit, work: Work) -> Iterator[tuple[Said, Document]]:
    """Yield the documents of a unit that are indexed; others are counted by the reason."""
    for record in unit.read():
        if not isinstance(record, Document):
            _count(record, work)
            continue
        said = said_of(record, work.state["shelf"], work.state["language"])
        if not isinstance(said, Said):
            _count(said, work)
        elif _is_first(said.document, unit.key, work):
            yield said, record


def _count(record: Bad | Left, work: Work) -> None:
    if isinstance(record, Bad):
        work.bad.append(record)
    else:
        work.left[record.reason] += record.count


def _is_first(document: str, key: str, work: Work) -> bool:
    """Return whether a unit's document counts; what stands back for another is noted with its unit."""
    owner = work.owners.get(document)
    if owner == key:
        work.left[TWICE] += 1
        return False
    if owner is not None and owner > key:
        work.left[SHADOWED] += 1
        work.units[key]["shadowed"].append(document)
        return False
    if owner is not None:
        work.taken = True
        work.units[owner]["shadowed"].append(document)
    work.owners[document] = key
    return True


def _passages(said: Said, document: Document, unit: Unit, cut: Cut) -> list[dict[str, Any]]:
    """Return the rows of a document, without their vectors."""
    starts = page_starts(unit.pdf, document.text) if unit.pdf else []
    cuts = list(pieces(document.text, cut, str(document.meta.get("format") or ""), starts))
    pages = [page_at(starts, one.start) for one in cuts]
    spans = [(one.start, one.end, one.section, page) for one, page in zip(cuts, pages, strict=True)]
    facts = {**asdict(said), "digest": digest_of(said, document.text, spans), "unit": unit.key}
    return [
        {**facts, "id": f"{said.document}#{number}", "number": number, "page": page,
         **_words(said.title, section, document.text[start:end]), "start": start, "end": end, "section": section}
        for number, (start, end, section, page) in enumerate(spans)
    ]  # fmt: skip


def _words(title: str, section: str, text: str) -> dict[str, Any]:
    lead = ": ".join(part for part in (title, section if section != title else "") if part)
    lead = f"{lead}\n" if lead else ""
    return {"words": lead + text, "lead": len(lead)}


def _batch(rows: list[dict[str, Any]], work: Work) -> pa.RecordBatch:
    import pyarrow as pa

    columns = store.schema(work.width)
    made = {name: [row[name] for row in rows] for name in columns.names if name != "vector"}
    if work.model is None:
        return pa.RecordBatch.from_pydict(made, schema=columns)
    flat = pa.array(work.model.embed(made["words"]).astype("float32").ravel())
    vectors = pa.FixedSizeListArray.from_arrays(flat, work.width)
    arrays = [pa.array(made[name], columns.field(name).type) for name in made]
    return pa.RecordBatch.from_arrays([*arrays, vectors], schema=columns)
