"""Phrases as they are written in the rules' files, and where a text holds one: one pass, and time in proportion to it.

``(chest|thorax) pain``: one of several; ``(my)? chest``: or nothing; ``sweat*``: any ending; ``_``: any one word;
``...``: up to four words. A phrase begins with a word that is written out, at least three letters of it where any
ending will do.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from residency.serve.guard.words import Words, plain

GAP = 4
"""Words that ``...`` may stand for, at most."""
_STEM = 3
_MOST = 12
"""Parts that a phrase may have: what it takes to look for one grows with them."""
_PART = re.compile(r"\(([^()]*)\)(\?)?|([^\s()]+)")
Form = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mention:
    """Where a text holds one of a concept's phrases: words ``start`` to ``end``, half open."""

    concept: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Part:
    """A place of a phrase: what may stand there, by the first word or its first letters, and whether nothing may."""

    words: Mapping[str, tuple[Form, ...]]
    stems: Mapping[str, tuple[Form, ...]]
    optional: bool = False
    any: bool = False
    gap: bool = False

    def at(self, word: str) -> tuple[Form, ...]:
        """Return the forms that may begin with a word."""
        here = self.words.get(word, ())
        return (*here, *self.stems.get(word[:_STEM], ())) if self.stems else here


Phrase = tuple[Part, ...]


def phrase(text: str) -> Phrase:
    """Return a phrase; ValueError says what is wrong with it."""
    if _PART.sub("", text).strip() or not text.strip():
        raise ValueError(f"{text!r} is empty, or its brackets do not match (none may stand in others)")
    parts = tuple(_part(match) for match in _PART.finditer(text))
    if parts[0].optional or parts[0].any or parts[0].gap:
        raise ValueError(f"{text!r} begins with what may be anything or nothing; begin it with a word")
    if len(parts) > _MOST:
        raise ValueError(f"{text!r} has {len(parts)} parts; legal are {_MOST}")
    return parts


def _part(match: re.Match[str]) -> Part:
    options, optional, word = match.groups()
    if word in ("_", "..."):
        return Part({}, {}, any=word == "_", gap=word == "...")
    words: dict[str, list[Form]] = defaultdict(list)
    stems: dict[str, list[Form]] = defaultdict(list)
    for option in (options if word is None else word).split("|"):
        form = tuple(_checked(one) for one in option.split())
        if not form:
            raise ValueError(f"{match[0]!r} has an empty alternative; write (…)? for what may be left out")
        (stems if form[0].endswith("*") else words)[form[0][:_STEM] if form[0].endswith("*") else form[0]].append(form)
    return Part(
        {key: tuple(value) for key, value in words.items()},
        {key: tuple(value) for key, value in stems.items()},
        optional=bool(optional),
    )


def _checked(word: str) -> str:
    """Return a word as texts are read; ValueError where it holds signs that no text's word has."""
    if word in ("_", "..."):
        raise ValueError(f"{word} stands in brackets; it stands alone")
    bare = plain(word).replace("'", "")
    if not re.fullmatch(r"[a-z]+\*?|[0-9]+", bare) or (bare.endswith("*") and len(bare) <= _STEM):
        raise ValueError(f"{word!r} is no word: letters or digits, and * behind {_STEM} letters at least")
    return bare


Entry = tuple[Form, Phrase, frozenset[str], str]


class Phrases:
    """All concepts' phrases, by the word they begin with; what needs a word that a text lacks is not looked for."""

    def __init__(self, concepts: Mapping[str, Iterable[str]]) -> None:
        self._words: dict[str, list[Entry]] = defaultdict(list)
        self._stems: dict[str, list[Entry]] = defaultdict(list)
        for concept, texts in concepts.items():
            for first, *rest in (phrase(text) for text in dict.fromkeys(texts)):
                needs = _needs(rest)
                for index, options in ((self._words, first.words), (self._stems, first.stems)):
                    for word, forms in options.items():
                        index[word].extend((form, tuple(rest), needs, concept) for form in forms)

    def find(self, words: Words) -> list[Mention]:
        """Return where a text holds which concept, in its order; a phrase does not go beyond its sentence."""
        found: list[Mention] = []
        said = set(words.words)
        entries = {word: here for word in said if (here := self._at(word, said))}
        for at, word in enumerate(words.words):
            for form, rest, _, concept in entries.get(word, ()):
                end = at + 1 if len(form) == 1 and form[0] == word else _form_end(form, words, at)
                if end and rest:
                    end = _end(rest, words, end)
                if end:
                    found.append(Mention(concept, at, end))
        return found

    def _at(self, word: str, said: set[str]) -> list[Entry]:
        """Return the phrases that may begin with a word in a text that has these words."""
        both = (self._words.get(word, ()), self._stems.get(word[:_STEM], ()))
        return [one for here in both for one in here if _may(one, said)]


def _may(entry: Entry, said: set[str]) -> bool:
    form, _, needs, _ = entry
    if needs and needs.isdisjoint(said):
        return False
    return all(word in said or word[-1] == "*" for word in form)


def _needs(rest: Iterable[Part]) -> frozenset[str]:
    """Return words of which a text has at least one where it holds the rest of a phrase; none where nothing is sure."""
    sure = [part for part in rest if not (part.optional or part.any or part.gap or part.stems)]
    return frozenset(min(sure, key=lambda part: len(part.words)).words) if sure else frozenset()


def _form_end(form: Form, words: Words, at: int) -> int:
    """Return the place behind words that begin here, all in one sentence; 0 where they do not."""
    said, sentence = words.words, words.sentence
    if at + len(form) > len(said) or sentence[at] != sentence[at + len(form) - 1]:
        return 0
    for wanted, word in zip(form, said[at : at + len(form)], strict=True):
        if wanted != word and not (wanted[-1] == "*" and word.startswith(wanted[:-1])):
            return 0
    return at + len(form)


def _end(parts: Phrase, words: Words, at: int) -> int:
    """Return the place behind the rest of a phrase that begins here; 0 where it does not."""
    if not parts:
        return at
    part, rest = parts[0], parts[1:]
    if part.gap:
        return next((end for skip in range(GAP + 1) if (end := _end_in(rest, words, at, skip))), 0)
    if at < len(words) and words.sentence[at] == words.sentence[at - 1]:
        if part.any:
            return _end(rest, words, at + 1)
        for form in part.at(words.words[at]):
            behind = _form_end(form, words, at)
            if behind and (end := _end(rest, words, behind)):
                return end
    return _end(rest, words, at) if part.optional else 0


def _end_in(rest: Phrase, words: Words, at: int, skip: int) -> int:
    """Return the place behind the rest after some words are left out, in the same sentence; 0 where it is not there."""
    over = at + skip
    if over > len(words) or words.sentence[min(over, len(words)) - 1] != words.sentence[at - 1]:
        return 0
    return _end(rest, words, over)
