"""The file that a reader is handed, and the ways to its bytes, text and lines that keep within the limits.

``limits.py`` says what a file may cost, ``parse.py`` reads JSON and XML within it; readers take all of it from here.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from residency.core.types import Document
from residency.corpus.readers.encoding import MARKS, counted, decoded, is_utf8
from residency.corpus.readers.limits import Limits, OutOfTime, TooMuch, time_limit
from residency.corpus.readers.parse import iterparse_xml, load_json, parse_xml, safe_parser
from residency.corpus.records import Bad

__all__ = [
    "Given",
    "Limits",
    "OutOfTime",
    "TooMuch",
    "decoded",
    "in_utf8",
    "iterparse_xml",
    "lines",
    "load_json",
    "opened",
    "parse_xml",
    "placed_lines",
    "reason",
    "safe_parser",
    "time_limit",
    "whole_bytes",
    "whole_text",
]
_PIECE = 1 << 18
_LOOK, _ENOUGH = 1 << 26, 10_000
"""How far a file is looked into for its encoding, and after how many bytes that are not ASCII it is known."""
_BROKEN_GZIP = (EOFError, zlib.error, gzip.BadGzipFile)


@dataclass(frozen=True, slots=True)
class Given:
    """One file, or one byte range of it, as a reader is handed it.

    ``name`` is its path in the source's folder, with "/": it stands in messages and in the ids of records that have
    none of their own. ``encoding`` is that of files that are not UTF-8. ``span`` is the half-open byte range that is to
    be read of a file of lines: a line belongs to the range that its first byte is in. ``options`` are the format's own
    settings. ``content`` stands for what the file holds where it is not on disk by itself, such as an attachment.
    """

    path: Path
    name: str
    source: str
    licence: str
    language: str = "en"
    encoding: str = "utf-8"
    limits: Limits = field(default_factory=Limits)
    span: tuple[int, int] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    content: bytes | None = None

    @property
    def key(self) -> str:
        """The file's name without its ending (and without .gz): the id of a file that is one document."""
        return str(PurePosixPath(self.name.removesuffix(".gz")).with_suffix(""))

    def document(self, key: str, text: str, line: int | None = None, **fields: Any) -> Document:
        """Return a document of this file; ``fields`` are those of ``Document``."""
        known = {"source": self.source, "licence": self.licence, "language": self.language, **fields}
        document = Document(key, text, **known)
        document.place = (self.name, line)
        return document

    def bad(self, reason: str, line: int | None = None) -> Bad:
        """Return a bad record of this file; the reason must not quote it."""
        return Bad(self.name, line, reason)


# --- bytes and text --------------------------------------------------------------------------------------------------


def whole_bytes(given: Given) -> bytes:
    """Return a file's content, unpacked where it is gzip. Raises TooMuch above ``whole_mb``, OSError, EOFError."""
    limit = int(given.limits.whole_mb * 1e6)
    pieces, held = [], 0
    with opened(given) as handle:
        while piece := handle.read(_PIECE):  # read(limit) would take that much memory for every small file
            held += len(piece)
            if held > limit:
                raise TooMuch(f"it is larger than {given.limits.whole_mb:g} MB (limits: whole_mb)")
            pieces.append(piece)
    return b"".join(pieces)


def whole_text(given: Given) -> str:
    """Return a file's text, without its byte order mark. Raises as ``whole_bytes`` and ``decoded`` do."""
    return decoded(whole_bytes(given), given.encoding)


def in_utf8(given: Given) -> bool:
    """Return whether a file is UTF-8 (or marked as UTF-16), looked at from its start whatever its span; else it is in
    the encoding that was given. One without a sign that is not ASCII is taken as given.
    """
    if given.encoding == "utf-8":
        return True
    high = valid = looked = 0
    rest = b""
    with suppress(*_BROKEN_GZIP, TooMuch, OSError), opened(given) as handle:  # reading it will say what is wrong
        while looked < _LOOK and high < _ENOUGH and (piece := handle.read(_PIECE)):
            if not looked and piece.startswith(MARKS):
                return True
            looked += len(piece)
            piece = rest + piece
            cut = len(piece) - _open_end(piece)
            more = counted(piece[:cut])
            high, valid, rest = high + more[0], valid + more[1], piece[cut:]
    more = counted(rest)
    return is_utf8(high + more[0], valid + more[1])


def _open_end(piece: bytes) -> int:
    """Return how many bytes at the end may begin a character of UTF-8 that goes on in the next piece."""
    starts = (size for size in (1, 2, 3) if piece[-size:][:1] >= b"\xc0")
    return next(starts, 0)


@contextmanager
def opened(given: Given) -> Iterator[IO[bytes]]:
    """Open a file for reading bytes, unpacked where it is gzip (by content, not name); a bomb raises TooMuch."""
    with given.path.open("rb") if given.content is None else io.BytesIO(given.content) as handle:
        packed = handle.read(2) == b"\x1f\x8b"
        handle.seek(0)
        if not packed:
            yield handle
            return
        size = given.path.stat().st_size if given.content is None else len(given.content)
        most = max(size, 4096) * given.limits.expand
        with gzip.GzipFile(fileobj=handle) as unpacked, io.BufferedReader(_Bounded(unpacked, most), 1 << 16) as buffer:
            yield cast(IO[bytes], buffer)


class _Bounded(io.RawIOBase):
    """An unpacked stream that ends with TooMuch when more comes out than the packed size allows."""

    def __init__(self, stream: gzip.GzipFile, most: float) -> None:
        super().__init__()
        self._stream, self._left, self._most = stream, most, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._stream.read1(len(buffer))
        self._left -= len(piece)
        if self._left < 0:
            raise TooMuch(f"it unpacks to more than {self._most / 1e6:.3g} MB (limits: expand)")
        buffer[: len(piece)] = piece
        return len(piece)


# --- lines -----------------------------------------------------------------------------------------------------------


def lines(given: Given) -> Iterator[tuple[int, bytes | Bad]]:
    """Yield (number, line with its end) of a file, or of the lines that begin in its span, numbered from 1 there.

    A line longer than ``record_mb`` becomes a Bad and is passed over without ever being in memory. Packing that is
    broken ends the file with a Bad, after the lines before it.
    """
    for number, _, line in placed_lines(given):
        yield number, line


def placed_lines(given: Given) -> Iterator[tuple[int, int, bytes | Bad]]:
    """Yield what ``lines`` does, with the byte of the (unpacked) file that the line begins at: (number, byte, line)."""
    limit = int(given.limits.record_mb * 1e6)
    start, end = given.span or (0, None)
    number, place = 0, start
    try:
        with opened(given) as stream:
            handle = _by_line(stream, given.encoding)
            if start:
                handle.seek(start - 1)
                place += _pass_line(handle) - 1  # the line that began before, or the end of the line before
            while (end is None or place < end) and (line := handle.readline(limit + 1)):
                number += 1
                begin, place = place, place + len(line)
                if len(line) > limit and not line.endswith(b"\n"):
                    place += _pass_line(handle)
                    yield number, begin, given.bad(f"a line of more than {given.limits.record_mb:g} MB", number)
                else:
                    yield number, begin, line
    except (*_BROKEN_GZIP, TooMuch, OSError, UnicodeError) as error:
        yield number + 1, place, given.bad(reason(error), number + 1)


def _by_line(handle: Any, encoding: str) -> Any:
    """Return what has ``readline``: the stream, or UTF-16, whose line ends are two bytes, as UTF-8 on the way."""
    if handle.peek(2)[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return handle
    return _Recoded(io.TextIOWrapper(handle, "utf-16", newline="\n"), "utf-8" if encoding == "utf-8" else "utf-8-sig")


@dataclass(frozen=True, slots=True)
class _Recoded:
    text: io.TextIOWrapper
    encoding: str  # with a mark where the file's encoding is said to be another

    def readline(self, size: int) -> bytes:
        line = self.text.readline(size)
        return line.encode(self.encoding) if line else b""


def _pass_line(handle: Any) -> int:
    passed = 0
    while piece := handle.readline(1 << 16):
        passed += len(piece)
        if piece.endswith(b"\n"):
            break
    return passed


# --- what went wrong -------------------------------------------------------------------------------------------------


def reason(error: BaseException) -> str:
    """Return why a file or a record cannot be read, without a word of what it holds."""
    if isinstance(error, TooMuch):
        return str(error)
    if isinstance(error, UnicodeDecodeError):
        return f"not {error.encoding.upper()} at byte {error.start}; name the encoding with encoding: cp1252 (or other)"
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON at line {error.lineno}, column {error.colno}: {error.msg.partition(':')[0]}"
    if isinstance(error, SyntaxError) and error.lineno:  # lxml's, whose message quotes the file
        return f"not well-formed XML at line {error.lineno}, column {error.offset}"
    if type(error) is LookupError:
        return "its encoding is not a known one; name another with encoding: utf-8 (or other)"
    if isinstance(error, _BROKEN_GZIP):
        return "its packing (gzip) is broken or cut short"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it does not fit in memory"
    if isinstance(error, OSError):
        return f"cannot be read ({error.strerror or type(error).__name__})"
    return f"not readable as what it seems to be ({type(error).__name__})"
