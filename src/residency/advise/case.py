"""The case that the rules look at: what is needed, what was given, what is here, and what a model would learn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from residency.advise.given import Given, fits, look, words_of
from residency.advise.needs import Needs, needs_of
from residency.advise.tasks import AS_WELL, CLOSED, EXAMINES, READ, candidates, sets_here
from residency.catalog.entries import Catalog
from residency.core.errors import SourceError
from residency.core.machine import machine
from residency.corpus import benchmarks
from residency.evaluate.tasks import TASKS


@dataclass(frozen=True, slots=True)
class Taught:
    """What is learned from: a user's task or a public one, by the name that a recipe gathers it by.

    ``count`` items with ``words`` of text are learned, ``dev`` watched, ``test`` examined; 0 where that is not known.
    ``closed``: it asks for one of the same few options each time, which are classes then.
    """

    name: str
    task: str
    does: str
    own: bool = False
    count: int = 0
    dev: int = 0
    test: int = 0
    words: int = 0
    closed: bool = False


Counts = tuple[int, int, int, int]
"""Items to learn, to watch and to examine, and the words that are learned."""


@cache
def counts_of(name: str) -> Counts | None:
    """Return the counts of a public task; None where its set cannot be read."""
    try:
        found = benchmarks.items(TASKS[name].data, "train", "validation", "test").items
    except SourceError:
        return None
    parts = {part: [item for item in found if item["split"] == part] for part in ("train", "validation", "test")}
    words = sum(words_of(item) for item in parts["train"])
    return len(parts["train"]), len(parts["validation"]), len(parts["test"]), words


@dataclass(frozen=True)
class Case:
    """A need and all that bears on it; ``counts`` is what counts a public task."""

    needs: Needs
    given: tuple[Given, ...]
    catalog: Catalog
    here: frozenset[str]
    machine: Mapping[str, Any]
    counts: Callable[[str], Counts | None] = counts_of

    @property
    def memory(self) -> float:
        """The bytes of memory that a model may take: what is said, or all that this machine has."""
        return self.needs.memory or float(self.machine["memory_gb"]) * 1e9

    @property
    def learns_on_gpu(self) -> bool:
        """Whether an accelerator is there to learn on."""
        return self.needs.accelerator > 0

    @cached_property
    def own(self) -> tuple[Given, ...]:
        """The user's tasks that are of the wanted kind."""
        return tuple(one for one in self.given if one.kind == "task" and fits(one, self.needs.task))

    @cached_property
    def texts(self) -> tuple[Given, ...]:
        """What a corpus reads and may train: a receipt lies with it, or somebody vouches for it."""
        return tuple(one for one in self.given if one.source and one.proven)

    @cached_property
    def unproven(self) -> tuple[Given, ...]:
        """What a corpus reads and may not train yet."""
        return tuple(one for one in self.given if one.source and not one.proven)

    @property
    def pairs(self) -> int:
        """How many judged pairs there are to learn from."""
        return sum(one.count or 0 for one in self.texts if one.kind == "pairs")

    @property
    def dialogues(self) -> int:
        """How many questions with answers, or dialogues, there are to learn from."""
        return sum(one.count or 0 for one in self.texts if one.kind == "dialogues")

    @property
    def documents(self) -> int:
        """How many texts may be read."""
        return sum(one.count or 0 for one in self.texts if one.kind == "texts")

    @cached_property
    def taught(self) -> Taught | None:
        """What a model would learn from; None where there is nothing.

        A public set stands in where nothing is given, not for a task of the user's that brings items alone: its classes
        are others.
        """
        own = next((one for one in self.own if one.count), None)
        if own:
            counts = (own.count or 0, own.dev, own.test, own.words)
            return Taught(own.name, own.extra["task"], own.does, True, *counts, own.closed)
        named = [one.name for one in self.given if one.kind == "set" and fits(one, self.needs.task)]
        stand_in = () if self.own else candidates(self.needs.task, self.needs.language, self.needs.stakeholder)
        wanted = (*named, *stand_in)
        public = next((name for name in wanted if name in self.here and self._teaches(name)), "")
        return self._public(public) if public else None

    def _teaches(self, name: str) -> bool:
        """Return whether a public set has a part to learn from; one that cannot be counted is taken at its word."""
        found = self.counts(name)
        return found is None or found[0] > 0 or not any(found)

    def _public(self, name: str) -> Taught:
        return Taught(name, name, TASKS[name].kind, False, *(self.counts(name) or (0, 0, 0, 0)), name in CLOSED)

    @property
    def reads(self) -> str:
        """What an encoder would learn of it ("tag", "classify", "relation"); "" where it has to be written."""
        if self.taught is None:
            return ""
        return READ["classify"] if self.taught.closed else READ.get(self.taught.does, "")

    @cached_property
    def examined(self) -> tuple[str, ...]:
        """The tasks to examine on: what is learned, the user's other tasks of the kind, a second public set."""
        found = [self.taught.name] if self.taught else []
        found += [one.name for one in self.own if one.test]
        found += [AS_WELL[name] for name in found if AS_WELL.get(name) in self.here]
        alone = EXAMINES.get((self.needs.task, self.needs.language), "")
        found += [alone] if alone in self.here and not self.own else []
        return tuple(dict.fromkeys(found))

    @property
    def missing_sets(self) -> tuple[str, ...]:
        """The public tasks that would teach it, and whose set is not here."""
        wanted = candidates(self.needs.task, self.needs.language, self.needs.stakeholder)
        return tuple(name for name in wanted if name not in self.here)


def case_of(options: Mapping[str, Any], catalog: Catalog) -> Case:
    """Return the case of a command's options; UserError tells all that is wrong with them."""
    needs = needs_of(options, catalog)
    return Case(needs, look(needs, catalog), catalog, sets_here(), machine())
