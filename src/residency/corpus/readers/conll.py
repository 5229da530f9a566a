"""CoNLL's columns: one word a line with its label last (BIO, IOB1, IOBES or BILOU), an empty line between sentences.

A document begins at ``-DOCSTART-``, ``###PMID`` or ``# doc``; before the first such mark, and where there is none, 20
sentences (``sentences``) make one, so that no patient's or article's worth of text is a single document by accident.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from residency.core.types import Document, Span
from residency.corpus.readers.guard import Given
from residency.corpus.readers.rows import text_lines
from residency.corpus.records import Bad

SENTENCES = 20
_WRONG = "no word with a label in its last column"
_LABEL = re.compile(r"O|[BIESLUM]-\S+")
_MARKS = (
    re.compile(r"-DOCSTART-(?:\s+\(([^()]{1,100})\))?"),
    re.compile(r"###\s*(\S{1,100})\s*$"),
    re.compile(r"#\s*(?:newdoc|document|doc|pmid)\b[\s:=]*(?:id\s*[:=]\s*)?(\S{0,100})", re.IGNORECASE),
)
_SAME = str.maketrans("LUM", "ESI")


@dataclass(slots=True)
class _Sentence:
    """Words with their labels, and the line of the first."""

    line: int
    words: list[tuple[str, str]] = field(default_factory=list)


def read_conll(given: Given) -> Iterator[Document | Bad]:
    """Yield documents rebuilt of words with single spaces, a sentence a line; a sentence with a wrong line is bad.

    Labels that cannot follow each other are mended as conlleval does, and counted in ``meta["labels_mended"]``.
    """
    most = given.options.get("sentences", SENTENCES)
    held: list[_Sentence] = []
    key, marked, size = "", False, 0
    for piece in _pieces(given):
        if isinstance(piece, Bad):
            yield piece
            continue
        if isinstance(piece, _Sentence):
            held.append(piece)
            size += sum(len(word) + 1 for word, _ in piece.words)
            if (marked or len(held) < most) and size <= given.limits.record_mb * 1e6:
                continue
        if held:
            yield _document(held, key, given)
        held, size = [], 0
        key, marked = (piece, True) if isinstance(piece, str) else ("", marked)
    if held:
        yield _document(held, key, given)


def _pieces(given: Given) -> Iterator[_Sentence | Bad | str]:
    """Yield sentences, those that are bad, and the ids (empty where there is none) of documents that begin."""
    words, wrong = _Sentence(0), None
    for number, line in text_lines(given):
        mark = None if isinstance(line, Bad) else _mark(line)
        if mark is None and (isinstance(line, Bad) or line.strip()):
            parts = [] if isinstance(line, Bad) else _columns(line)
            if len(parts) > 1 and _LABEL.fullmatch(parts[-1]):
                words.line = words.line or number
                words.words.append((parts[0], parts[-1]))
            elif isinstance(line, Bad) or not line.startswith("# "):  # else a comment
                wrong = wrong or (line if isinstance(line, Bad) else given.bad(_WRONG, number))
            continue
        yield from _ended(words, wrong)
        words, wrong = _Sentence(0), None
        if mark is not None:
            yield mark
    yield from _ended(words, wrong)


def _ended(words: _Sentence, wrong: Bad | None) -> Iterator[_Sentence | Bad]:
    if wrong:
        yield wrong
    elif words.words:
        yield words


def _mark(line: str) -> str | None:
    """Return the id that a line begins a document with, empty where it has none; None where it begins none."""
    if line[:1] not in "-#" or not line or _labelled(line):
        return None
    found = next((hit for pattern in _MARKS if (hit := pattern.match(line))), None)
    return (found[1] or "") if found else None


def _labelled(line: str) -> bool:
    """Return whether a line that begins as a mark is a word: "#" with a label, not -DOCSTART- with its own."""
    parts = _columns(line)
    return not line.startswith("-DOCSTART-") and len(parts) > 1 and bool(_LABEL.fullmatch(parts[-1]))


def _columns(line: str) -> list[str]:
    parts = line.strip("\r\n").split("\t") if "\t" in line else line.split()
    return parts if parts and parts[0].strip() else []


def _document(held: Sequence[_Sentence], key: str, given: Given) -> Document:
    rows: list[str] = []
    spans: list[Span] = []
    mended = place = 0
    for sentence in held:
        starts = [0]
        for word, _ in sentence.words:
            starts.append(starts[-1] + len(word) + 1)
        found, wrong = entities([label for _, label in sentence.words])
        mended += wrong
        spans += [Span(place + starts[first], place + starts[last + 1] - 1, kind) for first, last, kind in found]
        rows.append(" ".join(word for word, _ in sentence.words))
        place += starts[-1]
    mended = 0 if _is_iob1(held) else mended
    meta = {"kind": given.options.get("kind", "note"), "format": "conll", "sentences": len(rows)}
    meta |= {"labels_mended": mended} if mended else {}
    line = held[0].line
    return given.document(key or f"{given.name}:{line}", "\n".join(rows), line, spans=spans, meta=meta)


def _is_iob1(held: Sequence[_Sentence]) -> bool:
    """Return whether no B- or S- begins an entity after O: a bare I- is then how entities begin, and no mistake."""
    rows = (["O", *(label for _, label in sentence.words)] for sentence in held)
    pairs = (pair for labels in rows for pair in zip(labels, labels[1:], strict=False))
    return not any(before == "O" and label[0] in "BSU" for before, label in pairs)


def entities(labels: Sequence[str]) -> tuple[list[tuple[int, int, str]], int]:
    """Return (first word, last word, label) of the entities, and how many began without a B-, S- or U-.

    An entity ends where its kind changes, and begins also with a bare I-: the rules of conlleval, CoNLL-2003.
    """
    found: list[tuple[int, int, str]] = []
    first, mended = -1, 0
    before, kind = "O", ""
    for at, label in enumerate([*labels, "O"]):
        tag, now = label[0].translate(_SAME), label[2:]
        if first >= 0 and (before in "ES" or tag in "BSO" or now != kind):
            found.append((first, at - 1, kind))
            first = -1
        if tag != "O" and first < 0:
            first = at
            mended += tag not in "BS"
        before, kind = tag, now
    return found, mended
