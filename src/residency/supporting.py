"""Pairs of a source and a claim, for an encoder to learn whether the claim follows, is contradicted, or neither.

Three sets that people wrote, each cut by its own groups: sentences of MedQuAD's answers, what a trial's sentence says
of an outcome (Evidence Inference), the conclusions of abstracts (PubMedQA). A claim that follows is a sentence of the
source, with a finding under another of its names or without an aside. A contradicted one has another number, a "not"
more or less, or the opposite word; the change is made to the claim, to the source, or to both, where the claim follows
again, so that a claim alone tells nothing. One that is neither is another sentence of the same answer, or the same
sentence of another disease. Falsified claims after Kryściński et al. 2020
(arXiv 1910.12840).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from residency import __version__
from residency.core.store import read_json
from residency.core.types import Example
from residency.corpus import benchmarks
from residency.corpus.benchmarks import folder_of, items
from residency.corpus.hpo import finding_names, read_hpo
from residency.evaluate.tasks.form import Ask, example_of
from residency.infer.answer.falsify import negated, other_number, put_otherwise, renamer, turned
from residency.infer.answer.sentences import spans
from residency.infer.answer.support import NO, UNKNOWN, YES

NAME, TASK = "support", "nli"
"""Of the source; and of the task whose items these are, whether one text follows from another."""
SETS = ("medquad", "evidence_inference", "pubmedqa")
ASK = Ask("Does the second text follow from the first?", (YES, NO, UNKNOWN))
SPLITS = {"train": "train", "dev": "validation", "test": "test"}
OF_TEST, OF_DEV = 0.05, 0.03
"""Pairs of the test and dev parts for each one that is learned."""
LONGEST = 250
"""Characters of a sentence that is taken."""
_SAID = {
    "increased": ("{outcome} was increased with {a} compared with {b}.", "{a} led to higher {outcome} than {b}."),
    "decreased": ("{outcome} was decreased with {a} compared with {b}.", "{a} led to lower {outcome} than {b}."),
    "no difference": (
        "{outcome} did not differ significantly between {a} and {b}.",
        "There was no significant difference in {outcome} between {a} and {b}.",
    ),
}

Renamed = Callable[[str, random.Random], str]


@dataclass(frozen=True, slots=True)
class Pair:
    """A source, a claim, what the claim is to it, and how the pair was made."""

    source: str
    claim: str
    label: str
    pattern: str


def pairs_of(count: int) -> tuple[list[Example], dict[str, Any]]:
    """Return ``count`` pairs to learn, further ones in dev and test, and what is said of their sources.

    Raises SourceError where one of the sets is not here.
    """
    for name in SETS:
        folder_of(name)  # before anything is read
    renamed = other_names()
    sizes = {"train": count, "dev": int(count * OF_DEV), "test": int(count * OF_TEST)}
    made = [example for split, size in sizes.items() for example in _of_split(split, size, renamed)]
    return made, _about(len(made))


def other_names() -> Renamed:
    """Return what puts a finding of the ontology under another of its names; one of five letters or less stays."""
    names = dict[str, list[str]]()
    keys = dict[str, str]()
    for name, key in finding_names(read_hpo()):
        if len(name) > 5 and keys.setdefault(name.lower(), key) == key:
            names.setdefault(key, []).append(name.lower())
    return renamer({name: [other for other in names[key] if other != name] for name, key in keys.items()})


def _about(count: int) -> dict[str, Any]:
    known = [benchmarks.known(name) for name in SETS]
    words = "; ".join(f"{one.name}: {one.url} at {one.commit}, {one.licence}" for one in known)
    licence = "; ".join(dict.fromkeys(one.licence for one in known))
    facts = {"name": NAME, "version": __version__, "licence": licence, "documents": count, "bad": 0}
    return {**facts, "acknowledgement": f"{NAME}: pairs made of {words}.", "public": True}


def _of_split(split: str, size: int, renamed: Renamed) -> Iterator[Example]:
    """Yield a split's pairs: the two small sets whole, the rest from MedQuAD, in an order that is always the same."""
    rng = random.Random(f"{NAME}:{split}")
    small = [*_trials(split, rng), *_conclusions(split, rng)]
    rng.shuffle(small)
    small = small[: size // 2]
    groups = _sentences(split, rng, renamed)
    rest = [pair for pair, _ in zip(groups, range(size - len(small)), strict=False)]
    for number, (group, pair) in enumerate([*small, *rest]):
        item = {"id": f"{NAME}/{split}/{number:06d}", "text": pair.source, "text_b": pair.claim, "label": pair.label}
        meta = {"pattern": pair.pattern, "premise": pair.source, "hypothesis": pair.claim}
        meta |= {"use": "instruct"} if split == "train" else {}
        yield example_of("classify", ASK, {**item, "group": group, "meta": meta}, task=TASK, source=NAME, split=split)


# --- what was written ------------------------------------------------------------------------------------------------


def _sentences(split: str, rng: random.Random, renamed: Renamed) -> Iterator[tuple[str, Pair]]:
    """Yield pairs of MedQuAD's answers, from each a few, in turn by pattern where a sentence allows it."""
    rows = items("medquad", SPLITS[split]).items
    while True:
        rng.shuffle(rows)
        for place, row in enumerate(rows):
            text = row["reference"][:6000]
            found = [text[a:b] for a, b in spans(text) if 40 <= b - a <= LONGEST]
            if len(found) < 2:
                continue
            at = rng.randrange(len(found))
            window = found[max(0, at - (rng.random() < 0.3)) : at + 1 + (rng.random() < 0.3)]
            other = rows[place - 1]
            far = [one for one in found if one not in window]
            pair = _made(window, found[at], far, (row["group"], other["group"]), rng, renamed)
            if pair:
                yield row["group"], pair


def _made(
    window: Sequence[str],
    sentence: str,
    far: Sequence[str],
    names: tuple[str, str],
    rng: random.Random,
    renamed: Renamed,
) -> Pair | None:
    """Return a pair of a drawn pattern; None where this sentence does not allow it."""
    source = " ".join(window)
    way = rng.choice(("same", *["changed"] * 3, *["elsewhere"] * 2, *["disease"] * 2))
    if way == "same":
        claim = put_otherwise(renamed(sentence, rng))
        return Pair(source, claim, YES, "same" if claim == sentence else "reworded")
    if way == "elsewhere":
        return Pair(source, rng.choice(far), UNKNOWN, way) if far else None
    if way == "disease":
        claim = re.sub(re.escape(names[0]), names[1], sentence, flags=re.IGNORECASE)
        return Pair(source, claim, UNKNOWN, way) if claim != sentence else None
    return _changed(source, sentence, rng, renamed)


def _changed(source: str, sentence: str, rng: random.Random, renamed: Renamed) -> Pair | None:
    """Return a pair with a number, a "not" or a word changed in the claim, in the source, or in both."""
    pattern, change = rng.choice([("number", other_number), ("not", negated), ("word", turned)])
    other = change(sentence, rng)
    if other == sentence:
        return None
    claim, against = put_otherwise(renamed(sentence, rng)), put_otherwise(renamed(other, rng))
    edited = source.replace(sentence, other)
    source, claim, label = rng.choice(
        [
            (source, against, NO),
            (source, against, NO),
            (edited, claim, NO),
            (edited, against, YES),
            (source, claim, YES),
        ]
    )
    return Pair(source, claim, label, pattern)


def _trials(split: str, rng: random.Random) -> Iterator[tuple[str, Pair]]:
    """Yield what trials found of an outcome: the direction that people marked, and another one."""
    for row in items("evidence_inference", SPLITS[split]).items:
        outcome, _, arms = row["text_b"].partition(": ")
        a, _, b = arms.partition(", compared with ")
        wrong = rng.choice([label for label in _SAID if label != row["label"]])
        for said, label in ((row["label"], YES), (wrong, NO)):
            claim = rng.choice(_SAID[said]).format(outcome=outcome, a=a, b=b)
            yield f"trial:{row['group']}", Pair(row["text"], claim[:1].upper() + claim[1:], label, "direction")


def _conclusions(split: str, rng: random.Random) -> Iterator[tuple[str, Pair]]:
    """Yield what abstracts found, with the first sentence of their conclusions, denied, and of another abstract.

    The set has no validation part: a tenth of its training part stands for it.
    """
    raw = read_json(folder_of("pubmedqa") / "ori_pqal.json")
    rows = items("pubmedqa", "test" if split == "test" else "train").items
    rows = rows if split == "test" else [row for place, row in enumerate(rows) if (place % 10 == 0) == (split == "dev")]
    for row, other in zip(rows, [*rows[1:], *rows[:1]], strict=True):
        own, far = (_first(raw[each["id"]]["LONG_ANSWER"]) for each in (row, other))
        source, against = _last(row["context"]), negated(own, rng)
        claims = [(own, YES), (far, UNKNOWN), *([(against, NO)] if against != own else [])]
        yield from (
            (f"abstract:{row['id']}", Pair(source, claim, label, "conclusion")) for claim, label in claims if claim
        )


def _first(text: str) -> str:
    return next((text[a:b] for a, b in spans(text)), "")


def _last(text: str) -> str:
    """Return the last sentences of an abstract, which hold its results."""
    return " ".join(text[a:b] for a, b in list(spans(text))[-4:])
