"""Whether codes are codes of the installed ICD-10-CM, say what the diagnosis says, and stand in the note at all.

A diagnosis that the note names word for word, and that the reply has not, comes behind (``named.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from residency.corpus.make.support import stems
from residency.infer.answer.sentences import spans
from residency.infer.tools.codes import find_codes
from residency.serve.apps.denial import turned
from residency.serve.apps.named import classification, code_of, named
from residency.serve.apps.outcome import Mark
from residency.serve.apps.words import words

NEAR = 5
"""A code among so many nearest to the words of its diagnosis says what they say."""


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
    if known is None:
        said = words("code_unknown", language).format(_nearest(diagnosis, language))
        left = None if any(mark.code == "not_said" for mark in marks) else {**row, "code": "", "description": ""}
        return left, [*marks, Mark(f"{at}.code", "code_unknown", said, text=str(row["code"]), removed=True)]
    if why := _far(diagnosis, code, known[0], language):
        marks.append(Mark(f"{at}.code", why, words(why, language).format(_nearest(diagnosis, language))))
    if not known[1]:
        marks.append(Mark(f"{at}.code", "code_broad", words("code_broad", language)))
    return {**row, "code": code, "description": known[0]}, marks


def added(rows: Sequence[Mapping[str, Any]], name: str, note: str, language: str) -> tuple[list[Any], list[Mark]]:
    """Return the rows for what the note names word for word and no row has a code of the kind of, each marked so."""
    kinds = {str(row["code"])[:3] for row in rows}
    lacking = [one for one in named(note) if one.code[:3] not in kinds]
    made = [{"diagnosis": one.text, "code": one.code, "description": one.description} for one in lacking]
    marks = []
    for number, one in enumerate(lacking, len(rows)):
        marks.append(Mark(f"{name}[{number}].diagnosis", "code_named", words("code_named", language)))
        if not classification()[one.code][1]:
            marks.append(Mark(f"{name}[{number}].code", "code_broad", words("code_broad", language)))
    return made, marks


def _far(diagnosis: str, code: str, description: str, language: str) -> str:
    """Return why the words of a code are not those of its diagnosis ("" where they are).

    The classification is English: words of another language are only compared where ``diagnoses.yaml`` has them.
    """
    if stems(diagnosis) & stems(description) or code in dict(find_codes(diagnosis, NEAR)):
        return ""
    known = code_of(diagnosis)
    if known and known[0][:3] == code[:3]:
        return ""
    return "code_far" if known or language == "en" else "code_uncompared"


def _nearest(diagnosis: str, language: str) -> str:
    """Return the code and description that are nearest to a diagnosis; "-" where nothing can be compared."""
    if known := code_of(diagnosis):
        return " ".join(known)
    near = find_codes(diagnosis, 1) if language == "en" else []
    return " ".join(near[0]) if near else "-"


def _of_note(diagnosis: str, at: str, note: str, language: str) -> Iterator[Mark]:
    """Yield whether the note lacks a diagnosis, or only denies it."""
    said = stems(diagnosis)
    if not said or not any(said <= stems(note[a:b]) for a, b in spans(note)):
        yield Mark(f"{at}.diagnosis", "not_said", words("not_said", language))
    elif turned(diagnosis, note):
        yield Mark(f"{at}.diagnosis", "denied", words("denied", language))
