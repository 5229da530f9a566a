"""Words, tags and spans: what every tagger of a text has in common, be it an encoder or a linear CRF.

A text is cut into words and signs. Each has a tag: a span begins there (``B-label``), goes on (``I-label``), or there
is none (``O``), as in Ramshaw and Marcus 1995, Text Chunking using Transformation-Based Learning (with a B at every
beginning). A model gives each word a probability for each tag; the likeliest row of tags that is legal becomes spans.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from residency.core.types import Span

Words = list[tuple[int, int]]
"""The words of a text, each by its first character and the one behind its last."""
_ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"  # kana, Han, Hangul: no gap parts words
_WORD = re.compile(rf"[{_ALONE}]|(?:[^\W_{_ALONE}]+[\u0300-\u036f]*)+|\S")
INSIDE, UNDER = "begins or ends inside a word", "lies under a longer span"
"""Why tags cannot give a span back."""


def words_of(text: str) -> Words:
    """Return the words of a text and its signs, each alone: "anti-HER2/neu" is five of them.

    Letters and digits hold together, with the accents that stand on them; each letter of a script without gaps
    (Chinese, Japanese, Korean) is a word.
    """
    return [found.span() for found in _WORD.finditer(text)]


def tagset(labels: Sequence[str]) -> list[str]:
    """Return the tags of labels: "O", then "B-" and "I-" of each in the order given."""
    return ["O", *(f"{mark}-{label}" for label in labels for mark in "BI")]


def bio(words: Sequence[tuple[int, int]], spans: Sequence[Span], labels: Sequence[str]) -> list[str]:
    """Return the tag of each word; spans of other labels than these are no spans here.

    Where spans overlap, the longest is kept, of equal ones the first. One that begins or ends inside a word is given
    all the words that it touches; ``lost`` counts it, since tags do not give it back.
    """
    tags = ["O"] * len(words)
    for first, last, span in _placed(words, spans, labels)[0]:
        tags[first:last] = [f"B-{span.label}"] + [f"I-{span.label}"] * (last - first - 1)
    return tags


def lost(words: Sequence[tuple[int, int]], spans: Sequence[Span], labels: Sequence[str]) -> Counter[str]:
    """Return how many spans the tags of ``bio`` do not give back as they are, by reason (``INSIDE``, ``UNDER``)."""
    kept, under = _placed(words, spans, labels)
    inside = sum((words[first][0], words[last - 1][1]) != (s.start, s.end) for first, last, s in kept)
    return +Counter({INSIDE: inside, UNDER: under})


def _placed(
    words: Sequence[tuple[int, int]], spans: Sequence[Span], labels: Sequence[str]
) -> tuple[list[tuple[int, int, Span]], int]:
    """Return the spans that are kept with their first word and the one behind their last, and how many are not."""
    starts = np.array([start for start, _ in words])
    ends = np.array([end for _, end in words])
    taken, kept, under = np.zeros(len(words), bool), [], 0
    known = [span for span in spans if span.label in labels]
    for span in sorted(known, key=lambda s: (s.start - s.end, s.start, s.label)):
        first = int(np.searchsorted(ends, span.start, side="right"))
        last = int(np.searchsorted(starts, span.end, side="left"))
        if first >= last or taken[first:last].any():
            under += 1
            continue
        taken[first:last] = True
        kept.append((first, last, span))
    return sorted(kept, key=lambda row: row[0]), under


def spans_of(words: Sequence[tuple[int, int]], tags: Sequence[str]) -> list[Span]:
    """Return the spans that tags mark; an "I-" that goes on with nothing begins a span, as in the CoNLL-2000 scorer."""
    return [Span(words[first][0], words[last - 1][1], label) for first, last, label in _runs(tags)]


def _runs(tags: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Yield (first word, the word behind the last, label) of each span."""
    first, label = 0, ""
    for place, tag in enumerate([*tags, "O"]):
        mark, _, name = tag.partition("-")
        if label and (mark != "I" or name != label):
            yield first, place, label
            label = ""
        if mark != "O" and not label:
            first, label = place, name


def decode(probabilities: np.ndarray, tags: Sequence[str]) -> list[str]:
    """Return the likeliest legal row of tags by the words' own probabilities ``[words, tags]`` (Viterbi 1967).

    An "I-" follows a "B-" or an "I-" of its label and nothing else, so that it is no first tag.
    """
    scores = np.log(np.maximum(np.asarray(probabilities, dtype=np.float64), 1e-300))
    if not len(scores):
        return []
    allowed = legal(tags)
    barred = np.where(allowed, 0.0, -np.inf)  # [from, to]
    best, back = scores[0] + np.where([tag.startswith("I-") for tag in tags], -np.inf, 0.0), []
    for row in scores[1:]:
        ways = best[:, None] + barred
        came = ways.argmax(axis=0)
        best = ways[came, np.arange(len(tags))] + row
        back.append(came)
    place = int(best.argmax())
    found = [place]
    for came in reversed(back):
        place = int(came[place])
        found.append(place)
    return [tags[i] for i in reversed(found)]


def legal(tags: Sequence[str]) -> np.ndarray:
    """Return which tag may follow which, ``[from, to]``."""
    return np.array([[not b.startswith("I-") or a[1:] == b[1:] for b in tags] for a in tags])


def spans_by(model: Any, texts: Sequence[str]) -> list[list[Span]]:
    """Return the spans that a tagger finds in each text: by its own ``tag`` where it has one, else by ``decode``."""
    if hasattr(model, "tag"):
        return list(model.tag(texts))
    return [spans_of(words, decode(odds, model.tags)) for words, odds in model.tag_probabilities(texts)]
