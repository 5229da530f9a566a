"""Abbreviations that a text itself explains: "Marfan syndrome (MFS)".

Schwartz and Hearst 2003, A Simple Algorithm for Identifying Abbreviation Definitions in Biomedical Text.
"""

from __future__ import annotations

import re

_BRACKETS = re.compile(r"\(([^\W_][\w-]{1,9})\)")


def abbreviations(text: str) -> dict[str, str]:
    """Return the short forms of a text with the long form that stands before each, the first definition of each."""
    found: dict[str, str] = {}
    for bracket in _BRACKETS.finditer(text):
        short = bracket[1]
        if short in found or not any(letter.isupper() for letter in short):
            continue
        before = text[: bracket.start()].rstrip()
        most = min(len(short) + 5, len(short) * 2)
        words = re.findall(r"\S+", re.split(r"[.;:()]", before)[-1])[-most:]
        if long := _long(short, " ".join(words)):
            found[short] = long
    return found


def _long(short: str, before: str) -> str:
    """Return the end of ``before`` that the letters of the short form occur in, the first at a word's beginning."""
    at = len(before) - 1
    for place in range(len(short) - 1, -1, -1):
        letter = short[place].lower()
        if not letter.isalnum():
            continue
        while at >= 0 and not (before[at].lower() == letter and (place or _begins(before, at))):
            at -= 1
        if at < 0:
            return ""
        at -= 1
    return before[at + 1 :].strip() if len(before) - at - 1 > len(short) else ""


def _begins(text: str, at: int) -> bool:
    return at == 0 or not text[at - 1].isalnum()
