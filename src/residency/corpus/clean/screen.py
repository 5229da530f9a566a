"""Which texts of a batch surely pass the rules of ``quality`` and ``safety``: shown by bounds on arrays, without a look
at each text. What is not shown is left to the rules themselves, so nothing is decided here but that a text is clean.

Only texts in ASCII and the accented letters of western languages (``_LETTERS``) are judged. Words are those of
``compare.hashing``, which differ from the rules' own in the underscore alone: a text where it touches a letter or a
digit is left to the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count

import numpy as np

from residency.core.types import Document
from residency.corpus.clean.boilerplate import FUNCTION_WORDS, LANGUAGES, NAVIGATION, TRIGGERS
from residency.corpus.clean.quality import BYTE_CLASSES, LEAST_PAIRS, LONG, Quality
from residency.corpus.clean.safety import Safety, cue_words
from residency.corpus.compare.hashing import Array, Words, mixed, shingles, words

_FUNCTION, _NAVIGATION, _TRIGGER, _SLUR, _FIRST_RULE = range(5)
_SLOTS = 16
_LETTERS = bytes(sorted({*range(0xC0, 0x100)} - {0xD7, 0xDF, 0xF7}))
"""The Latin-1 letters that keep their length when folded (not ß): two bytes each in UTF-8, no sign of a broken text."""
_PLAIN = bytes(range(128)) + _LETTERS
_UNCUT = "ookie"
"""Where this is a part of a word of an accented text, the rules look for phrases of web pages."""
_ROOM = 8
"""Places a word in the table by which different words are counted: with few, a text looks more repeated than it is."""


def screen(quality: Quality | None, safety: Safety | None) -> Callable[[Words, Sequence[Document]], Array]:
    """Return a function of a batch's words and documents that returns which surely pass [documents, booleans]."""

    def passes(found: Words, documents: Sequence[Document]) -> Array:
        sure = np.array([_is_plain(document.text) for document in documents], bool) & (found.counts > 0)
        if safety and safety.lists:
            sure[:] = False
        if not sure.any():
            return sure
        marks = _Marks.of(found, np.array([len(document.text) for document in documents]))
        sure &= marks.joined == 0
        hits = _listed(found, len(documents))
        if safety:
            sure &= _is_safe(hits)
        if quality:
            said = np.array([document.language in LANGUAGES for document in documents], bool)
            many = found.counts + marks.lines  # more than the rules see, where a line is drawn with underscores
            sure &= ~said | (hits[:, _FUNCTION] >= quality.least_function_words * many)
            sure &= (hits[:, _TRIGGER] == 0) & (hits[:, _NAVIGATION] < 3)
            sure &= _plain(found, marks, quality) & _even(found, marks, quality) & _new(found, marks, quality)
            sure &= np.array(["..." not in document.text for document in documents], bool)
        return sure

    return passes


def _is_plain(text: str) -> bool:
    """Return whether a text is of ASCII and ``_LETTERS`` alone."""
    if text.isascii():
        return True
    try:
        return not text.encode("latin-1").translate(None, _PLAIN) and _UNCUT not in text
    except UnicodeEncodeError:
        return False


def _is_safe(hits: Array) -> Array:
    """Return which texts have no slur, and of no rule both a word and a cue [texts]."""
    words_of, cues_of = hits[:, _FIRST_RULE::2] > 0, hits[:, _FIRST_RULE + 1 :: 2] > 0
    return np.asarray((hits[:, _SLUR] == 0) & ~np.any(words_of & cues_of, axis=1))


# --- characters ------------------------------------------------------------------------------------------------------


_ROWS, _CODES = np.unique(BYTE_CLASSES, axis=0, return_inverse=True)
_NEWLINE, _UNDERSCORE = len(_ROWS), len(_ROWS) + 1


def _codes() -> Array:
    """Return a number for each byte: of its row of classes; 0 for letters and for what is in no class."""
    none = int(np.flatnonzero(~_ROWS.any(axis=1))[0])
    letter = int(_CODES.reshape(-1)[ord("a")])
    codes = (_CODES.reshape(-1) + 1).astype(np.uint8)
    codes[(codes == none + 1) | (codes == letter + 1)] = 0
    codes[ord("\n")], codes[ord("_")] = _NEWLINE + 1, _UNDERSCORE + 1
    return codes


_TABLE = _codes()


@dataclass(frozen=True, slots=True)
class _Marks:
    """The bytes that are neither letters nor spaces: ``at`` [marks] and ``code``, and per text: ``edges`` into them,

    ``counts`` of each class [texts, classes], ``lines`` (underscores), ``joined`` (underscores in words), ``sizes`` in
    characters, and ``second`` (bytes beyond the first of a letter).
    """

    at: Array
    code: Array
    edges: Array
    counts: Array
    lines: Array
    joined: Array
    sizes: Array
    second: Array

    @classmethod
    def of(cls, found: Words, sizes: Array) -> _Marks:
        assert found.begins is not None
        codes = _TABLE[found.spelt]
        at = np.flatnonzero(codes != 0)
        code = codes[at]
        edges = np.searchsorted(at, found.begins)
        texts = len(found.counts)
        owner = np.repeat(np.arange(texts), np.diff(edges))
        inside = slice(edges[0], edges[-1])
        size = _UNDERSCORE + 2
        held = np.bincount(owner * size + code[inside], minlength=texts * size).reshape(texts, size)
        counts = held[:, 1 : len(_ROWS) + 1] @ _ROWS
        lines = held[:, _UNDERSCORE + 1]
        second = np.diff(found.begins) - 1 - sizes
        signs = _per_text(found.ends - found.starts, found.first) - second
        counts[:, 0] = signs - counts[:, 1] - lines  # of words: their letters
        joined = _touching(found, at[code == _UNDERSCORE + 1])
        return cls(at, code, edges, counts, lines, joined, sizes, second)


def _per_text(values: Array, first: Array) -> Array:
    """Return the sum of values [words] for each text [texts]."""
    sums = np.concatenate([[0], np.cumsum(values)])
    return np.asarray(sums[first[1:]] - sums[first[:-1]])


def _in_texts(found: Words, places: Array) -> Array:
    """Return how many of these bytes stand in each text; they are sorted."""
    assert found.begins is not None
    return np.diff(np.searchsorted(places, found.begins))


def _touching(found: Words, underscores: Array) -> Array:
    """Return how many underscores of each text touch a letter or a digit."""
    beside = np.zeros(len(underscores), bool)
    for other in (found.data[underscores - 1], found.data[underscores + 1]):
        beside |= (other > 32) & (other != ord("_"))
    return _in_texts(found, underscores[beside])


def _plain(found: Words, marks: _Marks, limits: Quality) -> Array:
    """Return which texts pass the rules on characters and on words of digits and letters [texts]."""
    assert found.begins is not None
    letters, digits, symbols, other, control, braces, hashes = marks.counts.T
    size = marks.sizes
    signs = letters + digits + symbols + other
    many = found.counts - marks.lines  # at least so many words
    good = (control <= np.maximum(1, limits.control_characters * size)) & (braces <= limits.braces * size)
    good &= (signs > 0) & (letters >= limits.least_letters * signs) & (symbols <= limits.symbols * signs)
    good &= (hashes <= limits.marks_per_word * many) & _length_good(found, marks, limits)
    at = marks.at[marks.code == _TABLE[ord("0")]]
    before = found.data[at - 1]
    starts = _in_texts(found, at[~((before >= ord("0")) & (before <= ord("9")))])
    behind = _in_texts(found, at[before >= ord("a")])
    return np.asarray(good & (starts <= limits.number_words * many) & (behind <= limits.mixed_words * many))


def _length_good(found: Words, marks: _Marks, limits: Quality) -> Array:
    """Return which texts have no very long word, and a mean length of words within the limits [texts].

    The rules count all between white space where a text has accents: at least its words, at most all of it.
    """
    sizes = found.ends - found.starts
    total, many = _per_text(sizes, found.first) - marks.second, found.counts
    long = found.starts[(sizes > LONG) & (found.data[found.starts] != ord("_"))]
    good = _in_texts(found, long) == 0
    good &= total - marks.lines >= limits.least_word_length * many
    most = np.where(marks.second > 0, marks.sizes, total)
    return np.asarray(good & (most <= limits.most_word_length * (many - marks.lines)))


# --- repetition ------------------------------------------------------------------------------------------------------


def _even(found: Words, marks: _Marks, limits: Quality) -> Array:
    """Return which texts have few repeated lines, so few repeated paragraphs too [texts].

    Lines of the same words are taken for equal, lines without words for repeated, and only words for the whole.
    """
    assert found.begins is not None
    ends = marks.at[marks.code == _NEWLINE + 1]
    cuts = np.sort(np.concatenate([ends, found.begins[1:] - 1]), kind="stable")
    begins = np.concatenate([[found.begins[0] - 1], cuts[:-1]]) + 1
    firsts = np.searchsorted(found.starts, np.concatenate([begins, cuts[-1:]]))
    owner = np.searchsorted(found.begins, begins, "right") - 1
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(found.hashes)])
    keys = mixed(sums[firsts[1:]] - sums[firsts[:-1]]) + owner.astype(np.uint64)
    order = np.argsort(keys, kind="stable")
    again = np.diff(firsts) == 0
    again[order[1:][keys[order][1:] == keys[order][:-1]]] = True
    repeated = np.bincount(owner, weights=(cuts - begins + 1) * again, minlength=len(found.counts))
    least = min(limits.repeated_lines, limits.repeated_paragraphs)
    signs = _per_text(found.ends - found.starts, found.first) - marks.second
    return np.asarray(repeated <= least * (signs - marks.lines))


def _new(found: Words, marks: _Marks, limits: Quality) -> Array:
    """Return which texts have so many different words, or runs of words, that none can be repeated often [texts]."""
    counts = found.counts
    lowest = min(limits.repeated_5, limits.repeated_10)
    new = counts - (_different(found.hashes, counts) - marks.lines) <= min(lowest, limits.top_pair) * counts
    rest = ~new & (marks.lines == 0) & (counts > 0)  # where underscores stand between, the rules see words joined
    if rest.any():
        part = found.take(rest)
        most = np.maximum(LEAST_PAIRS - 1, (limits.top_pair * part.counts / 2).astype(np.int64))
        new[rest] = (_repeats(part, 5) * 5 <= lowest * part.counts) & (_repeats(part, 2) < most)
    return np.asarray(new)


def _repeats(found: Words, length: int) -> Array:
    """Return how many runs of ``length`` words were there before, at the most [texts]."""
    hashes, counts = shingles(found, length)
    return np.asarray(counts - _different(hashes, counts))


def _different(hashes: Array, counts: Array) -> Array:
    """Return how many different hashes each text has, at the least [texts]: how many places of its own they fill."""
    room = np.concatenate([[0], np.cumsum(_ROOM * counts)])
    places = (hashes >> np.uint64(32)) * np.repeat(_ROOM * counts, counts).astype(np.uint64) >> np.uint64(32)
    table = np.zeros(room[-1] + 1, np.uint8)
    table[places.astype(np.int64) + np.repeat(room[:-1], counts)] = 1
    different = np.add.reduceat(table, np.minimum(room[:-1], len(table) - 1), dtype=np.int64)
    return np.asarray(np.where(counts > 0, different, 0))


# --- listed words ----------------------------------------------------------------------------------------------------


def _listed(found: Words, texts: int) -> Array:
    """Return how many words of each list stand in each text [texts, lists]; different ones, but for function words."""
    keys, lists, factor, width = _table()
    slots = (found.hashes * factor >> np.uint64(64 - _SLOTS)).view(np.int64)
    hits = np.flatnonzero(keys[slots] == found.hashes)
    owner = np.searchsorted(found.first, hits, "right") - 1
    held = np.zeros((texts, width), np.int64)
    member = lists[slots[hits]]
    held[:, _FUNCTION] = np.bincount(owner, weights=member[:, _FUNCTION], minlength=texts)
    rest = member[:, 1:].any(axis=1)
    once = np.unique(owner[rest] << _SLOTS | slots[hits[rest]])
    np.add.at(held, once >> _SLOTS, lists[once & 2**_SLOTS - 1] * (np.arange(width) != _FUNCTION))
    return held


@cache
def _table() -> tuple[Array, Array, np.uint64, int]:
    """Return a table without collisions: the hash in each slot, its lists [slots, lists], and what makes a slot."""
    slurs, rules = cue_words()
    lists: list[Iterable[bytes]] = [FUNCTION_WORDS, NAVIGATION, TRIGGERS, slurs]
    lists += [side for rule in rules for side in rule]
    names = sorted({word for listed in lists for word in listed})
    spelt = words([word.decode() for word in names])
    one = np.flatnonzero(spelt.counts == 1)  # what is cut in two or folded away stands in no text in ASCII
    names, hashes = [names[place] for place in one], spelt.hashes[spelt.first[one]]
    for step in count():
        factor = mixed(np.array([step], np.uint64))[0] | np.uint64(1)
        slots = (hashes * factor >> np.uint64(64 - _SLOTS)).view(np.int64)
        if len(np.unique(slots)) == len(np.unique(hashes)):
            break
    keys = np.zeros(2**_SLOTS, np.uint64)
    member = np.zeros((2**_SLOTS, len(lists)), bool)
    keys[slots] = hashes
    for place, listed in enumerate(lists):
        inside = np.array([word in frozenset(listed) for word in names])
        member[slots[inside], place] = True
    return keys, member, factor, len(lists)
