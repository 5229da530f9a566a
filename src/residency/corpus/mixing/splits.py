"""Which documents are for training, validation and test: whole groups, drawn by the hash of their name, or by a day.

The same group is on the same side whatever else is in the corpus, so a corpus that grows keeps its test. Only ids,
patients, dates and sources are looked at, never a text.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from residency.core.legal import Clash, Date, Seed, Share, agree

SPLITS = ("train", "validation", "test", "left out")
NO_DATE, UNREADABLE, BOTH = "no date", "a date that cannot be read", "its patient stands on both sides of the day"
Column = Sequence[str | None] | np.ndarray
_DAY = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")


@dataclass(frozen=True, slots=True)
class Splits:
    """How the documents are parted into training, validation and test."""

    # What is kept whole: patients (documents without one alone), sources, or (time) patients with a day that parts
    # them, for which documents need a date.
    by: Literal["patient", "source", "time"] = "patient"
    # The share of the groups that is for the test; by time, the day decides instead.
    test: Share = 0.05
    # The share of the groups that is for validation; by time, of the patients before the day.
    validation: Share = 0.05
    # The day from which on documents are test, by time.
    time: Date | None = None
    # A patient on both sides of the day is test as a whole, or (drop) their earlier documents are left out.
    both: Literal["test", "drop"] = "test"
    # What groups are drawn by; another seed gives another test.
    seed: Seed = 0

    def __post_init__(self) -> None:
        """Hold the settings against each other."""
        agree(self._clashes())

    def _clashes(self) -> Iterator[Clash]:
        if self.by == "time" and self.time is None:
            text = "splits by time need the day from which on documents are test; give time: 2024-01-01"
            yield ("time", "by"), text
        if self.by != "time" and self.time is not None:
            yield ("time", "by"), f"a day is given (time: {self.time}), but splits are by {self.by}; give by: time"
        if self.by != "time" and self.test + self.validation > 1:
            text = f"test {self.test:g} and validation {self.validation:g} are more than 1 together"
            yield ("test", "validation", "by"), text


@dataclass(slots=True)
class Parted:
    """The split of each row, the group that it stands in (a number), and why the rows were left out that were."""

    split: np.ndarray
    group: np.ndarray
    why: dict[int, str] = field(default_factory=dict)

    @property
    def reasons(self) -> Counter[str]:
        """How many rows were left out for what reason."""
        return Counter(self.why.values())


def part(
    settings: Splits,
    *,
    patient: Column,
    id: Column,
    date: Column,
    source: Column,
    cluster: Column | None = None,
    public: Sequence[bool] | None = None,
) -> Parted:
    """Return the split of each document: "train", "validation", "test", or "left out" with the reason.

    ``public`` says which documents are public knowledge, that may do without a date; None: none is.
    ``cluster`` names each document's group of near-duplicates, None where it has none: what it links (two patients
    with one note) becomes one group, drawn by the first of its names. A patient of that name is one patient, whatever
    source they come from.
    """
    patient, id, date, source = map(_listed, (patient, id, date, source))
    names, group = _groups(settings, patient, id, source, cluster)
    draw = unit(hashes(names, f"{settings.seed}:split:"))
    if settings.by == "time":
        nobody = np.array([not name for name in patient], bool)
        timeless = nobody & np.array([False] * len(group) if public is None else _listed(public), bool)
        return _by_time(settings, draw, group, np.asarray(date, object), timeless)
    side = np.where(draw < settings.test, 2, np.where(draw < settings.test + settings.validation, 1, 0))
    return Parted(np.array(SPLITS)[side[group]], group)


def _listed(column: Column | Sequence[bool]) -> Any:
    """Return an Arrow column as a list; others as they are."""
    return column.to_pylist() if hasattr(column, "to_pylist") else column


def hashes(keys: Iterable[str], salt: str) -> np.ndarray:
    """Return a 64-bit number a key, ``uint64 [keys]``: the same everywhere and always (BLAKE2b of salt and key)."""
    start = hashlib.blake2b(salt.encode(), digest_size=8)
    digests = []
    for key in keys:
        one = start.copy()
        one.update(key.encode("utf-8", "surrogatepass"))
        digests.append(one.digest())
    return np.frombuffer(b"".join(digests), dtype="<u8")


def unit(numbers: np.ndarray) -> np.ndarray:
    """Return 64-bit numbers as even draws from [0, 1), of 53 bits each."""
    return (numbers >> np.uint64(11)) * 2.0**-53


def codes(column: Column) -> tuple[np.ndarray, list[str | None]]:
    """Return a number a row, and the value that each number stands for, sorted (None first)."""
    import pyarrow as pa

    values = pa.array(_listed(column), pa.string(), from_pandas=True)
    coded = values.dictionary_encode("encode")
    found: list[str | None] = coded.dictionary.to_pylist()
    order = sorted(range(len(found)), key=lambda i: (found[i] is not None, found[i] or ""))
    rank = np.empty(len(found), np.int64)
    rank[order] = np.arange(len(found))
    return rank[coded.indices.to_numpy(zero_copy_only=False)], [found[i] for i in order]


def _groups(
    settings: Splits, patient: Column, id: Column, source: Column, cluster: Column | None
) -> tuple[list[str], np.ndarray]:
    """Return the groups' names, sorted, and each row's number among them."""
    rows, known = codes(source if settings.by == "source" else patient)
    kind = "source" if settings.by == "source" else "patient"
    names = [f"{kind}:{name}" for name in known]
    alone = np.array([not name for name in known], bool)[rows] if len(rows) else np.zeros(0, bool)
    if alone.any():
        own, ids = codes([key for key, single in zip(id, alone, strict=True) if single])
        rows[alone] = len(names) + own
        names += [f"document:{key}" for key in ids]
    if cluster is not None:
        return _linked(names, rows, codes(cluster))
    return names, rows


def _linked(
    names: list[str], rows: np.ndarray, clusters: tuple[np.ndarray, list[str | None]]
) -> tuple[list[str], np.ndarray]:
    """Return groups joined where a cluster links them, each under the first of its names in order of the alphabet."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    numbers, known = clusters
    linked = np.array([name is not None for name in known], bool)[numbers]
    size = len(names) + len(known)
    ends = rows[linked], len(names) + numbers[linked]
    graph = coo_matrix((np.ones(len(ends[0]), np.int8), ends), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    order = np.array(sorted(range(len(names)), key=names.__getitem__))
    found, first, inverse = np.unique(component[order], return_index=True, return_inverse=True)
    group = np.empty(len(names), np.int64)
    group[order] = inverse
    return [names[order[i]] for i in first], group[rows]


def _by_time(settings: Splits, draw: np.ndarray, group: np.ndarray, date: np.ndarray, timeless: np.ndarray) -> Parted:
    """Return the split by a day; a date that is only a year or a month counts as its last day.

    What cannot be shown to be from before the day is left out: without a date (unless it is ``timeless``), or with one
    that cannot be read. Where the whole of a patient is for the test, so are their documents without a date.
    """
    last, day = _last_days(date), str(settings.time)
    late = last >= day
    tested = np.zeros(len(draw), bool)
    tested[group[late]] = True
    side = np.where(draw < settings.validation, 1, 0)[group]
    side[tested[group]] = 2
    written = np.array([bool(value) for value in date], bool)
    drop = settings.both == "drop"
    open_ones = ~late if drop else ~tested[group]
    undated, unread = open_ones & ~written & ~timeless, open_ones & written & (last == "")
    early = tested[group] & ~late & ~undated & ~unread & drop
    why = {
        int(row): reason
        for rows, reason in ((undated, NO_DATE), (unread, UNREADABLE), (early, BOTH))
        for row in np.flatnonzero(rows)
    }
    side[list(why)] = 3
    return Parted(np.array(SPLITS)[side], group, why)


def _last_days(dates: np.ndarray) -> np.ndarray:
    """Return the last day that each date may mean, as text; "" where there is no date that can be read."""
    numbers, known = codes(dates)
    days = [_last_day(date or "") for date in known]
    return np.array(days, "U10")[numbers] if days else np.array([], "U10")


def _last_day(date: str) -> str:
    found = _DAY.match(date)
    if found is None or date[found.end() : found.end() + 1] not in ("", "T", " "):
        return ""
    return f"{found[0]}{'-12-31'[len(found[0]) - 4 :]}"
