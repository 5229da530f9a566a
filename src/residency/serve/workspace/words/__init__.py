"""The words of the pages, by language and key; a language is a file beside this one, and its parts.

``en.yaml`` and every ``en.<part>.yaml`` make English, and so for each language. Keys are dotted ("ask.title").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
LANGUAGES = {"en": "English", "es": "Español"}


@dataclass(frozen=True, slots=True)
class Words:
    """One language's words: called with a key, it returns what stands there, its ``{names}`` filled in."""

    language: str
    by_key: Mapping[str, str]

    def __call__(self, key: str, **values: Any) -> str:
        """Return the words of a key; raises KeyError where it has none (a test looks for such keys)."""
        said = self.by_key[key]
        return said.format(**values) if values else said

    def has(self, key: str) -> bool:
        """Return whether a key has words."""
        return key in self.by_key

    def or_else(self, key: str, otherwise: str) -> str:
        """Return the words of a key, or ``otherwise`` where it has none."""
        return self.by_key.get(key, otherwise)


@cache
def words(language: str) -> Words:
    """Return a language's words, read once."""
    found: dict[str, str] = {}
    for path in sorted(FOLDER.glob(f"{language}.yaml")) + sorted(FOLDER.glob(f"{language}.*.yaml")):
        found.update(_flat(yaml.safe_load(path.read_text(encoding="utf-8")) or {}))
    return Words(language, found)


def _flat(tree: Mapping[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in tree.items():
        name = f"{before}{key}"
        found.update(_flat(value, f"{name}.") if isinstance(value, Mapping) else {name: str(value)})
    return found


def language_of(chosen: str | None, own: str | None, accepted: str | None, default: str) -> str:
    """Return the first of these that there are words for: chosen, the user's own, the browser's, the default."""
    asked = [part.split(";")[0].strip()[:2].lower() for part in (accepted or "").split(",")]
    wanted = [chosen, own, *(asked if own is None else ()), default]
    return next((one for one in wanted if one in LANGUAGES), "en")
