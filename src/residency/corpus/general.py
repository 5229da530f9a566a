"""What a medical model must not forget: general text and plain instructions, both written for this project.

24 short passages give a perplexity, 40 instructions with checkable answers a share followed. Too few to rank models
by; enough to see one that has been spoiled.
"""

from __future__ import annotations

from pathlib import Path

from residency.core.store import read_jsonl
from residency.core.types import Example

FOLDER = Path(__file__).with_name("general")


def general_text() -> list[Example]:
    """Return the passages, in ``meta["text"]``."""
    return [
        Example(
            row["id"],
            [],
            [],
            group=row["id"],
            split="test",
            source="residency",
            meta={"task": "general_text", "text": row["text"]},
        )
        for row in read_jsonl(FOLDER / "text.jsonl")
    ]


def general_instructions() -> list[Example]:
    """Return the instructions; an answer follows one when it holds any of ``wanted``, whatever the case."""
    return [
        Example(
            row["id"],
            [{"role": "user", "content": row["question"]}],
            row["wanted"],
            group=row["id"],
            split="test",
            source="residency",
            meta={"task": "general_instructions"},
        )
        for row in read_jsonl(FOLDER / "instructions.jsonl")
    ]
