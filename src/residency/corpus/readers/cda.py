"""C-CDA documents: the narrative of every section, under its title and in its order, as one document a file.

The narrative is what the clinician attested; structured entries are counted by template, and rendered only where a
section has no narrative (``cdaentry.py``). The format is HL7 CDA R2 with C-CDA R2.1. Names and addresses of the header
are no text: they only help to find them in the narrative.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from residency.core.types import Document
from residency.corpus.readers.cdaentry import entry_lines, moment_of
from residency.corpus.readers.cdatext import narrative
from residency.corpus.readers.guard import Given, decoded, parse_xml, whole_bytes
from residency.corpus.readers.html import fragment_text
from residency.corpus.readers.markup import bare, flat
from residency.corpus.readers.text import iso_language
from residency.corpus.records import Bad, Left

_SOCIAL_SECURITY = "2.16.840.1.113883.4.1"
_KIND = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,80}")


def read_cda(given: Given) -> Iterator[Document | Bad | Left]:
    """Yield the one document of a file: its sections' text, or that of its unstructured body.

    ``id`` is the document's own (root and extension), ``patient`` the first identifier's extension that is no social
    security number, else its root. ``meta["sections"]`` lists [title, LOINC code], ``meta["entries"]`` counts
    structured entries by the root of their first template.
    """
    root = bare(parse_xml(whole_bytes(given), given.limits))
    if root.tag != "ClinicalDocument":
        yield given.bad("the root element is not ClinicalDocument", 1)
        return
    sections = list(_sections(root.find("component/structuredBody")))
    text = "\n\n".join(filter(None, map(_section_text, sections)))
    if (body := root.find("component/nonXMLBody/text")) is not None:
        text, problem = _unstructured(body, given.encoding)
        if problem is not None:
            yield given.bad(problem, body.sourceline) if problem.startswith("broken") else Left(problem)
            return
    if not text:
        yield Left("no narrative and no entries that are read")
        return
    yield _document(given, root, text, sections)


def _document(given: Given, root: Any, text: str, sections: list[Any]) -> Document:
    title, code = flat(root.find("title")), root.find("code")
    entries = Counter(_template(entry) for part in sections for entry in part.iterfind("entry"))
    meta = {
        "kind": "note",
        "format": "cda",
        "title": title,
        "type": (code.get("displayName") or "") if code is not None else "",
        "loinc": (code.get("code") or "") if code is not None else "",
        "sections": [[flat(part.find("title")), _code(part)] for part in sections],
        "entries": dict(sorted(entries.items())),
    }
    tag = root.find("languageCode")
    language = iso_language(tag.get("code") or "") if tag is not None else None
    moment = root.find("effectiveTime")
    made = given.document(
        _identifier(root.find("id")) or given.key,
        "\n\n".join(filter(None, (title, text))),
        patient=_patient(root),
        language=language or given.language,
        date=moment_of(moment.get("value")) if moment is not None else None,
        meta={name: value for name, value in meta.items() if value},
    )
    made.person = _person(root)
    return made


def _sections(parent: Any) -> Iterator[Any]:
    """Yield a body's sections and the sections in them, in their order."""
    for section in parent.iterfind("component/section") if parent is not None else ():
        yield section
        yield from _sections(section)


def _section_text(section: Any) -> str:
    """Return a section's title and narrative, or its entries where it has none; "" where it has neither."""
    text = section.find("text")
    lines = list(narrative(text)) if text is not None else []
    lines = lines or [line for entry in section.iterfind("entry") for line in entry_lines(entry)]
    nested = section.find("component/section") is not None
    title = flat(section.find("title")) or _display(section)
    return "\n".join([title, *lines] if title and (lines or nested) else lines)


def _unstructured(body: Any, encoding: str) -> tuple[str, str | None]:
    """Return the text of a body that is one attachment, and why it has none ("broken ..." where it should)."""
    kind = (body.get("mediaType") or "text/plain").lower().partition(";")[0]
    if body.find("reference") is not None:
        return "", "body that stands in another file"
    if kind not in ("text/plain", "text/html", "text/xml", "application/xhtml+xml") or body.get("compression"):
        return "", f"body of type {kind if _KIND.fullmatch(kind) else 'unknown'}, or compressed"
    content = "".join(body.itertext())
    if (body.get("representation") or "TXT") == "B64":
        try:
            content = decoded(base64.b64decode("".join(content.split()), validate=True), encoding)
        except binascii.Error:
            return "", "broken base64 in the body"
    text = content.strip() if kind == "text/plain" else fragment_text(content)
    return text, None if text else "empty body"


def _template(entry: Any) -> str:
    """Return the root of the first template that an entry's statement follows, or the statement's kind."""
    statement = next((child for child in entry if child.tag != "templateId"), None)
    template = statement.find("templateId") if statement is not None else None
    name = template.get("root") if template is not None else None
    return name or (statement.tag if statement is not None else "empty")


def _code(section: Any) -> str:
    code = section.find("code")
    return (code.get("code") or "") if code is not None else ""


def _display(section: Any) -> str:
    code = section.find("code")
    return (code.get("displayName") or "") if code is not None else ""


def _identifier(tag: Any) -> str:
    """Return an instance identifier as root and extension, ":" between them; "" where it has neither."""
    return ":".join(filter(None, (tag.get("root"), tag.get("extension")))) if tag is not None else ""


def _person(root: Any) -> dict[str, Any]:
    """Return what the header says of the patient, as the fields of a FHIR Patient."""
    roles = root.findall("recordTarget/patientRole")
    people = [tag for role in roles for tag in role.findall("patient")]
    names = [tag for person in people for tag in person.findall("name")]
    addresses = [tag for role in roles for tag in role.findall("addr")]
    found = {
        "name": [
            {"given": [flat(tag) for tag in name.findall("given")], "family": flat(name.find("family"))}
            for name in names
        ],
        "address": [
            {
                "line": [flat(tag) for tag in address.findall("streetAddressLine")],
                "city": flat(address.find("city")),
                "postalCode": flat(address.find("postalCode")),
            }
            for address in addresses
        ],
        "telecom": [_telecom(tag.get("value") or "") for role in roles for tag in role.findall("telecom")],
        "identifier": [{"value": tag.get("extension")} for role in roles for tag in role.findall("id")],
    }
    days = [tag.get("value") or "" for person in people for tag in person.findall("birthTime")]
    born = [f"{day[:4]}-{day[4:6]}-{day[6:8]}" for day in days if day[:8].isdigit() and len(day) >= 8]
    return {name: rows for name, rows in found.items() if rows} | ({"birthDate": born[0]} if born else {})


def _telecom(value: str) -> dict[str, str]:
    scheme, colon, rest = value.partition(":")
    system = {"mailto": "email", "fax": "fax", "http": "url", "https": "url"}.get(scheme.lower(), "phone")
    return {"system": system, "value": rest if colon and system != "url" else value}


def _patient(root: Any) -> str | None:
    found = [tag for tag in root.iterfind("recordTarget/patientRole/id") if tag.get("root") != _SOCIAL_SECURITY]
    extension = next((tag.get("extension") for tag in found if tag.get("extension")), None)
    return extension or next((tag.get("root") for tag in found if tag.get("root")), None)
