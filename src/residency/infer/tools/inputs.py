"""What a tool can be given: each kind of input says which JSON it takes, and reads it or refuses it.

A quantity without its unit, out of its range, or in a unit of another kind is refused; nothing is guessed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from residency.infer.tools.units import WrongUnit, advice, convert, is_of_kind, read_unit

Json = dict[str, Any]
_WRITTEN = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(.*?)\s*")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call was not carried out: ``kind`` is one word for programs, ``input`` the one that was wrong ("" : none).

    Kinds: tool, input, missing, type, unit, range, choice, meaning (the numbers do not go together), unstated, no data,
    raised, hung, repeated. ``says`` never quotes what was given, but its name and what is legal.
    """

    kind: str
    says: str
    input: str = ""


class Refused(Exception):
    """Carries a refusal out of a formula or an input."""

    def __init__(self, kind: str, says: str, input: str = "") -> None:
        self.refusal = Refusal(kind, says, input)
        super().__init__(says)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit; ``read`` gives it in ``unit``. ``low`` and ``high`` are the legal ends, both included.

    ``also`` are other units that are offered; any of the same kind is taken, by ``molar`` (g/mol) and ``valence`` also
    mass for amount. ``line`` has units that lead to ``unit`` by a line: (factor, offset). ``names`` are what texts call
    it, ``called`` what they call it in one unit alone, ``loinc`` its codes in a record.
    """

    about: str
    unit: str
    low: float
    high: float
    also: tuple[str, ...] = ()
    molar: float | None = None
    valence: int | None = None
    line: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    called: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    loinc: tuple[str, ...] = ()
    optional: bool = False

    @property
    def units(self) -> list[str]:
        """The units that are offered, its own first."""
        return list(dict.fromkeys((self.unit, *self.also, *self.line)))

    @property
    def schema(self) -> Json:
        """The JSON it takes."""
        shape = {"value": {"type": "number"}, "unit": {"enum": self.units}}
        return {"type": "object", "properties": shape, "required": [*shape], "additionalProperties": False}

    def takes(self, unit: str) -> bool:
        """Return whether a value in this unit can be given."""
        return unit in self.line or is_of_kind(unit, self.unit, molar=self.molar, valence=self.valence)

    def to(self, value: float, unit: str) -> float:
        """Return a value in this input's own unit; WrongUnit where the unit is of another kind."""
        if unit in self.line:
            factor, offset = self.line[unit]
            return factor * value + offset
        return convert(value, unit, self.unit, molar=self.molar, valence=self.valence)

    def read(self, name: str, given: Any) -> float:
        """Return it in ``unit``; Refused where it is no number, or the unit or the range is wrong."""
        value, unit = _parts(name, given)
        legal = ", ".join(self.units)
        if unit is None:
            raise Refused("unit", f"{name} needs a unit; legal: {legal}", name)
        try:
            found = self.to(value, unit)
        except WrongUnit:
            says = f"{name} is not given in a unit of its kind; legal: {legal}{advice(unit, self.unit)}"
            raise Refused("unit", says, name) from None
        slack = 1e-9 * max(1.0, abs(self.high))
        if not self.low - slack <= found <= self.high + slack:
            raise Refused("range", f"{name} is out of range; legal: {self.low:g} to {self.high:g} {self.unit}", name)
        return found


def _parts(name: str, given: Any) -> tuple[float, str | None]:
    if isinstance(given, Mapping):
        value, unit = given.get("value"), given.get("unit")
    elif isinstance(given, str) and (match := _WRITTEN.fullmatch(given)):
        value, unit = float(match[1]), match[2] or None
    else:
        value, unit = given, None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise Refused("type", f'{name} is no number with a unit, such as {{"value": 1.0, "unit": "mg/dL"}}', name)
    return float(value), unit if isinstance(unit, str) else None


@dataclass(frozen=True, slots=True)
class Measured:
    """A number with any unit that is known; ``read`` gives both."""

    about: str
    optional: bool = False

    @property
    def schema(self) -> Json:
        """The JSON it takes."""
        shape: Json = {"value": {"type": "number"}, "unit": {"type": "string", "maxLength": 24}}
        return {"type": "object", "properties": shape, "required": [*shape], "additionalProperties": False}

    def read(self, name: str, given: Any) -> tuple[float, str]:
        """Return the number and its unit; Refused where either is not known."""
        value, unit = _parts(name, given)
        if unit is None or not _is_known(unit):
            raise Refused("unit", f"{name} needs a unit that is known, such as mg/dL, mmol/L, kg or C", name)
        return value, unit


def _is_known(unit: str) -> bool:
    try:
        read_unit(unit)
    except WrongUnit:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number between two ends, both included, such as the points of an item."""

    about: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    optional: bool = False

    @property
    def schema(self) -> Json:
        """The JSON it takes."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}

    def read(self, name: str, given: Any) -> int:
        """Return the number; Refused where it is none, or out of range."""
        if isinstance(given, bool) or not isinstance(given, (int, float)) or given != int(given):
            raise Refused("type", f"{name} is no whole number; legal: {self.low} to {self.high}", name)
        if not self.low <= given <= self.high:
            raise Refused("range", f"{name} is out of range; legal: {self.low} to {self.high}", name)
        return int(given)


@dataclass(frozen=True, slots=True)
class Choice:
    """One word of a few."""

    about: str
    legal: tuple[str, ...]
    optional: bool = False

    @property
    def schema(self) -> Json:
        """The JSON it takes."""
        return {"enum": list(self.legal)}

    def read(self, name: str, given: Any) -> str:
        """Return the word; Refused where it is not one of them."""
        if given not in self.legal:
            raise Refused("choice", f"{name} is not one of: {', '.join(self.legal)}", name)
        return str(given)


@dataclass(frozen=True, slots=True)
class Yes:
    """Whether something is so. Not said is not no: it must be given."""

    about: str
    optional: bool = False

    @property
    def schema(self) -> Json:
        """The JSON it takes."""
        return {"type": "boolean"}

    def read(self, name: str, given: Any) -> bool:
        """Return it; Refused where it is neither true nor false."""
        if not isinstance(given, bool):
            raise Refused("type", f"{name} is neither true nor false", name)
        return given


@dataclass(frozen=True, slots=True)
class Text:
    """A short text, such as what is looked for."""

    about: str
    most: int = 200
    optional: bool = False

    @property
    def schema(self) -> Json:
        """The JSON it takes."""
        return {"type": "string", "maxLength": self.most}

    def read(self, name: str, given: Any) -> str:
        """Return it without white space at its ends; Refused where it is empty, too long or no text."""
        if not isinstance(given, str) or not given.strip():
            raise Refused("type", f"{name} is no text", name)
        if len(given) > self.most:
            raise Refused("range", f"{name} is too long; legal: up to {self.most} characters", name)
        return given.strip()


@dataclass(frozen=True, slots=True)
class Day:
    """A date, ISO 8601."""

    about: str
    optional: bool = False

    @property
    def schema(self) -> Json:
        """The JSON it takes."""
        return {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}

    def read(self, name: str, given: Any) -> date:
        """Return the date; Refused where it is none."""
        try:
            return date.fromisoformat(str(given)[:10] if isinstance(given, str) else "")
        except ValueError:
            raise Refused("type", f"{name} is no date such as 2024-05-31", name) from None


Input = Quantity | Measured | Whole | Choice | Yes | Text | Day
