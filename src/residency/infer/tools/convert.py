"""Conversion of units as a tool, of a measure by its molar mass too, and two reckonings with dates."""

from __future__ import annotations

from datetime import date, timedelta

from residency.infer.tools.calculator import rounded
from residency.infer.tools.inputs import Choice, Day, Measured, Refused
from residency.infer.tools.measures import measures
from residency.infer.tools.tool import Result, Tool, Value
from residency.infer.tools.units import WrongUnit, advice, convert

PLAIN = ("kg", "g", "mg", "ug", "lb", "oz", "cm", "m", "in", "ft", "mL", "L", "C", "F", "mmHg", "kPa", "cmH2O", "h",
         "min",
         "day", "week", "month", "year", "kcal", "kJ")  # fmt: skip
"""Units that a quantity can be told in whatever it is of."""
PREGNANCY = 280
"""Days from the first day of the last period to the day of birth (Naegele)."""


def converter() -> Tool:
    """Return the tool that tells a quantity in another unit."""
    units = list(dict.fromkeys([*(unit for one in measures().values() for unit in one.units if unit != "1"), *PLAIN]))
    return Tool(
        "convert_unit",
        "Convert a value to another unit: conventional to SI units of laboratory values, weight, length, temperature",
        {"quantity": Measured("the value with its unit"), "to": Choice("the unit that is sought", tuple(units)),
         "measure": Choice("what was measured, where mass becomes amount", tuple(measures()), optional=True)},
        _convert, "SI; molar masses of IUPAC; NGSP's master equation for HbA1c",
        "factors of the SI; mass to amount of substance by the molar mass", kind="conversion", own=True,
    )  # fmt: skip


def _convert(quantity: tuple[float, str], to: str, measure: str = "") -> Result:
    value, unit = quantity
    one = measures().get(measure)
    try:
        if one is None:
            found = convert(value, unit, to)
        else:
            home = one.to(value, unit)
            factor, offset = one.line.get(to, (1.0, 0.0))
            known = one.unit if to in one.line else to
            there = convert(home, one.unit, known, molar=one.molar, valence=one.valence)
            found = (there - offset) / factor
    except WrongUnit:
        hint = "" if one else "; name the measure where a mass is to become an amount"
        raise Refused("unit", f"the two units are not of one kind{advice(unit, to) or hint}", "to") from None
    return Result((Value(measure or "quantity", _four(found), to),))


def _four(value: float) -> float:
    """Return a value with four significant digits, which is more than a laboratory measures."""
    return float(f"{value:.4g}")


def due_date() -> Tool:
    """Return the tool that reckons the day of birth that is expected."""

    def run(last_period: date) -> Result:
        return Result((Value("due_date", (last_period + timedelta(days=PREGNANCY)).isoformat()),))

    return Tool(
        "due_date", "Expected day of birth from the first day of the last menstrual period (Naegele)",
        {"last_period": Day("first day of the last menstrual period")}, run,
        "ACOG Committee Opinion 700: methods for estimating the due date, 2017", "last period + 280 days", own=True,
    )  # fmt: skip


def gestational_age() -> Tool:
    """Return the tool that reckons how far a pregnancy is."""

    def run(last_period: date, on: date) -> Result:
        days = (on - last_period).days
        if not 0 <= days <= 310:
            raise Refused("meaning", "the day is not within 310 days from the last period", "on")
        weeks = Value("gestational_age", rounded(days / 7, 1), "week")
        return Result((weeks,), f"{days // 7} weeks and {days % 7} days")

    return Tool(
        "gestational_age", "Gestational age on a day from the first day of the last menstrual period",
        {"last_period": Day("first day of the last menstrual period"), "on": Day("the day to reckon for")}, run,
        "ACOG Committee Opinion 700: methods for estimating the due date, 2017", "days since the last period / 7",
        unit="week", own=True,
    )  # fmt: skip


def tools() -> list[Tool]:
    """Return the tools of this file."""
    return [converter(), due_date(), gestational_age()]
