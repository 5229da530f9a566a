"""Codes of ICD-10-CM by what they say, and back, from the classification of the installed package."""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import lru_cache

from residency.core.types import Document
from residency.corpus.icd10 import read_icd10
from residency.corpus.make.support import stems
from residency.infer.tools.inputs import Refused, Text
from residency.infer.tools.tool import Result, Tool, Value

SHOWN = 5
"""Codes that a look-up gives at most."""
_SOURCE = "ICD-10-CM (NCHS, CMS), package simple-icd-10-cm"


@lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    """Return the description of every code, in the order of the classification."""
    records = (record for record in read_icd10().records if isinstance(record, Document))
    return {record.meta["code"]: record.text for record in records if record.meta["kind"] == "code"}


@lru_cache(maxsize=1)
def _words() -> tuple[dict[str, frozenset[str]], Counter[str]]:
    words = {code: _of(text) for code, text in _codes().items()}
    return words, Counter(word for found in words.values() for word in found)


def _of(text: str) -> frozenset[str]:
    """Return the stems and the numbers of a text: type 1 is not type 2."""
    return stems(text) | frozenset(re.findall(r"\d+", text))


def find_codes(diagnosis: str, count: int = SHOWN) -> list[tuple[str, str]]:
    """Return the codes whose descriptions are nearest to a diagnosis, with them, the nearest first.

    By the share of weighted stems in common, of both texts (the cosine of binary tf-idf); ties in order of the codes.
    """
    words, seen = _words()
    asked = _of(diagnosis)
    weight = {word: math.log(1 + len(words) / seen[word]) ** 2 for word in seen}
    size = sum(weight.get(word, math.log(1 + len(words)) ** 2) for word in asked)

    def likeness(found: frozenset[str]) -> float:
        common = sum(weight[word] for word in sorted(asked & found))
        return common / math.sqrt(size * sum(weight[word] for word in found)) if common else 0.0

    scored = sorted((-likeness(found), code) for code, found in words.items() if asked & found)
    return [(code, _codes()[code]) for _, code in scored[:count]]


def _look_up(diagnosis: str) -> Result:
    found = find_codes(diagnosis)
    values = tuple(Value("icd10_code", code) for code, _ in found)
    return Result(values, "; ".join(f"{code} {text}" for code, text in found), source=_SOURCE)


def _name(code: str) -> Result:
    key = re.sub(r"[^A-Z0-9]", "", code.upper())
    key = key if len(key) <= 3 else f"{key[:3]}.{key[3:]}"
    if key not in _codes():
        raise Refused("no data", "this is no code of ICD-10-CM (codes with a seventh character are not held)", "code")
    return Result((Value("icd10_code", key),), _codes()[key], source=_SOURCE)


def tools() -> list[Tool]:
    """Return the tools of this file; the classification is read when one is first called."""
    return [
        Tool("icd10_code", "Look up the ICD-10-CM code of a diagnosis", {"diagnosis": Text("the diagnosis in words")},
             _look_up, _SOURCE, kind="code", own=True),
        Tool("icd10_name", "Look up what an ICD-10-CM code means", {"code": Text("the code, such as E11.9", most=12)},
             _name, _SOURCE, kind="code", own=True),
    ]  # fmt: skip
