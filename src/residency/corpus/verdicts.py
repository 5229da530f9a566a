"""What is decided of each row when the keys of all are together: which fall, which get another id, what is cut out.

All of it is tables of row numbers, sorted, on disk; a shard of the second pass is handed its own stretch of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from residency.corpus.compare.dedup import Dedup, decide
from residency.corpus.engine import Engine, Query
from residency.corpus.mixing.splits import Parted, Splits, part

LEFT_OUT = "left out of the splits"


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was decided of the rows from ``first`` on.

    ``dropped`` maps a row to its reason, ``renamed`` to its new id, ``repeated`` to the paragraphs to take out.
    ``bad`` rows are told in ``bad.jsonl`` and count nowhere else. ``parted`` is the split of each row where it cannot
    be told from the row alone, and ``left`` why rows are in none.
    """

    first: int
    dropped: Mapping[int, str] = field(default_factory=dict)
    renamed: Mapping[int, str] = field(default_factory=dict)
    repeated: Mapping[int, list[int]] = field(default_factory=dict)
    parted: Sequence[str] | None = None
    left: Mapping[int, str] = field(default_factory=dict)
    bad: frozenset[int] = frozenset()


@dataclass(slots=True)
class Verdicts:
    """The decisions on all rows, in Parquet files sorted by row, read one row group at a time as shards ask."""

    twice: Path
    drops: Path
    repeats: Path
    sources: list[str]
    parted: Parted | None = None
    rows: Any = None

    def of(self, first: int, end: int) -> Stretch:
        """Return what was decided of the rows from ``first`` to ``end``, half open."""
        dropped = {row["row"]: row["reason"] for row in _between(self.drops, first, end)}
        renamed: dict[int, str] = {}
        bad: set[int] = set()
        for row in _between(self.twice, first, end):
            if row["own"]:
                bad.add(row["row"])
            else:
                renamed[row["row"]] = ":".join([*self._told(row), row["id"]])
        repeated: dict[int, list[int]] = defaultdict(list)
        for row in _between(self.repeats, first, end):
            repeated[row["row"]].append(row["paragraph"])
        return Stretch(first, dropped, renamed, dict(repeated), *self._split(first, end), frozenset(bad))

    def _told(self, row: Mapping[str, Any]) -> Iterator[str]:
        """Yield what tells an id from others like it: the source where another has it too, the file where its own."""
        if row["first_source"] != row["source"]:
            yield self.sources[row["source"]]
        if row["again"]:
            yield row["file"]

    def _split(self, first: int, end: int) -> tuple[list[str] | None, dict[int, str]]:
        """Return the split of each row, and why rows are in none."""
        if self.parted is None:
            return None, {}
        low, high = bisect_left(self.rows, first), bisect_left(self.rows, end)
        why = self.parted.why
        left = {self.rows[at]: f"{LEFT_OUT}: {why[at]}" for at in range(low, high) if at in why}
        return [str(name) for name in self.parted.split[low:high]], left

    def same_ids(self) -> Iterator[dict[str, Any]]:
        """Yield the rows whose own file had their id before, with their place and that of the first."""
        yield from (row for row in _between(self.twice, 0, 2**63) if row["own"])


def _between(path: Path, first: int, end: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of a sorted file whose number lies between, opening only the row groups that hold any."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            about = file.metadata.row_group(group).column(0).statistics
            if about is None or about.min is None or (about.min < end and about.max >= first):
                for row in file.read_row_group(group).to_pylist():
                    if first <= row["row"] < end:
                        yield row


_TWICE = """
SELECT row, id, source, file, line, first_source, first_file, first_line, own, again FROM (
  SELECT row, id, source, file, line,
    row_number() OVER every AS nth,
    first_value(source) OVER every AS first_source,
    row_number() OVER here > 1 AS own,
    row_number() OVER mine > 1 AS again,
    first_value(file) OVER here AS first_file,
    first_value(line) OVER here AS first_line
  FROM ids WINDOW every AS (PARTITION BY id ORDER BY row), mine AS (PARTITION BY id, source ORDER BY row),
    here AS (PARTITION BY id, source, file ORDER BY row)
) WHERE nth > 1 ORDER BY row
"""


def compare(
    run: Engine,
    prepared: Sequence[Mapping[str, Any]],
    work: Path,
    sources: list[str],
    dedup: Dedup,
    splits: Splits | None,
) -> Verdicts:
    """Return the decisions on all rows of the parts that were prepared in ``work``."""
    files: dict[str, list[Path]] = defaultdict(list)
    for facts in prepared:
        for path in sorted((work / "prepared" / f"{facts['number']:06d}").glob("*.parquet")):
            files[path.stem].append(path)
    ids = files.pop("ids", [])
    if not ids:
        return _nothing(work, sources)
    keys = {name: paths for name, paths in files.items() if not name.startswith(("documents", "dropped"))}
    with run.queries() as query:
        twice = query(_TWICE, work / "twice.parquet", ids=ids)
        decided = decide(keys, query, dedup, work / "dedup")
        verdicts = Verdicts(twice, decided.drops, decided.repeats, sources)
        if splits and splits.by == "time":  # who stands on both sides of the day is seen only in all rows
            verdicts.rows, verdicts.parted = _parted(query, ids, work, sources, splits)
    return verdicts


def _parted(query: Query, ids: list[Path], work: Path, sources: list[str], splits: Splits) -> tuple[Any, Parted]:
    import pyarrow.parquet as pq

    rows = pq.read_table(query("SELECT * FROM ids ORDER BY row", work / "ids.parquet", ids=ids))
    source = [sources[number] for number in rows["source"].to_pylist()]
    made = part(splits, patient=rows["patient"], id=rows["id"], date=rows["date"], source=source, public=rows["public"])
    return rows["row"].to_pylist(), made


def _nothing(work: Path, sources: list[str]) -> Verdicts:
    """Return the decisions where there is no document at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = work / "nothing.parquet"
    pq.write_table(pa.table({"row": pa.array([], pa.uint64())}), path)
    return Verdicts(path, path, path, sources)
