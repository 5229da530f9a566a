"""Whether a turn of a consultation asks something, and how that agrees with what the recorded doctor did.

A question is a sentence that ends in a question mark, of any script: nothing is guessed from the words. Whoever always
asks has a recall of 1, so the share that asks stands beside the F1, the model's and the doctor's.
"""

from __future__ import annotations

import re

MARKS = (
    "?\uff1f\u061f\u037e\u055e\u1367\u2047\u2048\u2049\u203d\u2cfa\u2cfb\ua60f\ua6f7\ufe16\ufe56\U00011143\U0001e95f"
)
"""Question marks: Latin, full-width, Arabic, Greek, Armenian, Ethiopic, doubled ones, and those of rarer scripts."""
_QUESTION = re.compile(rf"\w[^.!。！\n{MARKS}]*[{MARKS}]")


def asks(text: str) -> bool:
    """Return whether a sentence of the text ends in a question mark (a lone mark, without a word, is none)."""
    return bool(_QUESTION.search(text))


def question_counts(text: str, recorded: str) -> dict[str, int]:
    """Return ``{"tp", "fp", "fn"}`` of "asks a question" for one turn against the recorded one; all 0: neither asks."""
    said, wanted = asks(text), asks(recorded)
    return {"tp": int(said and wanted), "fp": int(said and not wanted), "fn": int(wanted and not said)}
