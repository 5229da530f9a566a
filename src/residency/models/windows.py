"""From texts to what an encoder reads: token ids between its marks, long texts in windows that overlap.

A token is asked about in the window where it has most context on its thinner side. A word stands where its first token
does (Devlin et al. 2019, BERT, section 5.3), so that words, and not tokens, are what is scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from residency.core.errors import Unsupported

Words = Sequence[tuple[int, int]]
Cut = tuple[int, int, int, int]
"""A window's first token and the one behind its last; and the part of it that is asked about, in the same way."""


@dataclass(slots=True)
class Piece:
    """A stretch of text as an encoder reads it: token ids and their types, and the places that are asked about.

    ``numbers`` says what stands at each kept place (which word of the text), ``targets`` what is to be found there;
    ``owner`` is the text's number and ``id`` its name, for messages. ``words`` numbers the word of each token (-1: a
    mark), where whole words are to be hidden.
    """

    ids: list[int]
    types: list[int]
    keep: list[int]
    owner: int = 0
    id: str = ""
    numbers: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    words: list[int] = field(default_factory=list)


def cuts(count: int, room: int, overlap: int) -> list[Cut]:
    """Return the windows of at most ``room`` tokens over a text of ``count``, which overlap by ``overlap`` or more."""
    if count <= room:
        return [(0, count, 0, count)]
    many = -(-(count - overlap) // (room - overlap))
    starts = [round(i * (count - room) / (many - 1)) for i in range(many)]
    edges = [0, *((second + first + room) // 2 for first, second in zip(starts, starts[1:], strict=False)), count]
    return [(start, start + room, edges[i], edges[i + 1]) for i, start in enumerate(starts)]


@dataclass(slots=True)
class Gap:
    """Marks and their types, and the type of the text behind them."""

    ids: list[int] = field(default_factory=list)
    types: list[int] = field(default_factory=list)
    kind: int = 0


class Reader:
    """A tokenizer with its marks, for windows of at most ``most`` tokens that overlap by a share of them."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, most: int, overlap: float = 0.25) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise Unsupported("an encoder needs a tokenizer that knows where its tokens stand: give a tokenizer.json")
        self.tokenizer, self.most, self.overlap = tokenizer, most, overlap
        self.inner: Any = tokenizer.backend_tokenizer
        self.inner.no_truncation()  # packaged encoders cut at 128 tokens, and fill up to as many
        self.inner.no_padding()
        self.single, self.pair = self._marks("a"), self._marks("a", "a")

    def _marks(self, *texts: str) -> list[Gap]:
        """Return what stands before each text, and behind the last: marks, their types, and the type of that text."""
        found = self.inner.encode(*texts)
        gaps, last = [Gap()], None
        typed = "token_type_ids" in self.tokenizer.model_input_names  # or else transformers gives all the same type
        kinds = found.type_ids if typed else [0] * len(found.ids)
        for token, kind, text in zip(found.ids, kinds, found.sequence_ids, strict=True):
            if text is None:
                gaps[-1].ids.append(token)
                gaps[-1].types.append(kind)
            elif text != last:
                gaps[-1].kind = kind
                gaps.append(Gap())
                last = text
        return gaps

    @property
    def room(self) -> int:
        """Return how many tokens of a text one window holds."""
        return self.most - sum(len(gap.ids) for gap in self.single)

    def encode(self, texts: Sequence[str]) -> list[Any]:
        """Return the tokens of each text, without marks: an encoding with ``ids``, ``offsets`` and ``word_ids``."""
        return list(self.inner.encode_batch(list(texts), add_special_tokens=False))

    def framed(self, first: Sequence[int], second: Sequence[int] | None = None) -> tuple[list[int], list[int], int]:
        """Return token ids between their marks, their types, and how many marks stand before the first."""
        gaps = self.single if second is None else self.pair
        ids, types = list(gaps[0].ids), list(gaps[0].types)
        for part, before, behind in zip((first, second), gaps, gaps[1:], strict=False):
            ids += [*(part or ()), *behind.ids]
            types += [before.kind] * len(part or ()) + behind.types
        return ids, types, len(gaps[0].ids)

    def tagged(
        self, texts: Sequence[str], words: Sequence[Words], targets: Sequence[Sequence[int]] | None = None
    ) -> Iterator[Piece]:
        """Yield the windows of texts whose words are asked about; a word that leaves no token is in none."""
        for owner, (found, mine) in enumerate(zip(self.encode(texts), words, strict=True)):
            places = _places(found.offsets, mine)
            for first, last, begin, end in cuts(len(found.ids), self.room, int(self.room * self.overlap)):
                numbers = [i for i, place in enumerate(places) if begin <= place < end]
                ids, types, before = self.framed(found.ids[first:last])
                keep = [places[i] - first + before for i in numbers]
                wanted = [targets[owner][i] for i in numbers] if targets is not None else []
                yield Piece(ids, types, keep, owner, numbers=numbers, targets=wanted)

    def classed(
        self, texts: Sequence[str], others: Sequence[str] | None = None, targets: Sequence[int] | None = None
    ) -> Iterator[Piece]:
        """Yield the windows of texts of which the whole is asked about, at its first mark; ``others`` is second texts.

        Of a pair the shorter text is read whole beside every window of the longer, or as much of it as fills half a
        window.
        """
        seconds = [None] * len(texts) if others is None else [found.ids for found in self.encode(others)]
        for owner, (found, second) in enumerate(zip(self.encode(texts), seconds, strict=True)):
            for ids, types, _ in self._pairs(found.ids, second):
                yield Piece(ids, types, [0], owner, numbers=[0], targets=[] if targets is None else [targets[owner]])

    def _pairs(self, first: list[int], second: list[int] | None) -> Iterator[tuple[list[int], list[int], int]]:
        """Yield the windows of a text, or of a pair, between their marks."""
        turned = second is not None and len(second) > len(first)
        longer, beside = (second, first) if turned else (first, second)
        kept = None if beside is None else beside[: self.most // 2]
        marks = self.single if kept is None else self.pair
        room = self.most - sum(len(gap.ids) for gap in marks) - len(kept or ())
        for start, end, _, _ in cuts(len(longer or ()), room, int(room * self.overlap)):
            part = (longer or [])[start:end]
            yield self.framed(kept or [], part) if turned else self.framed(part, kept)

    def running(self, texts: Sequence[str]) -> Iterator[Piece]:
        """Yield running text in windows that follow one another, each token with its word's number."""
        for owner, found in enumerate(self.encode(texts)):
            numbers = _words(found.word_ids)
            for first in range(0, len(found.ids), self.room):
                ids, types, before = self.framed(found.ids[first : first + self.room])
                inside = numbers[first : first + self.room]
                behind = len(ids) - before - len(inside)
                yield Piece(ids, types, [], owner, words=[-1] * before + inside + [-1] * behind)


def _places(offsets: Sequence[tuple[int, int]], words: Words) -> list[int]:
    """Return the first token of each word, by where tokens and words stand; -1 where a word has none."""
    ends = np.array([end for _, end in offsets])
    found = np.searchsorted(ends, [start for start, _ in words], side="right").tolist() if words else []
    return [
        place if place < len(offsets) and offsets[place][0] < end else -1
        for place, (_, end) in zip(found, words, strict=True)
    ]


def _words(word_ids: Sequence[int | None]) -> list[int]:
    """Return the number of each token's word; a token without one is a word of its own."""
    found, last = [], -1
    before: int | None = None
    for word in word_ids:
        last += word is None or word != before
        before = word
        found.append(last)
    return found
