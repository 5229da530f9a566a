"""Two models, one question, and a person who chooses between the answers before they learn whose is whose.

Which answer stands on the left is drawn at random and put down before anyone sees either; the names stay in the
database until a choice is made, and a choice is made once.
"""

from __future__ import annotations

import asyncio
import json
import math
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from residency.serve.review.content import Desk, is_id, opened
from residency.serve.review.drafts import now
from residency.serve.review.turns import turn
from residency.serve.store.tables import COMPARISONS
from residency.serve.types import Entry, Principal, Refused

CHOICES = ("first", "second", "tie", "neither")
_OPEN = COMPARISONS.c.choice.is_(None)


@dataclass(frozen=True, slots=True)
class Answered:
    """What one model answered, and under which request of the record."""

    model: str
    hash: str
    text: str
    request: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A question and two answers; the models' names are empty until a choice is made."""

    id: str
    at: str
    question: str
    answers: tuple[str, str]
    choice: str | None
    first: str = ""
    second: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """How often each of two models was chosen over the other; ``models`` in the order of their names."""

    models: tuple[str, str]
    chosen: tuple[int, int]
    ties: int
    neither: int

    @property
    def share(self) -> dict[str, float | None]:
        """Return the first model's share of the choices that fell on one of the two, with its 95% Wilson interval.

        Wilson (1927), equation for the score interval. None where no choice fell on either.
        """
        n, z = sum(self.chosen), 1.959964
        if not n:
            return {"value": None, "low": None, "high": None}
        p = self.chosen[0] / n
        middle, reach = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return {"value": p, "low": (middle - reach) / (1 + z * z / n), "high": (middle + reach) / (1 + z * z / n)}


async def make(desk: Desk, principal: Principal, *, question: str, answers: Sequence[Answered]) -> Comparison:
    """Return a new comparison of two answers, in an order that is drawn here, on record."""
    first, second = answers if secrets.randbelow(2) else reversed(answers)
    id, at = secrets.token_hex(16), now()
    words = json.dumps({"question": question, "answers": [first.text, second.text]}, sort_keys=True)
    row = {"id": id, "by": principal.user, "at": at, "first": _named(first), "second": _named(second)}
    row |= {"request": first.request, "sealed": desk.seal.seal(words.encode(), context_of(id))}
    body = {"comparison": id, "first": row["first"], "second": row["second"], "digest": desk.seal.digest(words)}
    body["requests"] = [first.request, second.request]
    entry = Entry("comparison", principal.actor, body, request=first.request)
    await desk.recorder.write_with(entry, [COMPARISONS.insert().values(row)])
    return Comparison(id, at, question, (first.text, second.text), None)


async def get(desk: Desk, principal: Principal, id: str) -> Comparison:
    """Return a comparison of one's own; Refused (404) where there is none."""
    row = await asyncio.to_thread(_row, desk, principal, id)
    words = json.loads(opened(desk, row["sealed"], context_of(id)))
    names = (row["first"], row["second"]) if row["choice"] else ("", "")
    return Comparison(id, row["at"], words["question"], tuple(words["answers"]), row["choice"], *names)


async def choose(desk: Desk, principal: Principal, id: str, choice: str) -> Comparison:
    """Return the comparison with its names, after the choice is on record; Refused (409) where one was made."""
    if choice not in CHOICES:
        raise Refused(f"a choice is one of: {', '.join(CHOICES)}", param="choice")
    async with turn(id):
        row = await asyncio.to_thread(_row, desk, principal, id)
        if row["choice"]:
            raise Refused("a choice was made: it stands", status=409, code="decided")
        body = {"comparison": id, "first": row["first"], "second": row["second"], "choice": choice}
        change = COMPARISONS.update().where(COMPARISONS.c.id == id, _OPEN).values(choice=choice)
        await desk.recorder.write_with(Entry("choice", principal.actor, body, request=row["request"]), [change])
    return await get(desk, principal, id)


async def listed(desk: Desk, principal: Principal, *, most: int = 20) -> list[dict[str, Any]]:
    """Return one's own comparisons, the newest first: id, at, choice."""
    columns = (COMPARISONS.c.id, COMPARISONS.c.at, COMPARISONS.c.choice)
    own = select(*columns).where(COMPARISONS.c.by == principal.user).order_by(COMPARISONS.c.at.desc()).limit(most)
    return await asyncio.to_thread(_rows, desk, own)


async def tallies(desk: Desk) -> list[Tally]:
    """Return how often each model was chosen over each other, by everyone together."""
    chosen = select(COMPARISONS.c.first, COMPARISONS.c.second, COMPARISONS.c.choice).where(~_OPEN)
    counts: dict[tuple[str, str], Counter[str]] = {}
    for row in await asyncio.to_thread(_rows, desk, chosen):
        pair = tuple(sorted((row["first"], row["second"])))
        what = row[row["choice"]] if row["choice"] in ("first", "second") else f" {row['choice']}"
        counts.setdefault((pair[0], pair[1]), Counter())[what] += 1
    return [
        Tally(pair, (count[pair[0]], count[pair[1]]), count[" tie"], count[" neither"])
        for pair, count in sorted(counts.items())
    ]


def _row(desk: Desk, principal: Principal, id: str) -> dict[str, Any]:
    own = (COMPARISONS.c.id == id) & (COMPARISONS.c.by == principal.user)
    rows = _rows(desk, select(COMPARISONS).where(own)) if is_id(id) else []
    if not rows:
        raise Refused("there is no such comparison", status=404, code="not_found")
    return rows[0]


def _rows(desk: Desk, chosen: Any) -> list[dict[str, Any]]:
    with desk.database.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(chosen)]


def _named(answer: Answered) -> str:
    """Return a model's name and hash in the width of a column: the hash whole, or as far as there is room."""
    return f"{answer.model[-90:]} {answer.hash}"[:160]


def context_of(id: str) -> str:
    """Return what ties sealed words to their comparison."""
    return f"comparison:{id}"
