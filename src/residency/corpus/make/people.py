"""Preference pairs from people: the blind forms that raters filled in, read as their spreadsheet saved them.

A pairwise form has the columns ``answer 1`` and ``answer 2`` and, on each axis, 1, 2 or 0 for the better one; an
individual form has ``answer`` and a rating on each axis. Blank is not rated.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

from residency.core.errors import SourceError
from residency.core.legal import Rule, Seed
from residency.core.settings import Flat
from residency.core.store import sha256_text
from residency.core.types import Document
from residency.corpus.make.likeness import words_of
from residency.corpus.make.pairs import EMPTY, NO_GAP, SAME, Pairing, Rated, paired
from residency.corpus.make.rows import Outcome, Refused, preference, turn

UNRATED, SPLIT = "nobody rated it", "the raters do not agree"
Row = dict[str, str]
RATED = Pairing(gap=1.0, least=0.0)


def _no_files(paths: Iterable[Path | str]) -> str | None:
    missing = [str(path) for path in paths if not Path(path).expanduser().is_file()]
    return f"{', '.join(missing)}: no such file; legal: forms as CSV, one a rater" if missing else None


Forms = Annotated[list[Path], Rule("CSV files, one a rater", _no_files)]


def people(
    *,
    # The filled forms, one file a rater.
    forms: Forms,
    # The axis of the form that decides.
    axis: str = "helpful",
    pairing: Flat[Pairing] = RATED,
    # The licence of what is made of your own file.
    licence: str = "internal",
    # The language of your own file.
    language: str = "en",
    # What is drawn by; the seed of make, unless it is given here.
    seed: Seed = 0,
) -> Iterator[Outcome]:
    """Yield the pairs that raters' ``forms`` give on one ``axis``.

    Of a pairwise form a line is a pair where more raters prefer one answer than the other. Of an individual form the
    answers to one question are paired as in ``pairs.paired``, by their mean rating. Raises SourceError where a file is
    no form, or a cell is no rating; the cell is never told.
    """
    base = Document("", "", "people", licence, language)
    rated: dict[str, tuple[Row, list[float]]] = {}
    for path in forms:
        for place, row in _sheet(Path(path).expanduser(), axis):
            key = sha256_text("\0".join(row[name] for name in _shown(row)))
            rated.setdefault(key, (row, []))[1].extend(_rating(row[axis], Path(path).name, place, axis))
    rows = [(key[:12], row, ratings) for key, (row, ratings) in rated.items()]
    pairwise = [found for found in rows if "answer 1" in found[1]]
    single = [found for found in rows if "answer 1" not in found[1]]
    yield from (_preferred(key, row, ratings, base) for key, row, ratings in pairwise)
    yield from (Refused(UNRATED) for _, _, ratings in single if not ratings)
    means = [
        Rated(key, row["question"], row["question"], row["answer"], sum(r) / len(r)) for key, row, r in single if r
    ]
    for outcome in paired(means, base, pairing, seed):
        if isinstance(outcome, Document):
            outcome.meta["group"] = sha256_text(outcome.meta["group"])[:12]  # a question may be a patient's
        yield outcome


def _preferred(key: str, row: Row, ratings: Sequence[float], base: Document) -> Outcome:
    first, second = row["answer 1"], row["answer 2"]
    if not ratings:
        return Refused(UNRATED)
    if not first.strip() or not second.strip():
        return Refused(EMPTY)
    if words_of(first) == words_of(second):
        return Refused(SAME)
    ones, twos = ratings.count(1.0), ratings.count(2.0)
    if ones == twos:
        return Refused(SPLIT if ones else NO_GAP)
    better, worse = (first, second) if ones > twos else (second, first)
    votes = {"for": max(ones, twos), "against": min(ones, twos), "neither": ratings.count(0.0)}
    meta = {"from": [key], "votes": votes, "group": sha256_text(row["question"])[:12]}
    return preference("people", f"people:{key}", [base], [turn("user", row["question"])], better, worse, **meta)


def _shown(row: Row) -> tuple[str, ...]:
    return ("question", "answer 1", "answer 2") if "answer 1" in row else ("question", "answer")


def _rating(cell: str, name: str, place: int, axis: str) -> list[float]:
    if not cell.strip():
        return []
    try:
        return [float(cell.strip().replace(",", "."))]
    except ValueError:
        raise SourceError(f"{name}, row {place}: {axis} is no number; legal are numbers, or blank") from None


def _sheet(path: Path, axis: str) -> list[tuple[int, Row]]:
    """Return the rows of a form with their numbers in the spreadsheet; commas, semicolons or tabs, UTF-8 or cp1252."""
    data = path.read_bytes()
    text = _decoded(data).replace("\r\n", "\n")
    heads: list[str] = []
    for mark in ",;\t":
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=mark))
        except csv.Error:
            continue
        heads = [name.strip() for name in rows[0]] if rows else []
        if axis in heads and (
            {"question", "answer"} <= set(heads) or {"question", "answer 1", "answer 2"} <= set(heads)
        ):
            found = ((place, [*row, *[""] * len(heads)]) for place, row in enumerate(rows[1:], 2) if any(row))
            return [(n, {k: _bare(v) for k, v in zip(heads, row, strict=False)}) for n, row in found]
    raise SourceError(
        f"{path.name} is no form: its columns must be question, answer (or answer 1, answer 2) and {axis}"
    )


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _bare(cell: str) -> str:
    """Return a cell without the mark that keeps a spreadsheet from computing it."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@", "\t", "\r") else cell
