"""The facts of the sources with every concept on one side: train, dev or test.

An HPO term is in test when it descends from any test node (two below the root of phenotypes), so a test subtree is
whole; diseases are split by the stem of their names, codes by their block. A string that names a concept of a
later split is taken from the earlier ones, so no synonym stands on both sides.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from residency.core.types import Document
from residency.corpus.records import built_in

SPLITS = ("train", "dev", "test")
KNOWLEDGE = ("hpo", "icd10")
_LARGEST_NODE = 1 / 12  # a node with more of all terms than this stays in train: it would be the whole test set
_WORD = re.compile(r"[a-z0-9]+")
_STOP = frozenset(
    "a an and are as at be by for from has have in is it its more of on one or that the this to with".split()
)
_NUMBERED = re.compile(
    r"\b(autosomal|dominant|recessive|x-linked|type|susceptibility to|familial|with|without|and|or|due to"
    r"|\d+\w?|[ivx]+)\b"
)
T = TypeVar("T")


@dataclass(slots=True)
class Term:
    """A phenotype: ``synonyms`` are exact and clinical, ``lay`` are a layperson's, ``short`` are abbreviations."""

    id: str
    name: str
    definition: str
    synonyms: list[str]
    lay: list[str]
    short: list[str]
    parents: list[str]
    children: list[str] = field(default_factory=list)
    group: str = ""
    split: str = "train"
    uses: int = 0


@dataclass(slots=True)
class Disease:
    """A disease with the ids of its phenotypes, those of its own split only."""

    id: str
    name: str
    present: list[str]
    absent: list[str]
    group: str = ""
    split: str = "train"


@dataclass(slots=True)
class Code:
    """An ICD-10-CM code with its inclusion terms and type 1 exclusions."""

    id: str
    name: str
    parent: str
    inclusion: list[str]
    excludes: list[str]
    group: str = ""
    split: str = "train"


@dataclass(slots=True)
class Facts:
    """All concepts by id, in sorted order, and how many strings were taken away to keep the splits apart."""

    terms: dict[str, Term]
    diseases: dict[str, Disease]
    codes: dict[str, Code]
    notes: list[Document]
    shared_strings: int = 0

    def ancestors(self, key: str) -> frozenset[str]:
        """Return the ids above a term, itself included."""
        found, left = {key}, [key]
        while left:
            new = [p for p in self.terms[left.pop()].parents if p in self.terms and p not in found]
            found.update(new)
            left.extend(new)
        return frozenset(found)


def words(text: str) -> list[str]:
    """Return the lower-case words of a text."""
    return _WORD.findall(text.lower())


@lru_cache(maxsize=200_000)
def stems(text: str) -> frozenset[str]:
    """Return the content words of a text, each cut to its first five letters: a cheap stemmer."""
    return frozenset(word[:5] for word in words(text) if word not in _STOP)


def normal(text: str) -> str:
    """Return the form in which two names count as the same string."""
    return " ".join(words(text))


def shuffled(items: Iterable[T], rng: random.Random) -> list[T]:
    """Return the items in random order; they must come in a fixed order."""
    items = list(items)
    rng.shuffle(items)
    return items


def spread(items: Sequence[T], rng: random.Random) -> Iterator[T]:
    """Yield all items in random order, taking turns between their groups, so that no subtree fills a set."""
    groups: dict[str, list[T]] = defaultdict(list)
    for item in shuffled(items, rng):
        groups[item.group].append(item)  # type: ignore[attr-defined]
    queues = [groups[key] for key in shuffled(sorted(groups), rng)]
    while queues:
        for queue in queues:
            yield queue.pop()
        queues = [queue for queue in queues if queue]


def read_facts(documents: Iterable[Document], *, seed: int = 0, test: float = 0.25, dev: float = 0.08) -> Facts:
    """Return the facts of HPO, ICD-10-CM and the simulated hospital, every concept assigned to one split.

    ``test`` and ``dev`` are shares of the terms, of the diseases and of the codes.
    """
    kinds: dict[str, list[Document]] = defaultdict(list)
    for document in documents:  # whatever the user's own rows call themselves, they are notes
        kinds[document.meta["kind"] if built_in(document.source) in KNOWLEDGE else "note"].append(document)
    for rows in kinds.values():
        rows.sort(key=lambda row: row.id)
    shares = {"test": test, "dev": dev}
    terms = _terms(kinds["term"], shares, random.Random(f"{seed}:terms"))
    codes = _codes(kinds["code"], shares, random.Random(f"{seed}:codes"))
    diseases = _diseases(kinds["disease"], terms, shares, random.Random(f"{seed}:diseases"))
    facts = Facts(terms, diseases, codes, kinds["note"])
    facts.shared_strings = _part_strings(facts)
    _link(facts)
    return facts


def _terms(rows: list[Document], shares: dict[str, float], rng: random.Random) -> dict[str, Term]:
    rows = [row for row in rows if row.meta["second_level"]]
    below: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for node in row.meta["second_level"]:
            below[node].add(row.id)
    side = _assign(below, len(rows), shares, rng)
    terms = {}
    for row in rows:
        nodes = sorted(row.meta["second_level"])
        split = next((s for s in ("test", "dev") if any(side[n] == s for n in nodes)), "train")
        group = next(n for n in nodes if side[n] == split)
        terms[row.id] = _term(row, split, group)
    return terms


def _assign(members: dict[str, set[str]], total: int, shares: dict[str, float], rng: random.Random) -> dict[str, str]:
    """Return the split of each group: groups are drawn until a split holds its share of all members."""
    side, order = dict.fromkeys(members, "train"), shuffled(sorted(members), rng)
    for split in ("test", "dev"):
        held: set[str] = set()
        for key in order:
            if len(held) >= shares[split] * total:
                break
            if side[key] == "train" and len(members[key]) <= _LARGEST_NODE * total:
                side[key] = split
                held |= members[key]
    return side


def _term(row: Document, split: str, group: str) -> Term:
    meta, exact = row.meta, [s for s in row.meta["synonyms"] if s["scope"] == "EXACT" and not s.get("obsolete")]
    seen = {normal(meta["name"])}
    lists: dict[str, Any] = {"lay": [], "short": [], "synonyms": []}
    for kind in ("lay", "short", "synonyms"):
        for synonym in exact:
            text = synonym["text"].strip()
            own = "lay" if synonym["layperson"] else "short" if synonym["abbreviation"] else "synonyms"
            if own == kind and normal(text) not in seen:
                seen.add(normal(text))
                lists[kind].append(text)
    definition = row.text if row.text != meta["name"] else ""
    return Term(row.id, meta["name"], definition, parents=sorted(meta["parents"]), group=group, split=split, **lists)


def disease_stem(name: str) -> str:
    """Return what numbered and inherited forms of one disease have in common: a disease is split with its kin."""
    name = re.sub(r"\(.*?\)", " ", name.lower())
    return normal(_NUMBERED.sub(" ", name)) or normal(name)


def _diseases(
    rows: list[Document], terms: dict[str, Term], shares: dict[str, float], rng: random.Random
) -> dict[str, Disease]:
    stem = {row.id: disease_stem(row.meta["name"]) for row in rows}
    members: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        members[stem[row.id]].add(row.id)
    side = _assign(members, len(rows), shares, rng)
    diseases = {}
    for row in rows:
        split = side[stem[row.id]]
        own = [p for p in row.meta["phenotypes"] if p["hpo"] in terms and terms[p["hpo"]].split == split]
        present = sorted({p["hpo"] for p in own if not p["negated"]})
        absent = sorted({p["hpo"] for p in own if p["negated"]} - set(present))
        diseases[row.id] = Disease(row.id, row.meta["name"], present, absent, stem[row.id], split)
    return diseases


def _codes(rows: list[Document], shares: dict[str, float], rng: random.Random) -> dict[str, Code]:
    parent = {row.id: row.meta["parent"] or "" for row in rows}
    block = {row.id: _block(row.id, parent) for row in rows}
    members: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        members[block[row.id]].add(row.id)
    side = _assign(members, len(rows), shares, rng)
    return {
        row.id: Code(
            row.id,
            row.meta["description"],
            parent[row.id],
            list(row.meta["inclusion_terms"]),
            list(row.meta["excludes1"]),
            block[row.id],
            side[block[row.id]],
        )
        for row in rows
    }


def _block(key: str, parent: dict[str, str]) -> str:
    while parent.get(key):
        key = parent[key]
    return key


def _part_strings(facts: Facts) -> int:
    """Return how many names were taken from train (or dev) because a later split has the same string."""
    owner: dict[str, str] = {}
    named = [(t.split, [t.name, *t.synonyms, *t.lay, *t.short]) for t in facts.terms.values()]
    named += [(d.split, [d.name]) for d in facts.diseases.values()]
    named += [(c.split, [c.name, *c.inclusion]) for c in facts.codes.values()]
    for split, names in named:
        for name in names:
            key = normal(name)
            owner[key] = max(owner.get(key, split), split, key=SPLITS.index)
    taken = 0

    def keep(split: str, names: list[str]) -> list[str]:
        nonlocal taken
        kept = [name for name in names if owner[normal(name)] == split]
        taken += len(names) - len(kept)
        return kept

    tables: tuple[dict, ...] = (facts.terms, facts.diseases, facts.codes)
    for table in tables:
        for key in [key for key, row in table.items() if not keep(row.split, [row.name])]:
            del table[key]
    for term in facts.terms.values():
        term.synonyms, term.lay, term.short = (keep(term.split, n) for n in (term.synonyms, term.lay, term.short))
    for code in facts.codes.values():
        code.inclusion = keep(code.split, code.inclusion)
    return taken


def _link(facts: Facts) -> None:
    """Keep only links within a split, and count how many diseases use each term."""
    terms = facts.terms
    for term in terms.values():
        term.parents = [p for p in term.parents if p in terms]
        for parent in term.parents:
            terms[parent].children.append(term.id)
    uses = Counter(key for disease in facts.diseases.values() for key in disease.present)
    for key, term in terms.items():
        term.uses = uses[key]
    for disease in facts.diseases.values():
        disease.present = [key for key in disease.present if key in terms]
        disease.absent = [key for key in disease.absent if key in terms]
