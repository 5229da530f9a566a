"""Plain text and Markdown: one document a file, its words as they are, line ends made the same.

What stands between two lines of dashes at the start of a file (``patient: p7``, ``date: 2024-05-11``) is told of the
document and is no part of its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from residency.core.types import Document
from residency.corpus.readers.guard import Given, whole_text
from residency.corpus.records import Bad

_FRONT = 1 << 16
_SMALL = 500
_FIELDS = frozenset(
    ("patient", "patient_id", "date", "title", "licence", "license", "language", "lang", "edition", "valid_until",
     "expires", "review_by")
)  # fmt: skip
"""What front matter may say of a document, in capitals or not (``Patient ID`` is ``patient_id``)."""
_KEY = re.compile(r"([^\W\d][\w -]{0,40}?)[ \t]*:(?:[ \t]|$)")
_WITHIN = re.compile(r"[ \t]+\S|- |#|[\]}]")
_BROKEN = "what stands between its first two lines of --- is no YAML; mend it, or the whole is not read"
_ISO = re.compile(r"(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2}))?)?(?:[T ](\d\d:\d\d[\d:.]*(?:Z|[+-]\d\d:?\d\d)?))?$")
_ATX = re.compile(r" {0,3}#{1,6}[ \t]+(.*)")
_HL7 = re.compile(r"[\x0b\s]*(?:FHS|BHS|MSH)\|[^\w\s|]{3,5}\|")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


def read_text(given: Given) -> Iterator[Document | Bad]:
    """Yield a text file's one document; one without a word is bad, and one of HL7 messages, which are no running text
    and not read. Front matter that names a patient, a date or another field of a document is read as in Markdown.
    """
    whole = same_line_ends(whole_text(given))
    if is_hl7(whole):
        yield given.bad("HL7 v2 messages, a format that is not read; export them as FHIR, or their texts as files")
        return
    found = _front_matter(whole)
    if isinstance(found, int):
        yield given.bad(_BROKEN, found)
        return
    front, text = found
    if not _FIELDS.intersection(front):  # a note whose first lines stand between dashes
        front = {}
    if not front or not all(map(_is_small, front.values())):  # metadata would not hold all that stands there
        text = whole
    yield _document(given, front, text, {"kind": given.options.get("kind", "note"), "format": "text"})


def read_markdown(given: Given) -> Iterator[Document | Bad]:
    """Yield a Markdown file's one document, its markup kept; YAML front matter becomes metadata and is not text."""
    found = _front_matter(same_line_ends(whole_text(given)))
    if isinstance(found, int):
        yield given.bad(_BROKEN, found)
        return
    front, text = found
    meta = {"kind": given.options.get("kind", "page"), "format": "markdown"}
    if not front.get("title") and (heading := _first_heading(text)):
        front["title"] = heading
    yield _document(given, front, text, meta)


def _document(given: Given, front: dict[str, Any], text: str, meta: dict[str, Any]) -> Document | Bad:
    """Return a text with what its front matter says of it; a date that cannot be read is kept as it is written."""
    if not text.strip():
        return given.bad("it is empty")
    front = {name: value for name, value in front.items() if _is_small(value)}
    fields: dict[str, Any] = {}
    if licence := str(front.pop("licence", "") or front.pop("license", "")):
        fields["licence"] = licence
    if language := iso_language(str(front.get("language") or front.get("lang") or "")):
        fields["language"] = language
    if patient := str(front.pop("patient", "") or front.pop("patient_id", "")):
        fields["patient"] = patient
    written = str(front.pop("date", ""))
    if day := iso_date(written):
        fields["date"] = day
    elif written:
        meta["date_as_written"] = written
    if title := str(front.pop("title", "")):
        meta["title"] = title
    meta |= {str(name): value for name, value in front.items() if name not in {*meta, *fields, "lang"}}
    return given.document(given.key, text, meta=meta, **fields)


def is_hl7(text: str) -> bool:
    """Return whether a text begins as HL7 v2 messages do, alone or in a batch: a header that names its separators."""
    return _HL7.match(text) is not None


def same_line_ends(text: str) -> str:
    """Return the text with ``\\n`` at the end of every line."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def iso_date(value: str) -> str | None:
    """Return a date as ISO 8601, as precise as it is known, or None where it is none; slashes become dashes."""
    found = _ISO.match(value.strip())
    if not found:
        return None
    year, month, day, clock = found.groups()
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    parts = "-".join([year, *(f"{int(part):02d}" for part in (month, day) if part)])
    return f"{parts}T{clock}" if clock and day else parts


def iso_language(value: str) -> str | None:
    """Return the two letters of a language tag such as en-GB, or None where it has others."""
    letters = re.split("[-_]", value.strip().lower())[0]
    return letters if re.fullmatch("[a-z]{2}", letters) else None


def _front_matter(text: str) -> tuple[dict[str, Any], str] | int:
    """Return what stands between the first line ``---`` and the next, as texts, and the text after it; the number of
    the line at which it cannot be read where it plainly tells of the document, but is no YAML.
    """
    if not text.startswith("---\n"):
        return {}, text
    end = re.compile(r"^(?:---|\.\.\.)[ \t]*$", re.MULTILINE).search(text, 4, _FRONT)
    front = _yaml(text[4 : end.start()]) if end else None
    if end is None or not isinstance(front, dict):
        told = end is not None and _tells(text[4 : end.start()])
        return (front if isinstance(front, int) else 1) + 1 if told else ({}, text)
    return _fields(front), text[end.end() :].lstrip("\n")


def _tells(head: str) -> bool:
    """Return whether the lines of a head are names with values, at least one of which is of a document's fields."""
    lines = [line for line in head.split("\n") if line.strip()]
    names = [_plain_name(found[1]) for line in lines if (found := _KEY.match(line))]
    like = len(names) + sum(1 for line in lines if not _KEY.match(line) and _WITHIN.match(line))
    return bool(_FIELDS.intersection(names)) and _KEY.match(lines[0]) is not None and 2 * like > len(lines)


def _plain_name(name: str) -> str:
    return re.sub("[ -]", "_", name.strip().lower())


def _fields(front: dict[str, Any]) -> dict[str, Any]:
    """Return front matter with the names of a document's fields as they are known here; others stay as written."""
    found: dict[str, Any] = {}
    for name, value in front.items():
        plain = _plain_name(name)
        found[plain if plain in _FIELDS and plain not in (*front, *found) else name] = value
    return found


def _yaml(text: str) -> dict[str, Any] | int | None:
    """Return a mapping as YAML has it; the line at which it is no YAML, counted from 1, None where it is no mapping."""
    import yaml

    try:
        front = yaml.load(text, Loader=yaml.BaseLoader)  # texts, lists and mappings: no other type is made
    except yaml.MarkedYAMLError as error:
        return min(error.problem_mark.line + 1, text.count("\n")) if error.problem_mark else None
    except (yaml.YAMLError, RecursionError, ValueError, TypeError):
        return None
    return front if isinstance(front, dict) and all(isinstance(name, str) for name in front) else None


def _is_small(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= 50 and all(isinstance(item, str) and len(item) <= _SMALL for item in value)
    return isinstance(value, str) and len(value) <= _SMALL


def _first_heading(text: str) -> str:
    """Return the first heading outside code, "# so" or underlined; empty where there is none."""
    fence, before = "", ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence or mark:
            if mark and (not fence or mark[1].startswith(fence)):
                fence = "" if fence else mark[1]
            before = ""
            continue
        if found := _ATX.match(line):
            return re.sub(r"(?:^|[ \t])#+[ \t]*$", "", found[1]).strip()
        if before and line and not line.strip("=") or before and len(line) > 2 and not line.strip("-"):
            return before
        before = line.strip()
    return ""
