"""What becomes of a text between the hand and the archive: each mess changes a text and keeps its marked stretches.

A mess is a list of edits (start, end, new text), or a change letter by letter. Letters put in at the edge of a stretch
stay outside it; what is put in or taken away within belongs to it.
"""

from __future__ import annotations

import bisect
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from random import Random

Marked = tuple[int, int, str]
Edit = tuple[int, int, str]
Document = tuple[str, list[Marked]]

READ_AS = {"0": "O", "O": "0", "1": "l", "l": "1", "I": "l", "5": "S", "S": "5", "8": "B", "B": "8", "m": "rn",
           "rn": "m", "e": "c", "i": "1", "o": "0", "6": "b", "g": "q", "Z": "2", "2": "Z", "cl": "d"}  # fmt: skip
BESIDE = dict(zip("qwertyuiopasdfghjklzxcvbnm", "wqrtyuiopisdfghjklkxzvbnmn", strict=True))
INVISIBLE = "\u200b\u00ad\u200d\ufeff\u2060"


def edited(text: str, spans: Sequence[Marked], edits: Iterable[Edit]) -> Document:
    """Return a text after edits that do not overlap, and its stretches; those of which nothing is left are gone."""
    parts, at, starts, shifts, total = [], 0, [0], [0], 0
    rows = sorted(edits)
    for start, end, new in rows:
        parts += [text[at:start], new]
        at, total = end, total + len(new) - (end - start)
        starts.append(end)
        shifts.append(total)
    made = []
    for start, end, label in spans:
        first = start + shifts[bisect.bisect_right(starts, start) - 1]
        # what is put in right behind a stretch is none of it
        place = bisect.bisect_right(starts, end) - 1
        while place and starts[place] == end and rows[place - 1][0] == end:
            place -= 1
        last = end + shifts[place]
        if last > first:
            made.append((first, last, label))
    parts.append(text[at:])
    return _bare("".join(parts), made)


def _bare(text: str, spans: Sequence[Marked]) -> Document:
    """Return the same with no space at the edges of stretches."""
    made = []
    for start, end, label in spans:
        inner = text[start:end]
        left, right = len(inner) - len(inner.lstrip()), len(inner) - len(inner.rstrip())
        if start + left < end - right:
            made.append((start + left, end - right, label))
    return text, made


def lowered(text: str, spans: list[Marked], rng: Random) -> Document:
    """Return all in small letters."""
    return "".join(low if len(low := c.lower()) == 1 else c for c in text), spans


def raised(text: str, spans: list[Marked], rng: Random) -> Document:
    """Return all in capitals."""
    return "".join(up if len(up := c.upper()) == 1 else c for c in text), spans


def mistyped(text: str, spans: list[Marked], rng: Random) -> Document:
    """Return with every twentieth word mistyped."""
    edits = []
    for found in re.finditer(r"[^\W\d_]{3,}", text):
        if rng.random() < 0.06:
            at, word = found.start() + rng.randrange(1, len(found[0]) - 1), text
            two = word[at : at + 2]
            slip = rng.choice(
                (two[::-1], two[0], two[0] * 2 + two[1], BESIDE.get(two[0].lower(), "e") + two[1], two[1])
            )
            edits.append((at, at + 2, slip))
    return edited(text, spans, edits)


def glued(text: str, spans: list[Marked], rng: Random) -> Document:
    """Return with no space before, or behind, some stretches, where a capital or a digit still shows the edge."""
    edits = []
    for start, end, _ in spans:
        if start > 1 and text[start - 1] == " " and (text[start].isupper() or text[start].isdigit()):
            same = text[start].isdigit() == text[start - 2].isdigit() and text[start - 2].isalnum()
            if rng.random() < 0.5 and not (same and (text[start].isdigit() or text[start - 2].isupper())):
                edits.append((start - 1, start, ""))
        behind = text[end : end + 2]
        if (
            len(behind) == 2
            and behind[0] == " "
            and behind[1].isalpha()
            and text[end - 1].isdigit()
            and rng.random() < 0.3
        ):
            edits.append((end, end + 1, ""))
    for found in re.finditer(r"(?<=[a-z][.,:;]) (?=[A-Z])", text):
        if rng.random() < 0.3 and not any(start <= found.start() <= end for start, end, _ in spans):
            edits.append((found.start(), found.end(), ""))
    return edited(text, spans, set(edits))


def unpointed(text: str, spans: list[Marked], rng: Random) -> Document:
    """Return with no full stops, commas and colons behind words, as dictated."""
    found = [m for m in re.finditer(r"(?<=\w)[.,:;](?=\s|$)", text) if rng.random() < 0.85]
    return edited(text, spans, [(m.start(), m.end(), "") for m in found])


def scanned(text: str, spans: list[Marked], rng: Random) -> Document:
    """Return as a scanner misreads it."""
    found = [m for m in re.finditer("rn|cl|[0O1lI5S8Bmeio6gZ2]", text) if rng.random() < 0.035]
    edits = [(m.start(), m.end(), READ_AS[m[0]]) for m in found]
    edits += [(m.start(), m.end(), "") for m in re.finditer(r"(?<=\w) (?=\w)", text) if rng.random() < 0.01]
    return edited(text, spans, edits)


def wrapped(text: str, spans: list[Marked], rng: Random) -> Document:
    """Return with lines broken, within stretches too."""
    width, indent, line, edits = rng.randint(28, 76), rng.choice(("", "", "", "  ", "    ", "> ")), 0, []
    inside = [(start, end) for start, end, _ in spans]
    for found in re.finditer(r"[ \n]", text):
        at = found.start()
        if found[0] == "\n":
            line = at + 1
        elif at - line > width or (rng.random() < 0.25 and any(start < at < end for start, end in inside)):
            # a mark of quoting would stand in the stretch
            edits.append((at, at + 1, "\n" + ("" if any(s < at < e for s, e in inside) and ">" in indent else indent)))
            line = at + 1
    return edited(text, spans, edits)


def spaced(text: str, spans: list[Marked], rng: Random) -> Document:
    """Return with two spaces or a tab for some, and some before points."""
    edits = [
        (m.start(), m.end(), rng.choice(("  ", "  ", "   ", "\t")))
        for m in re.finditer(" ", text)
        if rng.random() < 0.15
    ]
    edits += [(m.start(), m.start(), " ") for m in re.finditer(r"(?<=\w)[,.:/-]", text) if rng.random() < 0.1]
    edits += [(m.start(), m.start(), " ") for m in re.finditer(r"(?<=[/-])(?=\d)", text) if rng.random() < 0.1]
    return edited(text, spans, edits)


def spelled(text: str, spans: list[Marked], rng: Random) -> Document:
    """Return with some names spelled: O K O N J O, O-K-O-N-J-O."""
    edits = []
    for start, end, label in spans:
        words = list(re.finditer(r"[^\W\d_]{3,12}", text[start:end])) if label == "NAME" else []
        if words and rng.random() < 0.6:
            word, between = rng.choice(words), rng.choice((" ", " ", "-", ". ", ", "))
            letters = between.join(word[0].upper() if rng.random() < 0.85 else word[0].lower())
            new = rng.choice((letters, letters, f"{word[0]} {letters}", f"{word[0]}, {letters}"))
            edits.append((start + word.start(), start + word.end(), new))
    return edited(text, spans, edits)


def hidden(text: str, spans: list[Marked], rng: Random) -> Document:
    """Return with spaces that do not break, and characters that take no room."""
    edits = [
        (m.start(), m.end(), rng.choice("\u00a0\u00a0\u2009\u202f"))
        for m in re.finditer(" ", text)
        if rng.random() < 0.2
    ]
    edits += [
        (m.start(), m.start(), rng.choice(INVISIBLE))
        for m in re.finditer(r"(?<=\w)(?=\w)", text)
        if rng.random() < 0.03
    ]
    return edited(text, spans, edits)


def unaccented(text: str, spans: list[Marked], rng: Random) -> Document:
    """Return without accents."""
    return "".join(unicodedata.normalize("NFKD", c)[0] for c in text), spans


def halfraised(text: str, spans: list[Marked], rng: Random) -> Document:
    """Return with the lines of a page in capitals here and there."""
    lines = text.split("\n")
    made = [raised(line, [], rng)[0] if rng.random() < 0.4 else line for line in lines]
    return "\n".join(made), spans


Mess = Callable[[str, list[Marked], Random], Document]
MESSES: dict[str, Mess] = {
    "lowered": lowered, "raised": raised, "mistyped": mistyped, "glued": glued, "unpointed": unpointed,
    "scanned": scanned, "wrapped": wrapped, "spaced": spaced, "spelled": spelled, "hidden": hidden,
    "unaccented": unaccented, "halfraised": halfraised,
}  # fmt: skip
