"""An answer as a page shows it: its text in pieces with links to what they cite, how sure it is in words, how urgent.

The same template shows an answer that came whole and one that was streamed, so that both say the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from residency.infer.answer.parts import UNSUPPORTED
from residency.infer.answer.sentences import spans
from residency.infer.answer.support import Support, all_supported
from residency.infer.evidence import GRAPH
from residency.serve.types import Confidence
from residency.serve.workspace.claims import guards, reworded, says_something, unfenced
from residency.serve.workspace.passages import Group, Quote, grouped, used_first

if TYPE_CHECKING:
    from residency.infer.answer import Answer
    from residency.infer.answer.parts import Citation
    from residency.infer.evidence import Evidence
    from residency.serve.guard import Guard

_MARK = re.compile(r"\s?\[(\d{1,2}(?:\s*,\s*\d{1,2})*)\]")
_OPEN = re.compile(r"\s?(?:\[[\d,\s]*)?$")
QUOTED, WRITTEN = "quoted", "written"
REWORDED = "reworded"
Said = tuple[str, Sequence["Citation"], str]
"""A stretch of an answer, what supports it, and what is in doubt: "unsupported" (nothing does), "reworded" (it brings a
number in other words than its passage), or "" (nothing)."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an answer, the numbers of the passages that it cites, and whether nothing supports it.

    ``fact``: it is the text of a fact of the graph. ``reworded``: it brings a number in other words than its passage.
    """

    text: str
    cites: tuple[int, ...] = ()
    unsupported: bool = False
    fact: bool = False
    reworded: bool = False


@dataclass(frozen=True, slots=True)
class Laid:
    """Pieces with their numbers, the evidence in the order of these, how many of it are used, and what is quoted."""

    pieces: tuple[Piece, ...]
    evidence: tuple[Mapping[str, Any], ...]
    used: int
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page has of one answer; ``sure`` is in words, ``why`` and ``missing`` are as ``infer/`` gives them.

    ``used`` is how many of the evidence, the first, the answer stands on (None: nobody tells them apart), ``quotes``
    what it takes of them. ``note`` is what the guard puts before it, ``withheld`` how many sentences of passages were
    left out as orders to a machine, ``unread`` why a shelf of the sources gave nothing, by its name.
    """

    pieces: tuple[Piece, ...] = ()
    evidence: tuple[Mapping[str, Any], ...] = ()
    sure: str = ""
    calibrated: bool = False
    urgency: str | None = None
    abstained: bool = False
    rules: tuple[str, ...] = ()
    request: str = ""
    model: str = ""
    missing: tuple[str, ...] = field(default=())
    why: str = ""
    used: int | None = None
    quotes: tuple[Quote, ...] = ()
    conflicts: tuple[Mapping[str, Any], ...] = ()
    note: str = ""
    withheld: int = 0
    unread: Mapping[str, str] = field(default_factory=dict)
    way: str = WRITTEN
    ruled: bool = False

    @property
    def text(self) -> str:
        """Return the answer's own words."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def kind(self) -> str:
        """Return what it is: "ruled" (a rule speaks in the model's place), "none", "quoted" or "written"."""
        return "ruled" if self.ruled else "none" if self.abstained else self.way

    @property
    def groups(self) -> list[Group]:
        """Return the passages that it stands on, by document; all of them where nobody tells them apart."""
        return grouped(self.evidence[: self.used], self.quotes)

    @property
    def others(self) -> list[Group]:
        """Return what else was found, by document."""
        return [] if self.used is None else grouped(self.evidence[self.used :], first=self.used + 1)

    @property
    def more(self) -> list[tuple[int, int]]:
        """Return which passages say more than is quoted of them: number, and how many sentences more."""
        return [(one.number, one.more) for group in self.groups for one in group.passages if one.more]


def cut(text: str, passages: int) -> tuple[Piece, ...]:
    """Return a text cut at its marks of citation ([2], [1, 3]); a number that no passage has stays a word of it."""
    pieces, at = [], 0
    for found in _MARK.finditer(text):
        numbers = tuple(int(one) for one in re.findall(r"\d+", found[1]))
        if all(1 <= one <= passages for one in numbers):
            pieces.append(Piece(text[at : found.start()], numbers))
            at = found.end()
    return tuple(one for one in (*pieces, Piece(text[at:])) if one.text or one.cites)


@dataclass(slots=True)
class Bare:
    """A stream without the numbers that a model puts there itself, which are nobody's until they are checked."""

    held: str = ""

    def feed(self, piece: str) -> str:
        """Return what may be shown now; what may become such a number waits."""
        text = _MARK.sub("", self.held + piece)
        at = _OPEN.search(text).start()  # type: ignore[union-attr]  # it matches an empty end
        self.held = text[at:]
        return text[:at]


def checked(text: str, evidence: Sequence[Evidence], ours: Sequence[str], question: str = "") -> Laid:
    """Return a written answer with what supports each sentence, as far as words tell; what nothing supports is marked.

    So is a number in other words than its passage's. Numbers that the model put there itself are taken out, and with
    them what is no sentence: headings, fences, the question again. ``ours`` are texts of the guard's, nobody's claim.
    """
    bare = unfenced(_MARK.sub("", text))
    places = list(spans(bare))
    found = all_supported([bare[start:end] for start, end in places], evidence, Support())
    said, at = list[Said](), 0
    for (start, end), one in zip(places, found, strict=True):
        before, at = bare[at:start], end
        claim, holds = not guards(one.text, ours), one.support != UNSUPPORTED
        if claim and not says_something(one.text, question, evidence):
            continue
        said.append((before if said else before.lstrip(), (), ""))
        cited = one.citations if holds and claim else ()
        doubt = UNSUPPORTED if claim and not holds else REWORDED if claim and reworded(one, evidence) else ""
        said.append((bare[start:end], cited, doubt))
    return _numbered([*said, (bare[at:] if said else "", (), "")], evidence)


def quoted(answer: Answer) -> Laid:
    """Return a cited answer's sentences with the numbers of the passages that each stands on."""
    said = [
        (one.text, one.citations, "unsupported" if one.support == "unsupported" else "") for one in answer.sentences
    ]
    return _numbered(said, answer.evidence)


def _numbered(said: Iterable[Said], evidence: Sequence[Evidence]) -> Laid:
    """Return what is said with numbers, the passages numbered in the order in which they are cited."""
    told = [one for one in said if one[0]]
    cited = [c for _, citations, _ in told for c in citations]
    ordered, used = used_first([one.told() for one in evidence], [c.evidence for c in cited])
    number = {one["id"]: at for at, one in enumerate(ordered, 1)}
    pieces = tuple(
        Piece(
            text,
            tuple(dict.fromkeys(number[c.evidence] for c in citations if c.evidence in number)),
            bool(doubt),
            bool(citations) and all(c.shelf == GRAPH for c in citations),
            doubt == REWORDED,
        )
        for text, citations, doubt in told
    )
    return Laid(pieces, tuple(ordered), used, tuple((c.evidence, c.quote) for c in cited))


def in_words(guard: Guard, about: Mapping[str, Any], language: str) -> str:
    """Return how sure an answer is, in the guard's words, from what goes out under ``residency``."""
    confidence = Confidence(about["calibrated"], about["confidence"], about["abstained"], about.get("measured", ""))
    return guard.in_words(confidence, language)


def shown(
    guard: Guard,
    about: Mapping[str, Any],
    language: str,
    *,
    pieces: Sequence[Piece],
    evidence: Sequence[Mapping[str, Any]] = (),
    model: str = "",
    **more: Any,
) -> Shown:
    """Return an answer as it is shown, from its pieces and what goes out under ``residency``.

    ``more`` are further fields of ``Shown``.
    """
    return Shown(
        tuple(pieces),
        tuple(evidence),
        in_words(guard, about, language),
        about["calibrated"],
        about.get("urgency"),
        about["abstained"],
        tuple(about.get("rules", ())),
        about["request"],
        model,
        **more,
    )
