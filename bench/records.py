"""What a summary of a long record keeps: the share of a patient's coded diagnoses that its statements name.

    python bench/records.py [--population 200] [--model smollm2-135m] [--how map,rolling] [--statements 12] [--json]

The records are those of a simulated hospital (none of its people is real), whose notes carry the coded conditions of
their encounters: these are what a summary should not lose. A condition is named where all content words of its name
stand in one statement. Beside each summary stand the first and the last lines of the record, and all of it, which is
the most that can be kept. "tokens": how long the record is, by the model's tokenizer or half its bytes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from residency.core.types import Document, Model
from residency.corpus.hospital import read_hospital
from residency.corpus.make.support import stems
from residency.infer.records.fit import sizes
from residency.infer.records.lines import Record, record_of
from residency.infer.records.summary import summary
from residency.infer.records.timeline import counts, timeline
from residency.measure.intervals import bootstrap, mean_of

FEWEST = 4
"""Notes of a record that is read, and conditions that it has to keep."""


def main() -> None:
    """Measure all ways on the same records and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--population", type=int, default=200, help="people around the hospital (default: 200)")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--records", type=int, default=0, help="records at most (0: all)")
    parser.add_argument("--model", default="", help="a model that reads too (default: none)")
    parser.add_argument("--how", default="map,rolling", help="how it reads (default: map,rolling)")
    parser.add_argument("--statements", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        source = read_hospital(scratch=Path(scratch), population=args.population, seed=args.seed)
        documents = [one for one in source.records if isinstance(one, Document)]
    records = [(record_of(some), names) for some, names in _patients(documents)][: args.records or None]
    model = _load(args.model) if args.model else None
    document = measured(records, ways(model, args.how.split(","), args.statements), model)
    print(json.dumps(document, indent=1) if args.json else table(document))


def _load(name: str) -> Model:
    from residency.models.load import load

    return load(name)


def _patients(documents: Iterable[Document]) -> list[tuple[list[Document], list[str]]]:
    """Return the notes of each patient who has enough of them, with the names of all coded conditions."""
    notes: dict[str, list[Document]] = defaultdict(list)
    for one in documents:
        notes[str(one.patient)].append(one)
    found = []
    for _, some in sorted(notes.items()):
        names = sorted({row["display"] for note in some for row in note.meta["conditions"]})
        if len(some) >= FEWEST and len(names) >= FEWEST:
            found.append((some, names))
    return found


Way = Callable[[Record], Sequence[str]]


def ways(model: Model | None, how: Sequence[str], most: int) -> dict[str, Way]:
    """Return the ways to tell a record in so many statements."""

    def told(how: Any, record: Record) -> list[str]:
        return [one.text for one in summary(record, model, how=how, most=most).statements]

    def lines(record: Record) -> list[str]:
        return [line.text for line in record.lines]

    by_model = {f"model, {one}": partial(told, one) for one in how} if model else {}
    return {
        "first lines": lambda record: lines(record)[:most],
        "last lines": lambda record: lines(record)[-most:],
        "central": partial(told, "central"),
        **by_model,
        "all": lines,
    }


def measured(records: Sequence[tuple[Record, list[str]]], ways: dict[str, Way], model: Model | None) -> dict[str, Any]:
    """Return how long the records are, what each way keeps with its interval, and what their timelines hold."""
    size = sizes(model) if model else lambda text: len(text.encode()) // 2
    lengths = sorted(sum(size(one.text) for one in record.documents) for record, _ in records)
    kept = {}
    for name, way in ways.items():
        rows = [{"group": record.patient, "score": share(way(record), names)} for record, names in records]
        value = bootstrap(rows, mean_of(name, graded=True))
        kept[name] = [value.value, value.low, value.high]
    lines = [timeline(record) for record, _ in records]
    dates: dict[str, int] = defaultdict(int)
    for one in lines:
        for how, count in counts(one.events).items():
            dates[how] += count
    about = {"records": len(records), "notes": sum(len(record.documents) for record, _ in records)}
    return {
        **about,
        "tokens": [lengths[0], lengths[len(lengths) // 2], lengths[-1]],
        "kept": kept,
        "dates": dict(dates),
    }


def share(statements: Sequence[str], names: Sequence[str]) -> float:
    """Return the share of names of which one statement holds all content words."""
    said = [stems(one) for one in statements]
    wanted = [stems(name) for name in names]
    return sum(any(one <= words for words in said) for one in wanted) / len(wanted)


def table(document: dict[str, Any]) -> str:
    """Return it as a table in Markdown."""
    low, middle, high = document["tokens"]
    head = f"{document['records']} records of {document['notes']} notes; tokens {low} to {high}, median {middle}"
    rows = [f"| {name} | {v:.3f} [{a:.3f}, {b:.3f}] |" for name, (v, a, b) in document["kept"].items()]
    return "\n".join([head, "", "| way | conditions kept |", "|---|---|", *rows, "", f"dates: {document['dates']}"])


if __name__ == "__main__":
    main()
