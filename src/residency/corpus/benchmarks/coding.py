"""Coding a term by ICD-10-CM, from the user's own install: which of four neighbouring codes does a term belong to."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from residency.core.types import Document
from residency.corpus.icd10 import read_icd10

Item = dict[str, Any]
OPTIONS = 4
TEST = 0.1
"""The share of categories that is for the test, drawn by the hash of their name."""


def icd10_coding(folder: Path) -> Iterator[Item]:
    """Yield an item for each code that has terms of its own: a term, its code, and three codes of the same category.

    Codes of fewer than three siblings take the rest from the categories before and after theirs. A group is a category;
    the options are codes without their titles, so that what is asked is the code. ``folder`` is not used.
    """
    siblings: dict[str, list[str]] = defaultdict(list)
    for code, _ in _codes():
        siblings[category(code)].append(code)
    order = sorted(siblings)
    for code, terms in _codes():
        if not terms:
            continue
        draw = random.Random(f"icd10:{code}")
        near = [other for other in siblings[category(code)] if other != code]
        if len(near) < OPTIONS - 1:
            place = order.index(category(code))
            around = [c for i in (place - 1, place + 1) if 0 <= i < len(order) for c in siblings[order[i]]]
            near += draw.sample(around, min(len(around), OPTIONS - 1 - len(near)))
        if len(near) < OPTIONS - 1:
            yield {"id": code, "skip": "fewer than three codes around"}
            continue
        choices = [code, *draw.sample(near, OPTIONS - 1)]
        draw.shuffle(choices)
        yield {
            "id": code,
            "question": f"Which ICD-10-CM code is right for: {draw.choice(terms)}?",
            "choices": choices,
            "answer": choices.index(code),
            "group": category(code),
            "split": "test" if _share(category(code)) < TEST else "train",
        }


@cache
def _codes() -> list[tuple[str, list[str]]]:
    """Return each code below a category with its own terms, in the order of the list (its file takes seconds)."""
    found = (d for d in read_icd10().records if isinstance(d, Document) and d.meta.get("kind") == "code")
    return [(code.id, code.meta.get("inclusion_terms") or []) for code in found if "." in code.id]


def category(code: str) -> str:
    """Return the three-character category of a code."""
    return code.partition(".")[0]


def _share(name: str) -> float:
    return int.from_bytes(hashlib.sha256(f"icd10_coding:{name}".encode()).digest()[:8], "big") / 2**64
