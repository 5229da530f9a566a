"""What a file may cost: limits on size, time, depth and expansion, held in one place for every reader.

A file that breaks one is named with the limit that it broke; nothing hangs, and nothing fills the memory.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from residency.core.legal import Above0, Range

Megabytes = Annotated[float, Range(above=0)]


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one file, and one record of it, may cost."""

    # The largest file of a format that has to be in memory at once (PDF, DOCX, a JSON document), in MB.
    whole_mb: Megabytes = 256.0
    # The largest line or record of the other formats, in MB.
    record_mb: Megabytes = 16.0
    # How many times its packed size a packed file may become.
    expand: Above0 = 200.0
    # The time for one whole file or, of a file of many records, for one record.
    seconds: Above0 = 60.0
    # How deep JSON and XML may be nested.
    depth: Annotated[int, Range(least=8, most=900)] = 200


class TooMuch(Exception):
    """A limit was broken; the message says which, and never quotes the file."""


class OutOfTime(TooMuch):
    """The seconds that a file or a record may take are over."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime inside the block when its seconds are over, also out of a loop that never ends.

    It is raised again every so often, since a library may swallow the first. Where alarms cannot be had (a thread, or
    a system without them) the block is not interrupted. A limit around this one goes on counting.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(*_: Any) -> None:
        raise OutOfTime(f"it takes more than {seconds:g} s (limits: seconds)")

    began = time.monotonic()
    before = signal.signal(signal.SIGALRM, ring)
    left, every = signal.setitimer(signal.ITIMER_REAL, seconds, max(0.01, min(seconds, 1.0)))
    try:
        yield
    finally:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
        finally:
            signal.signal(signal.SIGALRM, before)
            if left:
                rest = left - (time.monotonic() - began)
                signal.setitimer(signal.ITIMER_REAL, max(1e-4, rest), every)
                if rest <= 0:
                    signal.raise_signal(signal.SIGALRM)  # now: blocks that follow soon would put it off again
