"""From words to nodes: names and synonyms as said, abbreviations, variants, then what is spelt or meant alike.

A stretch of text that nothing is alike enough to is not linked. The thresholds were chosen on synonyms of HPO that were
held out for that and are not in the reported numbers (``bench/linking.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from residency.corpus.graph.names import LONGEST, SMALL, Name, aligned, best_alike, normal, words_in
from residency.corpus.graph.terms import CALLED
from residency.infer.graph.abbreviations import abbreviations

if TYPE_CHECKING:
    from residency.infer.graph.knowledge import KnowledgeGraph

SPELT, ALIGNED = 0.75, 0.4
"""How alike a name must be spelt as a whole, and each word with its nearest in the other (Dice, 0 to 1)."""
MEANT, AHEAD = 0.6, 0.45
"""The cosine that a name must reach, and how far the next must be behind (in spelling and meaning added up)."""
_PARTS = frozenset(
    "a about after all also an and any are as at be been being best by can cause causes caused could describe did "
    "do does due during each following for from give given had has have having he her his how if in include "
    "includes including into is it its kind like list may mean might more most name no nor not of on one or other "
    "our out over she should show shows since so some such term than that the their them then there these they "
    "this those to under was we were what when where which who whom whose why will with without would you your "
    "associated true false yes answer question option options means called".split()
)
"""Words that part names: no name that is only spelt or meant alike goes across one."""
_EMPTY = _PARTS | frozenset(
    "patient patients people person sign signs symptom symptoms syndrome type finding findings feature features "
    "disease diseases disorder disorders condition conditions definition synonym code related acute chronic "
    "mild moderate severe left right onset frequency frequent rare occasional always negative positive high low "
    "small inherited inheritance mode large long short normal abnormal male female child adult common sudden "
    "past history family".split()
)
"""Words that say nothing by themselves, although ontologies have names that consist of them."""
_BREAK = re.compile(r"[.,;:?!()\[\]{}\"“”\n/]")


@dataclass(frozen=True, slots=True)
class Linked:
    """A mention: characters ``start`` to ``end`` of the text (half open) name ``node``, which is called ``name``.

    ``how`` is "name", "synonym", "abbreviation", another relation that gives names, "variant" (plural, British, other
    order), "spelling" or "embedding"; ``score`` is 1 for what is called just so, else how alike. ``others`` are nodes
    that are called the same.
    """

    start: int
    end: int
    node: str
    name: str
    score: float
    how: str
    others: tuple[str, ...] = ()


def link(graph: KnowledgeGraph, text: str) -> list[Linked]:
    """Return the nodes that a text mentions, in its order: the longest names first, none within another.

    A text without one is an empty list. Words that say nothing by themselves ("severe", "all") are only linked where
    they are the whole text.
    """
    words = words_in(text)
    whole = len(words) <= 1
    short = abbreviations(text)
    found: list[Linked] = []
    taken = [False] * len(words)
    for size in range(min(LONGEST, len(words)), 0, -1):
        for first in range(len(words) - size + 1):
            if any(taken[first : first + size]):
                continue
            start, end = words[first][0], words[first + size - 1][1]
            if one := _called(graph, text[start:end], start, short, whole):
                found.append(one)
                taken[first : first + size] = [True] * size
    for start, end in _stretches(text, words, taken):
        if one := nearest(graph, text[start:end], start):
            found.append(one)
    return sorted(found, key=lambda one: one.start)


def _called(graph: KnowledgeGraph, said: str, start: int, short: dict[str, str], whole: bool) -> Linked | None:
    """Return the node that is called so, as said or as a variant."""
    if _BREAK.search(said) or (not whole and normal(said) in _EMPTY):
        return None
    parts = normal(said).split()
    ends = bool(parts) and (parts[0] in SMALL or parts[-1] in SMALL)  # a variant is told without them: not a part of it
    for how, names in (("", graph.names.said(said)), ("variant", [] if ends else graph.names.varied(said))):
        if names := [name for name in names if _fits(name, said, how)]:
            return _linked(graph, names, said, start, how)
    if said in short and (names := graph.names.said(short[said]) or graph.names.varied(short[said])):
        return _linked(graph, names, said, start, "abbreviation")
    return None


def _fits(name: Name, said: str, how: str) -> bool:
    """Return whether a name may be meant: an abbreviation must be written just so, and has no variants."""
    if name.how == "abbreviation" or (name.text.isupper() and len(name.text) <= 5):
        return not how and name.text == said
    return not how or (len(said) > 3 and normal(said) not in _EMPTY)


def _linked(graph: KnowledgeGraph, names: Sequence[Name], said: str, start: int, how: str) -> Linked:
    first = names[0]
    same = [name.node for name in names if name.how == first.how and name.node != first.node]
    score = {"variant": 0.95}.get(how, 1.0) - (0.1 if CALLED[first.how] > CALLED["abbreviation"] else 0.0)
    others = tuple(dict.fromkeys(same))
    return Linked(start, start + len(said), first.node, graph.name(first.node), score, how or first.how, others)


def _stretches(text: str, words: Sequence[tuple[int, int]], taken: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Yield the stretches that might be a name: words that are not linked, up to a word or sign that parts."""
    run: list[tuple[int, int]] = []
    for (start, end), used in zip(words, taken, strict=True):
        parts = used or normal(text[start:end]) in _PARTS
        if run and (parts or _BREAK.search(text[run[-1][1] : start])):
            yield run[0][0], run[-1][1]
            run = []
        if not parts:
            run.append((start, end))
    if run:
        yield run[0][0], run[-1][1]


def nearest(graph: KnowledgeGraph, mention: str, start: int = 0) -> Linked | None:
    """Return the node with the name most alike a mention, where it is alike enough; None for no link."""
    if len(normal(mention)) < 5 or all(word in _EMPTY for word in normal(mention).split()):
        return None
    picked = pick(candidates(graph, mention))
    if picked is None:
        return None
    name, score = picked.name, picked.spelt if picked.how == "spelling" else picked.meant
    return Linked(start, start + len(mention), name.node, graph.name(name.node), round(score, 4), picked.how)


def whole(graph: KnowledgeGraph, mention: str, *, varied: bool = True, near: bool = True) -> Linked | None:
    """Return the node that the whole of a text names; None for no link, also where only a part of it is a name.

    Without ``varied`` and ``near`` it must be called just so, without variants and without what is only alike.
    """
    names = [name for name in graph.names.said(mention) if _fits(name, mention, "")]
    how = ""
    if not names and varied:
        names, how = [name for name in graph.names.varied(mention) if _fits(name, mention, "variant")], "variant"
    if names:
        return _linked(graph, names, mention, 0, how)
    return nearest(graph, mention) if near else None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A name that a mention may stand for: how alike they are spelt, word by word too (0 to 1), and meant (cosine)."""

    name: Name
    spelt: float
    aligned: float
    meant: float = 0.0
    how: str = "spelling"

    @property
    def alike(self) -> float:
        """Spelling and meaning added up."""
        return self.spelt + self.meant


def candidates(graph: KnowledgeGraph, mention: str) -> list[Candidate]:
    """Return the names most alike a mention, of each node the best: by spelling, and by meaning with an embedder."""
    names = [name for _, name in best_alike(mention, graph.names.alike(mention))]
    cosines = dict.fromkeys(names, 0.0)
    if graph.embedder is not None:
        from residency.infer.graph.vectors import compared

        cosines |= dict(compared(graph, mention, names))
    best: dict[str, Candidate] = {}
    for name, cosine in cosines.items():
        one = Candidate(name, best_alike(mention, [name])[0][0], aligned(mention, name.text), cosine)
        if name.node not in best or one.alike > best[name.node].alike:
            best[name.node] = one
    return sorted(best.values(), key=lambda one: (-one.alike, CALLED[one.name.how], one.name.node))


def pick(found: Sequence[Candidate]) -> Candidate | None:
    """Return the candidate that is meant, of those in order: one spelt alike in every word, else the one far ahead.

    None where no name is near enough, or several are.
    """
    spelt = next((one for one in found if one.spelt >= SPELT and one.aligned >= ALIGNED), None)
    if spelt:
        return spelt
    first, second = found[0] if found else None, found[1].alike if len(found) > 1 else 0.0
    if first and first.meant >= MEANT and first.alike - second >= AHEAD:
        return replace(first, how="embedding")
    return None
