"""Whether an abbreviation means what is said: held against a list of usual ones and the note's own definitions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from residency.corpus.make.support import stems
from residency.infer.graph.abbreviations import abbreviations
from residency.serve.apps.outcome import Mark
from residency.serve.apps.words import words

_SHORT = re.compile(
    r"(?=\S*[^\W\d_])(?:\S{1,11}[A-ZÁÉÍÓÚÑ]\S{0,11}|[A-ZÁÉÍÓÚÑ]\S{0,2}|[a-zµñ]{1,2}|\S{1,6}[./]\S{0,6})"
)
"""What is written like an abbreviation: a capital within, a stop or a stroke, or very few letters."""
DATA = Path(__file__).with_name("abbreviations.yaml")


@lru_cache(maxsize=1)
def _file() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return found


@lru_cache(maxsize=2)
def listed(language: str) -> Mapping[str, tuple[str, ...]]:
    """Return the list of a language: an abbreviation without stops -> its meanings, the usual first."""
    rows = _file()[language].items()
    return {str(short): tuple(one.strip() for one in str(long).split(";")) for short, long in rows}


def unsafe() -> Mapping[str, str]:
    """Return abbreviations that have led to errors, and what is to be written instead (Joint Commission, ISMP)."""
    return {str(short): str(instead) for short, instead in _file()["unsafe"].items()}


def expanded(row: Mapping[str, Any], at: str, note: str, language: str) -> tuple[dict[str, Any] | None, list[Mark]]:
    """Return an abbreviation with its meaning and what is to be said of it; None where it is none, or not there."""
    short = str(row["short"]).strip()
    stands = re.search(rf"(?<!\w){re.escape(short)}(?!\w)", note)
    if not stands or not (_SHORT.fullmatch(short) or _meanings(short, language) or short in unsafe()):
        code = "no_abbreviation" if stands else "abbreviation_absent"
        return None, [Mark(f"{at}.short", code, words(code, language), removed=True)]
    return dict(row), list(_marks(short, str(row["long"]), at, note, language))


def _marks(short: str, long: str, at: str, note: str, language: str) -> Iterator[Mark]:
    if instead := unsafe().get(short):
        yield Mark(f"{at}.short", "abbreviation_unsafe", words("abbreviation_unsafe", language).format(instead))
    own = abbreviations(note).get(short)
    known = [own] if own else list(_meanings(short, language))
    if not known:
        yield Mark(f"{at}.long", "abbreviation_unknown", words("abbreviation_unknown", language))
    elif not any(_same(long, one) for one in known):
        others = "; ".join(known)
        yield Mark(f"{at}.long", "abbreviation_other", words("abbreviation_other", language).format(others))
    elif len(known) > 1:
        several = words("abbreviation_several", language).format("; ".join(known))
        yield Mark(f"{at}.long", "abbreviation_several", several)


def _meanings(short: str, language: str) -> tuple[str, ...]:
    """Return what the list of the language says; a form without its stops is the same, small letters are not."""
    bare = short.replace(".", "")
    return listed(language).get(short) or listed(language).get(bare) or ()


def _same(one: str, other: str) -> bool:
    return one.casefold().strip(" .") == other.casefold().strip(" .") or bool(stems(one)) and stems(one) == stems(other)
