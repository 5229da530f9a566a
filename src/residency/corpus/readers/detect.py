"""What a file is, by what it holds: names lie, first bytes rarely do.

``detect`` looks at the first 64 kB, unpacked where they are gzip. A name only decides between forms of plain text, and
what a damaged file was meant to be: broken JSON is never read as text where its name or a line of it says JSON.
"""

from __future__ import annotations

import gzip
import json
import re
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from residency.corpus.readers.tables import Columns, is_table
from residency.corpus.readers.text import is_hl7

HEAD = 1 << 16
DEEP = 1 << 24
"""How far is read where the first line is longer than the head, or FHIR may say what it is after a long text."""

_ROOTS = {
    "PubmedArticleSet": "medline",
    "PubmedArticle": "medline",
    "MedlineCitationSet": "medline",
    "article": "jats",
    "pmc-articleset": "jats",
    "OAI-PMH": "jats",
    "ClinicalDocument": "cda",
    "RDF": "rdf",
    "Ontology": "rdf",
}
_ENDINGS = {
    ".txt": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".obo": "obo",
    ".ttl": "rdf",
    ".nt": "rdf",
    ".owl": "rdf",
    ".rdf": "rdf",
    ".conll": "conll",
    ".iob": "conll",
    ".iob2": "conll",
    ".bio": "conll",
    ".xml": "xml",
    ".nxml": "jats",
}
_OFFICE = (".xls", ".xlsx", ".ppt", ".pptx", ".msg", ".msi", ".db")
_NAME = re.compile(r"<(?:[\w.-]+:)?([\w.-]+)")
_DOCTYPE = re.compile(r"<!doctype\s+(?:[\w.-]+:)?([\w.-]+)", re.IGNORECASE)
_LABEL = re.compile(r"(?:[BIESLU]-[\w-]+|O)$")
_HTML = re.compile(r"<(?:html|head|body|p|div|table|ul|ol|span|br|h[1-6])\b", re.IGNORECASE)
_TURTLE = re.compile(r"@?(?:prefix\s+[\w.-]*:|base)\s+<[^<>\s]*>", re.IGNORECASE)
_COMMENTS = re.compile(r"(?:#[^\n]*+\n\s*+)*+")
_SPACES = re.compile(r"\s*+")
_TRIPLE = re.compile(r"(?:<[^<>\s]+>|_:\w+)\s+<[^<>\s]+>\s+\S.*\.\s*$")
_JSON_START = re.compile(r'\{\s*["}]|\[\s*[{\]]')
_JSON_LINE = re.compile(r"""^[ \t]*(?:\{\s*(?:["'}]|\w+\s*:|$)|\[\s*(?:[\[{"]|$))""", re.MULTILINE)
_JSON_PIECE = re.compile(r"""["']\s*:\s*["'\[{\d]|\},?\s*$""", re.MULTILINE)
_LINES = 20
_CONTROLS = [bytes([code]) for code in (*range(1, 9), *range(14, 27), *range(28, 32))]


def detect(path: Path, columns: Columns = ()) -> str | None:
    """Return the name of a file's format (a key of ``FORMATS``), or None where it is none that is read here.

    ``columns`` are the unusual ones of tables, as ``columns_of`` has them.

    Raises OSError where the file cannot be opened. A file without content is "text", whose reader says that. Beside
    the formats there are "xml", of a kind that is not read, and "annotations", which are read with their text.
    """
    head, packed = head_of(path, HEAD)
    name = path.name.lower()
    ending = Path(name.removesuffix(".gz")).suffix if packed else Path(name).suffix
    if head[:5] == b"%PDF-" or b"%PDF-" in head[:1024] and (ending == ".pdf" or b" obj" in head):
        return "pdf"
    if head[:4] == b"PAR1":
        return "parquet"
    if head[:4] == b"PK\x03\x04":
        return "docx" if _is_word(path, head, ending) else None
    if head[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":  # the container of old and of encrypted Office files
        return None if ending in _OFFICE else "docx"
    text = _text(head)
    if text is None:
        return _ENDINGS.get(ending)  # its reader says what is wrong with it
    return _textual(text, ending, path, columns) if text.strip() else "text"


def head_of(path: Path, size: int) -> tuple[bytes, bool]:
    """Return the first bytes of a file, unpacked as far as they can be, and whether they were packed."""
    with path.open("rb") as handle:
        head = handle.read(size)
        if head[:2] != b"\x1f\x8b":
            return head, False
        handle.seek(0)
        pieces: list[bytes] = []
        with suppress(OSError, EOFError, zlib.error), gzip.GzipFile(fileobj=handle) as unpacked:
            while size > 0 and (piece := unpacked.read1(size)):
                pieces.append(piece)
                size -= len(piece)
    return b"".join(pieces), True


def _is_word(path: Path, head: bytes, ending: str) -> bool:
    with suppress(OSError, zipfile.BadZipFile, ValueError, NotImplementedError), zipfile.ZipFile(path) as file:
        return ending == ".docx" or "word/document.xml" in file.namelist()
    return ending == ".docx" or b"word/document.xml" in head


def _text(head: bytes) -> str | None:
    """Return the head as text for looking at (not for keeping), or None where it is binary."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head.decode("utf-16", errors="replace")
    if head.count(0) > len(head) // 50 or sum(map(head.count, _CONTROLS)) > len(head) // 50:
        return None
    return head.decode("utf-8-sig", errors="replace")


def _textual(text: str, ending: str, path: Path, columns: Columns) -> str | None:
    """Return the format of a text: by how it begins, then by its ending, then by the look of its lines."""
    start = text.lstrip()
    if start.startswith("{\\rtf"):
        return None
    if is_hl7(start):
        return "text"  # its reader says what it is, whatever the file is called
    if ending == ".txt" and path.with_suffix(".ann").is_file():
        return "brat"
    if ending == ".ann" and path.with_suffix(".txt").is_file():
        return "annotations"
    if start[:1] == "<" and (found := _marked(start, ending)):
        return found
    if start[:1] in ("{", "[") and (found := _json(start, ending, path)):
        return found
    if start.startswith("format-version:") or re.search(r"^\[Term\]\s*$", text, re.MULTILINE):
        return "obo"
    if _TURTLE.match(start, _end(_COMMENTS, start)):
        return "rdf"
    if ending not in (".csv", ".md") and _is_tagged(text):  # CoNLL's files are often called .tsv
        return "conll"
    named = _ENDINGS.get(ending, "text")
    if named in ("json", "jsonl"):
        return _not_as_named(text, named, columns)
    return "csv" if named == "text" and is_table(text, columns) else named


def _end(pattern: re.Pattern[str], text: str, place: int = 0) -> int:
    found = pattern.match(text, place)
    return found.end() if found else place


# --- marked up -------------------------------------------------------------------------------------------------------


def _marked(start: str, ending: str) -> str | None:
    root, rest = _root(start)
    if root.lower() == "html" or (root == "article" and ending in (".html", ".htm")):
        return "html"
    if root in _ROOTS:
        return _ROOTS[root]
    if ending == ".nt" or _TRIPLE.match(start.split("\n", 1)[0]):
        return "rdf"
    if ending in (".md", ".markdown", ".ttl"):
        return _ENDINGS[ending]
    if ending in (".html", ".htm", ".xhtml") or _HTML.match(rest):
        return "html"
    return "xml" if start.startswith("<?xml") or ending in (".xml", ".nxml", ".svg") else None


def _root(start: str) -> tuple[str, str]:
    """Return the name of the first element, or of the DOCTYPE before it, and the text from there on."""
    place = 0
    while place < len(start):
        place = _end(_SPACES, start, place)
        if found := _DOCTYPE.match(start, place):
            return found[1], start[place:]
        close = next((end for begin, end in (("<?", "?>"), ("<!--", "-->")) if start.startswith(begin, place)), "")
        after = start.find(close, place) if close else -1
        if after < 0:
            break
        place = after + len(close)
    found = _NAME.match(start, place)
    return (found[1] if found else ""), start[place:]


# --- JSON ------------------------------------------------------------------------------------------------------------


def _json(start: str, ending: str, path: Path) -> str | None:
    """Return "fhir", "jsonl" (one value a line) or "json"; None for a text that only begins with a bracket."""
    named = _ENDINGS.get(ending)
    if not (_JSON_LINE if named in ("json", "jsonl") else _JSON_START).match(start):
        return None
    kind, sure = _json_kind(start)
    if kind == "json" and len(start) > HEAD // 2:  # its first value goes on after the head
        kind, sure = _json_kind((_text(head_of(path, DEEP)[0]) or "").lstrip())
    if named in ("csv", "markdown") and not sure:
        return None
    return "jsonl" if kind == "json" and named == "jsonl" else kind


def _json_kind(start: str) -> tuple[str, bool]:
    """Return what JSON it is, and whether some of it was parsed."""
    if '"resourceType"' in start:
        return "fhir", True
    first, *others = start.split("\n", _LINES)
    if others and _is_json(first, dict):
        return "jsonl", True
    if len(start) <= HEAD and _is_json(start, dict | list):
        return "json", True
    rows = sum(line.startswith("{") and _is_json(line, dict) for line in others[: _LINES - 1])
    lines = first[:1] == "{" and bool(first[1:].strip()) and rows > 0  # only the first of them is damaged
    return ("jsonl", True) if lines else ("json", False)


def _is_json(text: str, kind: Any = object) -> bool:
    with suppress(ValueError, RecursionError):
        return isinstance(json.loads(text), kind)
    return False


def _not_as_named(text: str, named: str, columns: Columns) -> str:
    """Return what a file is that is named as JSON and does not begin so: broken JSON where any line looks like it."""
    if is_table(text, columns):
        return "csv"
    if _JSON_LINE.search(text) or _JSON_PIECE.search(text) or _is_json(text.strip().split("\n", 1)[0]):
        return named
    return "csv" if is_table(text, None) else "text"


# --- tagged words ----------------------------------------------------------------------------------------------------


def _is_tagged(text: str) -> bool:
    """Return whether nearly all lines are a word with columns, the last of them a label such as B-Disease or O."""
    rows = [line.split() for line in text.split("\n")[:200] if line.strip() and not line.startswith("-DOCSTART-")]
    marked = sum(len(row) > 1 and bool(_LABEL.match(row[-1])) for row in rows)
    return len(rows) > 2 and marked >= 0.95 * len(rows) and any(row[-1] != "O" for row in rows)
