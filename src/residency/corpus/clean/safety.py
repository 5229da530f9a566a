"""Unsafe and discriminatory text: instructions to harm, and slurs; never the clinical mention of either.

A patient's suicidal thoughts, sexual history, infections and drugs are what notes are about. So a topic is no reason:
only wording that teaches harm to the reader, or that abuses a group. Patterns: ``unsafe.json``, and the user's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from residency.core.errors import UserError
from residency.core.legal import AtLeastOne
from residency.corpus.clean.relevance import lines_of
from residency.corpus.clean.words import Terms, is_unspaced


@dataclass(frozen=True, slots=True)
class Safety:
    """``slurs``: how many make a text discriminatory (a patient's words may be quoted in a note: 2 lets one pass).

    ``lists``: your own, one term a line, or a regular expression between slashes (``/how to .{0,20} poison/``); keep
    repetitions bounded, since a text may be hostile.
    """

    slurs: AtLeastOne = 1
    lists: tuple[Path, ...] = ()


def safety_check(settings: Safety) -> Callable[[str, Sequence[bytes]], str | None]:
    """Return a function of a text and its words that returns the reason to drop it."""
    table = json.loads(files("residency.corpus.clean").joinpath("unsafe.json").read_text(encoding="utf-8"))
    rules = [(reason, *_rule(entry)) for reason, entry in table["rules"].items()]
    slurs, (own, patterns) = Terms(table["slurs"]), _own(settings.lists)

    def check(text: str, words: Sequence[bytes]) -> str | None:
        distinct, unspaced = frozenset(words), is_unspaced(text)
        for reason, named, cues, runs, pattern in rules:
            keyed = any(run in text for run in runs) if unspaced else distinct & named and distinct & cues
            if keyed and pattern.search(text.lower()):
                return f"safety: {reason}"
        if _many(slurs, text, words, unspaced) >= settings.slurs:
            return "safety: slurs"
        if own and _many(own, text, words, unspaced):
            return "safety: own list"
        return "safety: own list" if any(pattern.search(text) for pattern in patterns) else None

    return check


def _many(terms: Terms, text: str, words: Sequence[bytes], unspaced: bool) -> int:
    return (terms.count_runs(text) if unspaced else terms.count(words))[0]


def _rule(entry: dict[str, list[str]]) -> tuple[frozenset[bytes], frozenset[bytes], list[str], re.Pattern[str]]:
    """Return the words and the cues of which a text must have one each before the slow pattern is tried on it."""
    named, cues = (frozenset(word.encode() for word in entry[key]) for key in ("words", "cues"))
    pattern = "|".join(f"(?:{pattern})" for pattern in entry["patterns"])
    return named, cues, entry["runs"], re.compile(pattern, re.MULTILINE)


def _own(lists: Sequence[Path]) -> tuple[Terms | None, list[re.Pattern[str]]]:
    entries = [(path, entry) for path in lists for entry in lines_of(path)]
    terms = [entry for _, entry in entries if not _is_pattern(entry)]
    patterns = []
    for path, entry in entries:
        if _is_pattern(entry):
            try:
                patterns.append(re.compile(entry[1:-1], re.IGNORECASE | re.MULTILINE))
            except re.error as error:
                raise UserError(f"{path}: {entry} is no regular expression ({error})") from None
    return Terms(terms) if terms else None, patterns


def _is_pattern(entry: str) -> bool:
    return len(entry) > 2 and entry.startswith("/") and entry.endswith("/")
