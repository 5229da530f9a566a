"""A text as the guard reads it: words in one plain form, with the sentence and the clause that each stands in.

Case, accents, signs that cannot be seen, and the kind of apostrophe do not count, so that nobody slips past a rule by
them. Reading takes time in proportion to the text, whatever it holds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import lru_cache

_UNSEEN = dict.fromkeys([0xAD, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)])
_UNSEEN |= dict.fromkeys([0xFEFF])
_QUOTES = {ord(sign): "'" for sign in "’‘ʼ＇´`"}
_PIECE = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*|[.!?;\n]|[,:()]|[\"“”«»]")
_WRAPPED = re.compile(r"(?<=[\w,'’])[ \t]*\r?\n[ \t]*(?=[^\W\d_])")
_SPELLED = re.compile(r"(?<![\w'’])(?:[^\W\d_] ){2,}[^\W\d_](?![\w'’])")
_ENDS = frozenset(".!?;\n")
_PARTS = frozenset(",:()")
_NO_WORD = _ENDS | _PARTS | frozenset('"“”«»')
MOST = 200_000
"""Characters of one text that are read; what is longer is read at its beginning and its end, half each."""


@dataclass(slots=True)
class Words:
    """The words of a text; for each one the number of its sentence, whether a comma stands before it, and quoted."""

    words: list[str]
    sentence: list[int]
    parted: list[bool]
    quoted: list[bool]

    def __len__(self) -> int:
        return len(self.words)


def plain(text: str) -> str:
    """Return a text small, without accents and without signs that cannot be seen."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKD", text.translate(_UNSEEN | _QUOTES)).casefold()
    return "".join(sign for sign in text if not unicodedata.combining(sign))


def words_of(text: str) -> Words:
    """Return the words of a text in their order."""
    if len(text) > MOST:
        text = f"{text[: MOST // 2]}\n{text[-MOST // 2 :]}"
    made = Words([], [], [], [])
    sentence, parted, quoted = 0, False, False
    for piece in _PIECE.findall(plain(text)):
        if piece in _ENDS:
            sentence += 1
            quoted = quoted and piece != "\n"
        elif piece in _PARTS:
            parted = True
        elif piece in '"“”«»':
            quoted = not quoted
        else:
            made.words.append(_number(piece) if piece[0].isdigit() else piece.replace("'", ""))
            made.sentence.append(sentence)
            made.parted.append(parted)
            made.quoted.append(quoted)
            parted = False
    return made


def unwrapped(text: str) -> str:
    """Return a text with lines put together that were broken in mid-sentence, and words put together letter by letter.

    A line goes on in the next one where that begins with a small letter.
    """
    text = _SPELLED.sub(lambda one: one[0].replace(" ", ""), text)
    return _WRAPPED.sub(lambda one: " " if text[one.end()].islower() else one[0], text)


def starts(text: str) -> list[int]:
    """Return where each word of a text begins, in characters of the text as it is given (no longer than ``MOST``)."""
    places = range(len(text)) if text.isascii() else [at for at, sign in enumerate(text) for _ in plain(sign)]
    return [places[one.start()] for one in _PIECE.finditer(plain(text)) if one[0] not in _NO_WORD]


def _number(piece: str) -> str:
    """Return a number without what stands behind its decimal mark: 38.5 is read as 38, 1,000 as 1000."""
    head, mark, tail = piece.replace(",", ".").rpartition(".")
    return piece if not mark else head.replace(".", "") + (tail if len(tail) == 3 else "")


@lru_cache(maxsize=64)
def joined(text: str) -> str:
    """Return the words of a text between single spaces, with one at each end: to look for others in it."""
    return f" {' '.join(words_of(text).words)} "


_ENGLISH = (
    "the is are what how of to and my i you do does have has with for in it should can an or this that was at on she "
    "her his him we im ive dont your our they them not be been when why who will would could if from but so just"
)
_SPANISH = (
    "el la los las que es de y mi yo con para en por una un se tengo como cual puedo tiene le estoy quiero voy esta "
    "mas al del lo su sus te tu nos si pero muy hay este esto ya ha nada quiere puede mis estan estas soy ser cuando "
    "cuanto cuanta cuantos cuantas donde quien porque desde hasta ni sin sobre hace va vez alguien algo ella nunca "
    "siempre"
)
SMALL = {"en": frozenset(_ENGLISH.split()), "es": frozenset(_SPANISH.split())}
"""Words by which a language is told; none that both have (a, me, no, son, he)."""


def language(words: Words, known: Mapping[str, Set[str]] = SMALL) -> str:
    """Return "es" where more words are Spanish than English by what is ``known`` of each language, else "en"."""
    english, spanish = (sum(word in known[code] for word in words.words) for code in ("en", "es"))
    return "es" if spanish > english else "en"
