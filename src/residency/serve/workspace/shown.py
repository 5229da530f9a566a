"""An answer as a page shows it: its text in pieces with links to what they cite, how sure it is in words, how urgent.

The same template shows an answer that came whole and one that was streamed, so that both say the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from residency.infer.answer.sentences import spans
from residency.infer.answer.support import Support, all_supported
from residency.serve.types import Confidence

if TYPE_CHECKING:
    from residency.infer.answer import Answer
    from residency.infer.evidence import Evidence
    from residency.serve.guard import Guard

_MARK = re.compile(r"\s?\[(\d{1,2}(?:\s*,\s*\d{1,2})*)\]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an answer, the numbers of the passages that it cites, and whether nothing supports it."""

    text: str
    cites: tuple[int, ...] = ()
    unsupported: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page has of one answer. ``why`` is the key (ask.why.*) of why there is none; ``sure`` is in words."""

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

    @property
    def text(self) -> str:
        """Return the answer's own words."""
        return "".join(piece.text for piece in self.pieces)


def cut(text: str, passages: int) -> tuple[Piece, ...]:
    """Return a text cut at its marks of citation ([2], [1, 3]); a number that no passage has stays a word of it."""
    pieces, at = [], 0
    for found in _MARK.finditer(text):
        numbers = tuple(int(one) for one in re.findall(r"\d+", found[1]))
        if all(1 <= one <= passages for one in numbers):
            pieces.append(Piece(text[at : found.start()], numbers))
            at = found.end()
    return tuple(one for one in (*pieces, Piece(text[at:])) if one.text or one.cites)


def checked(text: str, evidence: Sequence[Evidence], ours: Sequence[str]) -> tuple[Piece, ...]:
    """Return a written answer with what supports each sentence, as far as words tell; what nothing supports is marked.

    Numbers that the model put there itself are taken out; ``ours`` are texts of the guard's, which are nobody's claim.
    """
    bare = _MARK.sub("", text)
    places = list(spans(bare))
    found = all_supported([bare[start:end] for start, end in places], evidence, Support())
    number = {one.id: at for at, one in enumerate(evidence, 1)}
    pieces, at = [], 0
    for (_, end), one in zip(places, found, strict=True):
        said, holds = any(one.text.strip() in words for words in ours), one.support != "unsupported"
        cites = tuple(dict.fromkeys(number[c.evidence] for c in one.citations)) if holds and not said else ()
        pieces.append(Piece(bare[at:end], cites, not holds and not said))
        at = end
    return tuple(one for one in (*pieces, Piece(bare[at:])) if one.text)


def sentences(answer: Answer, evidence: Sequence[Mapping[str, Any]]) -> tuple[Piece, ...]:
    """Return a cited answer's sentences with the numbers of the passages that each stands on."""
    number = {one["id"]: at for at, one in enumerate(evidence, 1)}
    return tuple(
        Piece(
            f"{sentence.text} ",
            tuple(dict.fromkeys(number[one.evidence] for one in sentence.citations if one.evidence in number)),
            sentence.support == "unsupported",
        )
        for sentence in answer.sentences
    )


def in_words(guard: Guard, about: Mapping[str, Any], language: str) -> str:
    """Return how sure an answer is, in the guard's words, from what goes out under ``residency``."""
    confidence = Confidence(about["calibrated"], about["confidence"], about["abstained"])
    return guard.in_words(confidence, language)


def shown(
    guard: Guard,
    about: Mapping[str, Any],
    language: str,
    *,
    pieces: Sequence[Piece],
    evidence: Sequence[Mapping[str, Any]] = (),
    model: str = "",
    missing: Sequence[str] = (),
) -> Shown:
    """Return an answer as it is shown, from its pieces and what goes out under ``residency``."""
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
        tuple(missing),
    )
