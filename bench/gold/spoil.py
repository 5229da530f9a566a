"""How identifiers are spoilt: typing errors, reading errors of a scanner, broken lines, signs that nobody sees."""

from __future__ import annotations

import random
import unicodedata

LOOKALIKE = {
    "0": "O",
    "1": "l",
    "5": "S",
    "8": "B",
    "O": "0",
    "l": "1",
    "I": "l",
    "S": "5",
    "rn": "m",
    "m": "rn",
    "g": "q",
    "e": "c",
}
HOMOGLYPH = {"a": "\u0430", "e": "\u0435", "o": "\u043e", "c": "\u0441", "p": "\u0440", "x": "\u0445"}
HIDDEN = ("\u200b", "\u200d", "\u200e", "\u200f", "\u2060")


def typo(text: str, draw: random.Random) -> str:
    """Return the text with letters swapped, doubled or lost; without letters, with a sign between digits mistyped."""
    spots = [at for at in range(1, len(text) - 1) if text[at].isalpha() and text[at + 1].isalpha()]
    if not spots:
        between = [at for at, sign in enumerate(text) if sign in "/-. "]
        if not between:
            return text
        at = draw.choice(between)
        return text[:at] + draw.choice((text[at] * 2, text[at] + " ", ",")) + text[at + 1 :]
    at, kind = draw.choice(spots), draw.random()
    if kind < 0.4 and text[at] != text[at + 1]:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + text[at] + text[at:] if kind < 0.7 else text[:at] + text[at + 1 :]


def misread(text: str, draw: random.Random) -> str:
    """Return the text as a scanner might read it: one or two signs taken for their lookalikes."""
    for _ in range(draw.choice((1, 1, 2))):
        spots = [(at, seen) for seen in LOOKALIKE for at in range(len(text)) if text.startswith(seen, at)]
        if spots:
            at, seen = draw.choice(sorted(spots))
            text = text[:at] + LOOKALIKE[seen] + text[at + len(seen) :]
    return text


def broken(text: str, draw: random.Random) -> str:
    """Return the text with a line end at one of its spaces, or after a hyphen, slash or at sign."""
    spaces = [at for at, sign in enumerate(text) if sign == " "]
    if spaces:
        at = draw.choice(spaces)
        return text[:at] + "\n" + text[at + 1 :]
    marks = [at for at, sign in enumerate(text[:-1]) if sign in "-/@"]
    at = draw.choice(marks) + 1 if marks else 0
    return text[:at] + "\n" + text[at:] if at else text


def unseen(text: str, draw: random.Random) -> str:
    """Return the text with hidden signs, combining accents, hard spaces or letters of another script."""
    kind = draw.randrange(4)
    if kind == 0 and " " in text:
        return text.replace(" ", "\u00a0")
    if kind == 1 and unicodedata.normalize("NFD", text) != text:
        return unicodedata.normalize("NFD", text)
    if kind == 2 and set(text) & set(HOMOGLYPH):
        sign = draw.choice(sorted(set(text) & set(HOMOGLYPH)))
        return text.replace(sign, HOMOGLYPH[sign], 1)
    at = draw.randrange(1, len(text)) if len(text) > 1 else 1
    return text[:at] + draw.choice(HIDDEN) + text[at:]


SPOILERS = {"typo": typo, "ocr": misread, "wrapped": broken}
