"""A span's text without what cannot be seen, and as it is compared: whatever looks the same is the same.

A name with an accent in two characters, a zero-width sign inside, or a Cyrillic letter for a Latin one is the name.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from residency.corpus.identify.words import tables

UNREADABLE = ("Co", "Cn", "Cs")
"""Private and unassigned characters and halves of broken pairs: nobody can tell what they say."""
UNSEEN = ("Mn", "Me", "Mc", "Cf", "Cc")
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def plain(text: str) -> str | None:
    """Return a text composed (NFC) and without characters that take no room; None where it cannot be read.

    Letters and digits in other styles (wide, bold, in a circle) become plain ones.
    """
    if text.isascii():
        return CONTROL.sub("", text)
    kept = []
    for char in map(_styled, unicodedata.normalize("NFC", text)):
        category = unicodedata.category(char)
        if category in UNREADABLE or char == "\ufffd":
            return None
        if category not in UNSEEN or char.isspace():
            kept.append(char)
    return "".join(kept)


def _styled(char: str) -> str:
    """Return a letter or digit in the plain style, where that is one character."""
    simple = unicodedata.normalize("NFKC", char) if char.isalnum() and char not in "ªº" else char
    return simple if len(simple) == 1 else char


def compared(text: str) -> str:
    """Return the letters and digits of a text, small and bare, as it is compared with others."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).translate(_small())
    low = text.lower()
    return low if low.isalnum() else "".join(c for c in low if c.isalnum())


@functools.cache
def _small() -> dict[int, int]:
    """Return what each character is read as, where that is another one."""
    _, folded = tables()
    return {code: low for code, low in enumerate(folded.tolist()) if code != low}


def cased(was: str, now: str) -> str:
    """Return a word in the letters, capital or small, of another; a single capital says only that it begins so."""
    if len(was) > 1 and was.isupper():
        return now.upper()
    return now.lower() if was.islower() else now[:1].upper() + now[1:]
