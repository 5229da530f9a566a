"""Bytes as text: a byte order mark comes first, then UTF-8, and what was said of the file only where it is neither."""

from __future__ import annotations

from residency.corpus.readers.limits import TooMuch

_MARKED = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
MARKS = tuple(_MARKED)
_ASCII = bytes(range(128))


def decoded(content: bytes, encoding: str = "utf-8") -> str:
    """Return text; a byte order mark names its own encoding, and is not part of the text.

    ``encoding`` is that of what is not UTF-8. Raises UnicodeDecodeError, LookupError, and TooMuch for NUL bytes: no
    text has them.
    """
    marked = next((name for mark, name in _MARKED.items() if content.startswith(mark)), "")
    text = content.decode(marked or ("utf-8" if encoding == "utf-8" or is_utf8(*counted(content)) else encoding))
    if "\0" in text:
        raise TooMuch(f"NUL byte at character {text.index(chr(0))}: not a text")
    return text


def counted(content: bytes) -> tuple[int, int]:
    """Return how many bytes are not ASCII, and how many of these are parts of characters in UTF-8."""
    high = len(content.translate(None, _ASCII))
    valid = high and len(content.decode("utf-8", "ignore").encode().translate(None, _ASCII))
    return high, valid


def is_utf8(high: int, valid: int) -> bool:
    """Return whether text is UTF-8, damaged or not: other encodings hardly ever look like it, and never mostly."""
    return 2 * valid > high
