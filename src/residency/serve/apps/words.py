"""What applications say of themselves in English and Spanish: why something is marked, and what is handed over."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import yaml

DATA = Path(__file__).with_name("words.yaml")


def words(code: str, language: str) -> str:
    """Return the words of a code (in English where the language is none of ours), with places left free as {}."""
    found = every()[code]
    return found.get(language, found["en"])


@lru_cache(maxsize=1)
def every() -> dict[str, dict[str, str]]:
    """Return all words by code and language."""
    found: dict[str, dict[str, str]] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return found
