"""What is said of a document beside its words: edition, until when it is valid, the kind of study, whose chart it is.

It stands in the document's own fields (front matter, PubMed, JATS, FHIR) or in a small YAML file beside it: what is
said of ``asthma.pdf`` in ``asthma.pdf.meta.yaml``, which goes before what the document says itself.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from residency.core.errors import SourceError, UserError
from residency.core.legal import nearest
from residency.core.store import sha256_json
from residency.core.types import Document
from residency.corpus.readers.text import iso_date
from residency.corpus.records import Bad, Left
from residency.infer.evidence import CHART, EVIDENCE

BESIDE = ".meta.yaml"
"""How the name of the file ends that says more of the one it stands beside."""
_FIELDS = ("title", "date", "language", "licence", "patient", "source")
_UNTIL = ("valid_until", "valid-until", "validUntil", "expires", "expiry", "review_by")
_EDITION, _STUDY = ("edition", "version"), ("study", "study_type", "publication_types", "article_type")
_WITH_FRONT = ("text", "markdown")
"""Formats of documents that begin with what is said of them."""
_TYPE = (*_STUDY, "publication_type", "type", "status")
_TAKEN_BACK = re.compile(r"(?:(?:article|paper|publication|study) )?(?:is |was )?retract(?:ed|ion)\b", re.IGNORECASE)
_TAKEN_BACK_TITLE = re.compile(
    r"\W*(?:RETRACTED\b|(?i:retract(?:ed|ion)\b(?:\W*$|\s*[:\]–—]|\s*-\s|\s+(?:of|to)\s*[:\"'“‘«\[]"
    r"|(?:\s+\w+){0,2}\s+(?:article|paper|publication|study|notice|note|statement)\b)))"
)
"""A title that says that an article was retracted, or is the notice of it; retraction of an eyelid is none."""
LEGAL = (*_FIELDS, "edition", "valid_until", "study", "retracted")
RETRACTED, NOBODY = "an article that was retracted", "a text for the chart shelf that names no patient"


@dataclass(frozen=True, slots=True)
class Said:
    """A document's own facts, as its passages carry them; ``first`` and ``last`` are the days that its date covers."""

    document: str
    title: str
    source: str
    licence: str
    language: str
    date: str | None
    first: str | None
    last: str | None
    edition: str
    valid_until: str | None
    study: str
    patient: str | None
    shelf: str


def said_of(document: Document, shelf: str, language: str | None) -> Said | Bad | Left:
    """Return what is known of a document; Bad where a date of validity cannot be read, Left where it is not wanted.

    ``language`` is that of documents that do not state theirs; None finds it by their words.
    """
    meta = document.meta
    if _retracted(meta):
        return Left(RETRACTED)
    if shelf == CHART and not document.patient:
        return Left(NOBODY)
    until = _first_of(meta, _UNTIL)
    day = days_of(until)
    if until and not day:
        file, line = document.place
        return Bad(file or document.id, line, "its valid_until is no date such as 2027-06-30; it is not indexed")
    covered = days_of(document.date)
    return Said(
        document=document.id,
        title=str(meta.get("title") or ""),
        source=_source(document),
        licence=document.licence,
        language=_language(document, language),
        date=document.date if covered else None,
        first=covered[0] if covered else None,
        last=covered[1] if covered else None,
        edition=_first_of(meta, _EDITION),
        valid_until=day[1] if day else None,
        study=_first_of(meta, _STUDY),
        patient=document.patient or None,
        shelf=CHART if document.patient else EVIDENCE,
    )


def _retracted(meta: Mapping[str, Any]) -> bool:
    """Return whether an article is said to be retracted, or is the notice of that: by itself, its type or its title."""
    if str(meta.get("retracted") or "").strip().lower() not in ("", "false", "no", "0"):
        return True
    types = [_listed(meta.get(name)) for name in _TYPE]
    if any(_TAKEN_BACK.match(one.strip()) for some in types for one in some):
        return True
    return bool(_TAKEN_BACK_TITLE.match(str(meta.get("title") or "")))


def _listed(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else re.split("[;,|]", str(value or ""))


def digest_of(said: Said, text: str, spans: list[tuple[int, int, str, int | None]]) -> str:
    """Return the hash of a document as it is indexed: the same words, facts and cuts have the same one."""
    return sha256_json([[getattr(said, name) for name in Said.__slots__], text, spans])


def days_of(written: str | None) -> tuple[str, str] | None:
    """Return the first and the last day that an ISO 8601 date covers, such as all of 2024-05; None where it is none."""
    found = re.match(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:T|$)", written or "")
    if not found:
        return None
    year, month, day = (int(part) if part else None for part in found.groups())
    try:
        first = date(year or 0, month or 1, day or 1)
        last = date(first.year, month or 12, day or calendar.monthrange(first.year, month or 12)[1])
    except ValueError:
        return None
    return first.isoformat(), last.isoformat()


def beside(path: Path) -> Path:
    """Return the file that says more of another one, whether it exists or not."""
    return path.with_name(path.name + BESIDE)


def read_beside(path: Path) -> dict[str, str]:
    """Return what the file beside a document says of it; UserError for what cannot be said there."""
    import yaml

    place = beside(path)
    if not place.is_file():
        return {}
    try:
        found = yaml.load(place.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError):
        raise SourceError(f"{place} is no YAML; it holds lines such as valid_until: 2027-06-30") from None
    if not isinstance(found, dict):
        raise SourceError(f"{place} holds no lines such as valid_until: 2027-06-30; legal are {', '.join(LEGAL)}")
    for name in found:
        if name not in LEGAL:
            raise UserError(f"{place}: there is no {name!r}; {nearest(str(name), LEGAL)}")
    return {str(name): str(value) for name, value in found.items()}


def with_more(document: Document, more: Mapping[str, str]) -> Document:
    """Return a document with what the file beside it says."""
    if not more:
        return document
    fields: dict[str, Any] = {
        name: more[name] for name in ("date", "language", "licence", "patient", "source") if name in more
    }
    meta = {name: value for name, value in more.items() if name not in fields}
    if day := iso_date(fields.get("date", "")):
        fields["date"] = day
    drop = {*(_UNTIL if "valid_until" in meta else ()), *(_EDITION if "edition" in meta else ())}
    drop |= set(_STUDY) if "study" in meta else set()
    drop |= {"source", "Source"} if "source" in fields else set()
    kept = {name: value for name, value in document.meta.items() if name not in drop}
    return replace(document, **fields, meta={**kept, **meta})


def _first_of(meta: Mapping[str, Any], names: tuple[str, ...]) -> str:
    value = next((meta[name] for name in names if meta.get(name)), "")
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _source(document: Document) -> str:
    """Return the source that a document is of: as its front matter says it, else the folder's or file's."""
    said = _first_of(document.meta, ("source", "Source")) if document.meta.get("format") in _WITH_FRONT else ""
    return said or document.source


def _language(document: Document, given: str | None) -> str:
    if document.language and document.language != "und":
        return document.language
    return given or _found(document.text)


def _found(text: str) -> str:
    """Return the language of a text by its words; und where that is not sure, or nothing is installed that tells."""
    from residency.corpus.clean.language import language_of

    try:
        return language_of(text) or "und"
    except UserError:
        return "und"
