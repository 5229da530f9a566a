"""Doses and advice on medicines that a model tells: which of them stand in nothing that it was given.

A dose is an amount of a drug (mg, mcg, g, ml, units, drops, tablets, puffs), or how often it is taken. It is looked
up by its number and unit, so that "one gram" stands for "1 g"; whether it is said of the same drug is for the check of
cited answers (``infer.answer``), which sees the passage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from residency.serve.guard.words import plain

_UNIT = {
    "mg": "mg milligram milligrams mgs miligramo miligramos",
    "g": "g gram grams gramo gramos gr",
    "mcg": "mcg ug µg μg microgram micrograms microgramo microgramos",
    "ml": "ml cc milliliter milliliters millilitre millilitres mililitro mililitros",
    "unit": "unit units iu ui unidad unidades",
    "drop": "drop drops gota gotas",
    "tablet": "tablet tablets pill pills capsule capsules comprimido comprimidos pastilla pastillas capsula capsulas",
    "puff": "puff puffs inhalation inhalations inhalacion inhalaciones",
    "mmol": "mmol",
    "meq": "meq",
}
UNITS = {word: unit for unit, words in _UNIT.items() for word in words.split()}
_SMALL = "one two three four five six seven eight nine ten".split()
_SPANISH = "un dos tres cuatro cinco seis siete ocho nueve diez".split()
_SPELT = {word: str(n) for words in (_SMALL, _SPANISH) for n, word in enumerate(words, 1)} | {"una": "1", "half": "0.5"}
_NUMBER = rf"\d{{1,9}}(?:[.,]\d{{1,3}}){{0,2}}|{'|'.join(_SPELT)}"
_WORDS = "|".join(sorted(UNITS, key=len, reverse=True))
_DOSE = re.compile(
    rf"(?<![\w.,])({_NUMBER})(?:\s?(?:-|–|to|a|or|o)\s?({_NUMBER}))?[\s-]?({_WORDS})(?![\w])"
    r"(?!\s?/\s?d?l\b)(?!\s(?:per|por)\s(?:deci)?lit)"
)
"""Not what a laboratory measures: mg/dl, mmol/l."""
Dose = tuple[str, str]


def doses(text: str) -> Iterator[Dose]:
    """Yield the doses of a text as (number, unit); of a range both ends."""
    for low, high, unit in _DOSE.findall(plain(text)):
        yield from ((_number(one), UNITS[unit]) for one in (low, high) if one)


def _number(text: str) -> str:
    """Return a number with a point before its decimals: 1,000 is a thousand, 2,5 two and a half."""
    if text in _SPELT:
        return _SPELT[text]
    whole, mark, part = text.replace(",", ".").rpartition(".")
    if not mark:
        return text.lstrip("0") or "0"
    whole = whole.replace(".", "").lstrip("0") or "0"
    if len(part) == 3 and whole != "0":
        return whole + part
    part = part.rstrip("0")
    return f"{whole}.{part}" if part else whole


def unsourced(text: str, known: frozenset[Dose]) -> bool:
    """Return whether a text tells a dose that is not among those known."""
    return any(not _same(one, known) for one in doses(text))


def _same(dose: Dose, known: frozenset[Dose]) -> bool:
    """Return whether a dose is known, be it in another unit: 1 g is 1000 mg."""
    number, unit = dose
    if dose in known or unit not in _STEPS:
        return dose in known
    amount = round(float(number) * _STEPS[unit], 3)
    return any(other in _STEPS and round(float(n) * _STEPS[other], 3) == amount for n, other in known)


_STEPS = {"g": 1_000_000.0, "mg": 1000.0, "mcg": 1.0}
