"""What a file is, by what it holds: names lie, first bytes rarely do.

``detect`` looks at the first 64 kB, unpacked where they are gzip. A name only decides between forms of plain text.
"""

from __future__ import annotations

import gzip
import json
import re
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

HEAD = 1 << 16
_ROOT = re.compile(r"<(?![?!])(?:[\w.-]+:)?([\w.-]+)")
_ROOTS = {
    "PubmedArticleSet": "medline",
    "PubmedArticle": "medline",
    "MedlineCitationSet": "medline",
    "article": "jats",
    "pmc-articleset": "jats",
    "ClinicalDocument": "cda",
    "RDF": "rdf",
    "Ontology": "rdf",
    "html": "html",
}
_LABEL = re.compile(r"^(?:[BIESLU]-[\w-]+|O)$")
_HTML = re.compile(r"<(?:!doctype html|html|head|body|p|div|table|h[1-6])\b", re.IGNORECASE)
_TURTLE = re.compile(r"^\s*(?:@prefix|@base|PREFIX|BASE)\s", re.MULTILINE)
_TRIPLE = re.compile(r"^(?:<[^<>\s]+>|_:\w+)\s+<[^<>\s]+>\s+\S.*\.\s*$")


def detect(path: Path) -> str | None:
    """Return the name of a file's format (a key of ``FORMATS``), or None where it is none that is read here.

    Raises OSError where the file cannot be opened. A file without content is "text", whose reader says that.
    """
    with path.open("rb") as handle:
        head = handle.read(HEAD)
    name = path.name.lower()
    if head[:2] == b"\x1f\x8b":
        head, name = _unpacked(head), name.removesuffix(".gz")
    if head[:5] == b"%PDF-" or b"%PDF-" in head[:1024]:
        return "pdf"
    if head[:4] == b"PAR1":
        return "parquet"
    if head[:4] == b"PK\x03\x04":
        return _zipped(path)
    if head[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":  # the container of old and of encrypted Office files
        return "docx"
    text = _text(head)
    return None if text is None else _textual(text, name, path)


def _unpacked(head: bytes) -> bytes:
    with suppress(OSError, EOFError, zlib.error):
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(head, HEAD)
    return b""


def _zipped(path: Path) -> str | None:
    with suppress(OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        with zipfile.ZipFile(path) as file:
            return "docx" if "word/document.xml" in file.namelist() else None
    return "docx" if path.suffix.lower() == ".docx" else None


def _text(head: bytes) -> str | None:
    """Return the head as text for looking at (not for keeping), or None where it is binary."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head.decode("utf-16", errors="replace")
    controls = sum(head.count(bytes([code])) for code in (*range(1, 9), *range(14, 27), *range(28, 32)))
    if head.count(0) > len(head) // 50 or controls > len(head) // 50:
        return None
    return head.decode("utf-8-sig", errors="replace")


def _textual(text: str, name: str, path: Path) -> str:
    start = text.lstrip()
    if start[:1] == "<":
        return _marked(start, name)
    if start[:1] in "{[" and start[:1]:
        return _json(start, name)
    if name.endswith((".jsonl", ".ndjson")):
        return "jsonl"
    if name.endswith(".obo") or start.startswith("format-version:") or re.search(r"^\[Term\]\s*$", text, re.MULTILINE):
        return "obo"
    if name.endswith((".ttl", ".nt", ".nq", ".trig")) or _TURTLE.match(start):
        return "rdf"
    if name.endswith(".txt") and path.with_suffix(".ann").is_file():
        return "brat"
    if name.endswith(".ann") and path.with_suffix(".txt").is_file():
        return "annotations"
    if name.endswith((".conll", ".iob", ".bio", ".iob2")) or _tagged(text):
        return "conll"
    if name.endswith((".csv", ".tsv")):
        return "csv"
    return "markdown" if name.endswith((".md", ".markdown")) else "html" if _HTML.match(start) else "text"


def _marked(start: str, name: str) -> str:
    root = _ROOT.search(re.sub(r"<!--.*?-->", "", start, flags=re.DOTALL))
    found = _ROOTS.get(root[1]) if root else None
    if found:
        return found
    if name.endswith(".nt") or _TRIPLE.match(start.split("\n", 1)[0]):
        return "rdf"
    if _HTML.search(start[:2000]) or name.endswith((".html", ".htm", ".xhtml")):
        return "html"
    return "xml" if start.startswith("<?xml") or name.endswith(".xml") else "text"


def _json(start: str, name: str) -> str:
    """Return "fhir", "jsonl" or "json": one value a line, or one value in all."""
    if '"resourceType"' in start:
        return "fhir"
    first, more, _ = start.partition("\n")
    with suppress(ValueError, RecursionError):
        if isinstance(json.loads(first), dict) and (more or name.endswith((".jsonl", ".ndjson"))):
            return "jsonl"
    return "jsonl" if name.endswith((".jsonl", ".ndjson")) else "json"


def _tagged(text: str) -> bool:
    """Return whether nearly all lines are a word with columns, the last of them a label such as B-Disease or O."""
    rows = [line.split() for line in text.split("\n")[:200] if line.strip() and not line.startswith("-DOCSTART-")]
    marked = sum(len(row) > 1 and bool(_LABEL.match(row[-1])) for row in rows)
    return len(rows) > 2 and marked >= 0.95 * len(rows) and any(row[-1] != "O" for row in rows if row)
