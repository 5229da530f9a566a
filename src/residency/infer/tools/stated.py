"""The numbers that a text states, with their units, and which measure each is of: what a tool may be given.

Nothing is understood here: a number is taken for a measure where the measure's name stands right before it (or, for
an age, "year-old" behind it). Of a finding or a choice it is only told whether its words stand in a text, be it
affirmed or denied.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from residency.corpus.make.support import stems
from residency.infer.tools.inputs import Choice, Quantity, Whole, Yes
from residency.infer.tools.measures import measures
from residency.infer.tools.tool import Tool, Value
from residency.infer.tools.units import WrongUnit, read_unit

BEFORE = 32
"""Characters before a number in which the name of its measure may end; its first words may stand before them."""
DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_NUMBER = re.compile(r"(?<![\w.^])(-?\d{1,3}(?:,\d{3})+|-?\d+)((?:\.\d+)?)(?![\d^])")
_UNIT = re.compile(
    r"[\s-]{0,2}(?:[x×]\s?(?=10\^))?(10\^\d+/[A-Za-zµμ]{1,3}|(?:mm\s?Hg|cm\s?H2O|°\s?[CF]|[°%]|[A-Za-zµμ²^\d]{1,9})"
    r"(?:\s?/\s?[A-Za-zµμ\d^.²]{1,8}){0,3})"
)
_INDEXED = re.compile(
    r"\s?mL\s?/\s?min\s?(?:/|per)?\s?\(?1\.73(?:\s?(?:m(?:2|²|\^2)?|sq\.?\s?m)(?!\w))?", re.IGNORECASE
)
"""A rate for 1.73 m2 of body surface, also where its end is cut off; it is never that of the whole body."""
_INCHES = re.compile(
    r"([1-8])[\s-]?(?:ft\b\.?|foot\b|feet\b|['’′]),?[\s-]?(?:and\s)?((?:1[01]|\d)(?:\.\d+)?)(?!\d|[./]\d)"
    r"(\s?(?:in\b|inch\b|inches\b|[\"”″]|''))?", re.IGNORECASE,
)  # fmt: skip
_SECOND = re.compile(r"/\d{2,3}(?=\s?mm\s?Hg)")
_SAID = {
    "bpm": "1/min", "beats/min": "1/min", "breaths/min": "1/min", "/min": "1/min", "c": "C", "f": "F", "°c": "C",
    "°f": "F", "mmhg": "mmHg", "cmh2o": "cmH2O", "year-old": "year", "years-old": "year", "yo": "year", "y/o": "year",
    "celsius": "C", "fahrenheit": "F", "iu/l": "U/L", "k/ul": "10^3/uL", "/ul": "1/uL", "kilograms": "kg", "kgs": "kg",
    "mosm/kg": "mmol/kg", "mosm/l": "mmol/L", "g/dl": "g/dL", "mcmol/l": "umol/L", "micromol/l": "umol/L",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stated:
    """A number of a text: its unit ("" where none follows, or none is known), and where it stands, half open."""

    value: float
    unit: str
    start: int
    end: int


def numbers(text: str) -> Iterator[Stated]:
    """Yield every number of a text with the unit that follows it, in order; 1,200 is twelve hundred.

    Of two with a stroke between them (120/80 mmHg) both have the unit of the second. Feet and inches (5 ft 10 in) are
    one number in inches. Dates (ISO) are no numbers, and neither is a number of a unit (mL/min/1.73 m2).
    """
    text, end = DAY.sub(lambda day: "-" * len(day[0]), text), 0
    for match in _NUMBER.finditer(text):
        if match.start() < end:
            continue
        if both := _height_at(text, match.start()):
            yield both
            end = both.end
            continue
        value = float(match[1].replace(",", "") + match[2])
        second = _SECOND.match(text, match.end())
        unit, end = _unit_at(text, second.end() if second else match.end())
        end = match.end() if second else end
        yield Stated(int(value) if value == int(value) and not match[2] else value, unit, match.start(), end)


def _height_at(text: str, at: int) -> Stated | None:
    """Return feet with inches as inches; None where no inches follow: 5 ft 10 kg has none."""
    match = _INCHES.match(text, at)
    if not match or not match[3] and _unit_at(text, match.end())[0]:
        return None
    value = 12 * int(match[1]) + float(match[2])
    return Stated(int(value) if value == int(value) else value, "in", at, match.end())


def _unit_at(text: str, at: int) -> tuple[str, int]:
    if indexed := _INDEXED.match(text, at):
        return "mL/min/1.73m2", indexed.end()
    match = _UNIT.match(text, at)
    found = unit_named(match[1]) if match else ""
    return (found, match.end()) if match and found else ("", at)


@lru_cache(maxsize=4096)
def unit_named(words: str) -> str:
    """Return a unit as the tools write it, from how a text does ("mg/dl", "mm Hg", "year"); "" where it is none."""
    tight = re.sub(r"\s", "", words).replace("µ", "u").replace("μ", "u").rstrip(".")
    known = _known()
    for form in (tight, tight.lower()):
        if form in _SAID:
            return _SAID[form]
        if form in known:
            return known[form]
    try:
        read_unit(tight)
    except WrongUnit:
        return ""
    return "" if tight.isdigit() else tight


@lru_cache(maxsize=1)
def _known() -> dict[str, str]:
    """Return the units of all measures by how they may be written; as they are, and in small letters."""
    units = [unit for one in measures().values() for unit in one.units if unit != "1"]
    spelt = {word: unit for unit in ("year", "month", "week", "day") for word in (unit, f"{unit}s")}
    small = {unit.lower(): unit for unit in reversed(units) if unit not in ("C", "F")}
    return spelt | {"hours": "h", "minutes": "min", "pounds": "lb", "lbs": "lb", "inches": "in"} | small | {
        unit: unit for unit in units}  # fmt: skip


def is_of(stated: Stated | Value, one: Quantity) -> bool:
    """Return whether a number can be this quantity: its unit is of that kind (or it has none), and it is in range."""
    if isinstance(stated.value, str):
        return False
    if not stated.unit:
        return True
    if not one.takes(stated.unit):
        return False
    return one.low <= one.to(float(stated.value), stated.unit) <= one.high


def read_as(text: str) -> list[tuple[Stated, str]]:
    """Return every number of a text before which the name of a measure stands, with that measure's name.

    No other number may stand between; of several names the one that ends last is meant, and of those the longest:
    before "urine sodium 20 mmol/L" stands sodium too.
    """
    found, last = [], 0
    for number in numbers(text):
        before = text[max(last, number.start - 2 * BEFORE) : number.start].lower()
        last = number.end
        name = _plain(text, number) or _named(before, number)
        if name and is_of(number, measures()[name]) and (number.unit or measures()[name].unit == "1"):
            found.append((number, name))
    return found


def _named(before: str, number: Stated) -> str:
    ends = [(match.end(), len(match[0]), unit, name) for pattern, names in _names()
            for match in pattern.finditer(before) if match.end() > len(before) - BEFORE
            for name, unit in names if unit in ("", number.unit) and is_of(number, measures()[name])]  # fmt: skip
    return max(ends, default=(0, 0, "", ""))[3]


@lru_cache(maxsize=1)
def _names() -> list[tuple[re.Pattern[str], tuple[tuple[str, str], ...]]]:
    """Return what measures are called, each with the measures called so and the unit in which they are ("": any)."""
    called: dict[str, list[tuple[str, str]]] = {}
    for name, one in measures().items():
        for unit, names in {"": one.names, **one.called}.items():
            for words in names:
                called.setdefault(words.lower(), []).append((name, unit))
    return [(re.compile(rf"(?<!\w){_apart(words)}(?!\w)"), tuple(names)) for words, names in called.items()]


def _apart(words: str) -> str:
    """Return a pattern of words between which a comma or a bracket may stand: calcium (ionized)."""
    return r"[\s,(-]{1,3}".join(map(re.escape, words.split(" ")))


def _plain(text: str, number: Stated) -> str:
    """Return the measure of a number that needs no name: an age in years, the second of 120/80 mmHg."""
    if number.unit == "mmHg" and text[number.start - 1 : number.start] == "/":
        return "diastolic_pressure"
    return "age" if number.unit == "year" else ""


def readings(text: str) -> list[Value]:
    """Return what a text states of the known measures, in order: each number with its measure's name."""
    return [Value(name, number.value, number.unit or "1") for number, name in read_as(text)]


# --- findings and choices --------------------------------------------------------------------------------------------

_WEAK = stems("active chronic day disease history hour last major month more new patient points recent three two week")
"""Words of an input that alone do not name it."""
_MEANT = {
    "bled": "bleeding", "chf": "heart failure", "copd": "chronic lung disease", "dvt": "deep vein thrombosis",
    "edema": "oedema", "gcs": "glasgow coma", "haemoptysis": "hemoptysis", "hf": "heart failure", "melaena": "melena",
    "nonsmoker": "does not smoke", "pe": "pulmonary embolism", "previous": "earlier", "prior": "earlier",
    "smoker": "smoke", "swelling": "swollen", "swollen": "swelling", "tia": "transient ischemic attack",
}  # fmt: skip
"""Other words for words of an input, and what stands for them."""
_SEX = {"female": re.compile(r"\b(?:wom[ae]n|females?|girl|she|hers?|lady|mother|pregnant)\b|\b(?:yo|y/o) f\b"),
        "male": re.compile(r"\b(?:m[ae]n|males?|boy|he|his|him|father)\b|\b(?:yo|y/o) m\b")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """What texts say of findings: their stems, other words for them among these, and the words as they stand."""

    stems: frozenset[str]
    words: str


def said_in(texts: Iterable[str]) -> Said:
    """Return what texts say."""
    words = " ".join(texts).lower()
    more = " ".join(meant for word, meant in _MEANT.items() if re.search(rf"\b{word}\b", words))
    return Said(stems(f"{words} {more}"), words)


def is_said(tool: Tool, name: str, given: object, said: Said) -> bool:
    """Return whether texts speak of a finding, an item or a choice of a tool; of this one, where one is ``given``.

    Words of the tool's own title do not speak of an input that has other words too: to ask for the score of a deep
    vein thrombosis is not to tell of an earlier one.
    """
    one = tool.inputs[name]
    legal = [given] if given is not None else list(one.legal) if isinstance(one, Choice) else []
    if isinstance(one, Choice) and set(one.legal) <= set(_SEX):
        return any(_SEX[str(value)].search(said.words) for value in legal)
    if isinstance(one, Choice) and all(value.isdigit() for value in one.legal):
        return any(re.search(rf"(?<![\w.]){value}(?![\w.]*\d)", said.words) for value in legal)
    if not isinstance(one, Choice | Whole | Yes):
        return True
    if isinstance(one, Whole) and _in_a_row(tool, name, given, said):
        return True
    words = [str(value) for value in legal] if isinstance(one, Choice) else []
    forms = [name.replace("_", " "), *words, *re.split(r"[,;:()]|\bor\b", one.about)]
    title = stems(f"{tool.name.replace('_', ' ')} {tool.about}")
    return any(_stands(stems(form), title, said.stems) for form in forms)


def _in_a_row(tool: Tool, name: str, given: object, said: Said) -> bool:
    """Return whether texts name a tool and give the points of all of its items in a row, this one in its place."""
    items = [key for key, one in tool.inputs.items() if isinstance(one, Whole)]
    row = re.compile(rf"(?<![\d.-])\d+(?:(?:,| and|;)\s?\d+){{{len(items) - 1}}}(?!\.?\d|(?:,| and|;)\s?\d)")
    rows = [re.findall(r"\d+", match[0]) for match in row.finditer(said.words)] if len(items) > 1 else []
    place = items.index(name)
    return is_asked_for(tool, said) and any(given is None or row[place] == f"{given}" for row in rows)


def is_asked_for(tool: Tool, said: Said) -> bool:
    """Return whether texts hold a word of a tool's title."""
    title = stems(f"{tool.name.replace('_', ' ')} {tool.about}") - stems("score risk patient severity")
    return any(_alike(word, other) for word in title for other in said.stems)


def _stands(form: frozenset[str], title: frozenset[str], said: frozenset[str]) -> bool:
    """Return whether more than half of the words of an input stand, one of them none of the title's."""
    form = form - _WEAK or form
    here = {word for word in form if any(_alike(word, other) for other in said)}
    return 2 * len(here) > len(form) and (bool(here - title) or form <= title)


def _alike(one: str, other: str) -> bool:
    """Return whether two stems are of one word: confus and confusion, hypertensiv and hypertension."""
    short, long = sorted((one, other), key=len)
    near = len(short) > 6 and short[:-1] == long[: len(short) - 1]
    return one == other or near or len(short) > 4 and long.startswith(short)
