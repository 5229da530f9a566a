"""A reason and what it can be checked by: without a place to look it up, nothing is said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

KINDS = {
    "catalog": "an entry of the catalog, with the mark of its evidence: residency catalog ID shows it",
    "measured": "a run of ours, with its protocol: where says the page and the section",
    "code": "a setting or a rule of Residency: where says the page that tells it",
    "file": "a file of yours",
    "machine": "this machine",
}
"""What a reason may rest on."""


@dataclass(frozen=True, slots=True)
class Point:
    """A thing to check a reason by: its kind, its id, where it is told, and the mark of a catalog row's evidence."""

    kind: str
    id: str
    where: str = ""
    mark: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.id}" + (f" ({self.mark})" if self.mark else "")

    def as_row(self) -> dict[str, str]:
        """Return it as JSON."""
        row = {"kind": self.kind, "id": self.id, "where": self.where, "mark": self.mark}
        return {name: value for name, value in row.items() if value}


@dataclass(frozen=True, slots=True)
class Reason:
    """What is said, in words, and the points that it rests on."""

    text: str
    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        if not self.points:
            raise ValueError(f"a reason that nothing shows: {self.text}")

    def as_row(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"text": self.text, "points": [point.as_row() for point in self.points]}

    def __str__(self) -> str:
        return f"{self.text} [{'; '.join(map(str, self.points))}]"


def code(name: str, where: str) -> Point:
    """Return the point that a setting, a rule or a verb of Residency is."""
    return Point("code", name, where)


def sentences(*texts: str) -> str:
    """Return texts as sentences that follow one another, each with a capital letter."""
    return ". ".join(text[:1].upper() + text[1:] for text in texts)


def looked_up(reasons: Iterable[Reason]) -> list[str]:
    """Return a line for each place that reasons point at, the same place once."""
    points = {(point.kind, point.id): point.where for reason in reasons for point in reason.points if point.where}
    width = max((len(f"{kind} {name}") for kind, name in points), default=0)
    return [f"{f'{kind} {name}':{width}}  {where}" for (kind, name), where in sorted(points.items())]


def counted(count: int, what: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def rows_of(reasons: Iterable[Reason]) -> list[dict[str, Any]]:
    """Return reasons as JSON."""
    return [reason.as_row() for reason in reasons]


def first(found: Iterable[Any]) -> Any:
    """Return the first that is not None; None where all are."""
    return next((one for one in found if one is not None), None)


def every(found: Iterable[Any]) -> tuple[Any, ...]:
    """Return all that are not None."""
    return tuple(one for one in found if one is not None)
