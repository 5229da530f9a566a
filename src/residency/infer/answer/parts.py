"""What a cited answer is made of: sentences, what each of them stands on, and why there is none where there is none."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from residency.infer.evidence import CHART, Evidence

QUOTED, SUPPORTED, UNSUPPORTED = "quoted", "supported", "unsupported"
"""What is known of a sentence: it stands word for word in the evidence, the check finds it there, or does not."""


Place = tuple[str, str]
"""A passage's id and the words in it: what a stretch and its citation have in common."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Characters ``start`` to ``end`` (half open) of a passage's own text: a sentence, or a list with its lead."""

    evidence: Evidence
    start: int
    end: int

    @property
    def text(self) -> str:
        """Return its words, as they stand there."""
        return self.evidence.text[self.start : self.end]

    @property
    def key(self) -> Place:
        """Return whose words it has, and which."""
        return self.evidence.id, self.text

    @property
    def place(self) -> tuple[int, int]:
        """Return where it is in the document; of a passage without exact offsets, where the passage is."""
        one = self.evidence
        if one.end - one.start != len(one.text):
            return one.start, one.end
        return one.start + self.start, one.start + self.end


@dataclass(frozen=True, slots=True)
class Citation:
    """A place that supports a sentence: characters ``start`` to ``end`` of ``document``, whose words are ``quote``."""

    evidence: str
    document: str
    title: str
    section: str
    page: int | None
    start: int
    end: int
    quote: str
    date: str | None
    shelf: str

    @property
    def key(self) -> Place:
        """Return whose words it has, and which."""
        return self.evidence, self.quote


def cite(stretch: Stretch) -> Citation:
    """Return the citation of a stretch."""
    one, (start, end) = stretch.evidence, stretch.place
    head = (one.id, one.document, one.title, one.section, one.page)
    return Citation(*head, start, end, stretch.text, one.date, one.shelf)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of an answer: its characters there (half open), how it is supported, how surely (0 to 1), by what.

    ``reason`` says what the check misses in an unsupported one.
    """

    text: str
    support: str
    score: float
    citations: tuple[Citation, ...] = ()
    start: int = 0
    end: int = 0
    reason: str | None = None

    @property
    def of_chart(self) -> bool:
        """Return whether it says what the patient's own record says, and not what is known outside."""
        return bool(self.citations) and all(one.shelf == CHART for one in self.citations)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two stretches of different documents that do not go together, and in what."""

    first: Citation
    second: Citation
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with what it stands on; ``answer`` None means that it abstained, and ``why`` and ``missing`` say why.

    ``removed`` are sentences that the check took away. ``conflicts`` are contradictions that were met among what was
    found: of an answer, those that it leaves out; of none, those that are why. ``dated`` is the date
    of the newest evidence cited; ``about`` is what a longer way tells of itself (the question's frame, the levels of
    evidence), and under "chart" that a record gave nothing. ``shelves`` tells of each shelf that was asked (index,
    chart, graph) how many passages it gave (``found``), how many are ``used`` and how many ``expired``, and ``why``
    none is used.
    """

    question: str
    answer: str | None
    why: str | None = None
    missing: tuple[str, ...] = ()
    sentences: tuple[Sentence, ...] = ()
    removed: tuple[Sentence, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    dated: str | None = None
    language: str | None = None
    snapshots: dict[str, str] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    shelves: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def abstained(self) -> bool:
        """Return whether no answer is given."""
        return self.answer is None

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        found = asdict(self)
        return {"question": found.pop("question"), "answer": found.pop("answer"), "abstained": self.abstained, **found}
