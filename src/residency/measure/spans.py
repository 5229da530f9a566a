"""Scores of marked spans: where a model's phrases stand in a text, and how many of the wanted ones that finds.

A generator names phrases, not places. Each phrase stands for all of its occurrences as whole words, as annotators mark
them, or within words where it is no whole one; a phrase that does not occur is a false one. Exact: same start, end and
label. Relaxed: same label, overlapping.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from residency.core.types import Span
from residency.measure.scorers import parse_list

UNPARTED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")
"""Letters of scripts that write words without a gap (kana, Han, Hangul)."""


def parse_labelled(text: str, labels: Sequence[str]) -> tuple[list[tuple[str, str]], bool]:
    """Return the (phrase, label) pairs of the first JSON list of a reply, and whether one could be read.

    With one label the list holds phrases; with several, objects ``{"text", "label"}``. What has another shape, or
    another label, is kept with the label "", so that it counts as false.
    """
    found = parse_list(text)
    if found is None:
        return [], False
    pairs: list[tuple[str, str]] = []
    for item in found:
        phrase, label = item, labels[0] if len(labels) == 1 else ""
        if isinstance(item, dict):
            phrase, label = item.get("text"), item.get("label", label)
        if not isinstance(phrase, str):
            phrase, label = json.dumps(item, ensure_ascii=False), ""
        if phrase.strip():
            pairs.append((phrase.strip(), label if label in labels else ""))
    return list(dict.fromkeys(pairs)), True


def locate(pairs: Iterable[tuple[str, str]], text: str) -> tuple[list[Span], int]:
    """Return where the phrases stand in the text, as whole words if they do, and how many of them stand nowhere.

    Longer phrases take their place first: "breast cancer" leaves no "cancer" inside it.
    """
    spans: list[Span] = []
    taken = bytearray(len(text))
    absent = 0
    for phrase, label in sorted(set(pairs), key=lambda pair: (-len(pair[0]), pair)):
        places = _places(phrase, text)
        free = [(a, b) for a, b in places if not any(taken[a:b])]
        for start, end in free:
            taken[start:end] = b"\x01" * (end - start)
            spans.append(Span(start, end, label))
        absent += not places
    return sorted(spans, key=lambda s: (s.start, s.end)), absent


def _places(phrase: str, text: str) -> list[tuple[int, int]]:
    """Return where a phrase stands as whole words; where it does so nowhere, where it stands within words.

    Annotators mark parts of words too ("embolie" in "Lungenembolie", "400" in "400mg"). Between Chinese, Japanese or
    Korean letters, and beside them, nothing parts words.
    """
    places = [m.span() for m in re.finditer(re.escape(phrase), text)]
    alone = [(a, b) for a, b in places if not _within(text, a) and not _within(text, b)]
    return alone or places


def _within(text: str, place: int) -> bool:
    """Return whether a place lies inside a word."""
    return 0 < place < len(text) and all(
        re.match(r"\w", c) and not UNPARTED.match(c) for c in text[place - 1 : place + 1]
    )


def span_counts(found: Sequence[Span], wanted: Sequence[Span], absent: int = 0) -> dict[str, int]:
    """Return ``{"tp", "fp", "fn"}`` of exact spans; ``absent`` phrases that stand nowhere are false ones."""
    guesses = {(s.start, s.end, s.label) for s in found}
    gold = {(s.start, s.end, s.label) for s in wanted}
    return {"tp": len(guesses & gold), "fp": len(guesses - gold) + absent, "fn": len(gold - guesses)}


def relaxed_counts(found: Sequence[Span], wanted: Sequence[Span], absent: int = 0) -> dict[str, int]:
    """Return ``{"right", "found", "reached", "wanted"}``: found spans that overlap a wanted one of the same label, all
    found, wanted spans that are overlapped, all wanted (the partial match of Chinchor and Sundheim 1993, MUC-5)."""

    def touches(a: Span, others: Sequence[Span]) -> bool:
        return any(a.label == b.label and a.start < b.end and b.start < a.end for b in others)

    return {
        "right": sum(touches(a, wanted) for a in found),
        "found": len(found) + absent,
        "reached": sum(touches(b, found) for b in wanted),
        "wanted": len(wanted),
    }


def relation_counts(
    found: Iterable[Sequence[str]], wanted: Iterable[Sequence[str]], concepts: dict[str, str]
) -> dict[str, int]:
    """Return ``{"tp", "fp", "fn"}`` of pairs of concepts; phrases become concepts by the text's own mentions.

    ``concepts`` maps a mention in lower case to its concept; a pair with a phrase that is no mention is a false one.
    """
    gold = {tuple(pair) for pair in wanted}
    guesses = {tuple(concepts.get(part.lower().strip(), f"?{part}") for part in pair) for pair in found}
    return {"tp": len(guesses & gold), "fp": len(guesses - gold), "fn": len(gold - guesses)}
