"""A text as the rules see it: lower-case words as bytes, cut in C-level passes, and listed terms counted among them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_KEPT = _LETTERS + _LETTERS.upper() + b"0123456789" + bytes(range(128, 256))
_TO_WORDS = bytes(ord(chr(byte).lower()) if byte < 128 and byte in _KEPT else byte for byte in range(256))
_TO_WORDS = bytes(byte if byte in _KEPT else 32 for byte in _TO_WORDS)
_SIGNS = "\xa0\u202f\u2009’‘‚“”„«»‹›–—―‐‑…•·¿¡"
"""What touches words in typeset text; without cutting there, “bomb” is another word than bomb."""
_SAMPLE = 1000
_UNSPACED = re.compile("[\u3040-\u9fff]")
_PREFIXES = range(2, 25)
_KNOWN = 500_000
"""How many words' stems are remembered by one process: some 60 MB, and more than a language has."""


def words_of(text: str) -> list[bytes]:
    """Return the lower-case words in UTF-8, cut at spaces, ASCII punctuation, and quotes, dashes and marks of print.

    Text written without spaces stays whole between its punctuation: see ``is_unspaced``.
    """
    if not text.isascii():
        text = text.lower()
        for sign in _SIGNS:  # in C each, and nothing where it does not occur
            text = text.replace(sign, " ")
    return text.encode("utf-8", "replace").translate(_TO_WORDS).split()


@dataclass(frozen=True, slots=True)
class Reading:
    """A text with its words, cut once for all checks, and whether it is written without spaces between them."""

    text: str
    words: list[bytes]
    distinct: frozenset[bytes]
    unspaced: bool


def read(text: str) -> Reading:
    """Return a text as the checks see it."""
    words = words_of(text)
    return Reading(text, words, frozenset(words), is_unspaced(text))


def is_unspaced(text: str) -> bool:
    """Return whether a text is written without spaces between words (Chinese, Japanese), by its start."""
    if text.isascii():
        return False
    sample = text[:_SAMPLE]
    return len(_UNSPACED.findall(sample)) > 0.3 * (len(sample) - sample.count(" "))


class _Stems(dict[bytes, "bytes | None"]):
    """The listed stem that a word begins with, found once a word and remembered."""

    def __init__(self, stems: frozenset[bytes], whole: frozenset[bytes]) -> None:
        super().__init__()
        self.stems, self.whole = stems, whole

    def __missing__(self, word: bytes) -> bytes | None:
        if len(self) > _KNOWN:
            self.clear()
        found = word if word in self.whole else None
        if found is None and self.stems:
            found = next((word[:n] for n in _PREFIXES if n <= len(word) and word[:n] in self.stems), None)
        self[word] = found
        return found


class Terms:
    """Listed terms: stems (``cardi*``), whole words and phrases; of unspaced languages, runs of characters."""

    def __init__(self, terms: Iterable[str]) -> None:
        stems: set[bytes] = set()
        whole: set[bytes] = set()
        runs: set[str] = set()
        phrases: dict[tuple[bytes, bytes], set[tuple[bytes, ...]]] = defaultdict(set)
        for term in terms:
            if is_unspaced(term):
                runs.add(term)
            elif len(words := tuple(words_of(term))) > 1:
                phrases[words[0], words[1]].add(words[2:])
            elif words:
                (stems if term.rstrip().endswith("*") else whole).add(words[0])
        self.found = _Stems(frozenset(stems), frozenset(whole))
        self.phrases = {pair: sorted(rests) for pair, rests in phrases.items()}
        self.heads = frozenset(first for first, _ in phrases)
        self.longest = max((len(rest) for rests in phrases.values() for rest in rests), default=0)
        self.runs = frozenset(runs)
        self.lengths = sorted({len(run) for run in runs})
        self.firsts = frozenset(run[0] for run in runs)

    def count(self, reading: Reading) -> tuple[int, int]:
        """Return how often listed terms stand in a text, and how many different ones."""
        found: list[object] = []
        if self.runs and not reading.text.isascii() and _UNSPACED.search(reading.text):
            found += self._runs(reading.text)
        if not self.heads.isdisjoint(reading.distinct):
            found += self._phrases(reading.words)
        if self.found.stems or not self.found.whole.isdisjoint(reading.distinct):
            found += map(self.found.__getitem__, reading.words)
        different = set(found)
        different.discard(None)
        return len(found) - found.count(None), len(different)

    def _phrases(self, words: Sequence[bytes]) -> list[tuple[bytes, ...]]:
        """Return the listed phrases that stand among the words, by their first two words, then by the rest."""
        starts, found = self.phrases, []
        for at in [at for at, pair in enumerate(pairwise(words)) if pair in starts]:
            after = tuple(words[at + 2 : at + 2 + self.longest])
            rests = starts[words[at], words[at + 1]]
            found += [(words[at], words[at + 1], *rest) for rest in rests if after[: len(rest)] == rest]
        return found

    def _runs(self, text: str) -> list[str]:
        """Return the listed runs of characters that stand in a text, the longest where several begin."""
        found, after = [], 0
        for at in [at for at, sign in enumerate(text) if sign in self.firsts]:
            run = next((text[at : at + n] for n in reversed(self.lengths) if text[at : at + n] in self.runs), None)
            if run is not None and at >= after:
                found.append(run)
                after = at + len(run)
        return found
