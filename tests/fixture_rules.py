"""Rules of both languages, compiled for Hyperscan and not, each made once when a test first asks for it."""

from __future__ import annotations

from functools import cache

from residency.corpus.identify.rules import Rules, rules_for


@cache
def made(language: str, *, compiled: bool = True) -> Rules:
    """Return the rules of a language, those for misread digits among them."""
    return Rules(rules_for(language), compiled=compiled, scanned=True)
