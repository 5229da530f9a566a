"""Whose documents stand in which split, counted anew from what was written: patients, and documents that name none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from residency.core.progress import say
from residency.corpus.engine import Engine
from residency.corpus.mixing.splits import NO_DATE, UNREADABLE, Splits
from residency.corpus.verdicts import LEFT_OUT

Facts = Mapping[str, Any]
_IN_TWO = (
    "SELECT count(*) FROM (SELECT {0} FROM rows WHERE {0} IS NOT NULL GROUP BY {0} HAVING count(DISTINCT split) > 1)"
)
_PATIENTS = f"""
SELECT count(DISTINCT patient) AS patients, ({_IN_TWO.format("patient")}) AS in_two,
  ({_IN_TWO.format("source")}) AS sources_in_two
FROM rows
"""
_BY_SPLIT = """
SELECT split, count(*) AS documents, count(DISTINCT source) AS sources, count(DISTINCT patient) AS patients,
  count(*) FILTER (patient IS NULL) AS without_patient, count(*) FILTER (patient IS NULL AND public) AS public,
  count(*) FILTER (date IS NULL) AS without_date, min(date) AS first, max(date) AS last
FROM rows GROUP BY split ORDER BY split
"""


@dataclass(frozen=True, slots=True)
class People:
    """How many patients a corpus is about, how many of them and of the groups stand in two splits, and each split.

    A group is what a split holds whole: a patient, a document without one, or (where they are split so) a source.
    ``without`` documents name no patient; of these, a split's ``public`` ones are public knowledge.
    """

    patients: int = 0
    without: int = 0
    in_two: int = 0
    groups_in_two: int = 0
    by: str = ""
    splits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def people_of(run: Engine, tables: Sequence[Path], scratch: Path, settings: Splits | None) -> People:
    """Return what the rows of all shards say about patients, counted anew from what was written."""
    import pyarrow.parquet as pq

    if not tables:
        return People()
    with run.queries() as query:
        [found] = pq.read_table(query(_PATIENTS, scratch / "patients.parquet", rows=tables)).to_pylist()
        splits = pq.read_table(query(_BY_SPLIT, scratch / "splits.parquet", rows=tables)).to_pylist()
    by_source = settings is not None and settings.by == "source"
    made = {row["split"]: _side(row, by_source) for row in splits}
    in_two = found["in_two"]
    without = sum(row["without_patient"] for row in splits)
    groups_in_two = found["sources_in_two"] if by_source else in_two
    return People(found["patients"], without, in_two, groups_in_two, settings.by if settings else "", made)


def tell_splits(people: People, finished: Sequence[Facts], splits: Splits | None) -> None:
    """Say how many documents a split by patient cannot hold together (public knowledge is about nobody), and how many
    a day left out for their date, and which shares were not reached.
    """
    nameless = sum(row["without_patient"] - row["public"] for row in people.splits.values())
    total = sum(row["documents"] for row in people.splits.values())
    verb = "names" if nameless == 1 else "name"
    if splits and splits.by != "source" and nameless:
        say(
            f"splits: {nameless:,} of {total:,} documents {verb} no patient, so one patient may stand in two splits; "
            "name patients by columns: {patient: COLUMN}, or in front matter (patient: ...)"
        )
    fell: Counter[str] = sum((Counter(facts["dropped"]) for facts in finished), Counter())
    left = [fell[f"{LEFT_OUT}: {reason}"] for reason in (NO_DATE, UNREADABLE)]
    if any(left):
        say(
            f"splits: left out, since the day decides: {left[0]:,} with {NO_DATE}, {left[1]:,} with {UNREADABLE}; "
            "name dates by columns: {date: COLUMN}, or in front matter (date: 2024-05-11)"
        )
    for words in _missed(people, splits) if splits else ():
        say(f"splits: {words}")


def _missed(people: People, splits: Splits) -> Iterator[str]:
    """Yield what a split holds that is less than half of what was asked for, or more than twice: whole groups are
    drawn, so that few or large ones do not come to a share.
    """
    if splits.by == "time":
        asked = {"validation": splits.validation * (1 - _share(people, "test"))}
        if "test" not in people.splits:
            yield f"nothing is from {splits.time} on, so there is no test"
    else:
        asked = {"test": splits.test, "validation": splits.validation}
    groups = sum(side["groups"] for side in people.splits.values())
    whole = "sources" if splits.by == "source" else "patients and documents without one"
    for name, share in asked.items():
        found, side = _share(people, name), people.splits.get(name)
        if share and not share / 2 <= found <= share * 2:
            yield (
                f"{name}: {getattr(splits, name):g} was asked for, and it holds {found:.1%} of the documents "
                f"({side['groups'] if side else 0:,} of {groups:,} {whole}, each kept whole)"
            )


def _share(people: People, name: str) -> float:
    total = sum(side["documents"] for side in people.splits.values())
    side = people.splits.get(name)
    return float(side["documents"]) / total if side and total else 0.0


def _side(row: Facts, by_source: bool) -> dict[str, Any]:
    groups = row["sources"] if by_source else row["patients"] + row["without_patient"]
    keys = ("patients", "without_patient", "public", "without_date", "first", "last")
    return {"documents": row["documents"], "groups": groups, **{key: row[key] for key in keys}}


def split_facts(people: People) -> dict[str, Any] | None:
    """Return the splits as the card shows them; None where the corpus was not split."""
    if not any(people.splits):
        return None
    return {
        "by": people.by,
        "splits": dict(people.splits),
        "in_two": {"patients": people.in_two, "groups": people.groups_in_two},
    }
