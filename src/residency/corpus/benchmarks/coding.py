"""Coding a term by ICD-10-CM, from the user's own install: which of four neighbouring codes does a term belong to."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterator
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
    codes = [d for d in read_icd10().records if isinstance(d, Document) and d.meta.get("kind") == "code"]
    siblings: dict[str, list[str]] = defaultdict(list)
    for code in codes:
        if "." in code.id:
            siblings[category(code.id)].append(code.id)
    order = sorted(siblings)
    for code in codes:
        terms = code.meta.get("inclusion_terms") or []
        if "." not in code.id or not terms:
            continue
        draw = random.Random(f"icd10:{code.id}")
        near = [other for other in siblings[category(code.id)] if other != code.id]
        if len(near) < OPTIONS - 1:
            place = order.index(category(code.id))
            around = [c for i in (place - 1, place + 1) if 0 <= i < len(order) for c in siblings[order[i]]]
            near += draw.sample(around, min(len(around), OPTIONS - 1 - len(near)))
        if len(near) < OPTIONS - 1:
            yield {"id": code.id, "skip": "fewer than three codes around"}
            continue
        choices = [code.id, *draw.sample(near, OPTIONS - 1)]
        draw.shuffle(choices)
        yield {
            "id": code.id,
            "question": f"Which ICD-10-CM code is right for: {draw.choice(terms)}?",
            "choices": choices,
            "answer": choices.index(code.id),
            "group": category(code.id),
            "split": "test" if _share(category(code.id)) < TEST else "train",
        }


def category(code: str) -> str:
    """Return the three-character category of a code."""
    return code.partition(".")[0]


def _share(name: str) -> float:
    return int.from_bytes(hashlib.sha256(f"icd10_coding:{name}".encode()).digest()[:8], "big") / 2**64
