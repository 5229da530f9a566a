"""A linear-chain conditional random field over the words of a text: the tagger that takes seconds to train.

What it sees of a word: itself, its shape, its beginning and end, the same of its neighbours as far as two words away,
and what stands between. Each of these has a weight for every tag, each pair of tags one, and the probability of a row
of tags is their sum, exponentiated and shared among all rows (Lafferty et al. 2001, Conditional Random Fields, eq. 1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pycrfsuite

from residency.core.errors import ModelError
from residency.core.store import read_manifest, sha256_file
from residency.core.types import Span
from residency.models.tagging import Words, spans_of, tagset, words_of

FILE = "crf.model"
"""The weights, in CRFsuite's own format of numbers and strings: it is no pickle and can hold no code."""
KEPT = 100_000
"""Words whose features are kept; those of a language repeat."""


class CrfModel:
    """A trained CRF: the probability of every tag for every word, and the spans that it marks."""

    def __init__(self, data: bytes, labels: Sequence[str], *, name: str, hash: str) -> None:
        self.name, self.hash = name, hash
        self.tags = tagset(labels)
        self._data = data  # read in place
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open_inmemory(data)
        self._known = self._tagger.labels()  # places in ``tags``; those of tags that training never saw are not here

    def tag_probabilities(self, texts: Sequence[str]) -> list[tuple[Words, np.ndarray]]:
        """Return each text's words and the probability of each tag ``[words, tags]``, all other words summed over."""
        made = []
        for text in texts:
            words = words_of(text)
            odds = np.zeros((len(words), len(self.tags)))
            if words:
                self._tagger.set(features(text, words))
                for known in self._known:
                    odds[:, int(known)] = [self._tagger.marginal(known, place) for place in range(len(words))]
            made.append((words, odds))
        return made

    def tag(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return the spans of each text by its likeliest row of tags as a whole."""
        made = []
        for text in texts:
            words = words_of(text)
            places = self._tagger.tag(features(text, words)) if words else []
            made.append(spans_of(words, [self.tags[int(place)] for place in places]))
        return made


def open_crf(folder: Path | str, *, name: str, hash: str, **_: Any) -> CrfModel:
    """Return the CRF of a stage's folder. Raises ModelError where its file is not the one that was trained."""
    about, path = (read_manifest(folder) or {})["model"], Path(folder) / FILE
    if not path.is_file() or sha256_file(path) != about["hash"]:
        raise ModelError(f"{path} is absent or has changed since it was trained; train it again")
    return CrfModel(path.read_bytes(), about["labels"], name=name, hash=hash)


# --- what it sees of a word ------------------------------------------------------------------------------------------


def features(text: str, words: Sequence[tuple[int, int]]) -> list[list[bytes]]:
    """Return what each word is known by."""
    cut = ["", "", *(text[start:end] for start, end in words), "", ""]  # "": outside of the text
    gaps = [_gap(text[a:b]) for (_, a), (b, _) in zip(words, words[1:], strict=False)]
    made = []
    for place, before, behind in zip(range(len(words)), (b"", *gaps), (*gaps, b""), strict=True):
        two, left, word, right, four = cut[place : place + 5]
        own, one, three = _own(word), _beside(left, -1), _beside(right, 1)
        row = [b"bias", b"<" + before, b">" + behind, one[0] + own[0], own[0] + three[0]]
        made.append([*row, *own, *one, *three, *_beside(two, -2), *_beside(four, 2)])
    return made


def _gap(between: str) -> bytes:
    """Return what parts two words: nothing, a line's end, or other white space."""
    return b"line" if "\n" in between else b"space" if between else b"none"


@lru_cache(KEPT)
def _own(word: str) -> tuple[bytes, ...]:
    low, shape = word.lower(), shape_of(word)
    found = [f"w={low}", f"s={shape}", f"t={short(shape)}"]
    found += [f"p{n}={low[:n]}" for n in range(1, 5) if len(low) > n]
    found += [f"e{n}={low[-n:]}" for n in range(1, 5) if len(low) > n]
    return tuple(text.encode("utf-8", "replace") for text in found)


@lru_cache(5 * KEPT)
def _beside(word: str, where: int) -> tuple[bytes, ...]:
    low = word.lower()
    found = (f"{where}w={low}", f"{where}t={short(shape_of(word))}", f"{where}e={low[-3:]}")
    return tuple(text.encode("utf-8", "replace") for text in found)


def shape_of(word: str) -> str:
    """Return a word's shape: "HER2-Pos" is "XXXd-Xxx"."""
    return "".join("X" if c.isupper() else "x" if c.isalpha() else "d" if c.isdigit() else c for c in word)


def short(shape: str) -> str:
    """Return a shape with every run of one sign as one."""
    return re.sub(r"(.)\1+", r"\1", shape)
