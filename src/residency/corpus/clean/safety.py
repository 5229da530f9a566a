"""Unsafe and discriminatory text: instructions to harm, and slurs; never the clinical mention of either.

A patient's suicidal thoughts, sexual history, infections and drugs are what notes are about. So a topic is no reason:
only wording that teaches harm to the reader, or that abuses a group. Patterns: ``unsafe.json``, and the user's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from residency.core.errors import UserError
from residency.core.legal import AtLeastOne, ExistingFile
from residency.corpus.clean.relevance import lines_of
from residency.corpus.clean.words import Reading, Terms


@dataclass(frozen=True, slots=True)
class Safety:
    """What makes a text unsafe.

    A regular expression of your own (``/how to .{0,20} poison/``) should keep repetitions bounded, since a text may be
    hostile.
    """

    # How many slurs make a text discriminatory; 2 lets a patient's words be quoted once.
    slurs: AtLeastOne = 1
    # Your own lists: a term a line, or a regular expression between slashes.
    lists: tuple[ExistingFile, ...] = ()


def safety_check(settings: Safety) -> Callable[[Reading], str | None]:
    """Return a function of a text that returns the reason to drop it."""
    table = _wordings()
    rules = [(reason, *_rule(entry)) for reason, entry in table["rules"].items()]
    slurs, (own, patterns) = Terms(table["slurs"]), _own(settings.lists)

    def check(reading: Reading) -> str | None:
        text, distinct = reading.text, reading.distinct
        for reason, named, cues, runs, pattern in rules:
            found: set[bytes | str] = set(distinct & named if distinct & cues else ())
            found.update(run for run in runs if run in text)
            if found and any(pattern.search(lower, *window) for lower, window in _around(text, found)):
                return f"safety: {reason}"
        if slurs.count(reading)[0] >= settings.slurs:
            return "safety: slurs"
        if own.count(reading)[0] or any(pattern.search(text) for pattern in patterns):
            return "safety: own list"
        return None

    return check


@cache
def _wordings() -> dict[str, Any]:
    content = files("residency.corpus.clean").joinpath("unsafe.json").read_text(encoding="utf-8")
    return dict(json.loads(content))


def cue_words() -> tuple[list[bytes], list[tuple[frozenset[bytes], frozenset[bytes]]]]:
    """Return the slurs, and for each rule the words and the cues: a text without both breaks none of its patterns."""
    table = _wordings()
    return [slur.encode() for slur in table["slurs"]], [_rule(entry)[:2] for entry in table["rules"].values()]


_NEAR = 150


def _around(text: str, words: Iterable[bytes | str]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the text in lower case and the stretch around each place where one of the words stands."""
    lower = text.lower()
    for word in words:
        wanted = word if isinstance(word, str) else word.decode("utf-8", "replace")
        at = lower.find(wanted)
        while at >= 0:
            yield lower, (max(0, at - _NEAR), at + _NEAR)
            at = lower.find(wanted, at + len(wanted))


def _rule(entry: dict[str, list[str]]) -> tuple[frozenset[bytes], frozenset[bytes], list[str], re.Pattern[str]]:
    """Return the words and the cues of which a text must have one each before the slow pattern is tried on it.

    Between the words of a pattern a line may end: plain texts are often wrapped.
    """
    named, cues = (frozenset(word.encode() for word in entry[key]) for key in ("words", "cues"))
    pattern = "|".join(f"(?:{pattern})" for pattern in entry["patterns"]).replace(" ", r"\s{1,9}")
    return named, cues, entry["runs"], re.compile(pattern, re.MULTILINE)


def _own(lists: Sequence[Path]) -> tuple[Terms, list[re.Pattern[str]]]:
    entries = [(path, entry) for path in lists for entry in lines_of(path)]
    terms = [entry for _, entry in entries if not _is_pattern(entry)]
    patterns = []
    for path, entry in entries:
        if _is_pattern(entry):
            try:
                patterns.append(re.compile(entry[1:-1], re.IGNORECASE | re.MULTILINE))
            except re.error as error:
                raise UserError(f"{path}: {entry} is no regular expression ({error})") from None
    return Terms(terms), patterns


def _is_pattern(entry: str) -> bool:
    return len(entry) > 2 and entry.startswith("/") and entry.endswith("/")
