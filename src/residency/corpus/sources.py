"""The corpus stage: every source of a recipe, read one record at a time, becomes one Parquet file of documents.

A malformed record is named by file and line, counted and kept aside; only too many of them stop the run.
"""

from __future__ import annotations

import difflib
import hashlib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from residency.core.errors import SourceError
from residency.core.progress import track
from residency.core.settings import OneOf
from residency.core.store import sha256_file, sha256_json, write_documents, write_jsonl, write_manifest
from residency.core.types import Document
from residency.corpus.fhir import read_fhir
from residency.corpus.formats import read_jsonl_source, read_notes
from residency.corpus.hospital import read_hospital
from residency.corpus.hpo import read_hpo
from residency.corpus.icd10 import read_icd10
from residency.corpus.records import Bad, Source

READERS: dict[str, Callable[..., Source]] = {
    "hpo": read_hpo,
    "icd10": read_icd10,
    "simulated_hospital": read_hospital,
    "notes": read_notes,
    "jsonl": read_jsonl_source,
    "fhir": read_fhir,
}
"""A source's name in a recipe, and the function whose keyword arguments are its settings."""


Sources = Annotated[Sequence[Mapping[str, Any]], OneOf(READERS)]


def collect(*, out: Path, sources: Sources, bad_share: float = 0.01, seed: int = 0) -> None:
    """Write ``documents.parquet``, ``bad.jsonl`` and the manifest of the sources to ``out``.

    Each of ``sources`` has one key, the reader, with its settings or simply a path: ``{"hpo": {}}``,
    ``{"notes": "my/notes"}``. Raises SourceError where a source is unknown or absent (before any is read), or where
    more than ``bad_share`` of a source's records are malformed; ``bad.jsonl`` then says which. ``seed`` is the
    simulated hospital's, unless it names its own.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    opened = [open_source(source, scratch=out, seed=seed) for source in sources]
    bad: list[dict[str, Any]] = []
    cards: list[dict[str, Any]] = []
    try:
        count = write_documents(out / "documents.parquet", _all(opened, bad_share, bad, cards))
    finally:
        write_jsonl(out / "bad.jsonl", bad)
    write_manifest(out, stage="corpus", documents=count, bad=len(bad), bad_share=bad_share, sources=cards)


def open_source(source: Mapping[str, Any], *, scratch: Path, seed: int = 0) -> Source:
    """Return one entry of a recipe's ``sources`` as a source, not yet read; SourceError says what is legal."""
    name, settings = _entry(source)
    reader = READERS[name]
    legal = set(inspect.signature(reader).parameters) - {"scratch"}
    for key in settings:
        if key not in legal:
            raise SourceError(f"source {name} has no setting {key!r}{_nearest(key, sorted(legal))}")
    if name == "simulated_hospital":
        settings = {"seed": seed, **settings, "scratch": scratch}
    needed = (key for key, value in inspect.signature(reader).parameters.items() if value.default is value.empty)
    if missing := [key for key in needed if key not in settings]:
        raise SourceError(f"source {name} needs {', '.join(missing)}, for instance {{{name}: PATH}}")
    return reader(**settings)


def _entry(source: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if not isinstance(source, Mapping) or len(source) != 1:
        raise SourceError(f"a source is one key with its settings, such as {{hpo: {{}}}}; found {source!r}")
    name, value = next(iter(source.items()))
    if name not in READERS:
        raise SourceError(f"there is no source {name!r}{_nearest(str(name), list(READERS))}")
    if value is None:
        return name, {}
    return name, dict(value) if isinstance(value, Mapping) else {"path": value}


def _nearest(word: str, legal: list[str]) -> str:
    close = difflib.get_close_matches(word, legal, 1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"{hint}; legal: {', '.join(legal)}"


def _all(
    opened: list[Source], bad_share: float, bad: list[dict[str, Any]], cards: list[dict[str, Any]]
) -> Iterator[Document]:
    """Yield the documents of all sources; bad records and the sources' cards are added to the lists meanwhile."""
    seen: dict[str, str] = {}
    for source in opened:
        count, digest, aside = 0, hashlib.sha256(), []
        for record in track(source.records, f"read {source.name}", unit="records"):
            if isinstance(record, Document) and seen.get(record.id, source.name) != source.name:
                record.id = f"{source.name}:{record.id}"  # a user's L10 may be a code elsewhere
            if isinstance(record, Document) and record.id in seen:
                record = Bad(source.name, 0, f"the id {record.id} was already read from {seen[record.id]}")
            if isinstance(record, Bad):
                aside.append({"source": source.name, **asdict(record)})
                continue
            seen[record.id] = source.name
            digest.update(json.dumps([record.id, record.text, record.meta], sort_keys=True).encode())
            count += 1
            yield record
        bad.extend(aside)
        _check(source, aside, count, bad_share)
        cards.append(_card(source, count, len(aside), digest.hexdigest()))


def _check(source: Source, aside: list[dict[str, Any]], count: int, bad_share: float) -> None:
    if not count and not aside:
        raise SourceError(f"source {source.name} holds no record")
    if len(aside) > bad_share * (count + len(aside)):
        first = "; ".join(f"{row['file']}, line {row['line']}: {row['reason']}" for row in aside[:3])
        raise SourceError(
            f"source {source.name}: {len(aside)} of {count + len(aside)} records are malformed, more than the "
            f"{bad_share:.2%} that bad_share allows. First: {first}. All are in bad.jsonl; mend them or raise bad_share"
        )


def _card(source: Source, count: int, aside: int, digest: str) -> dict[str, Any]:
    files = {file.name: sha256_file(file) for file in source.files}
    return {
        "name": source.name,
        "version": source.version,
        "licence": source.licence,
        "acknowledgement": source.acknowledgement,
        "documents": count,
        "bad": aside,
        "skipped": dict(sorted(source.skipped.items())),
        "path_sha256": sha256_json(files) if files else None,
        "documents_sha256": digest,
    }
