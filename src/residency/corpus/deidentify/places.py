"""Addresses, towns, hospitals and organisations: what says where is exchanged, what says of which sort stays.

"Okonjo Street Clinic" keeps its last two words. Of a ZIP code the first three digits stay where more than 20,000 people
live in their area, else 000 (45 CFR 164.514(b)(2)(i)(B)); of a Spanish code the first two, which are a province.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

from residency.corpus.deidentify.calendar import ending_of
from residency.corpus.deidentify.draws import Draw, letters_of
from residency.corpus.deidentify.lists import Lists
from residency.corpus.deidentify.names import SIGNS, TRIES
from residency.corpus.deidentify.plain import cased, compared, plain

SPARSE = frozenset(
    "036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893 "  # the census of 2000
    "202 204 205 369 753 772".split()  # later ones, by ZIP code tabulation areas
)
"""Three-digit areas of 20,000 people or fewer. The 17 of the census of 2000 are those that the Office for Civil Rights
lists (Guidance Regarding Methods for De-identification of Protected Health Information, 2012); users have to go by
current data, so those are added that are as small by later counts. One too many is never less safe."""
PIECE = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
JOINED = re.compile(r"[ \t'’.&/-]{1,3}")
PARTICLES = frozenset("of the upon on de la las los el del al y e and in".split())
STATES = frozenset(
    "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR "
    "PA RI SC SD TN TX UT VT VA WA WV WI WY PR USA US UK".split()
)
"""States may be told; they count as such in capitals."""
SORTS = frozenset(
    # streets, their parts, directions
    "street st avenue ave road rd boulevard blvd lane ln drive dr court ct way place pl terrace circle cir highway "
    "hwy parkway pkwy square sq trail close loop alley row plaza apt apartment suite ste unit floor fl room rm box "
    "po p o building bldg north south east west n s e w ne nw se sw calle c avda avenida av paseo pza camino "
    "carretera ctra ronda travesía glorieta barrio urbanización piso bajo bloque portal esc escalera izq izda dcha "
    "puerta nº num número km cp code zip county city town provincia "
    # hospitals and organisations
    "hospital hospitals clinic clinics medical center centers centre med ctr infirmary health healthcare system "
    "hospice nursing home rehabilitation rehab surgery care pharmacy general memorial university regional community "
    "children children's childrens women women's department dept ward icu er ed school college company co corp "
    "corporation inc llc ltd group foundation institute laboratory laboratories lab services service insurance bank "
    "church clínico clínica clinica universitario universitaria centro centros salud complejo hospitalario facultad "
    "medicina servicio unidad departamento instituto universidad fundación consultorio ambulatorio residencia "
    "policlínica materno infantil nacional provincial comarcal sa sl sociedad asociación colegio".split()
)
"""Words that say of which sort a place is."""
NTH = re.compile(r"(\d{1,3})(st|nd|rd|th)", re.IGNORECASE)
ZIP = re.compile(r"(?<![\w-])(\d{5})(-\d{4})?(?![\w-])")


class Places:
    """Draws places for places; ``taken`` says whether a word occurs in the texts."""

    def __init__(self, key: bytes, lists: Lists, taken: Callable[[str], bool], language: str) -> None:
        self.key, self.lists, self.taken, self.language = key, lists, taken, language
        self.town = functools.lru_cache(maxsize=1 << 14)(self._town)

    def of(self, patient: str, text: str) -> str | None:
        """Return a place for a place; None where it cannot be read, tells only of which sort it is, or none is free."""
        clean = plain(text)
        pieces = list(PIECE.finditer(clean)) if clean is not None else []
        if clean is None or not pieces:
            return None
        made, last, at, changed = [], 0, 0, False
        while at < len(pieces):
            start, end, behind = pieces[at].start(), pieces[at].end(), at + 1
            word = pieces[at][0]
            if any(c.isdecimal() for c in word):
                now, end, behind = self._number(patient, clean, pieces, at)
                changed = True
            elif self._sort(word):
                now = word
            else:
                behind = self._run(clean, pieces, at)
                end = pieces[behind - 1].end()
                town = self.town(patient, compared(clean[start:end]))
                if town is None:
                    return None
                now, changed = cased(word, town), True
            made += [SIGNS.sub("", clean[last:start]), now]
            last, at = end, behind
        return "".join([*made, SIGNS.sub("", clean[last:])]) if changed else None

    def _sort(self, word: str) -> bool:
        low = word.lower()
        return low in SORTS or low in PARTICLES or (self.language == "en" and word in STATES)

    def _run(self, text: str, pieces: list[re.Match[str]], at: int) -> int:
        """Return the piece behind a name of several words that begins here: "San José de la Montaña"."""
        behind = at + 1
        for other in range(at + 1, len(pieces)):
            word = pieces[other][0]
            if not JOINED.fullmatch(text[pieces[other - 1].end() : pieces[other].start()]):
                break
            if word.lower() in PARTICLES:
                continue
            if self._sort(word) or any(c.isdecimal() for c in word):
                break
            behind = other + 1
        return behind

    def _town(self, patient: str, same: str) -> str | None:
        """Return the made-up town (or other name of a place) that a name as ``compared`` gets."""
        draw = Draw(self.key, patient, "PLACE", same)
        letters = letters_of(self.key, patient)
        for _ in range(TRIES):
            head = draw.of(self.lists.heads[draw.of(letters)])
            name = head + draw.of(self.lists.towns)
            if compared(name) != same and not self.taken(name):
                return name
        return None

    def _number(self, patient: str, text: str, pieces: list[re.Match[str]], at: int) -> tuple[str, int, int]:
        """Return what stands for a number, where it ends, and the piece behind it."""
        piece = pieces[at]
        code = ZIP.match(text, piece.start())
        if code and (self.language == "es" or at > 0 or len(pieces) <= 2 and code.end() == len(text.rstrip())):
            behind = next((i for i in range(at, len(pieces)) if pieces[i].start() >= code.end()), len(pieces))
            return zipped(code[1], self.language), code.end(), behind
        draw = Draw(self.key, patient, "number", compared(piece[0]))
        now = piece[0]
        while compared(now) == compared(piece[0]):
            now = _numbered(draw, piece[0])
        return now, piece.end(), at + 1


def zipped(code: str, language: str) -> str:
    """Return as much of a postal code of five digits as may be told, the rest as zeros."""
    if language == "es":
        return code[:2] + "000"
    return "00000" if code[:3] in SPARSE else code[:3] + "00"


def _numbered(draw: Draw, word: str) -> str:
    """Return a word with a number in it ("12", "12B", "5th") with another one."""
    nth = NTH.fullmatch(word)
    if nth:
        number = 1 + draw.below(99)
        return f"{number}{cased(nth[2], ending_of(number))}"
    return "".join(_sign(draw, c, place) for place, c in enumerate(word))


def _sign(draw: Draw, sign: str, place: int) -> str:
    if sign.isdecimal():
        return str(draw.below(10) if place else 1 + draw.below(9))
    if not sign.isalnum():
        return sign
    return cased(sign, chr(ord("a") + draw.below(26)))
