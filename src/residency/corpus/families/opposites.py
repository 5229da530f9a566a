"""Which names say opposite things: those that differ in one pair of words only, such as increased and decreased."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_OPPOSITES = (
    "increased decreased|high low|long short|large small|wide narrow|broad narrow|thick thin|early delayed|"
    "elevated reduced|elevated decreased|increased reduced|hyper hypo|macro micro|poly oligo|bilateral unilateral|"
    "acute chronic|tall short|thickened thinned|increased absent|broad thin|prominent depressed|everted inverted|"
    "deep shallow|full thin|upslanted downslanted|convex concave|dense sparse|thick sparse|tachy brady|hard soft|"
    "coarse fine|advanced delayed|complete partial|absent prominent|absent large|absent long|absent broad|over under"
)
_PAIRS = [tuple(pair.split()) for pair in _OPPOSITES.split("|")]
_NO_SIZE = re.compile(r"intestin|bowel|cell|chain|arter|vein|vessel")  # a large intestine is no opposite of a small one
_PREFIXES = ("hyper", "hypo", "macro", "micro", "poly", "oligo", "tachy", "brady", "over", "under")
_TURN: dict[str, list[str]] = {}
for _one, _other in _PAIRS:
    _TURN.setdefault(_one, []).append(_other)
    _TURN.setdefault(_other, []).append(_one)


def opposite_names(names: Iterable[str], known: dict[str, str]) -> list[str]:
    """Return the sorted ids in ``known`` (by normalised name) of the opposites of any of a concept's names."""
    turned = {text for name in names if not _NO_SIZE.search(name.lower()) for text in _turned(name)}
    return sorted({known[text] for text in turned if text in known})


def _turned(name: str) -> Iterator[str]:
    parts = re.findall(r"[a-z0-9]+", name.lower())
    for at, word in enumerate(parts):
        for other in _TURN.get(word, ()):
            yield " ".join([*parts[:at], other, *parts[at + 1 :]])
        for prefix in _PREFIXES:
            if word.startswith(prefix) and len(word) > len(prefix) + 3:
                for other in _TURN[prefix]:
                    yield " ".join([*parts[:at], other + word[len(prefix) :], *parts[at + 1 :]])
