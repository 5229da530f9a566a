"""The words of a prompt, by language: how a task asks for its answer, and other ways to ask for the same.

They stand in ``languages/``, a YAML file a language. That words, places and marks alone move a score is shown by Sclar
et al. 2023, Quantifying Language Models' Sensitivity to Spurious Features in Prompt Design.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

LANGUAGES = Path(__file__).with_name("languages")
SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The loader that reads plain data only, in C where that is there."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a prompt in one language: how an answer is asked for, and in which form.

    ``mark`` is how an option is listed, ``opening`` stands before all else. ``turned``: what is asked for stands on the
    other side of what it is asked about. ``scaled`` asks for a number, ``several`` for all labels,
    ``applies`` whether one of them applies, with ``verdict`` as the two answers.
    """

    answer: str
    options: str
    listed: str
    paired: str
    labelled: str
    mark: str
    scaled: str
    several: str
    applies: str
    verdict: tuple[str, str]
    opening: str = ""
    turned: bool = False


PLACES = {"options": 1, "labelled": 1, "mark": 2, "scaled": 2, "several": 1, "applies": 1}
"""Places that some of the words leave free, each written {}."""
EVERYWHERE = ("opening", "turned")
OF_KIND = {
    "choice": ("answer", "options", "mark", *EVERYWHERE),
    "classify": ("options", *EVERYWHERE),
    "tag": ("several", "applies", "verdict", *EVERYWHERE),
    "similar": ("scaled", *EVERYWHERE),
    "extract": ("listed", "labelled", *EVERYWHERE),
    "relate": ("paired", *EVERYWHERE),
    "generate": EVERYWHERE,
}
"""The words that a kind of task is asked with; the other kinds are asked with an instruction alone."""


def _read(path: Path) -> tuple[Words, ...]:
    found = yaml.load(path.read_text(encoding="utf-8"), SAFE)
    return tuple(Words(**{**one, "verdict": tuple(one["verdict"])}) for one in found)


WORDINGS = {path.stem: _read(path) for path in sorted(LANGUAGES.glob("*.yaml"))}
"""The wordings of each language: the first is how a task is asked."""


def words_of(language: str, wording: int = 0) -> Words:
    """Return a wording in a language (in English where there is none of ours)."""
    return WORDINGS.get(language, WORDINGS["en"])[wording]
