"""Found identifiers hidden: each span of a text replaced, and nothing outside the spans touched.

What replaces a span is the user's choice: a tag, a mask of the same length, a surrogate, or nothing. A span that no
surrogate is safe for gets a tag. Spans that overlap become one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from residency.core.errors import UserError
from residency.corpus.deidentify import operators
from residency.corpus.deidentify.lists import lists_version
from residency.corpus.deidentify.operators import Operator
from residency.corpus.deidentify.settings import Hiding
from residency.corpus.deidentify.surrogates import LONG, NUMBERS, Surrogates
from residency.corpus.identify.found import Found
from residency.corpus.identify.kinds import KINDS, kind_of

KEY_BYTES = 32
SURE = 0.5
"""What was found with less is tagged where it is a number: "3/7" may be a day, and may be the third of seven."""
NUMBERED = NUMBERS | {"DATE", "AGE"}
KEPT = 1 << 16
"""How many replacements of late are remembered."""


class Change(NamedTuple):
    """A span of the original, where what replaced it stands in the new text, and its kind."""

    start: int
    end: int
    new_start: int
    new_end: int
    entity_type: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """A text whose identifiers are hidden, and what was changed, in the order of the text."""

    text: str
    spans: list[Change]

    def place(self, offset: int) -> int:
        """Return where a place of the original is now; one inside a span is at the beginning of what replaced it."""
        moved = 0
        for change in self.spans:
            if offset < change.start:
                break
            if offset < change.end:
                return change.new_start
            moved = change.new_end - change.end
        return offset + moved


class Hider:
    """Hides what was found in the texts of a language.

    ``taken`` says whether a word occurs in the texts (see ``taken.py``); no surrogate is one that does. ``own`` has
    operators of the user's by kind, such as ``operators.from_presidio`` gives ("DEFAULT": all others). Not safe to
    hand to another process: make one there, of the same settings and key, and it does the same.
    """

    def __init__(
        self,
        settings: Hiding,
        key: bytes,
        language: str,
        taken: Callable[[str], bool] = lambda word: False,
        own: Mapping[str, Operator] | None = None,
    ) -> None:
        if language not in ("en", "es"):
            raise UserError(f"language {language!r}: identifiers are hidden in en and es")
        if len(key) < KEY_BYTES:
            raise UserError(f"the key has {len(key)} bytes; needed are {KEY_BYTES} random ones")
        self.settings, self.key, self.language = settings, key, language
        self.own = dict(own or {})
        self._surrogates: Surrogates | None = None
        if settings.operator == "surrogate":
            self._surrogates = Surrogates(settings, key, language, taken)
        self._replaced = functools.lru_cache(maxsize=KEPT)(self._replacement)

    def hide(self, text: str, found: Iterable[Found], patient: str) -> Hidden:
        """Return a text with what was found hidden; ``patient`` says whose it is, so that surrogates agree.

        Spans may come in any order; raises ``UserError`` for one that is empty or lies outside the text.
        """
        pieces: list[str] = []
        changes: list[Change] = []
        last = moved = 0
        found = list(found)
        unsure = self._unsure(found)
        for start, end, kind in settled(found, len(text)):
            replaced = self._replaced if end - start <= LONG else self._replacement
            if self._surrogate(kind) and kind in NUMBERED and not unsure.isdisjoint(range(start, end)):
                now = operators.tag(text[start:end], kind)
            else:
                now = replaced(patient, kind, text[start:end])
            new_start = start + moved
            pieces += (text[last:start], now)
            changes.append(Change(start, end, new_start, new_start + len(now), kind))
            moved += len(now) - (end - start)
            last = end
        return Hidden("".join((*pieces, text[last:])), changes)

    def _surrogate(self, kind: str) -> bool:
        """Return whether a kind gets a surrogate: the settings say so, and no operator of the user's."""
        own = self.own.get(kind) or self.own.get("DEFAULT")
        return bool(self._surrogates) and not own and kind not in self.settings.keep

    def _unsure(self, found: Sequence[Found]) -> set[int]:
        """Return the places of what only may be an identifier: for a number, a surrogate would be a false value."""
        if not self._surrogates:
            return set()
        sure = {place for f in found if f.score >= SURE for place in range(f.start, f.end)}
        return {place for f in found if f.score < SURE for place in range(f.start, f.end)} - sure

    def about(self) -> dict[str, Any]:
        """Return settings and versions, for a receipt; never the key."""
        lists = {"lists": lists_version()} if self._surrogates else {}
        return {**asdict(self.settings), "language": self.language, "own_operators": sorted(self.own), **lists}

    def _replacement(self, patient: str, kind: str, text: str) -> str:
        own = self.own.get(kind) or self.own.get("DEFAULT")
        if own:
            return own(text, kind)
        if kind in self.settings.keep:
            return text
        if self.settings.operator == "mask":
            return operators.mask(self.settings.sign)(text, kind)
        if self.settings.operator == "drop":
            return ""
        made = self._surrogates.of(patient, kind, text) if self._surrogates else None
        return operators.tag(text, kind) if made is None else made


def settled(found: Iterable[Found], size: int) -> list[tuple[int, int, str]]:
    """Return (start, end, kind) in the order of the text, without overlap.

    Spans that overlap or are nested become one from their first to their last character, of the kind of the longest
    (then the surest, then the first): nothing that anyone found is let through. Adjacent ones stay apart.
    """
    spans = sorted((f.start, -f.end, -f.score, f.entity_type) for f in found)
    made: list[tuple[int, int, str]] = []
    longest = (0, 0.0)
    for start, minus_end, minus_score, label in spans:
        end = -minus_end
        if not 0 <= start < end <= size:
            raise UserError(f"a span from {start} to {end} in a text of {size} characters: give the spans of this text")
        rank = (end - start, -minus_score)
        kind = label if label in KINDS else kind_of(label)
        if made and start < made[-1][1]:
            first, last, was = made[-1]
            if rank > longest:
                was, longest = kind, rank
            made[-1] = (first, max(last, end), was)
        else:
            made.append((start, end, kind))
            longest = rank
    return made
