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
from residency.core.legal import Rule, Seed, Share
from residency.core.progress import say, track
from residency.core.settings import OneOf
from residency.core.store import sha256_file, sha256_json, write_documents, write_jsonl, write_manifest
from residency.core.types import Document
from residency.corpus.fhir import read_fhir
from residency.corpus.formats import read_jsonl_source, read_notes
from residency.corpus.hospital import read_hospital
from residency.corpus.hpo import read_hpo
from residency.corpus.icd10 import read_icd10
from residency.corpus.records import Bad, Source, place_words

READERS: dict[str, Callable[..., Source]] = {
    "hpo": read_hpo,
    "icd10": read_icd10,
    "simulated_hospital": read_hospital,
    "notes": read_notes,
    "jsonl": read_jsonl_source,
    "fhir": read_fhir,
}
"""A source's name in a recipe, and the function whose keyword arguments are its settings."""


def _none(sources: Sequence[Any]) -> str | None:
    return None if sources else f"no source is given; legal: one or more of {', '.join(READERS)}"


Sources = Annotated[Sequence[Mapping[str, Any]], OneOf(READERS), Rule("one source or more", _none)]


def collect(*, out: Path, sources: Sources, bad_share: Share = 0.01, seed: Seed = 0) -> None:
    """Write ``documents.parquet``, ``bad.jsonl`` and the manifest of the sources to ``out``.

    Each of ``sources`` has one key, the reader, with its settings or simply a path: ``{"hpo": {}}``,
    ``{"notes": "my/notes"}``. Raises SourceError where a source is unknown or absent (before any is read), or where
    more than ``bad_share`` of a source's records are malformed, and more than one of them; ``bad.jsonl`` then says
    which. ``seed`` is the simulated hospital's, unless it names its own.
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
    seen: dict[str, tuple[str, str]] = {}  # id: its source, and the place that it was read from
    for source in opened:
        count, digest = 0, hashlib.sha256()
        aside: list[Bad] = []
        for record in track(source.records, f"read {source.name}", unit="records"):
            if isinstance(record, Document):
                record = _told_apart(record, source.name, seen)
            if isinstance(record, Bad):
                aside.append(record)
                continue
            digest.update(json.dumps([record.id, record.text, record.meta], sort_keys=True).encode())
            count += 1
            yield record
        bad.extend({"source": source.name, **asdict(row)} for row in aside)
        _check(source, aside, count, bad_share)
        cards.append(_card(source, count, len(aside), digest.hexdigest()))


def _told_apart(document: Document, source: str, seen: dict[str, tuple[str, str]]) -> Document | Bad:
    """Return the document, its id marked where another source has the same; Bad where its own source has it twice."""
    if seen.get(document.id, (source, ""))[0] != source:
        document.id = f"{source}:{document.id}"  # a user's L10 may be a code elsewhere
    file, line = document.place
    if document.id in seen:
        return Bad(file or source, line, f"the id {document.id} was already read from {seen[document.id][1]}")
    seen[document.id] = (source, place_words(file or source, line))
    return document


def _check(source: Source, aside: list[Bad], count: int, bad_share: float) -> None:
    """Raise SourceError for too many malformed records; one alone never stops what else could be read."""
    total = count + len(aside)
    if not total:
        raise SourceError(f"source {source.name} holds no record")
    first = "; ".join(str(row) for row in aside[:3])
    if len(aside) > max(bad_share * total, 1 if count else 0):
        raise SourceError(
            f"source {source.name}: {len(aside)} of {total} records are malformed, more than the "
            f"{bad_share:.2%} that bad_share allows. First: {first}. All are in bad.jsonl; mend them or raise bad_share"
        )
    if aside:
        more = f", and {len(aside) - 3} more" if len(aside) > 3 else ""
        say(f"source {source.name}: {len(aside)} of {total} records kept aside in bad.jsonl: {first}{more}")


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
