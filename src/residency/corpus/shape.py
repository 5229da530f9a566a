"""From documents to examples in the three shapes of the field: running text, instructions, preferences.

Every concept stands in one split (``concepts``), each family draws its items from one split's facts, and what train and
test still have in common is dropped from train, counted and kept aside.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from residency.core.documents import read_documents
from residency.core.legal import Count, Range, Seed
from residency.core.settings import Flat
from residency.core.store import (
    read_manifest,
    write_examples,
    write_json,
    write_jsonl,
    write_manifest,
)
from residency.core.types import Example
from residency.corpus.concepts import SPLITS, Facts, read_facts, shuffled, stems
from residency.corpus.decontaminate import decontaminate
from residency.corpus.families import Patterns, View, draw, finish, gen, ie, nli, portions, qa, records
from residency.corpus.families.gen import rouge_l
from residency.corpus.families.level import triples
from residency.corpus.families.text import running_text
from residency.corpus.own import in_turn, own_text

FAMILIES: dict[str, Patterns] = {"qa": qa.PATTERNS, "nli": nli.PATTERNS, "ie": ie.PATTERNS, "gen": gen.PATTERNS}
SHOWN: dict[str, Patterns] = {"ie_relations": records.RELATIONS, "ie_coded": records.CODED}


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many examples of each kind are made."""

    qa: Count = 1600
    nli: Count = 2400
    ie: Count = 450
    gen: Count = 450
    prefer_qa: Count = 160
    prefer_nli: Count = 240
    prefer_ie: Count = 120
    prefer_gen: Count = 120
    test_choice: Count = 300
    test_written: Count = 200
    test_shown: Count = 50
    dev: Count = 60
    text: Count = 6000

    def training(self, task: str) -> tuple[int, int]:
        """Return how many instruction examples of a family, and how many for preference pairs."""
        return getattr(self, task), getattr(self, f"prefer_{task}")

    def held_out(self, task: str, split: str) -> int:
        """Return how many items of a family stand in dev or test."""
        return self.dev if split == "dev" else self.test_choice if task in ("qa", "nli") else self.test_written


SIZES = Sizes()


def build(
    corpus: Path,
    *,
    out: Path,
    seed: Seed = 0,
    sizes: Flat[Sizes] = SIZES,
    test_share: Annotated[float, Range(least=0, most=0.5)] = 0.25,
    dev_share: Annotated[float, Range(least=0, most=0.25)] = 0.08,
    characters: Annotated[int, Range(least=8, most=1000)] = 64,
    words: Annotated[int, Range(least=3, most=100)] = 13,
    shuffle_answers: bool = False,
) -> None:
    """Write the examples of all families, in three shapes, from the documents of ``corpus`` to ``out``.

    ``qa`` … ``gen`` count instruction examples, ``prefer_…`` fresh ones for preference pairs, ``test_choice`` the test
    items of the two likelihood families, ``test_written`` those of the two generated ones, ``test_shown`` those of
    relations and codes, ``dev`` the items a family in dev, ``text`` rows of running text. Train facts that share
    ``characters`` or ``words`` in a row with a test or dev fact are dropped. ``shuffle_answers`` builds the control:
    the same training prompts with the answers permuted within task and pattern. ``test_share`` and ``dev_share`` are
    the shares of concepts that are held out.
    """
    corpus, out = Path(corpus), Path(out)
    out.mkdir(parents=True, exist_ok=True)
    facts = read_facts(read_documents(corpus / "documents"), seed=seed, test=test_share, dev=dev_share)
    held = _held_out(facts, sizes, seed)
    limits: dict[str, Any] = {"characters": characters, "words": words}
    train, dropped = _train(facts, sizes, held, limits, seed)
    rows, dropped_text = _text(facts, held, sizes.text, limits, seed)
    if shuffle_answers:
        permute_answers(train, random.Random(f"{seed}:answers"))
    _write(out, [*train, *held], rows, [*dropped, *dropped_text])
    write_jsonl(out / "names.jsonl", names(facts))
    card = _card(corpus, facts, [*train, *held], rows, dropped, dropped_text, {**limits, "shuffled": shuffle_answers})
    write_json(out / "card.json", card)
    write_manifest(out, stage="examples", seed=seed, **{key: card[key] for key in ("counts", "decontamination")})
    for cached in (stems, triples, rouge_l):  # hundreds of MB that no later stage asks for
        cached.cache_clear()


def _held_out(facts: Facts, sizes: Sizes, seed: int) -> list[Example]:
    found = []
    for split in SPLITS[1:]:
        view = View(facts, split)
        for task, patterns in FAMILIES.items():
            found += _examples(view, task, patterns, sizes.held_out(task, split), seed)
        for task, patterns in SHOWN.items() if split == "test" else ():
            found += _examples(view, task, patterns, sizes.test_shown, seed)
    return found


def _examples(view: View, task: str, patterns: Patterns, count: int, seed: int) -> list[Example]:
    rng, numbers = random.Random(f"{seed}:{task}:{view.split}"), Counter[str]()
    found = []
    for pattern, draft in draw(view, patterns, count, rng):
        found.append(finish(task, view.split, pattern, numbers[pattern], draft))
        numbers[pattern] += 1
    return found


def _train(
    facts: Facts, sizes: Sizes, held: list[Example], limits: dict[str, Any], seed: int
) -> tuple[list[Example], list[tuple[Example, str]]]:
    """Return the clean training examples, and those dropped with the reason.

    More are drawn than asked for, so that the sizes hold after dropping; each pattern is cut to its count.
    """
    view = View(facts, "train")
    kept: list[Example] = []
    dropped: list[tuple[Example, str]] = []
    for task, patterns in FAMILIES.items():
        instruct, prefer = sizes.training(task)
        drawn = _examples(view, task, patterns, round((instruct + prefer) * 1.1) + 8, seed)
        clean, bad = decontaminate(drawn, held, fact=fact_lines, **limits)
        dropped += bad
        fresh = portions(patterns, prefer)
        for pattern, first in portions(patterns, instruct).items():
            rows = [row for row in clean if row.meta["pattern"] == pattern]
            for number, row in enumerate(rows[: first + fresh[pattern]]):
                row.meta["use"] = "instruct" if number < first else "prefer"
                kept.append(row)
    return kept, dropped


def fact_lines(row: Example | dict[str, Any]) -> list[str]:
    """Return the facts of an example or of a row of running text, one by one, without template wording."""
    return (row["fact"] if isinstance(row, dict) else row.meta["fact"]).split("\n")


def _text(
    facts: Facts, held: list[Example], count: int, limits: dict[str, Any], seed: int
) -> tuple[list[dict[str, Any]], list[tuple[dict[str, Any], str]]]:
    """Return running text, the user's own notes and the ontology's sentences in turn, and what was dropped of it."""
    own = own_text(facts.notes, random.Random(f"{seed}:own"))
    told = running_text(View(facts, "train"), random.Random(f"{seed}:text"), count)
    rows = list(islice(in_turn(own, told), count))
    return decontaminate(rows, held, fact=fact_lines, **limits)


def permute_answers(examples: Iterable[Example], rng: random.Random) -> None:
    """Exchange the answers among the examples of each task, pattern and use, in place.

    Where every example has the same choices, the labels are permuted; where the choices differ, the places of the
    right ones are; written answers move with their wrong alternatives.
    """
    groups: dict[tuple[str, str, str], list[Example]] = defaultdict(list)
    for row in examples:
        groups[row.meta["task"], row.meta["pattern"], row.meta.get("use", "")].append(row)
    for key in sorted(groups):
        rows = shuffled(groups[key], rng)  # each takes the answer of the one before: none keeps its own
        answers = [(row.wanted, row.unwanted, _place(row)) for row in rows]
        for row, (wanted, unwanted, place) in zip(rows, [*answers[-1:], *answers[:-1]], strict=True):
            if row.choices:
                row.wanted = [row.choices[place]]
                row.unwanted = [choice for choice in row.choices if choice != row.wanted[0]]
            else:
                row.wanted, row.unwanted = wanted, unwanted


def _place(row: Example) -> int:
    return row.choices.index(row.wanted[0]) if row.choices else -1


def _write(out: Path, examples: list[Example], rows: list[dict[str, Any]], dropped: list[tuple[Any, str]]) -> None:
    write_jsonl(out / "text.jsonl", ({key: row[key] for key in ("id", "text", "source", "group")} for row in rows))
    write_examples(out / "examples.jsonl", examples)
    write_jsonl(out / "instruct.jsonl", (messages(row) for row in examples if row.meta.get("use") == "instruct"))
    pairs = (pair(row) for row in examples if row.meta.get("use") == "prefer" and row.unwanted)
    write_jsonl(out / "preference.jsonl", pairs)
    write_jsonl(out / "dropped.jsonl", ({"id": _id(row), "reason": reason} for row, reason in dropped))


def names(facts: Facts) -> Iterator[dict[str, str]]:
    """Yield every name of a phenotype with its split: what a dictionary matcher may know."""
    for term in facts.terms.values():
        for name in (term.name, *term.synonyms, *term.lay, *term.short):
            yield {"name": name, "split": term.split}


def _id(row: Example | dict[str, Any]) -> str:
    return row["id"] if isinstance(row, dict) else row.id


def messages(row: Example) -> dict[str, Any]:
    """Return an instruction example in TRL's columns."""
    return {"id": row.id, "messages": [*row.prompt, {"role": "assistant", "content": row.wanted[0]}]}


def pair(row: Example) -> dict[str, Any]:
    """Return a preference pair; which of the known wrong answers is rejected is fixed by the id."""
    wrong = random.Random(f"pair:{row.id}").choice(row.unwanted)
    chosen, rejected = ([{"role": "assistant", "content": text}] for text in (row.wanted[0], wrong))
    return {"id": row.id, "prompt": row.prompt, "chosen": chosen, "rejected": rejected}


def _card(
    corpus: Path,
    facts: Facts,
    examples: list[Example],
    rows: list[dict[str, Any]],
    dropped: list[tuple[Example, str]],
    dropped_text: list[tuple[dict[str, Any], str]],
    settings: dict[str, Any],
) -> dict[str, Any]:
    counts: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for row in examples:
        split = row.meta.get("use", row.split)
        counts[row.meta["task"]][split][row.meta["pattern"]] += 1
    left = decontaminate(
        [r for r in examples if r.split == "train"], [r for r in examples if r.split != "train"], fact=fact_lines
    )
    concepts = {
        name: Counter(row.split for row in table.values())
        for name, table in (("terms", facts.terms), ("diseases", facts.diseases), ("codes", facts.codes))
    }
    manifest = read_manifest(corpus) or {}
    return {
        "counts": json.loads(json.dumps(counts)),
        "text_rows": len(rows),
        "concepts": concepts,
        "decontamination": {
            **settings,
            "dropped_examples": Counter(row.meta["task"] for row, _ in dropped),
            "dropped_text": len(dropped_text),
            "left": len(left[1]),
            "shared_strings_removed": facts.shared_strings,
        },
        "sources": manifest.get("sources", []),
    }
