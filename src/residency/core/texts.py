"""What is done to a text before a model reads it, the same wherever it is read."""

from __future__ import annotations

LONGEST = 3000
"""Characters of an answer that a judge reads."""


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return a text with its middle left out where it is too long, since its beginning and end say most."""
    return text if len(text) <= longest else f"{text[: longest * 2 // 3]} […] {text[-longest // 3 :]}"
