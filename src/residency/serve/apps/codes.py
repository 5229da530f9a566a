"""Whether codes are codes of the installed ICD-10-CM, say what the diagnosis says, and stand in the note at all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from residency.core.types import Document
from residency.corpus.icd10 import read_icd10
from residency.corpus.make.support import stems
from residency.infer.answer.sentences import spans
from residency.infer.tools.codes import find_codes
from residency.serve.apps.denial import turned
from residency.serve.apps.outcome import Mark
from residency.serve.apps.words import words

NEAR = 5
"""A code among so many nearest to the words of its diagnosis says what they say."""


@lru_cache(maxsize=1)
def classification() -> dict[str, tuple[str, bool]]:
    """Return the description of every code, and whether it is a leaf (seventh characters are not held)."""
    records = (one for one in read_icd10().records if isinstance(one, Document) and one.meta["kind"] == "code")
    return {one.meta["code"]: (one.text, bool(one.meta["is_leaf"])) for one in records}


def written(code: str) -> str:
    """Return a code as the classification writes it: E119 is E11.9."""
    key = re.sub(r"[^A-Z0-9]", "", code.upper())
    return key if len(key) <= 3 else f"{key[:3]}.{key[3:]}"


def coded(row: Mapping[str, Any], at: str, note: str, language: str) -> tuple[dict[str, Any] | None, list[Mark]]:
    """Return a diagnosis with its code as it may stand, and what is to be said of it. An unknown code is taken out.

    None where neither the note holds the diagnosis nor the classification the code: that says nothing.
    """
    diagnosis, code = str(row["diagnosis"]), written(str(row["code"]))
    marks = list(_of_note(diagnosis, at, note, language))
    known = classification().get(code)
    near = find_codes(diagnosis, NEAR)
    nearest = f"{near[0][0]} {near[0][1]}" if near else "-"
    if known is None:
        said = words("code_unknown", language).format(nearest)
        left = None if any(mark.code == "not_said" for mark in marks) else {**row, "code": "", "description": ""}
        return left, [*marks, Mark(f"{at}.code", "code_unknown", said, removed=True)]
    if code not in dict(near) and not stems(diagnosis) & stems(known[0]):
        marks.append(Mark(f"{at}.code", "code_far", words("code_far", language).format(nearest)))
    if not known[1]:
        marks.append(Mark(f"{at}.code", "code_broad", words("code_broad", language)))
    return {**row, "code": code, "description": known[0]}, marks


def _of_note(diagnosis: str, at: str, note: str, language: str) -> Iterator[Mark]:
    """Yield whether the note lacks a diagnosis, or only denies it."""
    said = stems(diagnosis)
    if not said or not any(said <= stems(note[a:b]) for a, b in spans(note)):
        yield Mark(f"{at}.diagnosis", "not_said", words("not_said", language))
    elif turned(diagnosis, note):
        yield Mark(f"{at}.diagnosis", "denied", words("denied", language))
