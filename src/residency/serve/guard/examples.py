"""The lines that the reader learns from, ours and a hospital's own, and the thresholds above which it speaks.

``examples/*.yaml`` hold made-up requests, a file for each writer: a language, what is expected, and lines. A hospital's
``examples.yaml`` has the same form, adds to ours, and each of its lines counts as several.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from residency.core.errors import RecipeError
from residency.core.legal import nearest
from residency.serve.guard.rules import LANGUAGES, Loader

OURS = Path(__file__).with_name("examples")
OWN = "examples.yaml"
THRESHOLDS = "thresholds.yaml"
CLASSES = ("none", "emergency", "crisis")
EXPECTED = {"emergency": "emergency", "crisis": "crisis", "lethal": "crisis", "none": "none", "clinical": "none"}
"""What may be expected of a line, and its class; "clinical": a clinician's or a student's question, or a note."""
OWN_COUNTS = 5.0
"""How many of our lines a hospital's line counts as."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line to learn from: ``expected`` is one of ``EXPECTED``, ``counts`` how many usual lines it stands for."""

    text: str
    expected: str
    language: str
    writer: str
    counts: float = 1.0

    @property
    def number(self) -> int:
        """Return the number of its class among ``CLASSES``."""
        return CLASSES.index(EXPECTED[self.expected])


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where a class's probability is acted on: ``high`` as a rule does, ``low`` with a mark before the answer."""

    high: float
    low: float


def read_examples(own: Path | None = None) -> list[Line]:
    """Return our lines and those of a hospital's folder, each text once; RecipeError says what is wrong with a file."""
    files = sorted(path for path in OURS.glob("*.yaml") if path.name != THRESHOLDS)
    lines = {line.text: line for path in files for line in _lines(path, path.stem, 1.0)}
    if own and (own / OWN).is_file():
        lines |= {line.text: line for line in _lines(own / OWN, "own", OWN_COUNTS)}
    return list(lines.values())


def _lines(path: Path, writer: str, counts: float) -> Iterator[Line]:
    for language, expected in _mapping(path).items():
        if language not in LANGUAGES or not isinstance(expected, dict):
            raise RecipeError(f"{path.name}: {language}: a language ({', '.join(LANGUAGES)}) with lists is expected")
        for want, texts in expected.items():
            if want not in EXPECTED:
                raise RecipeError(f"{path.name}: {language}: {nearest(str(want), EXPECTED)}")
            if not isinstance(texts, list) or not all(isinstance(text, str) and text.strip() for text in texts):
                raise RecipeError(f"{path.name}: {language}: {want}: a list of texts is expected (quote numbers)")
            yield from (Line(text.strip(), want, language, writer, counts) for text in texts)


def read_thresholds() -> dict[str, Thresholds]:
    """Return the thresholds by language."""
    found = _mapping(OURS / THRESHOLDS)
    return {code: Thresholds(float(found[code]["high"]), float(found[code]["low"])) for code in LANGUAGES}


def _mapping(path: Path) -> Mapping[str, Any]:
    """Return a file's mapping; RecipeError names its line, and no word of it."""
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        raise RecipeError(f"{path.name}: {f'line {mark.line + 1}: ' if mark else ''}no YAML mapping") from None
    if not isinstance(found, dict):
        raise RecipeError(f"{path.name}: no YAML mapping")
    return found
