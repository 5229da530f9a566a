"""PDF as text: pages joined, words whole again that a line end had cut, running heads and page numbers taken out."""

from __future__ import annotations

import io
import logging
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from residency.core.types import Document
from residency.corpus.readers.guard import Given, OutOfTime, whole_bytes
from residency.corpus.records import Bad

_CUT = re.compile(r"([^\W\d_])[-\u2010\u00ad]\n[ \t]*([^\W\d_])")
_NUMBER = re.compile(r"(?:page|seite|p\.)?[\s\-–—]*(?:\d{1,4}|[ivxl]{1,7})[\s\-–—]*(?:(?:of|von|/)\s*\d{1,4})?", re.I)
_EDGE = 2
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_CONTROLS = dict.fromkeys([*range(9), 11, *range(14, 32), 127])


def read_pdf(given: Given) -> Iterator[Document | Bad]:
    """Yield a PDF's one document; ``meta["pages"]`` counts its pages. A page that cannot be read is named beside it."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)  # its warnings quote the file
    reader = _unlocked(given, whole_bytes(given))
    if isinstance(reader, Bad):
        yield reader
        return
    pages, broken = _page_texts(reader)
    text = joined([page.split("\n") for page in pages])
    if broken:
        yield given.bad(f"{len(broken)} of {len(pages)} pages cannot be read, the first of them page {broken[0]}")
    if text:
        meta = _about(reader)
        empty = sum(not page.strip() for page in pages) - len(broken)
        meta |= {"pages_without_text": empty} if empty else {}
        meta = {"kind": given.options.get("kind", "page"), "format": "pdf", "pages": len(pages), **meta}
        yield given.document(given.key, text, meta=meta)
    elif len(broken) < len(pages) or not pages:
        yield given.bad(f"no text on its {len(pages)} pages: a scan? recognise its text (OCR) first")


def _unlocked(given: Given, content: bytes) -> Any:
    """Return a pypdf reader, or the bad record that says why there is none."""
    from pypdf import PasswordType, PdfReader

    try:
        reader = PdfReader(io.BytesIO(content), strict=False)
        if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
            return given.bad("encrypted; save it without a password")
        len(reader.pages)
    except OutOfTime:
        raise
    except Exception as error:
        return given.bad(f"malformed PDF ({type(error).__name__})")
    return reader


def _page_texts(reader: Any) -> tuple[list[str], list[int]]:
    """Return the text of each page ("" where it cannot be read), and the numbers of those that cannot, from 1."""
    texts: list[str] = []
    broken: list[int] = []
    for number in range(1, len(reader.pages) + 1):
        try:
            text = reader.pages[number - 1].extract_text()
            if 2 * text.count("\ufffd") > len("".join(text.split())):
                raise ValueError("its letters are not known")
        except OutOfTime:
            raise
        except Exception:
            broken.append(number)
            text = ""
        texts.append(text.encode("utf-8", "ignore").decode().replace("\r", "\n").translate(_CONTROLS))
    return texts, broken


def _about(reader: Any) -> dict[str, Any]:
    """Return title and author, and the day the file was made, where the file says them in a readable way."""
    meta: dict[str, Any] = {}
    try:
        about: Any = reader.metadata or {}
        for name in ("title", "author"):
            value = str(about.get(f"/{name.title()}") or "").encode("utf-8", "ignore").decode().translate(_CONTROLS)
            if value.strip():
                meta[name] = " ".join(value.split())
        made = about.creation_date if about else None
        return {**meta, "file_date": made.date().isoformat()} if made else meta
    except OutOfTime:
        raise
    except Exception:
        return meta


# --- pages to text ---------------------------------------------------------------------------------------------------


def joined(pages: list[list[str]]) -> str:
    """Return the lines of pages as one text: without running heads and page numbers, and with cut words made whole.

    A running head is a line, its digits aside, that stands at the same edge of more than half of three pages or more.
    """
    pages = [[line.translate(_LIGATURES).strip() for line in page if line.strip()] for page in pages]
    most = len(pages) / 2 if len(pages) > 2 else len(pages)
    heads, feet = (_repeated([_edge(page, step) for page in pages], most) for step in (1, -1))
    bare = (_without_edges(_without_edges(page, heads, 0), feet, -1) for page in pages)
    return whole_words("\n".join(line for page in bare for line in page))


def whole_words(text: str) -> str:
    """Return the text with hyphens at line ends undone where the word goes on in lower case."""
    return _CUT.sub(lambda cut: f"{cut[1]}{cut[2]}" if cut[2].islower() and cut[1].islower() else cut[0], text)


def _edge(page: list[str], step: int) -> list[str]:
    return [_without_digits(line) for line in page[::step][:_EDGE]]


def _without_digits(line: str) -> str:
    return re.sub(r"\d+", "#", line).casefold()


def _repeated(edges: list[list[str]], most: float) -> set[str]:
    counts = Counter(line for edge in edges for line in set(edge))
    return {line for line, count in counts.items() if count > most}


def _without_edges(page: list[str], running: set[str], at: int) -> list[str]:
    """Return a page without the lines at its top (0) or its end (-1) that are running heads or page numbers."""
    page = list(page)
    for _ in range(_EDGE):
        if page and (_without_digits(page[at]) in running or _NUMBER.fullmatch(page[at])):
            del page[at]
    return page
