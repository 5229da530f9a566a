"""Rules on characters, words, lines, paragraphs and repetition, after Gopher, C4 and FineWeb, for clinical text.

Notes are telegraphic: short lines, lists, numbers and no full stops, so what those papers hold against the web (short
lines, missing punctuation, bullets) is no reason here; what is left is what no note has. A rule is judged only where
there is enough text for it.
Rae et al. 2021, arXiv 2112.11446, appendix A.1; Raffel et al. 2020, JMLR 21(140), section 2.2; Penedo et al. 2024,
arXiv 2406.17557, section 3.6.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import cast

import numpy as np

from residency.core.legal import AtLeast0, AtLeastOne, Share, agree
from residency.corpus.clean.boilerplate import FUNCTION_WORDS, LANGUAGES, boilerplate_share, navigation_share
from residency.corpus.clean.repetition import hashed, is_frequent, repeated_share, repeated_text
from residency.corpus.clean.words import Reading


@dataclass(frozen=True, slots=True)
class Quality:
    """Above these limits (below, where it says least) a text falls; 1 switches a share off, 0 a least one."""

    # Texts of fewer words are judged on encoding, control characters and code alone.
    few_words: AtLeastOne = 25
    # Lines and paragraphs are judged from so many on.
    few_lines: AtLeastOne = 6
    # The most control characters, as a share of the characters.
    control_characters: Share = 0.002
    # The most characters of a broken encoding, as a share of the characters.
    broken_characters: Share = 0.005
    # The fewest letters, as a share of the letters and signs.
    least_letters: Share = 0.35
    # The most symbols, such as ~, ^ and @, as a share of the letters and signs.
    symbols: Share = 0.1
    # The most braces, angle brackets and semicolons, as a share of the characters, in what looks like code.
    braces: Share = 0.03
    # The most words that are numbers, as a share of the words.
    number_words: Share = 0.6
    # The most words with digits between letters, as misread scans have them, as a share of the words.
    mixed_words: Share = 0.15
    # The most letters in words of more than 40, as a share of the letters.
    long_words: Share = 0.2
    # The least mean length of a word, in letters.
    least_word_length: AtLeast0 = 1.8
    # The greatest mean length of a word, in letters.
    most_word_length: AtLeast0 = 12.0
    # The fewest function words (the, of, and), as a share of the words.
    least_function_words: Share = 0.02
    # The most # signs, and the most ellipses, to a word.
    marks_per_word: AtLeast0 = 0.1
    # The most text about cookies, copyright and the like, as a share.
    boilerplate: Share = 0.3
    # The most text of menus and links, as a share.
    navigation: Share = 0.3
    # The most characters in lines that were there before, as a share.
    repeated_lines: Share = 0.4
    # The most characters in paragraphs that were there before, as a share.
    repeated_paragraphs: Share = 0.2
    # The most words in the most frequent pair, as a share.
    top_pair: Share = 0.5
    # The most words in runs of 5 that were there before, as a share.
    repeated_5: Share = 0.6
    # The most words in runs of 10 that were there before, as a share.
    repeated_10: Share = 0.45

    def __post_init__(self) -> None:
        """Hold the settings against each other."""
        least, most = self.least_word_length, self.most_word_length
        if least > most:
            text = f"least_word_length {least:g} is more than most_word_length {most:g}: all texts fall"
            agree([(("least_word_length", "most_word_length"), text)])


def quality_check(limits: Quality) -> Callable[[Reading, str], str | None]:
    """Return a function of a text and its language that returns the reason to drop it."""

    def check(reading: Reading, language: str) -> str | None:
        text, words, unspaced = reading.text, reading.words, reading.unspaced
        enough = len(words) >= limits.few_words or len(text) >= (4 if unspaced else 12) * limits.few_words
        signs = _signs(text)
        reason = _characters(text, signs, len(words), limits, enough)
        if reason is None and enough and not unspaced:
            reason = _words(text, words, signs[_DIGIT], limits)
            reason = reason or _few_function_words(words, language, limits)
        if reason is None:
            reason = _web(text, reading.distinct, limits) or _lines(text, limits, unspaced)
        if reason is None and enough:
            reason = _repetition(hashed(text), 2, limits) if unspaced else _repeated_words(reading, limits)
        return f"quality: {reason}" if reason else None

    return check


# --- characters ------------------------------------------------------------------------------------------------------

_LETTER, _DIGIT, _SYMBOL, _OTHER, _CONTROL, _BRACE, _HASH = range(7)
_MISREAD = (
    "\u0080-\u009f\u00a1-\u00aa\u00ac-\u00ba\u00bc-\u00bf\u0152-\u0178\u017d\u017e\u0192\u02c6\u02dc"
    "\u2013-\u203a\u20ac\u2122"
)
_BROKEN = re.compile(
    "[\u00c2\u00c3\u00d0\u00d1\u00e2\u00e4-\u00e9\u00ef\u951f\ufffd]"
    f"(?:(?<=[\u00c2\u00c3\u00d0\u00d1])[\u00a0{_MISREAD}]|(?<=\u00e2)[\u0080-\u0082\u20ac]|(?<=[\u00e4-\u00e9])[{_MISREAD}]{{2}}"
    "|(?<=\u00ef)\u00bf\u00bd|(?<=\u951f)\u65a4\u62f7|(?<=\ufffd))"
)
"""UTF-8 read as Latin-1 or Windows-1252, its second misreading in Chinese, and the sign for what was lost."""


def _classes() -> np.ndarray:
    """Return the weight of each byte of UTF-8 in each class, ``[256, classes]``: a first byte stands for its character.

    Rules drawn with signs (``-----``, ``_____``) and spaces are in no class.
    """
    table = np.zeros((256, 7))
    for byte in range(0xC3, 0xF5):
        table[byte, _SYMBOL if byte in (0xE2, 0xF0) else _LETTER] = 1
    table[0xC2, _OTHER] = table[0xEF, _OTHER] = 1
    for sign in range(128):
        text = chr(sign)
        kind = _LETTER if text.isalpha() else _DIGIT if text.isdigit() else _OTHER
        kind = _SYMBOL if text in "\\^`{|}~@$" else kind
        table[sign, kind] = text not in "-_=*.# \t\n\r\f\v"
    for sign in [*range(9), *range(14, 32), 127]:
        table[sign] = 0
        table[sign, _CONTROL] = 1
    for sign in b"{}<>;":
        table[sign, _BRACE] = 1
    table[ord("#"), _HASH] = 1
    return table


BYTE_CLASSES = _classes()
_PIECE = 1 << 20


def _signs(text: str) -> list[float]:
    """Return how many characters of each class a text has."""
    data = np.frombuffer(text.encode("utf-8", "replace"), np.uint8)
    counts = np.bincount(data[:_PIECE], minlength=256)
    for at in range(_PIECE, len(data), _PIECE):  # a copy of eight times the size is made of each piece
        counts += np.bincount(data[at : at + _PIECE], minlength=256)
    return cast(list[float], (counts @ BYTE_CLASSES).tolist())


def _characters(text: str, counts: list[float], words: int, limits: Quality, enough: bool) -> str | None:
    letters, digits, symbols, other, control, braces, hashes = counts
    signs = letters + digits + symbols + other
    if control > 1 and control > limits.control_characters * len(text):
        return "control characters"
    if not text.isascii() and len(_BROKEN.findall(text)) > max(2, limits.broken_characters * len(text)):
        return "broken encoding"
    if len(text) >= 100 and braces > limits.braces * len(text) and _is_code(text):
        return "code"
    if not enough or signs == 0:
        return None
    if letters < limits.least_letters * signs:
        return "few letters"
    if symbols > limits.symbols * signs:
        return "symbols"
    if hashes > limits.marks_per_word * words or _ellipses(text) > limits.marks_per_word * words:
        return "hashes and ellipses"
    return None


def _ellipses(text: str) -> int:
    return text.count("...") + text.count("\u2026")


def _is_code(text: str) -> bool:
    """Return whether most lines are of a program, a style sheet or marked-up text."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    code = sum(line.endswith(("{", "}", ";", ">", ");", "},")) or line.startswith(("<", "//", "/*")) for line in lines)
    return code > 0.5 * len(lines)


# --- words, lines, repetition ----------------------------------------------------------------------------------------

_MIXED = re.compile(rb"[a-z][0-9]+[a-z]")
LONG = 40


def _words(text: str, words: Sequence[bytes], digits: float, limits: Quality) -> str | None:
    many, most_numbers, most_mixed = len(words), limits.number_words * len(words), limits.mixed_words * len(words)
    lengths = list(map(len, words))
    if max(lengths, default=0) > LONG and _long(words) > limits.long_words * sum(lengths):
        return "long words"
    mean = sum(lengths) / max(1, many) if text.isascii() else sum(map(len, text.split())) / max(1, many)
    if mean < limits.least_word_length:  # where numbers make it small, they do not count
        lettered = [len(word) for word in words if not word.isdigit()]
        mean = sum(lettered) / max(1, len(lettered))
    if not limits.least_word_length <= mean <= limits.most_word_length:
        return "word length"
    if digits > most_numbers and sum(map(bytes.isdigit, words)) > most_numbers:
        return "numbers"
    if (
        digits > most_mixed
        and sum(_MIXED.search(word) is not None for word in words if not word.isalpha()) > most_mixed
    ):
        return "mixed words"  # digits between letters, as misread scans have them
    return None


def _few_function_words(words: Sequence[bytes], language: str, limits: Quality) -> str | None:
    least = limits.least_function_words * len(words)
    few = language in LANGUAGES and sum(map(FUNCTION_WORDS.__contains__, words)) < least
    return "function words" if few else None


def _long(words: Sequence[bytes]) -> int:
    """Return the letters in words too long for any language: only ASCII ones, since others may do without spaces."""
    return sum(len(word) for word in words if len(word) > LONG and word.isascii())


def _web(text: str, words: Set[bytes], limits: Quality) -> str | None:
    if boilerplate_share(text, words) > limits.boilerplate:
        return "boilerplate"
    if navigation_share(text, words) > limits.navigation:
        return "navigation"
    return None


_CLAUSES = re.compile("[。！？；，\n]+")
_PARAGRAPHS = re.compile(r"\n\s*\n")


def _lines(text: str, limits: Quality, unspaced: bool) -> str | None:
    lines = _CLAUSES.split(text) if unspaced else text.split("\n")
    if len(lines) < limits.few_lines:
        return None
    lines = [line for line in map(str.strip, lines) if line]
    if len(lines) < limits.few_lines:
        return None
    if repeated_text(lines) > limits.repeated_lines:
        return "repeated lines"
    if "\n\n" in text and limits.repeated_paragraphs < 1:
        paragraphs = _PARAGRAPHS.split(text)
        if len(paragraphs) >= limits.few_lines and repeated_text(paragraphs) > limits.repeated_paragraphs:
            return "repeated paragraphs"
    return None


LEAST_PAIRS = 5
"""A short text says a pair a few times without being a repetition."""


def _repeated_words(reading: Reading, limits: Quality) -> str | None:
    """Every word of a repeated run was there before: where most words are new, no run has to be looked for."""
    many, lowest = len(reading.words), min(limits.repeated_5, limits.repeated_10, limits.top_pair)
    if many - len(reading.distinct) <= lowest * many:
        return None
    return _repetition(hashed(reading.words), 1, limits)


def _repetition(ids: np.ndarray, scale: int, limits: Quality) -> str | None:
    """``scale``: how many of the ids (characters, of a text without spaces) make about a word."""
    lower = min(limits.repeated_5, limits.repeated_10)
    fives = repeated_share(ids, 5 * scale, lower)  # what stands in repeated runs of 10 stands in some of 5
    if fives > limits.repeated_5:
        return "repeated words"
    if fives > 0 and repeated_share(ids, 10 * scale, limits.repeated_10) > limits.repeated_10:
        return "repeated words"
    if is_frequent(ids, 2 * scale, limits.top_pair, LEAST_PAIRS):
        return "one pair of words"
    return None
