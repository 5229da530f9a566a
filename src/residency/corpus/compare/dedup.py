"""What is there twice: the keys of each document, without its text, and the decisions made when all keys are together.

Exact duplicates, equal titles, near-duplicates by MinHash (``minhash``), and paragraphs copied forward inside one
patient's record. Which of several stays does not hang on the order of files: the lowest priority number, then row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from residency.core.legal import AtLeastOne, Range
from residency.core.types import Document
from residency.corpus.compare.hashing import Array, Words, digests, number, sequence_hashes, words
from residency.corpus.compare.minhash import band_keys, band_shape, packed, similarity, sketch
from residency.corpus.compare.paragraphs import paragraphs

if TYPE_CHECKING:
    import pyarrow as pa

    from residency.corpus.engine import Query


@dataclass(frozen=True, slots=True)
class Dedup:
    """What counts as the same."""

    # Whether a text of equal words falls (case, white space and punctuation are not compared).
    exact: bool = True
    # Whether a text of an equal title falls, within one kind and source.
    title: bool = False
    # The share of word runs in common (Jaccard similarity) from which a text is nearly another; null: not looked for.
    near: Annotated[float, Range(above=0.2, most=1)] | None = 0.8
    # Whether paragraphs that stand earlier in the same patient's record are cut out.
    paragraphs: bool = True
    # How many words make a run for near-duplicates.
    ngram: AtLeastOne = 5
    # From how many places that similarity is estimated; more is finer and slower.
    permutations: Annotated[int, Range(least=16, most=4096)] = 256
    # The fewest words of a title that is compared.
    title_words: AtLeastOne = 4
    # The fewest characters of a paragraph that is compared.
    characters: AtLeastOne = 60

    @classmethod
    def none(cls) -> Dedup:
        """Return the settings under which nothing is a duplicate."""
        return cls(exact=False, title=False, near=None, paragraphs=False)


@dataclass(frozen=True, slots=True)
class Decided:
    """Two Parquet files sorted by row: ``drops`` (row, reason, kept_row) and ``repeats`` (row, paragraph)."""

    drops: Path
    repeats: Path


# --- the keys of a batch of documents --------------------------------------------------------------------------------


def keys(
    documents: Sequence[Document], rows: Sequence[int], settings: Dedup, found: Words | None = None
) -> dict[str, pa.Table]:
    """Return the tables that ``decide`` compares, by name; ``rows`` are the documents' numbers, each used once.

    ``found`` are the documents' words, where they are known (``words`` with ``unspaced``).
    """
    import pyarrow as pa

    texts = [document.text for document in documents]
    found = found or words(texts, unspaced=True)
    row = pa.array(rows, pa.uint64())
    tables = {}
    if settings.exact or settings.title or settings.near is not None:
        tables["keys"] = pa.table(
            {
                "row": row,
                "priority": pa.array([int(document.meta.get("priority", 0)) for document in documents], pa.int32()),
                "exact": pa.array(digests(texts, found), pa.binary(16)),
                "title": pa.array(_titles(documents, settings), pa.uint64()),
            }
        )
    if settings.near is not None:
        tables |= _near_keys(found, np.asarray(rows, np.uint64), settings)
    if settings.paragraphs:
        tables["paragraphs"] = _paragraph_keys(documents, rows, settings.characters)
    return tables


def _titles(documents: Sequence[Document], settings: Dedup) -> list[int | None]:
    """Return a hash of each title that is long enough to name one text; None for the others."""
    if not settings.title:
        return [None] * len(documents)
    titles = [str(document.meta.get("title") or "") for document in documents]
    found = words(titles)
    return [
        number(f"{document.source}\0{document.meta.get('kind', '')}\0{digest.hex()}")
        if count >= settings.title_words
        else None
        for document, digest, count in zip(documents, digests(titles, found), found.counts, strict=True)
    ]


def _near_keys(found: Words, rows: Array, settings: Dedup) -> dict[str, pa.Table]:
    """Return bands and packed signatures of the documents that have words."""
    import pyarrow as pa

    assert settings.near is not None
    signed = sketch(found, ngram=settings.ngram, permutations=settings.permutations)[found.counts > 0]
    rows = rows[found.counts > 0]
    bands, height = band_shape(settings.near, settings.permutations)
    made = band_keys(signed, bands, height)
    flat = pa.py_buffer(np.ascontiguousarray(packed(signed)))
    width = pa.binary(settings.permutations)
    return {
        "bands": pa.table(
            {
                "row": pa.array(np.repeat(rows, bands)),
                "band": pa.array(np.tile(np.arange(bands, dtype=np.uint16), len(rows))),
                "key": pa.array(made.reshape(-1)),
            }
        ),
        "signatures": pa.table({"row": rows, "signature": pa.Array.from_buffers(width, len(rows), [None, flat])}),
    }


def _paragraph_keys(documents: Sequence[Document], rows: Sequence[int], characters: int) -> pa.Table:
    """Return a row for each long paragraph of a document that has a patient; ``count`` is how many the document has."""
    import pyarrow as pa

    texts, columns = list[str](), list[tuple[int, int, int, int, str | None]]()
    for document, row in zip(documents, rows, strict=True):
        if document.patient is None:
            continue
        text, patient, blocks = document.text, number(str(document.patient)), paragraphs(document.text)
        long = [(at, low, high) for at, (low, high) in enumerate(blocks) if high - low >= characters]
        texts += [text[low:high] for _, low, high in long]
        columns += [(row, at, len(blocks), patient, document.date) for at, _, _ in long]
    names = ("row", "index", "count", "patient", "date")
    kinds = (pa.uint64(), pa.uint32(), pa.uint32(), pa.uint64(), pa.string())
    made = {n: pa.array(values, kind) for n, values, kind in zip(names, _columns(columns, 5), kinds, strict=True)}
    return pa.table({**made, "paragraph": pa.array(_paragraph_hashes(texts), pa.uint64())})


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _paragraph_hashes(texts: Sequence[str]) -> Array:
    """Return 64 bits a paragraph, equal for equal words; one without words is taken as it is."""
    found = words(texts, unspaced=True)
    hashes = sequence_hashes(found)
    for wordless in np.flatnonzero(found.counts == 0).tolist():
        hashes[wordless] = number(texts[wordless])
    return hashes


# --- decisions when all keys are together ----------------------------------------------------------------------------

_FIRST = """
SELECT row, '{reason}' AS reason, kept_row FROM (
  SELECT row, first_value(row) OVER same AS kept_row FROM keys {without}
  WINDOW same AS (PARTITION BY {key} ORDER BY priority, row)
) WHERE row <> kept_row ORDER BY row
"""
_WITHOUT = "ANTI JOIN drops USING (row)"
_PAIRS = """
SELECT DISTINCT least(row, other) AS low, greatest(row, other) AS high FROM (
  SELECT row, unnest([before, first]) AS other FROM (
    SELECT row, lag(row) OVER same AS before, first_value(row) OVER same AS first
    FROM bands {without} WINDOW same AS (PARTITION BY band, key ORDER BY row)
  )
) WHERE other <> row
"""
_COMPARED = """
SELECT low, high, a.signature AS first, b.signature AS second
FROM pairs JOIN signatures a ON a.row = low JOIN signatures b ON b.row = high
"""
_KEPT = """
SELECT row, 'near-duplicate' AS reason, kept_row FROM (
  SELECT row, first_value(row) OVER same AS kept_row FROM groups JOIN keys USING (row)
  WINDOW same AS (PARTITION BY part ORDER BY priority, row)
) WHERE row <> kept_row ORDER BY row
"""
_REPEATS = """
SELECT row, index AS paragraph, count, kept_row FROM (
  SELECT row, index, count, row_number() OVER same AS nth, first_value(row) OVER same AS kept_row
  FROM paragraphs {without}
  WINDOW same AS (PARTITION BY patient, paragraph ORDER BY date NULLS LAST, row, index)
) WHERE nth > 1 ORDER BY row, paragraph
"""
_EMPTIED = """
SELECT row, 'nothing new in the patient''s record' AS reason, min(kept_row) AS kept_row
FROM repeats GROUP BY row HAVING count(*) = min(count) ORDER BY row
"""


def decide(files: Mapping[str, Sequence[Path]], query: Query, settings: Dedup, out: Path) -> Decided:
    """Return which rows drop and which paragraphs go, in Parquet files of the folder ``out``.

    ``files`` names the Parquet files of each table of ``keys``; a table that no document had may be missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    found: list[Path] = [_empty_drops(out / "none.parquet")]
    has = {name: list(paths) for name, paths in files.items() if paths}

    def without() -> str:
        return _WITHOUT if len(found) > 1 else ""

    def step(sql: str, name: str, **views: Sequence[Path]) -> Path:
        return query(sql, out / f"{name}.parquet", drops=found, **views)

    if settings.exact and "keys" in has:
        sql = _FIRST.format(reason="exact duplicate", without="", key="exact")
        found.append(step(sql, "exact", keys=has["keys"]))
    if settings.title and "keys" in has:
        sql = _FIRST.format(reason="the same title", without=f"{without()} WHERE title IS NOT NULL", key="title")
        found.append(step(sql, "title", keys=has["keys"]))
    if settings.near is not None and "bands" in has:
        pairs = step(_PAIRS.format(without=without()), "pairs", bands=has["bands"])
        compared = step(_COMPARED, "compared", pairs=[pairs], signatures=has["signatures"])
        groups = _write_groups(*_alike(compared, settings.near), out / "groups.parquet")
        found.append(step(_KEPT, "near", groups=[groups], keys=has["keys"]))
    repeats = _empty_repeats(out / "no-repeats.parquet")
    if settings.paragraphs and "paragraphs" in has:
        repeats = step(_REPEATS.format(without=without()), "repeats", paragraphs=has["paragraphs"])
        found.append(step(_EMPTIED, "emptied", repeats=[repeats]))
    drops = step("SELECT * FROM drops ORDER BY row", "dropped")
    if not settings.paragraphs:
        return Decided(drops, repeats)
    kept = f"SELECT row, paragraph FROM repeats {_WITHOUT} ORDER BY row, paragraph"
    return Decided(drops, query(kept, out / "paragraphs.parquet", repeats=[repeats], drops=[drops]))


def _alike(compared: Path, threshold: float) -> tuple[Array, Array]:
    """Return the pairs whose estimated similarity is at most one standard error below the threshold."""
    import pyarrow.parquet as pq

    low, high = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)]
    with pq.ParquetFile(compared) as file:
        for batch in filter(len, file.iter_batches(batch_size=16384)):
            first, second = (_bytes(batch.column(name)) for name in ("first", "second"))
            error = np.sqrt(threshold * (1 - threshold) / first.shape[1])
            near = similarity(first, second) >= threshold - error
            low.append(batch.column("low").to_numpy()[near])
            high.append(batch.column("high").to_numpy()[near])
    return np.concatenate(low), np.concatenate(high)


def _bytes(column: Any) -> Array:
    """Return binary values of one length as bytes [rows, length]."""
    return np.frombuffer(b"".join(column.to_pylist()), np.uint8).reshape(len(column), -1)


def parts_of(low: Array, high: Array) -> tuple[Array, Array]:
    """Return the numbers that stand in any pair, sorted, and for each the least number that pairs lead to from it."""
    names, places = np.unique(np.concatenate([low, high]), return_inverse=True)
    left, right = places[: len(low)], places[len(low) :]
    label = np.arange(len(names))
    while True:
        least = np.minimum(label[left], label[right])
        new = label.copy()
        np.minimum.at(new, label[left], least)
        np.minimum.at(new, label[right], least)
        new = new[new]  # a root's root, so that long chains take few rounds
        if (new == label).all():
            return names, names[label]
        label = new


def _write_groups(low: Array, high: Array, out: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names, part = parts_of(low, high)
    pq.write_table(pa.table({"row": pa.array(names, pa.uint64()), "part": pa.array(part, pa.uint64())}), out)
    return out


def _empty_drops(out: Path) -> Path:
    return _write_empty(out, row="uint64", reason="string", kept_row="uint64")


def _empty_repeats(out: Path) -> Path:
    return _write_empty(out, row="uint64", paragraph="uint32", count="uint32", kept_row="uint64")


def _write_empty(out: Path, **columns: str) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns.items()])
    pq.write_table(schema.empty_table(), out)
    return out
