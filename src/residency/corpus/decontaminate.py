"""What train and test have in common: a training row is dropped when its facts share a run of characters or of
words with any test item's. Only facts are compared: the wording of templates is the same on both sides by design.

Every run of n units holds one of the windows of n/2 units that start at every (n - n/2 + 1)th place. So a few
short windows of each training row are looked up among all of the test's, and only a hit is checked in full: exact,
and a hundred thousand rows take seconds. Facts shorter than both lengths are left to the split by concept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

Row = TypeVar("Row")
Facts = str | Sequence[str]
_WORD = re.compile(r"\w+")


def decontaminate(
    train: Iterable[Row],
    test: Iterable[Any],
    *,
    fact: Callable[[Any], Facts] = lambda row: row.meta["fact"],
    test_fact: Callable[[Any], Facts] | None = None,
    characters: int = 64,
    words: int = 13,
) -> tuple[list[Row], list[tuple[Row, str]]]:
    """Return the training rows kept, and those dropped with the reason (which names the held-out item, no text).

    ``fact`` gives a row's facts: one text, or several that are compared one by one. ``test_fact`` is the same for
    the test rows where they are of another kind. Case and white space are not compared; for words, neither is
    punctuation.
    """
    reason_of = finder(test, fact=test_fact or fact, characters=characters, words=words)
    kept: list[Row] = []
    dropped: list[tuple[Row, str]] = []
    for row in train:
        reason = reason_of(fact(row))
        if reason:
            dropped.append((row, reason))
        else:
            kept.append(row)
    return kept, dropped


def finder(
    test: Iterable[Any], *, fact: Callable[[Any], Facts], characters: int = 64, words: int = 13
) -> Callable[[Facts], str | None]:
    """Return what tells the reason to drop a training row by its facts, or None: for rows that come one by one."""
    spelt, worded = _Index(characters), _Index(words)
    for item in test:
        for text in _normal(fact(item)):
            spelt.add(text, item)
            worded.add(_words(text), item)
    return lambda facts: _reason(_normal(facts), spelt, worded)


@dataclass(slots=True)
class _Index:
    """All windows of ``n`` units of the test, with the item of each, and all of its windows of ``n // 2``."""

    n: int
    windows: dict[Any, Any] = field(default_factory=dict)
    probes: set[Any] = field(default_factory=set)

    def add(self, units: Sequence[str], item: Any) -> None:
        short = max(1, self.n // 2)
        for start in range(len(units) - self.n + 1):
            self.windows.setdefault(units[start : start + self.n], item)
        if len(units) >= self.n:
            self.probes.update(units[start : start + short] for start in range(len(units) - short + 1))

    def find(self, units: Sequence[str]) -> Any:
        """Return the held-out item that shares ``n`` units in a row, or None."""
        short = max(1, self.n // 2)
        stride = self.n - short + 1
        for probe in range(0, len(units) - short + 1, stride):
            if units[probe : probe + short] not in self.probes:
                continue
            for start in range(max(0, probe - stride + 1), probe + 1):
                if units[start : start + self.n] in self.windows:
                    return self.windows[units[start : start + self.n]]
        return None


def _reason(texts: list[str], spelt: _Index, worded: _Index) -> str | None:
    for text in texts:
        if (item := spelt.find(text)) is not None:
            return f"{spelt.n} characters in common with held-out item {_name(item)}"
        if (item := worded.find(_words(text))) is not None:
            return f"{worded.n} words in common with held-out item {_name(item)}"
    return None


def _normal(facts: Facts) -> list[str]:
    texts = [facts] if isinstance(facts, str) else facts
    return [" ".join(unicodedata.normalize("NFKC", text).casefold().split()) for text in texts]


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text))


def _name(item: Any) -> str:
    return str(item["id"] if isinstance(item, dict) else item.id)
