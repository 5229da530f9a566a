"""FHIR R4 as documents: the notes (Composition, DocumentReference) with the coded rows behind them.

Two passes over the files, so that memory holds the Condition and Medication rows but never the notes: Bundles and
single resources (``.json``), or bulk data with one resource a line (``.ndjson``).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Annotated, Any

from residency.core.types import Document
from residency.corpus.formats import OWN, files_of, json_lines, there_are
from residency.corpus.records import Bad, Source

Resource = dict[str, Any]
_CODED = ("Condition", "MedicationRequest", "MedicationStatement", "Medication")
_NOTES = ("Composition", "DocumentReference")
_BLOCKS = {"p", "div", "br", "li", "tr", "ul", "ol", "table", "h1", "h2", "h3", "h4"}
_MISSHAPEN = (AttributeError, IndexError, KeyError, TypeError)
"""What a list in place of an object, or a text in place of a list, leads to."""
_NOT_TRUE = {"refuted", "entered-in-error", "cancelled", "draft", "not-taken"}


def read_fhir(
    *, path: Annotated[Path, there_are(".json", ".ndjson")], licence: str = OWN, language: str = "en"
) -> Source:
    """Return FHIR R4 files (a file or a folder) as a source of notes."""
    files = files_of(path, (".json", ".ndjson"))
    skipped: Counter[str] = Counter()
    return Source("fhir", "R4", licence, "", files, fhir_notes(files, "fhir", licence, language, skipped), skipped)


def fhir_notes(
    files: tuple[Path, ...], source: str, licence: str, language: str, skipped: Counter[str]
) -> Iterator[Document | Bad]:
    """Yield one document a note, in file order; ``meta`` has its type and the rows of its encounter and patient."""
    rows = _Rows()
    for _, _, resource in _resources(files, _CODED):
        try:
            if isinstance(resource, dict):
                rows.add(resource)
        except _MISSHAPEN:
            skipped["coded row that is not as FHIR R4 has it"] += 1
    for file, number, resource in _resources(files, _NOTES):
        if isinstance(resource, Bad):
            yield resource
            continue
        try:
            text = _note_text(resource)
            if text is None:
                skipped["note without a text of its own (kept elsewhere, or not plain text)"] += 1
            elif not text.strip() or not resource.get("id"):
                yield Bad(file.name, number, f"a {resource['resourceType']} without text or id")
            else:
                document = _document(resource, text, rows, source, licence, language)
                document.place = (file.name, number)
                yield document
        except _MISSHAPEN:
            yield Bad(file.name, number, f"a {resource['resourceType']} that is not as FHIR R4 has it")


# --- files to resources --------------------------------------------------------------------------------------------


def _resources(files: tuple[Path, ...], kinds: tuple[str, ...]) -> Iterator[tuple[Path, int | None, Resource | Bad]]:
    """Yield file, line and resource for each resource of the kinds; a whole JSON file has no line."""
    marks = tuple(f'"{kind}"'.encode() for kind in kinds)
    for file in files:
        if file.suffix.lower() == ".ndjson":
            for number, row in json_lines(file, containing=marks):
                if isinstance(row, Bad) or row.get("resourceType") in kinds:
                    yield file, number, row
        else:
            for resource in _whole(file):
                if isinstance(resource, Bad) or resource.get("resourceType") in kinds:
                    yield file, None, resource


def _whole(file: Path) -> Iterator[Resource | Bad]:
    try:
        content = json.loads(file.read_bytes())
    except OSError as error:
        yield Bad(file.name, None, f"cannot be read ({error.strerror})")
    except UnicodeDecodeError as error:
        yield Bad(file.name, None, f"not UTF-8 at byte {error.start}")
    except json.JSONDecodeError as error:
        yield Bad(file.name, error.lineno, f"not JSON at column {error.colno}: {error.msg}")
    else:
        if not isinstance(content, dict) or "resourceType" not in content:
            yield Bad(file.name, None, "no FHIR resource: resourceType is missing")
        elif content["resourceType"] == "Bundle":
            entries = content.get("entry") or []
            if not isinstance(entries, list):
                yield Bad(file.name, None, "a Bundle whose entry is no list")
                return
            for number, entry in enumerate(entries):
                resource = entry.get("resource") if isinstance(entry, dict) else None
                yield (
                    resource if isinstance(resource, dict) else Bad(file.name, None, f"entry {number} has no resource")
                )
        else:
            yield content


# --- the coded rows ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Rows:
    """Conditions and medications by encounter, and those of a patient that no encounter owns."""

    conditions: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))
    medications: dict[str, list[Resource]] = field(default_factory=lambda: defaultdict(list))
    products: dict[str, Resource] = field(default_factory=dict)

    def add(self, resource: Resource) -> None:
        kind = resource["resourceType"]
        if kind == "Medication":
            self.products[str(resource.get("id"))] = resource.get("code") or {}
            return
        status = {_first_code(resource.get("verificationStatus")), str(resource.get("status"))}
        if status & _NOT_TRUE or resource.get("doNotPerform"):
            return
        owner = _id(resource.get("encounter") or resource.get("context")) or _id(resource.get("subject"))
        (self.conditions if kind == "Condition" else self.medications)[owner].append(_slim(resource, kind))

    def of(self, kind: str, encounter: str, patient: str, day: str) -> list[Resource]:
        """Return the rows of an encounter, then those of its patient that began by ``day``, without repeats."""
        table = self.conditions if kind == "conditions" else self.medications
        chosen: dict[tuple[str, str], Resource] = {}
        for row in [*table.get(encounter, []), *(row for row in table.get(patient, []) if row["since"] <= day)]:
            row = {key: value for key, value in row.items() if key != "since"}
            if "product" in row:
                row |= _coding(self.products.get(row.pop("product"), {}))
            chosen.setdefault((row["code"] or row["text"], row["category"]), row)
        return sorted(chosen.values(), key=lambda row: (row["category"], row["code"], row["text"]))


def _slim(resource: Resource, kind: str) -> Resource:
    since = resource.get("onsetDateTime") or resource.get("recordedDate") or resource.get("authoredOn") or ""
    row = {"category": _first_code((resource.get("category") or [{}])[0]), "since": str(since)[:10]}
    if kind == "Condition":
        return _coding(resource.get("code") or {}) | row
    concept = resource.get("medicationCodeableConcept")
    if concept is None:
        return _coding({}) | row | {"product": _id(resource.get("medicationReference"))}
    return _coding(concept) | row


def _coding(concept: Resource) -> Resource:
    first = (concept.get("coding") or [{}])[0]
    return {
        "code": str(first.get("code", "")),
        "display": str(first.get("display") or concept.get("text", "")),
        "system": str(first.get("system", "")),
        "text": str(concept.get("text", "")),
    }


def _first_code(concept: Resource | None) -> str:
    return str(((concept or {}).get("coding") or [{}])[0].get("code", ""))


def _id(reference: Resource | None) -> str:
    return str((reference or {}).get("reference", "")).rsplit("/", 1)[-1].removeprefix("urn:uuid:").lstrip("#")


# --- the notes -----------------------------------------------------------------------------------------------------


def _document(resource: Resource, text: str, rows: _Rows, source: str, licence: str, language: str) -> Document:
    context = resource.get("context") or {}
    encounter = _id(resource.get("encounter") or (context.get("encounter") or [{}])[0])
    patient, date = _id(resource.get("subject")), str(resource.get("date") or "")
    kind = resource.get("type") or {}
    meta = {"kind": "note", "note_type": kind.get("text") or _coding(kind)["display"], "encounter": encounter}
    for name in ("conditions", "medications"):
        meta[name] = rows.of(name, encounter, patient, date[:10] or "9999")
    language = str(resource.get("language") or language)
    return Document(str(resource["id"]), text, source, licence, language, patient or None, date or None, meta=meta)


def _note_text(resource: Resource) -> str | None:
    """Return a note's text, or None where it holds none (a link, a PDF)."""
    if resource["resourceType"] == "Composition":
        return "\n\n".join(_sections(resource.get("section") or []))
    texts = (_attachment(content.get("attachment") or {}) for content in resource.get("content") or [])
    found = [text for text in texts if text is not None]
    return "\n\n".join(found) if found else None


def _sections(sections: list[Resource]) -> Iterator[str]:
    for section in sections:
        text = plain_text((section.get("text") or {}).get("div", ""))
        if text:
            title = section.get("title")
            yield f"{title}: {text}" if title else text
        yield from _sections(section.get("section") or [])


def _attachment(attachment: Resource) -> str | None:
    kind = str(attachment.get("contentType", "")).split(";")[0]
    if kind not in ("text/plain", "text/html") or "data" not in attachment:
        return None
    try:
        text = base64.b64decode(attachment["data"], validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, TypeError):
        return ""
    return plain_text(text) if kind == "text/html" else text.strip()


class _Plain(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def plain_text(div: str) -> str:
    """Return the text of an XHTML fragment: entities resolved, one line a block, no empty lines."""
    parser = _Plain()
    parser.feed(div)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.parts).split("\n"))
    return "\n".join(line for line in lines if line)
