"""Numbers with their units, as they can be compared between two texts: a dose may not change on the way."""

from __future__ import annotations

import re

_UNITS = {
    "%": "% percent pct",
    "g": "g gram grams gm",
    "mg": "mg milligram milligrams mgs",
    "µg": "µg μg ug mcg microgram micrograms",
    "ng": "ng nanogram nanograms",
    "kg": "kg kilogram kilograms kgs kilos",
    "lb": "lb lbs pound pounds",
    "l": "l liter liters litre litres",
    "dl": "dl",
    "ml": "ml milliliter milliliters millilitre millilitres cc",
    "mm": "mm millimeter millimeters millimetre millimetres",
    "cm": "cm centimeter centimeters centimetre centimetres",
    "mmhg": "mmhg",
    "mmol": "mmol",
    "mol": "mol",
    "meq": "meq",
    "iu": "iu ui ie",
    "unit": "unit units",
    "kcal": "kcal",
    "bpm": "bpm",
    "°": "° °c °f",
    "second": "second seconds sec secs",
    "minute": "minute minutes min mins",
    "hour": "hour hours hr hrs h",
    "day": "day days",
    "week": "week weeks wk wks",
    "month": "month months",
    "year": "year years yr yrs",
}
UNITS = {word: unit for unit, words in _UNITS.items() for word in words.split()}
SYMBOLS = frozenset("% g mg µg ng kg l dl ml mm cm mmhg mmol mol meq kcal bpm iu °".split())
"""Units that are written alike in all languages."""
_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
_ONES += "seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SPELT = {word: number for number, word in enumerate(_ONES)} | {word: 10 * n for n, word in enumerate(_TENS, 2)}
_WORDS = rf"(?:{'|'.join(_TENS)})(?:[ -](?:{'|'.join(_ONES[1:10])}))?|{'|'.join(reversed(_ONES))}"
_NUMBER = re.compile(rf"\d+(?:[.,]\d+)*|\b(?:{_WORDS})\b")
_UNIT = re.compile(r"[\s-]?(°[cf]?|%|[^\W\d_]+)")
_RANGE = re.compile(rf"\s?(?:[-–/]|to\b|and\b|or\b)\s?(?:\d+(?:[.,]\d+)*|{_WORDS})")

_QUANTITY = re.compile(r"(\d+(?:[.,]\d+)*)[\s\u00a0\u202f]?(°[cf]?|%|[^\W\d_]+)?")
_SPACED = re.compile(r"(?<=\d)[ \u00a0\u202f](?=\d{3}\b)")


def numbers(text: str, *, spelt: bool = False) -> set[tuple[str, str]]:
    """Return the numbers of a text as (value, unit), the unit "" where none follows; of a range both ends have it.

    English number words below a hundred are read where a unit follows them; with ``spelt`` everywhere.
    """
    text = text.lower()
    found: set[tuple[str, str]] = set()
    for match in _NUMBER.finditer(text):
        unit = _unit_at(text, match.end())
        if match[0][0].isdigit():
            found.add((value(match[0]), unit))
        elif spelt or unit:
            found.add((str(sum(_SPELT[word] for word in re.split("[ -]", match[0]))), unit))
    return found


def _unit_at(text: str, end: int) -> str:
    """Return the unit of the number that ends here, or of the range that it begins; "" where there is none."""
    if (match := _UNIT.match(text, end)) and match[1] in UNITS:
        return UNITS[match[1]]
    further = _RANGE.match(text, end)
    match = _UNIT.match(text, further.end()) if further else None
    return UNITS.get(match[1], "") if match else ""


def value(digits: str) -> str:
    """Return a number as English writes it, without commas and needless zeros: "1,000.50" is "1000.5"."""
    return readings(digits)[0]


def readings(digits: str) -> list[str]:
    """Return what a number may mean, the English reading first: "1.000" is one in English, a thousand in German."""
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0:
        return [_whole(digits)]
    whole, part = re.sub(r"[.,]", "", digits[:last]), digits[last + 1 :]
    decimal, thousands = _decimal(whole, part), _whole(whole + part)
    one_mark = len(re.findall(r"[.,]", digits)) == 1
    if len(part) != 3:
        return [decimal]
    if not one_mark:
        return [thousands] if digits.count(digits[last]) > 1 else [decimal]
    return [decimal, thousands] if digits[last] == "." else [thousands, decimal]


def _whole(digits: str) -> str:
    return digits.lstrip("0") or "0"


def _decimal(whole: str, part: str) -> str:
    part = part.rstrip("0")
    return f"{_whole(whole)}.{part}" if part else _whole(whole)


def same_numbers(one: str, other: str) -> bool:
    """Return whether two texts in two languages hold the same numbers as often, with the same symbols of units.

    "2,5 mg" and "2.5 mg" are the same, "25 mg" is another; where a mark may mean either ("1.000"), one shared reading
    is enough. Words of units ("days") are not compared, and a number may not become a word.
    """
    left = [*_quantities(other)]
    for values, unit in _quantities(one):
        match = next((q for q in left if q[1] == unit and set(q[0]) & set(values)), None)
        if match is None:
            return False
        left.remove(match)
    return not left


def _quantities(text: str) -> list[tuple[tuple[str, ...], str]]:
    found = _QUANTITY.findall(_SPACED.sub("", text.lower()))
    units = (UNITS.get(unit, "") for _, unit in found)
    return [(tuple(readings(n)), unit if unit in SYMBOLS else "") for (n, _), unit in zip(found, units, strict=True)]
