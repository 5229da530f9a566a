"""A small part of a stage's examples for a probe of it, or made-up ones where none are built yet.

A sample keeps every so many-th training row, by what it is for, so that all kinds are in it; what is held out stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from residency.core.store import json_line, read_jsonl, write_examples, write_jsonl, write_manifest
from residency.core.types import Example
from residency.corpus.general import general_text

SAMPLED = ("examples.jsonl", "text.jsonl")
LETTERS_A_TOKEN = 12
"""Letters of a row's line on disk, its options and notes among them, for each token that is learned."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A folder in place of an examples stage; ``stands_for`` says of each kept id how many rows it stands for.

    ``whole``: nothing was left out. ``built``: the rows are of the recipe, and not made up.
    """

    folder: Path
    stands_for: Mapping[str, float]
    whole: bool = False
    built: bool = True

    def weight(self, ids: Sequence[str]) -> float:
        """Return for how many rows one of ``ids`` stands, on average; of unknown ids the mean of all."""
        found = [self.stands_for[each] for each in ids if each in self.stands_for] or [*self.stands_for.values()]
        return sum(found) / len(found) if found else 1.0


def sample(source: Path, out: Path, tokens: int) -> Sample:
    """Return a folder like the examples stage ``source``, with about ``tokens`` tokens to learn of each use."""
    out.mkdir(parents=True)
    for path in source.iterdir():
        if path.name not in SAMPLED:
            (out / path.name).symlink_to(path.resolve())
    files = [name for name in SAMPLED if (source / name).exists()]
    letters: dict[str, int] = defaultdict(int)
    for name in files:
        for row in read_jsonl(source / name):
            letters[_use(name, row)] += len(json_line(row))
    shares = {use: min(1.0, tokens * LETTERS_A_TOKEN / size) for use, size in letters.items() if use and size}
    stands_for: dict[str, float] = {}
    for name in files:
        write_jsonl(out / name, _kept(name, read_jsonl(source / name), shares, stands_for))
    return Sample(out, stands_for, whole=all(share == 1.0 for share in shares.values()))


def _use(file: str, row: Mapping[str, Any]) -> str:
    """Return what a row is for; "" where it is not learned from."""
    if row.get("split", "train") != "train":
        return ""
    return f"{file}:{(row.get('meta') or {}).get('use', '')}"


def _kept(file: str, rows: Iterator[Any], shares: Mapping[str, float], stands_for: dict[str, float]) -> Iterator[Any]:
    """Yield every so many-th row of each use, the first of each among them."""
    due: dict[str, float] = defaultdict(lambda: 0.999999)
    for row in rows:
        if use := _use(file, row):
            due[use] += shares[use]
            if due[use] < 1.0:
                continue
            due[use] -= 1.0
            stands_for[str(row["id"])] = 1.0 / shares[use]
        yield row


def made_up(out: Path, *, row: int, tokens: int) -> Sample:
    """Return an examples folder of about ``tokens`` tokens that fit in rows of ``row``: general text, cut to pieces.

    Questions have three options each, one of them right; every other one is for preference pairs.
    """
    size = max(2, min(60, row // 8))
    words = cycle([word for passage in general_text() for word in passage.meta["text"].split()])

    def piece(count: int) -> str:
        return " ".join(islice(words, count))

    options = [piece(max(1, size // 5)) for _ in range(3)]
    count = max(24, 2 * tokens // size)
    rows = [_question(i, piece(size), options) for i in range(count)]
    out.mkdir(parents=True)
    write_examples(out / "examples.jsonl", rows)
    write_jsonl(out / "text.jsonl", ({"id": f"text-{i}", "text": piece(2 * size)} for i in range(count)))
    write_manifest(out, stage="examples")
    return Sample(out, {example.id: 1.0 for example in rows}, built=False)


def _question(number: int, text: str, options: Sequence[str]) -> Example:
    right = options[number % len(options)]
    return Example(
        f"made-up-{number}",
        [{"role": "user", "content": text}],
        [right],
        [option for option in options if option != right],
        list(options),
        group=str(number),
        split="dev" if number % 12 == 11 else "train",
        meta={"use": ("instruct", "prefer")[number % 2], "task": "made_up", "text": text},
    )
