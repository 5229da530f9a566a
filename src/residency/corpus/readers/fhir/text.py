"""The text of FHIR's notes: sections of a Composition, attachments of a DocumentReference, a DiagnosticReport.

Attachments are decoded here when they are text, and handed to the reader of their format when they are files.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from residency.core.settings import load
from residency.core.types import Document
from residency.corpus.readers.fhir.files import Entry
from residency.corpus.readers.fhir.record import observation_line
from residency.corpus.readers.fhir.rows import Rows
from residency.corpus.readers.fhir.values import Resource, contained, id_of, one_line, tail
from residency.corpus.readers.guard import Given, decoded, reason
from residency.corpus.readers.html import fragment_text
from residency.corpus.records import Bad

_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_PLAIN = ("text/plain", "text/markdown")
_FILES = {
    "text/html": "html:read_html",
    "application/xhtml+xml": "html:read_html",
    "text/rtf": "rtf:read_rtf",
    "application/rtf": "rtf:read_rtf",
    _DOCX: "docx:read_docx",
    "application/pdf": "pdf:read_pdf",
    "application/hl7-cda+xml": "cda:read_cda",
}
_CHOSEN = (*_PLAIN, *_FILES)
"""Where a note is there in several formats, the first of these is read."""
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
_OTHERS = ("image", "audio", "video", "application", "text")


class Unread(Exception):
    """Why a note has no text here; ``left`` where nothing is wrong with it."""

    def __init__(self, reason: str, *, left: bool = False) -> None:
        super().__init__(reason)
        self.left = left


def note_text(entry: Entry, given: Given, rows: Rows) -> str:
    """Return the text of a note, "" where it is empty. Raises Unread, and ``MISSHAPEN`` for another shape."""
    return _TEXTS[entry.kind](entry, given, rows)


def _composition(entry: Entry, given: Given, rows: Rows) -> str:
    resource = entry.resource or {}
    return "\n\n".join(_sections(resource.get("section") or [], entry.near | dict(contained(resource))))


def _sections(sections: list[Resource], near: dict[str, Resource]) -> Iterator[str]:
    """Yield titled texts; what a section's entries say themselves is taken where it has no text of its own."""
    for section in sections:
        text = narrative(section)
        if not text:
            told = (narrative(near.get(tail(reference), {})) for reference in section.get("entry") or [])
            text = "\n".join(piece for piece in told if piece)
        if text:
            title = section.get("title")
            yield f"{title}: {text}" if title else text
        yield from _sections(section.get("section") or [], near)


def narrative(resource: Resource) -> str:
    """Return the text of a resource's or section's narrative; the cells of a table stand apart."""
    div = str((resource.get("text") or {}).get("div") or "")
    return fragment_text(div.replace("</td>", " </td>").replace("</th>", " </th>"))


def _reference(entry: Entry, given: Given, rows: Rows) -> str:
    contents = (entry.resource or {}).get("content")
    if not contents:
        raise Unread("a DocumentReference without content")
    return "\n\n".join(_attachments([content.get("attachment") or {} for content in contents], given, rows))


def _report(entry: Entry, given: Given, rows: Rows) -> str:
    """Return narrative, attachments, conclusion and results; a narrative made from the results is left out."""
    resource = entry.resource or {}
    results, unread = list(_results(resource, rows)), None
    made = (resource.get("text") or {}).get("status") == "generated"
    parts = [] if results and made else [narrative(resource)]
    try:
        parts += _attachments(resource.get("presentedForm") or [], given, rows)
    except Unread as error:
        unread = error
    conclusion = str(resource.get("conclusion") or "").strip()
    if conclusion and not any(one_line(conclusion) in one_line(part) for part in parts):
        parts.append(f"Conclusion: {conclusion}")
    if results:
        parts.append("Results:\n" + "\n".join(f"- {line}" for line in results))
    text = "\n\n".join(part for part in parts if part)
    if not text:
        raise unread or Unread("DiagnosticReport whose content is not in these files", left=True)
    return text


def _results(resource: Resource, rows: Rows) -> Iterator[str]:
    inside = dict(contained(resource))
    for reference in resource.get("result") or []:
        key = tail(reference)
        line = observation_line(inside[key]) if key in inside else rows.observation(key)
        if line:
            yield line


_TEXTS: dict[str, Callable[[Entry, Given, Rows], str]] = {
    "Composition": _composition,
    "DocumentReference": _reference,
    "DiagnosticReport": _report,
}


# --- attachments -----------------------------------------------------------------------------------------------------


def _attachments(attachments: Sequence[Resource], given: Given, rows: Rows) -> list[str]:
    """Return the texts of attachments, of several formats those of the best one; Unread where none can be read."""
    found: list[tuple[str, str]] = []
    troubles: list[Unread] = []
    for attachment in sorted(attachments, key=lambda one: _rank(_kind(one))):
        kind = _kind(attachment)
        if found and kind != found[0][0]:
            break
        try:
            found.append((kind, _attachment(attachment, given, rows)))
        except Unread as error:
            troubles.append(error)
    if troubles and not found:
        raise next((error for error in troubles if not error.left), troubles[0])
    return [text for _, text in found]


def _kind(attachment: Resource) -> str:
    return str(attachment.get("contentType") or "").partition(";")[0].strip().lower()


def _rank(kind: str) -> int:
    return _CHOSEN.index(kind) if kind in _CHOSEN else len(_CHOSEN)


def _attachment(attachment: Resource, given: Given, rows: Rows) -> str:
    kind = _kind(attachment)
    if kind not in _CHOSEN:
        known = next((name for name in _OTHERS if kind.startswith(f"{name}/")), "not known")
        raise Unread(f"attachment of another kind ({known})", left=True)
    content = _content(attachment, rows)
    charset = _CHARSET.search(str(attachment["contentType"]))
    encoding = charset[1] if charset else "utf-8"
    if kind in _FILES:
        return _through(_FILES[kind], content, kind, replace(given, encoding=encoding, span=None, options={}))
    try:
        return decoded(content, encoding).replace("\r\n", "\n").strip()
    except Exception as error:
        raise Unread(f"an attachment that cannot be read: {reason(error)}") from None


def _content(attachment: Resource, rows: Rows) -> bytes:
    """Return what an attachment holds, or the Binary of these files that it points to."""
    data = attachment.get("data")
    if data is None and attachment.get("url"):
        data = rows.binary(id_of(str(attachment["url"])))
        if data is None:
            raise Unread("attachment kept elsewhere", left=True)
    if data is None:
        raise Unread("attachment without data", left=True)
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError, AttributeError):
        raise Unread("an attachment that is not base64") from None


def _through(function: str, content: bytes, kind: str, given: Given) -> str:
    """Return the text that the reader of a format finds in an attachment."""
    try:
        read = load(f"residency.corpus.readers.{function}")
    except ModuleNotFoundError:
        raise Unread(f"attachment of type {kind}", left=True) from None
    try:
        records = list(read(replace(given, content=content)))
    except Exception as error:
        raise Unread(f"an attachment of type {kind}: {reason(error)}") from None
    bad = [record.reason for record in records if isinstance(record, Bad)]
    if bad:
        raise Unread(f"an attachment of type {kind}: {bad[0]}")
    return "\n\n".join(record.text for record in records if isinstance(record, Document))
