"""What the task families share: a view of one split, names as they stand in a sentence, and the making of examples.

A family is a module with ``PATTERNS``: pattern name → (share, drafts), where ``drafts(view, rng)`` yields drafts
until the facts of the split are used up. A draft is an example without its place in a set.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from residency.core.types import Example, Span
from residency.corpus.concepts import Code, Disease, Facts, Term, normal, stems
from residency.corpus.families.opposites import opposite_names


@dataclass(frozen=True, slots=True)
class Wording:
    """The templates of a pattern: ``seen`` in every split, ``unseen`` in test only."""

    seen: tuple[str, ...]
    unseen: tuple[str, ...]

    def pick(self, split: str, rng: random.Random) -> tuple[str, str]:
        """Return a template's name and text; half of the test items get one that training never shows."""
        if split == "test" and rng.random() < 0.5:
            number = rng.randrange(len(self.unseen))
            return f"u{number}", self.unseen[number]
        number = rng.randrange(len(self.seen))
        return f"s{number}", self.seen[number]


@dataclass(slots=True)
class Draft:
    """An example to be: ``fact`` is its content without template wording, ``parts`` what its scoring needs."""

    prompt: str
    wanted: list[str]
    unwanted: list[str]
    group: str
    source: str
    template: str
    fact: str
    choices: list[str] = field(default_factory=list)
    parts: dict[str, Any] = field(default_factory=dict)


Drafts = Callable[["View", random.Random], Iterator[Draft]]
Patterns = Mapping[str, tuple[float, Drafts]]


class View:
    """The facts of one split, with the indexes that families look things up in; every list is in id order."""

    def __init__(self, facts: Facts, split: str) -> None:
        self.facts, self.split = facts, split
        self.terms: list[Term] = [t for t in facts.terms.values() if t.split == split and plain(t.name)]
        self.by_id: dict[str, Term] = {t.id: t for t in self.terms}
        self.diseases: list[Disease] = [d for d in facts.diseases.values() if d.split == split]
        self.codes: list[Code] = [c for c in facts.codes.values() if c.split == split]
        self._above: dict[str, frozenset[str]] = {}
        self._profiles: dict[str, list[Term]] = {}

    @cached_property
    def by_stem(self) -> dict[str, list[str]]:
        """Term ids by each stem of their names."""
        index: dict[str, list[str]] = defaultdict(list)
        for term in self.terms:
            for stem in sorted(stems(term.name)):
                index[stem].append(term.id)
        return dict(index)

    @cached_property
    def opposites(self) -> dict[str, list[str]]:
        """Ids of the terms that say the opposite of a term, by its id; terms without an opposite are left out."""
        found = {t.id: opposite_names([t.name, *t.synonyms], self.by_name) for t in self.terms}
        apart = {key: [other for other in ids if not self.related(key, other)] for key, ids in found.items()}
        return {key: ids for key, ids in apart.items() if ids}

    @cached_property
    def codes_by_stem(self) -> dict[str, list[str]]:
        """Code ids by each stem of their descriptions."""
        index: dict[str, list[str]] = defaultdict(list)
        for code in self.codes:
            for stem in sorted(stems(code.name)):
                index[stem].append(code.id)
        return dict(index)

    @cached_property
    def by_name(self) -> dict[str, str]:
        """Term ids by normalised name or exact synonym; a name wins over a synonym."""
        index = {normal(s): t.id for t in self.terms for s in t.synonyms}
        return index | {normal(t.name): t.id for t in self.terms}

    @cached_property
    def code_children(self) -> dict[str, list[Code]]:
        """Codes by the id of their parent."""
        index: dict[str, list[Code]] = defaultdict(list)
        for code in self.codes:
            index[code.parent].append(code)
        return dict(index)

    def above(self, key: str) -> frozenset[str]:
        """Return the ids of a term and all its ancestors."""
        if key not in self._above:
            self._above[key] = self.facts.ancestors(key)
        return self._above[key]

    def related(self, one: str, other: str) -> bool:
        """Return whether one term is the other, above it or below it."""
        return one in self.above(other) or other in self.above(one)

    def pick(self, ids: Iterable[str]) -> list[Term]:
        """Return those terms of the ids that this view holds, in the order given."""
        return [self.by_id[key] for key in ids if key in self.by_id]

    def siblings(self, term: Term) -> list[Term]:
        """Return the other children of a term's parents, neither above nor below it, in id order."""
        ids = {child for parent in term.parents for child in self.facts.terms[parent].children}
        return [t for t in self.pick(sorted(ids)) if not self.related(t.id, term.id)]

    def profile(self, disease: Disease) -> list[Term]:
        """Return a disease's findings that fit in a sentence, most specific kept where two are on one line."""
        if disease.id not in self._profiles:
            terms = [t for t in self.pick(disease.present) if len(t.name.split()) <= 4]
            covered = {key for t in terms for key in self.above(t.id) if key != t.id}
            self._profiles[disease.id] = [t for t in terms if t.id not in covered]
        return self._profiles[disease.id]


def plain(name: str) -> bool:
    """Return whether a name reads as a phrase: no brackets, slashes, commas or semicolons."""
    return not re.search(r"[()\[\]/,;:%]", name)


def lower(name: str) -> str:
    """Return a name as it stands inside a sentence; acronyms and "Raynaud's" keep their capitals."""
    first = name.split(" ")[0]
    proper = first.endswith("'s") or any(letter.isupper() for letter in first[1:]) or first[1:2] in ("", "-")
    return name if proper else name[0].lower() + name[1:]


def portions(patterns: Patterns, count: int) -> dict[str, int]:
    """Return how many of ``count`` items each pattern gets by its share; they sum to ``count``."""
    found, share, before = {}, 0.0, 0
    for pattern, (own, _) in patterns.items():
        share += own
        found[pattern] = round(count * share) - before
        before += found[pattern]
    return found


def draw(view: View, patterns: Patterns, count: int, rng: random.Random) -> Iterator[tuple[str, Draft]]:
    """Yield ``count`` (pattern, draft) pairs in the shares of the patterns, fewer where the facts run out.

    Each pattern draws from its own generator, so one more item of one never changes another.
    """
    seed = rng.random()
    for pattern, left in portions(patterns, count).items():
        drafts, seen = patterns[pattern][1], set()
        for draft in drafts(view, random.Random(f"{seed}:{pattern}")):
            if left <= 0:
                break
            key = (draft.fact, draft.wanted[0], draft.parts.get("hypothesis"))
            if key not in seen:
                seen.add(key)
                left -= 1
                yield pattern, draft


def finish(task: str, split: str, pattern: str, number: int, draft: Draft) -> Example:
    """Return the example of a draft."""
    spans = [Span(start, end, "phenotype") for start, end in draft.parts.pop("spans", ())]
    meta = {"task": task, "pattern": pattern, "template": draft.template, "fact": draft.fact, **draft.parts}
    return Example(
        id=f"{task}-{split}-{pattern}-{number:05d}",
        prompt=[{"role": "user", "content": draft.prompt}],
        wanted=draft.wanted,
        unwanted=draft.unwanted,
        choices=draft.choices,
        spans=spans,
        source=draft.source,
        group=draft.group,
        split=split,
        meta=meta,
    )
