"""Names in place of names, word by word: the parts of a name, in any order and any letters, stay the same person's.

Each word of a name goes by itself: its surrogate follows from the key, the patient and the word as it is compared, so
"OKONJO, Ada M." and "Mr. Okonjo" meet. What is listed as a woman's given name gets a woman's, and so for men's; any
other word gets a family name, put together of two listed ones. The first letters of a patient's names are exchanged by
one permutation of the alphabet, so "J." becomes the letter that the surrogate of "John" begins with.

Two different names of one patient get one surrogate only where their first letters and lists agree, and then by chance:
one in 7,000 or more for family names, one in 100 to 1,000 for given ones (as many as there are for a letter). Of all
pairs of listed names it is about one in 25,000 (a test measures it). A word that is misspelt is another word, and gets
another name.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

from residency.corpus.deidentify.draws import Draw, letters_of
from residency.corpus.deidentify.lists import ENDS, Lists
from residency.corpus.deidentify.plain import cased, compared, plain

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
POSSESSIVE = re.compile(r"(?<=.)['’]s$", re.IGNORECASE)
PARTED = re.compile(r"[^\s'’-]")
SIGNS = re.compile(r"[^\s!-/:-@\[-`{-~–—‘’“”«»¿¡·]")
"""What does not stay between words: pictures, symbols."""
BEFORE = frozenset("dr dra drs doctor doctora mr mrs ms miss mx prof professor sir dame rev sr sra srta".split())
SPANISH = frozenset(("don", "doña", "dña"))
BEHIND = frozenset("jr sr ii iii iv md do rn np pa phd dds dmd lpn aprn crna pharmd facp facs mbbs esq".split())
JOINING = frozenset("de la del las los".split())
SMALL = frozenset("van der den von de da di do du al el la le bin ben ter zu zur y e i und dos".split())
"""Titles, what follows a name, and what joins its parts: nobody's own. ``SMALL`` only where it is written small."""
TRIES, LISTED, SOME = 64, 4, 100
"""How often is drawn where names occur in the texts; how often of them a listed given name, of how many at least."""


AGED = re.compile(r"(?<!\d)(?:9\d|1[012]\d)(?!\d)")
"""What may be an age over 89 inside what was taken for a name, such as "F/90"."""


class Names:
    """Draws names for names; ``taken`` says whether a word occurs in the texts. ``sign`` is an initial's under mask."""

    def __init__(
        self,
        key: bytes,
        lists: Lists,
        taken: Callable[[str], bool],
        language: str,
        *,
        initials: str = "consistent",
        gender: str = "keep",
        sign: str = "*",
    ) -> None:
        self.key, self.lists, self.taken, self.language = key, lists, taken, language
        self.initials, self.gender, self.sign = initials, gender, sign
        self.word = functools.lru_cache(maxsize=1 << 16)(self._word)

    def of(self, patient: str, text: str) -> str | None:
        """Return a name for a name; None where it cannot be read, holds no word, or no name is free."""
        clean = plain(text)
        words = list(WORD.finditer(clean)) if clean is not None else []
        if clean is None or not words or AGED.search(clean):
            return None
        kept = _not_own(clean, words, self.language)
        made, last = [], 0
        for word, stays in zip(words, kept, strict=True):
            now = word[0] if stays else self._written(patient, word[0])
            if now is None:
                return None
            made += [SIGNS.sub("", clean[last : word.start()]), now]
            last = word.end()
        return "".join([*made, SIGNS.sub("", clean[last:])])

    def _written(self, patient: str, word: str) -> str | None:
        """Return what stands for a word of a name, in its letters."""
        if word.isdigit():
            return self._digits(patient, word)
        ending = POSSESSIVE.search(word)
        stem = word[: ending.start()] if ending else word
        same = compared(stem)
        if not same:
            return None
        if len(stem) == 1 or (len(stem) == 2 and stem.isupper() and not self.lists.knows(same)):
            now = "".join(cased(c, self.initial(patient, compared(c)[:1])) for c in stem)
        else:
            drawn = self.word(patient, same)
            if drawn is None:
                return None
            now = cased(stem, drawn)
        return now + ending[0] if ending else now

    def _digits(self, patient: str, word: str) -> str:
        draw, now = Draw(self.key, patient, "number", compared(word)), compared(word)
        while now == compared(word):
            now = "".join(str(draw.below(10)) for _ in word)
        return now

    def initial(self, patient: str, letter: str) -> str:
        """Return the letter that a patient's names get which begin with a letter (as ``compared``)."""
        if self.initials == "mask":
            return self.sign
        if not ("a" <= letter <= "z"):
            letter = chr(ord("a") + (ord(letter) if letter else 0) % 26)
        return letter if self.initials == "keep" else letters_of(self.key, patient)[ord(letter) - ord("a")]

    def _word(self, patient: str, same: str) -> str | None:
        """Return the name that a patient's word (as ``compared``) gets; None where every one that is drawn is taken."""
        gender = self.lists.gender(same)
        if gender and self.gender == "drop":
            gender = "any"
        draw = Draw(self.key, patient, "NAME", same)
        letter = self.initial(patient, same[0])
        if self.initials == "mask":
            letter = draw.of(tuple(self.lists.heads))
        listed = self.lists.given[gender].get(letter, ()) if gender else ()
        for number in range(TRIES):
            name = draw.of(listed) if len(listed) >= SOME and number < LISTED else self._joined(draw, letter, gender)
            if compared(name) != same and not self.taken(name):
                return name
        return None

    def _joined(self, draw: Draw, letter: str, gender: str | None) -> str:
        """Return a name that begins with a letter: of two listed ones, or one that ends as a gender's do."""
        return draw.of(self.lists.heads[letter]) + draw.of(ENDS[gender] if gender else self.lists.tails)


def _not_own(text: str, words: list[re.Match[str]], language: str) -> list[bool]:
    """Return which words of a name are titles and the like; one word at least is somebody's own."""
    count = len(words)
    kept = [False] * count
    titles = BEFORE | SPANISH if language == "es" else BEFORE
    for at, word in enumerate(words[:-1]):
        same = word[0].lower()
        title = same in titles and all(kept[:at])
        joining = same in JOINING or (same in SMALL and word[0].islower())
        kept[at] = title or (joining and not PARTED.search(text, word.end(), words[at + 1].start()))
    for at in range(count - 1, 0, -1):
        word, same = words[at], words[at][0].lower()
        clear = len(same) > 2 or same in ("jr", "sr", "ii", "iv") or not text.isupper()
        degree = word[0].isupper() and (clear or "," in text[words[at - 1].end() : word.start()])
        if same not in BEHIND or all(kept[:at]) or not (degree or (clear and len(same) > 2) or same in ("jr", "sr")):
            break
        kept[at] = True
    return kept
