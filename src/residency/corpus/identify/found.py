"""An identifier that was found: where, of which kind, how surely, and why."""

from __future__ import annotations

from typing import Any, NamedTuple

from residency.corpus.identify.kinds import KINDS


class Found(NamedTuple):
    """Characters ``start`` to ``end`` (half open) of a text hold an identifier of a kind.

    ``score`` is between 0 and 1; ``why`` names what found it: ``rule:ssn``, ``field:name.family``, ``tagger``.
    """

    start: int
    end: int
    entity_type: str
    score: float
    why: str

    def as_row(self) -> dict[str, Any]:
        """Return it as the document that ``--spans`` prints."""
        return self._asdict()

    def as_presidio(self) -> dict[str, Any]:
        """Return it as Presidio's RecognizerResult is written."""
        return {**self._asdict(), "entity_type": KINDS[self.entity_type].presidio}
