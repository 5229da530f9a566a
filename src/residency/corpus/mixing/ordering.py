"""The rows of a corpus in training order: which are seen, how often and when, as the plan of the mixture says.

The order is a sort: each row has a key made from the hash of its id, so that any engine can make it, shard by shard.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from residency.core.store import atomic_path
from residency.corpus.mixing.mixture import Mixture, Plan, Rate, plan
from residency.corpus.mixing.splits import codes, hashes, unit


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that are trained on, one entry each time that a row is seen: its number, stage, epoch and key."""

    row: np.ndarray
    stage: np.ndarray
    epoch: np.ndarray
    key: np.ndarray


def chosen(made: Plan, *, id: Sequence[str], source: Sequence[str], tokens: Sequence[int], seed: int = 0) -> Rows:
    """Return the rows that each stage sees, as often as the plan says; sorting by (stage, key) is the training order.

    Of an epoch that is not whole, rows come by the hash of their id until their tokens are nearest to the plan's, so a
    larger budget keeps all rows of a smaller one. Keys spread a source evenly over its stage, all of an epoch before
    the next; with priorities w they are times of an exponential race (Efraimidis and Spirakis 2006), which is drawing
    one row after another in proportion to w.
    """
    numbers, names = codes(source)
    marks, sizes = hashes(id, f"{seed}:mix:"), np.asarray(tokens, np.float64)
    if unplanned := [name for at, name in enumerate(names) if name not in made.sizes and sizes[numbers == at].any()]:
        raise ValueError(f"the plan knows nothing of the sources {', '.join(map(str, unplanned))}")
    begun = dict.fromkeys(names, 0.0)
    parts = []

    def weight(name: str) -> float | None:
        return made.priority.get(name, 1.0) if made.priority else None

    for rate in made.rates:
        if rate.tokens and rate.source in names:
            rows = np.flatnonzero(numbers == names.index(rate.source))
            rows = rows[np.lexsort((rows, marks[rows]))]
            parts.append(_seen(rate, rows, marks, sizes[rows], begun[rate.source], weight(rate.source)))
            begun[rate.source] += rate.epochs
    if not parts:
        return Rows(*(np.zeros(0, kind) for kind in (np.int64, np.int16, np.int16, np.float64)))
    return Rows(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _seen(
    rate: Rate, rows: np.ndarray, marks: np.ndarray, sizes: np.ndarray, begun: float, weight: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return (row, stage, epoch, key) of one source in one stage, which goes on where the stage before it stopped."""
    ends = np.cumsum(sizes)
    middles = (ends - sizes / 2) / ends[-1] if len(ends) and ends[-1] else np.zeros(len(rows))
    found = []
    for epoch in range(int(begun), int(np.ceil(begun + rate.epochs - 1e-9))):
        low, high = max(begun - epoch, 0.0), min(begun + rate.epochs - epoch, 1.0)
        mine = rows[(middles >= low) & (middles < high)]
        u = unit(_mixed(marks[mine], epoch))
        place = (max(epoch - begun, 0.0) + u * (high - low)) / rate.epochs
        key = place if weight is None else -np.log1p(-np.minimum(place, 1 - 2**-53)) / weight
        found.append((mine, np.full(len(mine), rate.stage), np.full(len(mine), epoch), key))
    return tuple(np.concatenate(column) for column in zip(*found, strict=True))  # type: ignore[return-value]


def _mixed(numbers: np.ndarray, salt: int) -> np.ndarray:
    """Return 64-bit numbers drawn anew for a salt (the finaliser of SplitMix64, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        x = numbers + np.uint64((salt + 1) * 0x9E3779B97F4A7C15 % 2**64)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def order(made: Plan, *, id: Sequence[str], source: Sequence[str], tokens: Sequence[int], seed: int = 0) -> np.ndarray:
    """Return row numbers in training order, a row as often as it is seen; the same rows give the same order of ids,
    however they are sorted beforehand."""
    rows = chosen(made, id=id, source=source, tokens=tokens, seed=seed)
    rank = codes(id)[0]
    found: np.ndarray = rows.row[np.lexsort((rank[rows.row], rows.key, rows.stage))]
    return found


def _training(rows: Any) -> Any:
    """Return the rows that train: all of a corpus that is not split."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return rows.filter(pc.is_in(rows["split"], pa.array(["train", ""])))


def write_order(out: Path, shards: Sequence[str], settings: Mixture, sources: Iterable[str]) -> dict[str, Any]:
    """Return the plan as plain data after writing ``out/order.parquet``: a row for each time a document is seen, in
    training order, with its ``stage``, ``epoch``, ``shard`` (the file in ``documents/``) and ``place`` there.

    ``out/rows/`` holds a table a shard of ``place``, ``id``, ``source``, ``tokens`` and ``split``; no text is
    read. ``sources`` are the names of all, also of those that hold no text to train on.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = [_training(pq.read_table(out / "rows" / f"{name}.parquet")) for name in shards]
    rows = pa.concat_tables(tables)
    sizes: Counter[str] = Counter(dict.fromkeys(sources, 0))
    for name, count in zip(rows["source"].to_pylist(), rows["tokens"].to_pylist(), strict=True):
        sizes[name] += count
    made = plan(settings, sizes)
    ids, tokens = rows["id"].to_pylist(), rows["tokens"].to_numpy()
    seen = chosen(made, id=ids, source=rows["source"].to_pylist(), tokens=tokens, seed=settings.seed)
    order = np.lexsort((codes(ids)[0][seen.row], seen.key, seen.stage))
    row = seen.row[order]
    columns = {"stage": seen.stage[order], "epoch": seen.epoch[order], "shard": rows["file"].take(pa.array(row))}
    found = pa.table({**columns, "place": rows["place"].take(pa.array(row))})
    with atomic_path(out / "order.parquet") as temporary:
        pq.write_table(found, temporary, compression="zstd")
    return made.facts()
