"""What the learned reader sees of a text: its words, pairs of them, their letters, and what the rules find in it.

Pieces of words make up for endings and typing errors; the rules' concepts bring together what is said in many words
("my chest is tight", "pressure behind the breastbone"), with whether it is said of somebody now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from residency.serve.guard.context import Meant
from residency.serve.guard.words import Words

LETTERS = (3, 4, 5)
"""Lengths of the pieces of a word, its ends counted as letters."""
BLOCKS = ("words", "letters", "concepts")
"""Kinds of trait, each of which weighs as much as the others, however many a text has."""
LEAST = 2
"""Lines that a trait stands in, at least, to be learned."""
Traits = tuple[tuple[str, ...], ...]
"""The traits of a text, by block, each once."""


def traits(words: Words, mentions: Mapping[str, Sequence[Meant]], *, since: int = 0) -> Traits:
    """Return the traits of a text from its word ``since`` on, by block; of a number only how many digits it has."""
    said = ["0" * min(len(word), 3) if word[0].isdigit() else word for word in words.words[since:]]
    pairs = (f"{one} {two}" for one, two in pairwise(["^", *said, "$"]))
    letters = {piece for word in said for piece in _pieces(word)}
    concepts = {
        f"{name}{'' if one.now else '?'}" for name, found in mentions.items() for one in found if one.start >= since
    }
    return tuple({*said, *pairs}), tuple(letters), tuple(concepts)


def _pieces(word: str) -> tuple[str, ...]:
    """Return the pieces of a word; of a very long one (an address, a key) those of its beginning."""
    whole = f" {word[:30]} "
    return tuple(whole[at : at + size] for size in LETTERS for at in range(len(whole) - size + 1))


class Known:
    """The traits that stand in enough of some texts, numbered by block, with how rare each is.

    The rarer a trait, the more it weighs: log(1 + texts / texts that have it) (Sparck Jones 1972).
    """

    def __init__(self, texts: Sequence[Traits]) -> None:
        self.numbers: list[dict[str, int]] = []
        rare: list[float] = []
        for block in range(len(BLOCKS)):
            counts = _counts(text[block] for text in texts)
            kept = sorted(name for name, count in counts.items() if count >= LEAST)
            self.numbers.append({name: len(rare) + at for at, name in enumerate(kept)})
            rare += [np.log(1 + len(texts) / counts[name]) for name in kept]
        self.rare = np.array(rare)

    def __len__(self) -> int:
        return len(self.rare)

    def of(self, text: Traits) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of a text's known traits and how much each weighs: a unit vector for each block."""
        blocks = list(self._blocks(text))
        return np.concatenate([ids for ids, _ in blocks]), np.concatenate([weights for _, weights in blocks])

    def _blocks(self, text: Traits) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for number, found in zip(self.numbers, text, strict=True):
            ids = np.array(sorted(number[name] for name in found if name in number), dtype=np.int64)
            weights = self.rare[ids]
            yield ids, weights / max(float(np.sqrt(weights @ weights)), 1e-9)


def _counts(texts: Iterable[Iterable[str]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for text in texts:
        for name in text:
            counts[name] = counts.get(name, 0) + 1
    return counts
