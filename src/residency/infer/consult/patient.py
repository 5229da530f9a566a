"""A simulated patient: it tells what it is asked for, a little at a time, and never the diagnosis.

A question finds a fact by its name or a synonym, by a linker, by nearness of meaning, or by the words of its area ("any
trouble with your eyes?"). Nothing but the case decides what is told: the words of a question are matched, not obeyed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from residency.core.types import Model
from residency.corpus.make.support import stems
from residency.infer.consult.case import Case, Fact
from residency.infer.evidence import harmless
from residency.measure.questions import asks

Linker = Callable[[str], Sequence[str]]
"""Returns the ids of what a text names, for instance by the knowledge graph."""
AT_ONCE = 2
"""Facts that one question brings at most: asking for everything at once is not asking rightly."""
NEAR = 0.7
"""The cosine of a question with a fact's name from which it asks for it."""
OPEN = ("brings you", "the matter", "the problem", "symptoms", "feeling", "help you today")
"""Words of a question that asks for nothing in particular: the complaint is said again."""
NOTHING, AGAIN, HEARD = "No, nothing like that that I know of.", "As I said: {}.", "All right, doctor."


@dataclass(frozen=True, slots=True)
class Answer:
    """What a patient says: the facts that it now tells, those it told before, and whether it was asked anything."""

    text: str
    told: tuple[Fact, ...] = ()
    again: tuple[Fact, ...] = ()
    asked: bool = True


@dataclass(slots=True)
class Patient:
    """A case that can be asked; ``known`` are the ids of what it has told.

    ``link`` finds ids in a question; ``near`` is an encoder for what no name finds.
    """

    case: Case
    link: Linker | None = None
    near: Model | None = None
    known: dict[str, None] = field(default_factory=dict)

    @property
    def opening(self) -> str:
        """Return what the patient says first."""
        return f"Doctor, I have come because of this: {harmless(lowered(self.case.complaint.said))}."

    @property
    def hidden(self) -> list[Fact]:
        """Return the facts that are there and have not been told."""
        return [fact for fact in self.case.facts if fact.present and fact.id not in self.known]

    def answer(self, question: str) -> Answer:
        """Return what is said to a question; what is no question (no question mark) brings nothing."""
        if not asks(question):
            return Answer(HEARD, asked=False)
        direct = self._direct(question)
        fresh = [fact for fact in direct if fact.id not in self.known] or ([] if direct else self._of_area(question))
        told, again = tuple(fresh[:AT_ONCE]), tuple(fact for fact in direct if fact.id in self.known)
        self.known |= dict.fromkeys(fact.id for fact in told)
        if told:
            return Answer(" ".join(map(_sentence, told)), told, again)
        if not again and any(names(stems(question), one) for one in OPEN):
            again = (self.case.complaint,)
        if again:
            return Answer(AGAIN.format(harmless("; ".join(lowered(fact.said) for fact in again[:AT_ONCE]))), (), again)
        return Answer(NOTHING)

    def _direct(self, question: str) -> list[Fact]:
        """Return the facts that a question names, in the order of the case; the complaint can be asked for again."""
        words = stems(question)
        facts = (*self.case.facts, self.case.complaint)
        self.known.setdefault(self.case.complaint.id, None)
        linked = set(self.link(question)) if self.link else set()
        found = [fact for fact in facts if fact.id in linked or any(names(words, name) for name in fact.names)]
        return found or self._nearest(question)

    def _nearest(self, question: str) -> list[Fact]:
        """Return the hidden fact whose name is nearest in meaning, where it is near enough."""
        left = self.hidden
        if self.near is None or not left:
            return []
        vectors = self.near.embed([question, *(f"Do you have {lowered(fact.said)}?" for fact in left)])
        likeness = vectors[1:] @ vectors[0]
        best = int(likeness.argmax())
        return [left[best]] if likeness[best] >= NEAR else []

    def _of_area(self, question: str) -> list[Fact]:
        words = stems(question)
        return [fact for fact in self.hidden if any(names(words, area) for area in fact.areas)]


def names(words: frozenset[str], name: str) -> bool:
    """Return whether a question's stems hold all those of a name."""
    wanted = stems(name)
    return bool(wanted) and wanted <= words


def _sentence(fact: Fact) -> str:
    said = harmless(lowered(fact.said))
    return f"Yes: {said}." if fact.present else f"No, I do not have this: {said}."


def lowered(text: str) -> str:
    """Return a name as it stands within a sentence: small, unless it begins as an abbreviation or a code does."""
    return text if text[1:2].isupper() or text[1:2].isdigit() else text[:1].lower() + text[1:]
