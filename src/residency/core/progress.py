"""What is happening and how long it still takes: a bar on a terminal, a plain line every ten seconds elsewhere.

All of it goes to standard error, so that standard output stays one JSON document or one answer.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO, TypeVar

Item = TypeVar("Item")

LINE_SECONDS = 10.0
BAR_SECONDS = 0.1
_state = {"quiet": False}


def set_quiet(quiet: bool = True) -> None:
    """Turn all progress off (or on again)."""
    _state["quiet"] = quiet


@contextmanager
def quietly() -> Iterator[None]:
    """Inside, all progress is off."""
    before = _state["quiet"]
    set_quiet()
    try:
        yield
    finally:
        set_quiet(before)


def say(text: str = "") -> None:
    """Write one plain line to standard error, unless quiet."""
    if not _state["quiet"]:
        print(text, file=sys.stderr, flush=True)


@dataclass
class Bar:
    """Counts of one long step; ``add`` is cheap enough to be called for every item.

    ``before`` units were done by an earlier start: they count in the share, and not in the rate.
    """

    label: str
    total: float | None
    unit: str
    stream: TextIO
    before: float = 0.0
    done: float = 0.0
    values: dict[str, float | str] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    drawn: float | None = None

    def __post_init__(self) -> None:
        """Start the count where the earlier start left it."""
        self.done += self.before

    @property
    def tty(self) -> bool:
        """Whether a person is watching."""
        return self.stream.isatty()

    def add(self, n: float = 1, **values: float | str) -> None:
        """Count ``n`` more units; keyword values (a loss, a rate) are shown beside the count."""
        self.done += n
        self.values.update(values)
        if time.monotonic() - (self.drawn or self.began) >= (BAR_SECONDS if self.tty else LINE_SECONDS):
            self.draw()

    def draw(self) -> None:
        """Show the present state."""
        self.drawn = time.monotonic()
        if _state["quiet"]:
            return
        if not self.tty:
            print(self.text(), file=self.stream, flush=True)
            return
        width = shutil.get_terminal_size().columns - 1
        print("\r" + self.text(blocks=20)[:width].ljust(width), end="", file=self.stream, flush=True)

    def close(self) -> None:
        """Show the final state and end the line."""
        if self.tty or self.drawn:  # short steps leave no plain line
            self.draw()
        if self.tty and not _state["quiet"]:
            print(file=self.stream, flush=True)

    def text(self, blocks: int = 0) -> str:
        """Return the state in words: label, share, count, rate, time left, values."""
        seconds = max(time.monotonic() - self.began, 1e-9)
        rate = (self.done - self.before) / seconds
        parts = [self.label]
        if self.total:
            share = min(self.done / self.total, 1.0)
            full = round(share * blocks)
            parts += ["█" * full + "·" * (blocks - full)] if blocks else []
            parts += [f"{share:4.0%}", f"{_short(self.done)}/{_short(self.total)} {self.unit}"]
        else:
            parts += [f"{_short(self.done)} {self.unit}"]
        parts += [f"{_short(rate)}/s"]
        if self.total and rate and self.done < self.total:
            parts += [f"{duration((self.total - self.done) / rate)} left"]
        elif not self.total or self.done >= self.total:
            parts += [f"in {duration(seconds)}"]
        return "  ".join(parts + [f"{name} {_value(value)}" for name, value in self.values.items()])


def _short(number: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= size:
            return f"{number / (1e3 if letter == 'k' else size):.3g}{letter}"
    return f"{number:.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"


def _value(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def duration(seconds: float) -> str:
    """Return seconds as people say them: ``42 s``, ``3 min 05 s``, ``1 h 12 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


@contextmanager
def progress(label: str, total: float | None = None, unit: str = "items", before: float = 0) -> Iterator[Bar]:
    """Yield a bar for a step of ``total`` units, ``before`` of them done; ``bar.add(n, loss=1.23)`` moves it."""
    bar = Bar(label, total, unit, sys.stderr, before)
    try:
        yield bar
    finally:
        bar.close()


def track(items: Iterable[Item], label: str, total: float | None = None, unit: str = "items") -> Iterator[Item]:
    """Yield the items while a bar counts them; ``total`` is their number where that is known."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with progress(label, total, unit) as bar:
        for item in items:
            yield item
            bar.add()
