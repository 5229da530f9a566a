"""Made-up identifiers: the same for the same person's, other ones for other people, and none that occurs in the texts.

Every choice follows from a secret key, the patient, and what is replaced, so that a name is the same in all notes of a
patient, in whichever order they come, and on any number of machines. With the key thrown away nobody can go back;
with the key and the table of the vault only its owner can.
"""

from __future__ import annotations

import hashlib
import hmac
import random
import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from residency.corpus.deidentify.dates import Order, shifted

Keep = Literal["keep", "drop"]
SPARSE = frozenset(
    "036 059 063 102 203 205 369 556 692 753 772 821 823 878 879 884 893".split()
)
"""Three-digit areas of 20,000 people or fewer by the census of 2010, whose number is 000 (45 CFR 164.514(b)(2)(i)(B))."""
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
NUMBER = re.compile(r"\d")
TITLES = frozenset("dr mr mrs ms miss prof rn md do np pa jr sr ii iii de la del los las el van von der den di da al y".split())
"""Words inside a name that are nobody's own."""


@dataclass(frozen=True, slots=True)
class Names:
    """What surrogates are drawn from: given names (of women, of men), family names, cities, streets."""

    women: Sequence[str]
    men: Sequence[str]
    families: Sequence[str]
    cities: Sequence[str]
    streets: Sequence[str]


@dataclass(slots=True)
class Surrogates:
    """Draws what stands in place of identifiers.

    ``taken`` says whether a word occurs in the texts, so that no surrogate is a real person's name there. ``initials``
    "keep" gives a name that begins with the same letter; ``days`` is the most that dates move.
    """

    key: bytes
    names: Names
    taken: Callable[[str], bool]
    initials: Keep = "drop"
    gender: Keep = "keep"
    days: int = 365
    order: Order = "mdy"
    drawn: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def of(self, patient: str, kind: str, text: str) -> str | None:
        """Return what stands for an identifier of a kind in a patient's text; None where only a tag is safe."""
        if kind == "NAME":
            return self._name(patient, text)
        if kind == "DATE":
            return shifted(text, self.shift(patient), order=self.order)
        if kind == "AGE":
            return re.sub(r"\d+", "90", text, count=1) if NUMBER.search(text) else None
        if kind in ("LOCATION", "HOSPITAL", "ORGANIZATION"):
            return self._place(patient, kind, text)
        if kind == "EMAIL":
            return self._signs(patient, kind, text.split("@")[0]) + "@example.org"
        if kind == "URL":
            return "https://example.org/" + self._signs(patient, kind, text[-8:]).strip("/")
        if kind == "IP":
            return f"192.0.2.{self._draw(patient, kind, text).randrange(1, 255)}"
        return self._signs(patient, kind, text) if NUMBER.search(text) else None

    def shift(self, patient: str) -> int:
        """Return by how many days a patient's dates move: never 0."""
        draw = self._draw(patient, "shift", "")
        return draw.choice((-1, 1)) * draw.randint(1, self.days)

    def _draw(self, *parts: str) -> random.Random:
        message = "\x1f".join(parts).encode("utf-8", "surrogatepass")
        return random.Random(hmac.new(self.key, message, hashlib.sha256).digest())

    # --- names -------------------------------------------------------------------------------------------------------

    def _name(self, patient: str, text: str) -> str:
        """Return a name word by word, so that parts of it and other orders of it stay the same person's."""
        words = list(WORD.finditer(text))
        made, last = [], 0
        for number, word in enumerate(words):
            made.append(text[last : word.start()])
            made.append(self._name_word(patient, word[0], family=self._is_family(text, number, len(words))))
            last = word.end()
        return "".join([*made, re.sub(r"\d", "0", text[last:])])

    @staticmethod
    def _is_family(text: str, number: int, count: int) -> bool:
        comma = text.find(",")
        return number == 0 if 0 <= comma < len(text) - 1 else number == count - 1

    def _name_word(self, patient: str, word: str, *, family: bool) -> str:
        low = word.lower()
        if low in TITLES:
            return word
        if len(word) == 1:
            return self._initial(patient, word)
        known = self.drawn.get((patient, "NAME", low))
        if known is None:
            known = self._fresh_name(patient, low, family)
            self.drawn[patient, "NAME", low] = known
        return _cased(word, known)

    def _fresh_name(self, patient: str, low: str, family: bool) -> str:
        given = (self.names.women, self.names.men)
        lists = [self.names.families] if family else [g for g in given if self.gender == "keep" and low in _lowered(g)]
        choices = [name for each in lists or given for name in each]
        if self.initials == "keep":
            choices = [name for name in choices if name[0].lower() == low[0]] or choices
        draw = self._draw(patient, "NAME", low)
        others = {value.lower() for (who, kind, _), value in self.drawn.items() if who == patient and kind == "NAME"}
        for _ in range(200):
            name = draw.choice(choices)
            if name.lower() != low and name.lower() not in others and not self.taken(name):
                return name
        return self._invented(draw)

    def _invented(self, draw: random.Random) -> str:
        while True:
            name = "".join(draw.choice("bdfgklmnprstvz") + draw.choice("aeiou") for _ in range(4)).capitalize()
            if not self.taken(name):
                return name

    def _initial(self, patient: str, letter: str) -> str:
        """Return the first letter of the surrogate of the one name of this patient that begins so, or a drawn one."""
        begun = [v for (who, kind, low), v in self.drawn.items() if who == patient and kind == "NAME" and low[0] == letter.lower()]
        if len(set(begun)) == 1:
            return _cased(letter, begun[0][0])
        return _cased(letter, self._draw(patient, "initial", letter.lower()).choice(string.ascii_lowercase))

    # --- places and numbers --------------------------------------------------------------------------------------

    def _place(self, patient: str, kind: str, text: str) -> str:
        """Return a place: a ZIP code by the three-digit rule, a number and a street, or a town."""
        if re.fullmatch(r"\d{5}(?:-\d{4})?", text.strip()):
            return "00000" if text.strip()[:3] in SPARSE else text.strip()[:3] + "00"
        draw = self._draw(patient, kind, " ".join(text.lower().split()))
        town = next((c for _ in range(200) if not self.taken(c := draw.choice(self.names.cities))), "Newtown")
        if kind == "HOSPITAL":
            return f"{town} Hospital"
        if kind == "ORGANIZATION":
            return f"{town} Company"
        if NUMBER.search(text):
            return f"{draw.randint(1, 999)} {draw.choice(self.names.streets)}"
        return _cased(text, town) if len(text.split()) == 1 else town

    def _signs(self, patient: str, kind: str, text: str) -> str:
        """Return a number with each digit and letter drawn anew, so that its form stays; labels of it stay."""
        draw = self._draw(patient, kind, re.sub(r"\W", "", text).lower())
        return "".join(
            draw.choice(string.digits) if c.isdigit()
            else draw.choice(string.ascii_uppercase) if c.isupper()
            else draw.choice(string.ascii_lowercase) if c.isalpha()
            else c
            for c in text
        )  # fmt: skip


def _lowered(names: Sequence[str]) -> frozenset[str]:
    """Return names in small letters; the last lists asked for are remembered."""
    key = id(names)
    if key not in _KEPT:
        _KEPT[key] = frozenset(name.lower() for name in names)
    return _KEPT[key]


_KEPT: dict[int, frozenset[str]] = {}


def _cased(was: str, now: str) -> str:
    """Return a word in the letters, capital or small, of another."""
    if was.isupper():
        return now.upper()
    return now.lower() if was.islower() else now[:1].upper() + now[1:]
