"""All finders of our engine together: one pass over a text, and spans that do not overlap.

The patient's own fields come first, then rules that are sure, then what was trained, then what is only likely. A tagger
that learned from texts of the same hospital knows its ways better than a rule does, and then comes before the rules.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Protocol

from residency import __version__
from residency.core.store import sha256_file, sha256_json
from residency.corpus.identify.fields import Fields
from residency.corpus.identify.found import Found
from residency.corpus.identify.layers import joined, resolved
from residency.corpus.identify.rules import Rules, rules_for
from residency.corpus.identify.view import view_of
from residency.corpus.identify.whole import completed

SURE = 0.95
"""A rule that is at least so sure (a label or a check digit stands by it) goes before the tagger."""
THRESHOLDS = {"en": 0.01, "es": 0.1}
"""The probability above which the recall mode takes a word, chosen on what is never reported (docs/lab.md). English: of
0.05 to 0.01, on the part of our gold that is for tuning. Spanish: of 0.2 to 0.03, on a fifth of MEDDOCAN's train part
that was held out: the highest that masks 0.99 of the direct ones both by practice alone and with the other four."""
RULE_FILES = (
    *("rules.any.yaml", "rules.{}.yaml", "rules.py", "proofs.py", "ordinary.py", "kinds.py", "view.py", "fields.py"),
    *("layers.py", "whole.py", "detector.py", "marks.py", "likely.py"),
)


class Trained(Protocol):
    """The trained part."""

    in_domain: bool

    def marks(self, text: str, threshold: float | None) -> tuple[list[Found], list[Found]]:
        """Return what it reads in a text, and what else it holds possible above the threshold (None: nothing)."""
        ...

    def about(self) -> dict[str, Any]:
        """Return what tells it from another."""
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """How much is found: ``threshold`` None takes the likeliest reading, and of the rules those that are sure."""

    language: str
    mode: str
    threshold: float | None

    @classmethod
    def of(cls, language: str, mode: str, threshold: float | None = None) -> Settings:
        """Return a mode's settings; ``threshold`` overrides its own."""
        own = THRESHOLDS[language] if mode == "recall" else None
        return cls(language, mode, threshold if threshold is not None else own)


class Detector:
    """Finds identifiers in the texts of a language by rules and by what was trained."""

    def __init__(self, settings: Settings, trained: Trained | None) -> None:
        self.settings, self.trained = settings, trained
        self.rules = compiled(settings.language, settings.threshold is not None or not trained)

    def find(self, text: str, patient: Mapping[str, Any] | None = None) -> list[Found]:
        """Return the identifiers of a text in its order; ``patient`` is the FHIR Patient that it is about, if known."""
        view = view_of(text)
        found = self.rules.find(view)
        fields = Fields(patient).find(view) if patient else []
        biased = self.settings.threshold is not None
        tagged, perhaps = self.trained.marks(text, self.settings.threshold) if self.trained else ([], [])
        sure = [f for f in found if f.score >= SURE]
        unsure = [f for f in found if f.score < SURE]
        if self.trained and self.trained.in_domain:
            layers = (fields, tagged, sure, unsure, perhaps)
        else:
            layers = (fields, sure, tagged, unsure, perhaps)
        made = joined(text, resolved(text, layers)) if fields else resolved(text, layers)
        return completed(text, made) if biased else made

    def about(self) -> dict[str, Any]:
        """Return what the finder is made of."""
        settings = self.settings
        return {
            "engine": "residency",
            "language": settings.language,
            "mode": settings.mode,
            "threshold": settings.threshold,
            "rules": rules_hash(settings.language),
            "tagger": self.trained.about() if self.trained else None,
            "software": software(),
        }


@functools.cache
def compiled(language: str, unsure: bool) -> Rules:
    """Return a language's rules, ready to be looked for; those that are not sure only where asked for."""
    rules = [rule for rule in rules_for(language) if unsure or rule.score >= SURE]
    return Rules(rules, scanned=unsure)


@functools.cache
def rules_hash(language: str) -> str:
    """Return the SHA-256 of everything that decides what rules find and how findings are put together."""
    here = Path(str(resources.files(__package__)))
    return sha256_json({name: sha256_file(here / name.format(language)) for name in RULE_FILES})


def software() -> dict[str, str | None]:
    """Return the versions of what finds."""
    found: dict[str, str | None] = {"residency": __version__}
    for package in ("numba", "numpy", "faker", "hyperscan"):
        found[package] = None
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
