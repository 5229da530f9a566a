"""What a file may cost: limits on size, time, depth and expansion, held in one place for every reader.

A file that breaks one is named with the limit that it broke; nothing hangs, and nothing fills the memory.
"""

from __future__ import annotations

import gzip
import signal
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Any, cast

from residency.core.legal import Above0, Range
from residency.core.types import Document
from residency.corpus.records import Bad

Megabytes = Annotated[float, Range(above=0)]
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one file, and one record of it, may cost.

    ``whole_mb`` bounds files that have to be in memory at once (PDF, DOCX, a JSON document), ``record_mb`` one line or
    one record of the others, ``expand`` how many times its packed size a packed file may become, ``seconds`` the time
    for one whole file or, of a file of many records, for one record; ``depth`` the nesting of JSON and XML.
    """

    whole_mb: Megabytes = 256.0
    record_mb: Megabytes = 16.0
    expand: Above0 = 200.0
    seconds: Above0 = 60.0
    depth: Annotated[int, Range(least=8, most=900)] = 200


class TooMuch(Exception):
    """A limit was broken; the message says which, and never quotes the file."""


class OutOfTime(TooMuch):
    """The seconds that a file or a record may take are over."""


@dataclass(frozen=True, slots=True)
class Given:
    """One file, or one byte range of it, as a reader is handed it.

    ``name`` is its path in the source's folder, with "/": it stands in messages and in the ids of records that have
    none of their own. ``span`` is the half-open byte range that is to be read of a file of lines: a line belongs to the
    range that its first byte is in. ``options`` are the format's own settings.
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

    def document(self, key: str, text: str, line: int | None = None, **fields: Any) -> Document:
        """Return a document of this file; ``fields`` are those of ``Document``."""
        known = {"source": self.source, "licence": self.licence, "language": self.language, **fields}
        document = Document(key, text, **known)
        document.place = (self.name, line)
        return document

    def bad(self, reason: str, line: int | None = None) -> Bad:
        """Return a bad record of this file; the reason must not quote it."""
        return Bad(self.name, line, reason)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime inside the block when its seconds are over, also out of a loop that never ends.

    Where alarms cannot be had (a thread, or a system without them) the block is not interrupted.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(*_: Any) -> None:
        raise OutOfTime(f"it takes more than {seconds:g} s (limits: seconds)")

    before = signal.signal(signal.SIGALRM, ring)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left)
        signal.signal(signal.SIGALRM, before)


def whole_bytes(given: Given) -> bytes:
    """Return a file's content, unpacked where it is gzip. Raises TooMuch above ``whole_mb``, OSError, EOFError."""
    limit = int(given.limits.whole_mb * 1e6)
    with opened(given) as handle:
        content = handle.read(limit + 1)
    if len(content) > limit:
        raise TooMuch(f"it is larger than {given.limits.whole_mb:g} MB (limits: whole_mb)")
    return content


def whole_text(given: Given) -> str:
    """Return a file's text, without its byte order mark. Raises as ``whole_bytes``, and UnicodeDecodeError."""
    return decoded(whole_bytes(given), given.encoding)


def decoded(content: bytes, encoding: str = "utf-8") -> str:
    """Return text; a byte order mark names its own encoding, and is not part of the text.

    Raises UnicodeDecodeError, and TooMuch for NUL bytes: no text has them.
    """
    marks = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
    text = content.decode(next((name for mark, name in marks if content.startswith(mark)), encoding))
    if "\0" in text:
        raise TooMuch(f"NUL byte at character {text.index(chr(0))}: not a text")
    return text


@contextmanager
def opened(given: Given) -> Iterator[IO[bytes]]:
    """Open a file for reading bytes, unpacked where it is gzip (by content, not name); a bomb raises TooMuch."""
    with given.path.open("rb") as handle:
        head = handle.read(2)
        handle.seek(0)
        if head != b"\x1f\x8b":
            yield handle
            return
        size = given.path.stat().st_size
        yield cast(IO[bytes], _Bounded(gzip.GzipFile(fileobj=handle), max(size, 4096) * given.limits.expand))


class _Bounded:
    """An unpacked stream that ends with TooMuch when more comes out than the packed size allows."""

    def __init__(self, stream: Any, most: float) -> None:
        self._stream, self._left, self._most = stream, most, most

    def _count(self, piece: bytes) -> bytes:
        self._left -= len(piece)
        if self._left < 0:
            raise TooMuch(f"it unpacks to more than {self._most / 1e6:.0f} MB (limits: expand)")
        return piece

    def read(self, size: int = -1) -> bytes:
        if size >= 0:
            return self._count(self._stream.read(size))
        pieces = []
        while piece := self.read(_CHUNK):
            pieces.append(piece)
        return b"".join(pieces)

    def readline(self, size: int = -1) -> bytes:
        return self._count(self._stream.readline(size))

    def close(self) -> None:
        self._stream.close()


def lines(given: Given) -> Iterator[tuple[int, bytes | Bad]]:
    """Yield (number, line with its end) of a file, or of the lines that begin in its span, numbered from 1 there.

    A line longer than ``record_mb`` becomes a Bad and is passed over without ever being in memory. Packing that is
    broken ends the file with a Bad.
    """
    limit = int(given.limits.record_mb * 1e6)
    number = 0
    try:
        with opened(given) as handle:
            start, end = given.span or (0, None)
            if start:
                handle.seek(start - 1)
                _pass_line(handle, limit)  # the line that began before, or the end of the line before
            place = handle.tell() if given.span else 0
            while end is None or place < end:
                line = handle.readline(limit + 1)
                if not line:
                    return
                number += 1
                place += len(line)
                if len(line) > limit and not line.endswith(b"\n"):
                    place += _pass_line(handle, limit)
                    yield number, given.bad(f"a line of more than {given.limits.record_mb:g} MB", number)
                else:
                    yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile, TooMuch, OSError) as error:
        yield number + 1, given.bad(reason(error), number + 1)


def _pass_line(handle: IO[bytes], limit: int) -> int:
    passed = 0
    while piece := handle.readline(limit + 1):
        passed += len(piece)
        if piece.endswith(b"\n"):
            break
    return passed


def reason(error: BaseException) -> str:
    """Return why a file or a record cannot be read, without a word of what it holds."""
    if isinstance(error, TooMuch):
        return str(error)
    if isinstance(error, UnicodeDecodeError):
        return f"not {error.encoding.upper()} at byte {error.start}; name the encoding with encoding: cp1252 (or other)"
    if isinstance(error, EOFError | zlib.error | gzip.BadGzipFile):
        return "its packing (gzip) is broken or cut short"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it does not fit in memory"
    if isinstance(error, OSError):
        return f"cannot be read ({error.strerror or type(error).__name__})"
    return f"not readable as what it seems to be ({type(error).__name__})"
