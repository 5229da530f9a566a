"""Identifiers that a model tells and nobody gave it: found as in notes, and hidden in what goes out.

What stands in the question, the notes or the evidence is no leak. Only kinds that a general medical text has no use for
are hidden: a written answer names years, ages and places that are nobody's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from residency.serve.guard.words import joined, words_of

if TYPE_CHECKING:
    from residency.corpus.identify.finder import Finder
    from residency.corpus.identify.found import Found

HIDDEN = frozenset(
    ("NAME", "PHONE", "FAX", "EMAIL", "SSN", "MRN", "HEALTH_PLAN", "ACCOUNT", "LICENSE", "VEHICLE", "OTHER_ID", "IP")
)
"""Kinds that are hidden by themselves; dates and places only where a name or a number of the person stands by them."""
BESIDE = frozenset(("DATE", "LOCATION", "HOSPITAL"))
MASK = "[…]"


def finders() -> dict[str, Finder]:
    """Return a finder for each language; none where what they need is not installed. Takes seconds: at start-up."""
    from residency.core.errors import UserError
    from residency.corpus.identify.finder import finder

    try:
        return {code: finder(language=code, mode="default", at_hand=True) for code in ("en", "es")}
    except UserError:
        return {}


@dataclass(slots=True)
class Hider:
    """Hides identifiers that are not ``known`` in the sentences of one answer, and counts them by kind."""

    finders: Mapping[str, Finder]
    known: Sequence[str]
    hidden: Counter[str] = field(default_factory=Counter)

    def spans(self, text: str, language: str) -> list[Found]:
        """Return the identifiers of a text that nobody gave."""
        finder = self.finders.get(language)
        if finder is None or not text.strip():
            return []
        from residency.corpus.deidentify.outgoing import leaks

        found = [one for one in leaks(text, finder) if one.entity_type in HIDDEN | BESIDE]
        if not any(one.entity_type in HIDDEN for one in found):
            return []
        return [one for one in found if not self._given(text[one.start : one.end])]

    def _given(self, words: str) -> bool:
        said = f" {' '.join(words_of(words).words)} "
        return any(said in joined(part) for part in self.known)

    def hide(self, text: str, found: Sequence[Found]) -> str:
        """Return a text with these hidden."""
        for one in reversed(found):
            text = f"{text[: one.start]}{MASK}{text[one.end :]}"
        self.hidden.update(one.entity_type for one in found)
        return text
