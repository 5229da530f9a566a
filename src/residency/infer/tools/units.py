"""Units of medicine as products of a few bases, so that any can become any other of its kind.

A mass becomes an amount of substance by the molar mass, and that a charge by the valence: milligrams a decilitre are
then millimoles a litre. What is not of one kind is not converted: neither a rate for 1.73 m2 of body surface to that
of the whole body, nor a share of moles to a percentage.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

_PREFIXES = {"k": 1e3, "d": 1e-1, "c": 1e-2, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}
_PREFIXED = {
    "g": ("mass", 1.0),
    "mol": ("amount", 1.0),
    "Eq": ("charge", 1.0),
    "L": ("volume", 1.0),
    "m": ("length", 1.0),
    "s": ("time", 1.0),
    "U": ("activity", 1.0),
    "Pa": ("pressure", 1.0),
    "cal": ("energy", 4.184),
    "J": ("energy", 1.0),
}
_DAY = 86_400.0
_WHOLE = {
    "min": ("time", 60.0),
    "h": ("time", 3600.0),
    "day": ("time", _DAY),
    "week": ("time", 7 * _DAY),
    "month": ("time", 365.25 / 12 * _DAY),
    "year": ("time", 365.25 * _DAY),
    "mmHg": ("pressure", 133.322387415),
    "cmH2O": ("pressure", 98.0665),
    "lb": ("mass", 453.59237),
    "oz": ("mass", 28.349523125),
    "in": ("length", 0.0254),
    "ft": ("length", 0.3048),
    "m2": ("area", 1.0),
    "1.73m2": ("area", 1.73),
    "mm3": ("volume", 1e-6),
    "drop": ("drops", 1.0),
    "%": ("", 0.01),
    "1": ("", 1.0),
    "point": ("points", 1.0),
}
_TEMPERATURES = {"C": (1.0, 273.15), "F": (5 / 9, 459.67 * 5 / 9), "K": (1.0, 0.0)}
_SPELT = {
    "IU": "U",
    "mcg": "ug",
    "ml": "mL",
    "l": "L",
    "hr": "h",
    "hour": "h",
    "hours": "h",
    "minute": "min",
    "minutes": "min",
    "sec": "s",
    "second": "s",
    "seconds": "s",
    "days": "day",
    "d": "day",
    "weeks": "week",
    "wk": "week",
    "months": "month",
    "years": "year",
    "yr": "year",
    "y": "year",
    "lbs": "lb",
    "pound": "lb",
    "pounds": "lb",
    "inch": "in",
    "inches": "in",
    "feet": "ft",
    "foot": "ft",
    "gram": "g",
    "grams": "g",
    "kilogram": "kg",
    "kilograms": "kg",
    "percent": "%",
    "m^2": "m2",
    "m²": "m2",
    "1.73 m2": "1.73m2",
    "1.73 m²": "1.73m2",
    "1.73m²": "1.73m2",
    "1.73m^2": "1.73m2",
    "1.73 m^2": "1.73m2",
    "drops": "drop",
    "gtt": "drop",
    "points": "point",
}
_NUMBER = re.compile(r"10\^(\d+)|(\d+(?:\.\d+)?)")
_MOLES = "share of moles"
_NAME_HBA1C = "; mmol/mol becomes % by the equation of a measure alone: name the measure, HbA1c (hba1c)"
_NO_SURFACE = (
    "; a rate for 1.73 m2 of body surface (mL/min/1.73m2, as of an eGFR) and one of the whole body (mL/min, as of a "
    "creatinine clearance) do not become one another: give the one that is asked for"
)


class WrongUnit(ValueError):
    """A unit that is not known, or not of the same kind as another; the message names both and quotes no text."""


@dataclass(frozen=True, slots=True)
class Unit:
    """How many of its bases a unit is: ``kinds`` has the power of each, sorted; ``offset`` is that of temperatures."""

    factor: float
    kinds: tuple[tuple[str, int], ...]
    offset: float = 0.0


@lru_cache(maxsize=1024)
def read_unit(text: str) -> Unit:
    """Return a unit such as "mg/dL", "ug/kg/min" or "10^9/L"; WrongUnit where a piece of it is not known."""
    if text in _TEMPERATURES:
        factor, offset = _TEMPERATURES[text]
        return Unit(factor, (("temperature", 1),), offset)
    factor, kinds = 1.0, Counter[str]()
    first, *below = text.replace("µ", "u").replace("μ", "u").split("/")
    powers = set()
    for piece, power in [*((piece or "1", 1) for piece in first.split("*")), *((piece, -1) for piece in below)]:
        size, kind = _piece(piece.strip())
        if power < 0 and not kind and size != 1:  # what is left of mL/min/1.73 m2 where its end is cut off
            raise WrongUnit("a number below the stroke is no unit; a rate for the body surface is mL/min/1.73m2")
        factor *= size**power
        kinds[kind] += power
        powers.add((kind, power))
    kinds[_MOLES] = int({("amount", 1), ("amount", -1)} <= powers)
    return Unit(factor, tuple(sorted((kind, power) for kind, power in kinds.items() if kind and power)))


def _piece(text: str) -> tuple[float, str]:
    text = _SPELT.get(text, text)
    if text in _WHOLE:
        kind, size = _WHOLE[text]
        return size, kind
    if number := _NUMBER.fullmatch(text):
        return (10.0 ** int(number[1]) if number[1] else float(number[2])), ""
    for base, (kind, size) in _PREFIXED.items():
        prefix = text.removesuffix(base)
        if text.endswith(base) and (not prefix or prefix in _PREFIXES):
            return size * _PREFIXES.get(prefix, 1.0), kind
    raise WrongUnit("this unit is not known; units are written as mg/dL, mmol/L, kg, cm, mmHg, C, 10^9/L")


def convert(value: float, unit: str, to: str, *, molar: float | None = None, valence: int | None = None) -> float:
    """Return a value in another unit; ``molar`` is the molar mass (g/mol) that leads from a mass to an amount.

    Raises WrongUnit where the two are not of one kind, also with what is given.
    """
    if unit == to:
        return value
    one, other = read_unit(unit), read_unit(to)
    if one.kinds == other.kinds:
        return (value * one.factor + one.offset - other.offset) / other.factor
    between = _bridge(dict(one.kinds), dict(other.kinds), molar, valence)
    if between is None:
        raise WrongUnit(f"{unit} cannot become {to}: they are not of one kind")
    return value * one.factor * between / other.factor


def _bridge(one: dict[str, int], other: dict[str, int], molar: float | None, valence: int | None) -> float | None:
    """Return by what a quantity is multiplied to go from mass to amount or charge, or back; None where it cannot."""
    rest = {kind: power for kind, power in one.items() if one.get(kind) != other.get(kind)}
    rest |= {kind: power for kind, power in other.items() if one.get(kind) != other.get(kind)}
    if len(rest) != 2 or set(rest.values()) != {1}:
        return None
    # Moles in one gram, in one mole, and in one equivalent.
    moles = {"mass": 1 / molar if molar else None, "amount": 1.0, "charge": 1 / valence if valence else None}
    here = next((kind for kind in rest if kind in one), "")
    there = next((kind for kind in rest if kind in other), "")
    start, end = moles.get(here), moles.get(there)
    return start / end if start and end else None


def advice(unit: str, to: str) -> str:
    """Return what is to be done where one unit is easily taken for the other but cannot become it; "" for others."""
    try:
        kinds = [dict(read_unit(one).kinds) for one in (unit, to)]
    except WrongUnit:
        return ""
    rest = set(kinds[0].items()) ^ set(kinds[1].items())
    return {(_MOLES, 1): _NAME_HBA1C, ("area", -1): _NO_SURFACE}.get(rest.pop(), "") if len(rest) == 1 else ""


def is_of_kind(unit: str, to: str, *, molar: float | None = None, valence: int | None = None) -> bool:
    """Return whether a value in one unit can be told in the other."""
    try:
        convert(1.0, unit, to, molar=molar, valence=valence)
    except WrongUnit:
        return False
    return True
