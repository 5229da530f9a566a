"""The text of a note that was opened as a file: plain text or a Word document, read in memory and kept nowhere."""

from __future__ import annotations

from pathlib import Path

from residency.core.types import Document
from residency.corpus.readers.docx import read_docx
from residency.corpus.readers.guard import Given, Limits, TooMuch, whole_text
from residency.serve.types import Refused

NAME = "note"
LIMITS = Limits(whole_mb=20)
"""What a file may unpack to: a note is small, and whoever sends one waits for it."""


def text_of(content: bytes, ending: str) -> str:
    """Return a file's text; Refused (415) for one of another kind, (422) for one that cannot be read or has no word.

    ``ending`` is that of its name: the name itself may be a patient's, and goes nowhere.
    """
    if ending == ".txt":
        text = _plain(content)
    elif ending == ".docx":
        text = _word(content)
    else:
        raise Refused("a note is a .txt or a .docx file", status=415, code="not_a_note")
    if not text.strip() or "\0" in text:
        raise Refused("no text could be read in the file", status=422, code="unreadable_note")
    return text.replace("\r\n", "\n").strip()


def _plain(content: bytes) -> str:
    """Return a text in UTF-8, or in the old western encoding where it is none."""
    for encoding in ("utf-8", "cp1252"):
        try:
            return whole_text(Given(Path(NAME), NAME, "", "", encoding=encoding, content=content))
        except (UnicodeError, TooMuch, OSError, ValueError):
            continue
    return ""


def _word(content: bytes) -> str:
    given = Given(Path(NAME), NAME, "", "", limits=LIMITS, content=content)
    try:
        found = [one for one in read_docx(given) if isinstance(one, Document)]
    except (TooMuch, OSError, ValueError):
        return ""
    return found[0].text if found else ""
