"""A table as data: lines in groups whose heading stands once, figures at the right, what stands behind them lighter.

``page/grid.html.jinja`` draws it, for the report and for the page of an evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple, TypeVar

from markupsafe import Markup, escape

SIGNS = {"better": "▲", "worse": "▼"}
"""What stands before a verdict, so that it does not hang on a colour."""
NONE = "–"
"""Stands for a count where nothing was counted."""
WIDE = 4
"""So many columns of values stand beside each other on a tablet; a table with more may move in its own box."""
T = TypeVar("T")
K = TypeVar("K")


class Column(NamedTuple):
    """A column's head, and what is under it: a ``value`` with its interval, a ``count``, or ``text``."""

    name: str
    kind: Literal["value", "count", "text"] = "count"


class Cell(NamedTuple):
    """A text, and a verdict in words that is coloured and signed by its ``look``."""

    text: str
    verdict: str = ""
    look: str = ""


class Line(NamedTuple):
    """A line with its name, a ``note`` in small type, and its cells.

    ``span`` counts the lines that the name stands for: 0 where a line above has given it. ``look`` is a class of the
    style: the first metric of a task, or a verdict.
    """

    name: str
    cells: Sequence[Cell]
    note: str = ""
    look: str = ""
    span: int = 1


class Group(NamedTuple):
    """Lines under a title, which may be empty; ``behind`` holds sentences that stand below them in small type."""

    title: str
    lines: Sequence[Line]
    note: str = ""
    behind: Sequence[str] = ()
    key: str = ""


class Grid(NamedTuple):
    """A table: what it shows, what its lines are, its columns and its groups."""

    caption: str
    head: str
    columns: Sequence[Column]
    groups: Sequence[Group]
    look: str = ""

    @property
    def classes(self) -> str:
        """The classes of the table: whether its values stand one above the other, or need a box of their own."""
        values = sum(column.kind == "value" for column in self.columns)
        width = "wide" if values > WIDE else "many" if values > 2 or len(self.columns) > 5 else ""
        return " ".join(filter(None, ("grid", width, self.look)))


def grouped(rows: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Return rows by their key, both in the order in which they come."""
    found: dict[K, list[T]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found


def cells(*texts: object) -> list[Cell]:
    """Return texts and numbers as cells."""
    return [Cell(text if isinstance(text, str) else str(text)) for text in texts]


def spread(texts: Iterable[str]) -> str:
    """Return what several models have, as one text: "20", or "12 to 20" where they differ."""
    found = list(dict.fromkeys(texts))
    try:
        found = sorted(found, key=float)
    except ValueError:
        return ", ".join(found)
    return found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}"


def figure(text: str) -> Markup:
    """Return a number as the page writes it: its interval apart, to be lighter; words in its place are marked too."""
    if isinstance(text, Markup):
        return text
    value, bracket, interval = text.partition(" [")
    if not bracket:
        told = any(sign.isdigit() for sign in text) or text == NONE
        return escape(text) if told else Markup('<span class="none">{}</span>').format(text)
    return Markup('{} <span class="interval">[{}</span>').format(value, interval)
