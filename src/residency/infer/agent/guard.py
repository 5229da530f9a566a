"""What may go into a call and come out of one: numbers that were stated, and texts that stay apart.

Three rules hold whatever a model writes. A number of a call stands in the question or in an earlier result: none is
invented. What chooses a call has read no text of others, but values alone: numbers with known units, codes, dates. And
a number of the answer stands in what it was written from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from residency.corpus.make.measures import numbers as numbers_in_words
from residency.corpus.make.support import stems
from residency.infer.evidence import Evidence
from residency.infer.tools.inputs import Day, Measured, Quantity, Refusal, Whole, Yes
from residency.infer.tools.measures import measures
from residency.infer.tools.stated import DAY, Stated, is_of, numbers, read_as
from residency.infer.tools.tool import Result, Tool, Value

CODE = re.compile(r"[A-Za-z]{0,8}[:_]?[0-9][A-Za-z0-9.:-]{0,14}|[a-z]{1,12}")
"""What a text that is a value may look like: a code, a date, one short word; never a sentence."""
_UNIT = re.compile(r"[A-Za-z0-9%^/.·*]{0,16}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
Known = Value | Stated


@dataclass(slots=True)
class Stock:
    """What calls may be made of: the numbers of the question, and the values of results, which ``take`` adds."""

    question: str
    values: list[Value] = field(default_factory=list)
    stated: list[Stated] = field(init=False)
    names: dict[Stated, str] = field(init=False)

    def __post_init__(self) -> None:
        spelt = {float(value) for value, _ in numbers_in_words(self.question, spelt=True)}
        written = list(numbers(self.question))
        digits = {float(one) for one in re.findall(r"\d+(?:\.\d+)?", self.question)}
        loose = sorted(spelt - digits - {float(one.value) for one in written})
        self.stated = [*written, *(Stated(int(one) if one == int(one) else one, "", 0, 0) for one in loose)]
        self.names = dict(read_as(self.question))

    @property
    def known(self) -> list[Known]:
        """All numbers that are stated: of results, then of the question."""
        return [*self.values, *self.stated]

    def name_of(self, known: Known) -> str:
        """Return the measure that a number is called in its text or its result; "" where it has no such name."""
        name = known.name if isinstance(known, Value) else self.names.get(known, "")
        return name if name in measures() else ""

    def may_be(self, known: Known, name: str, one: Quantity) -> bool:
        """Return whether a number can be given for an input: it fits, and is not called another measure."""
        called = self.name_of(known)
        return is_of(known, one) and (called in ("", name) or name not in measures())

    def candidates(self, name: str, one: Quantity) -> list[Known]:
        """Return what an input may be given: what is called so in results or the question; else all that it can be."""
        can = [known for known in self.known if self.may_be(known, name, one)]
        return [known for known in can if self.name_of(known) == name] or can

    @property
    def days(self) -> list[str]:
        """The dates that are stated, ISO."""
        of_values = [str(part) for value in self.values for part in (value.date, value.value) if part]
        return sorted({day for text in (self.question, *of_values) for day in DAY.findall(text)})

    @property
    def numbers(self) -> set[float]:
        """The numbers that are stated, without their units."""
        return {float(one.value) for one in self.known if not isinstance(one.value, str)}


def unstated(tool: Tool, arguments: Mapping[str, Any], stock: Stock) -> Refusal | None:
    """Return why a call of readable arguments may not be made: the first number or date that nobody stated."""
    for name, one in tool.inputs.items():
        given = arguments.get(name)
        if given is not None and not _stands(name, one, given, stock):
            return Refusal("unstated", f"the value of {name} stands neither in the question nor in a result", name)
    return None


def _stands(name: str, one: Any, given: Any, stock: Stock) -> bool:
    if isinstance(one, Quantity):
        asked = one.read(name, given)
        return any(_same(asked, known, one) for known in stock.known if stock.may_be(known, name, one))
    if isinstance(one, Measured):
        value, unit = one.read(name, given)
        return any(known.unit in ("", unit) and known.value == value for known in stock.known)
    if isinstance(one, Whole):
        return float(given) in stock.numbers
    return str(given)[:10] in stock.days if isinstance(one, Day) else True


def _same(asked: float, known: Known, one: Quantity) -> bool:
    if isinstance(known.value, str):
        return False
    units = [known.unit] if known.unit else one.units
    same = (one.to(float(known.value), unit) for unit in units if one.takes(unit))
    return any(abs(value - asked) <= 1e-6 * max(1.0, abs(asked)) for value in same)


def unmentioned(tool: Tool, arguments: Mapping[str, Any], question: str) -> tuple[str, ...]:
    """Return the inputs that are answered yes although no content word of their name or meaning is in the question."""
    asked = stems(question)
    said = [name for name, one in tool.inputs.items() if isinstance(one, Yes) and arguments.get(name) is True]
    return tuple(name for name in said if not asked & stems(f"{name.replace('_', ' ')} {tool.inputs[name].about}"))


def values_alone(result: Result) -> tuple[Value, ...]:
    """Return those values of a result that can be no text: numbers, codes, dates and single words, with known units."""
    return tuple(value for value in result.values if _is_value(value))


def _is_value(value: Value) -> bool:
    plain = not isinstance(value.value, str) or bool(CODE.fullmatch(value.value))
    day = value.date is None or bool(DAY.fullmatch(value.date))
    return plain and day and bool(_NAME.fullmatch(value.name)) and bool(_UNIT.fullmatch(value.unit))


def invented(answer: str, stock: Stock, evidence: Sequence[Evidence], words: Iterable[str]) -> list[str]:
    """Return the numbers and dates of an answer that stand in nothing it was written from.

    A number stands there too where one there, rounded to the answer's digits, is the same. ``words`` are of results.
    """
    texts = [stock.question, *(one.text for one in evidence), *words]
    known = stock.numbers | {float(one.value) for text in texts for one in numbers(text)}
    known |= {float(value) for text in texts for value, _ in numbers_in_words(text, spelt=True)}
    days = {day for text in texts for day in DAY.findall(text)} | set(stock.days)
    wrong = [day for day in DAY.findall(answer) if day not in days]
    return wrong + [str(one.value) for one in numbers(answer) if not any(_rounds(n, one.value) for n in known)]


def _rounds(number: float, shown: float | int) -> bool:
    digits = len(str(shown).partition(".")[2]) if isinstance(shown, float) else 0
    return abs(abs(number) - abs(float(shown))) <= 0.5 * 10.0**-digits + 1e-9
