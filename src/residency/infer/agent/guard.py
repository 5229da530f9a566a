"""What may go into a call and come out of one: numbers that were stated, and texts that stay apart.

Four rules hold whatever a model writes. A number of a call stands in the question or in an earlier result: none is
invented. A calculator is reckoned only where the question, the patient's record or an earlier result speaks of each
finding that it takes: not said is not no. What chooses a call has read no text of others, but values alone: numbers
with known units, codes, dates. And an answer holds a number or words of a result or a text, and no number that is in
none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from residency.corpus.make.measures import numbers as numbers_in_words
from residency.corpus.make.support import stems
from residency.infer.evidence import Evidence
from residency.infer.orders import without_orders
from residency.infer.tools.inputs import Day, Measured, Quantity, Refusal, Refused, Whole
from residency.infer.tools.measures import measures
from residency.infer.tools.stated import DAY, Said, Stated, is_of, is_said, numbers, read_as, said_in
from residency.infer.tools.tool import Result, Tool, Value, read

CODE = re.compile(r"[A-Za-z]{0,8}[:_]?[0-9][A-Za-z0-9.:-]{0,14}|[a-z]{1,12}")
"""What a text that is a value may look like: a code, a date, one short word; never a sentence."""
_UNIT = re.compile(r"[A-Za-z0-9%^/.·*]{0,16}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
COUNTS = ("found",)
"""Values that tell how many texts there are: they are nothing of a patient, and answer nothing."""
Known = Value | Stated


@dataclass(slots=True)
class Stock:
    """What calls may be made of: the numbers and words of the question, the values of results, and what is on record.

    ``records`` are texts of this patient. Of them it is only told whether words of a calculator's input stand there.
    """

    question: str
    values: list[Value] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
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
    def said(self) -> Said:
        """What the question, the records and the values speak of."""
        values = (f"{value.name.replace('_', ' ')} {value.value}" for value in self.values)
        return said_in([self.question, *self.records, *values])

    @property
    def asked(self) -> Said:
        """What the question alone speaks of."""
        return said_in([self.question])

    def whole(self, name: str) -> set[float]:
        """Return the numbers that an item of points may be: those of the question without a unit, and its results."""
        asked = {float(one.value) for one in self.stated if one.unit in ("", "1")}
        return asked | {float(one.value) for one in self.values if one.name == name and not isinstance(one.value, str)}

    @property
    def numbers(self) -> set[float]:
        """The numbers that are stated, without their units."""
        return {float(one.value) for one in self.known if not isinstance(one.value, str)}


def unstated(tool: Tool, arguments: Mapping[str, Any], stock: Stock) -> Refusal | None:
    """Return why a call of readable arguments may not be made: the inputs that nobody stated."""
    names = unmentioned(tool, arguments, stock)
    says = f"neither the question nor a result states what was given for: {', '.join(names)}"
    return Refusal("unstated", says, names[0]) if names else None


def unmentioned(tool: Tool, arguments: Mapping[str, Any], stock: Stock) -> tuple[str, ...]:
    """Return the inputs of a call that nobody stated: numbers and dates, and a calculator's findings and choices.

    A finding is stated where its words stand, affirmed or denied; false and 0 are as much a claim as true is.
    """
    try:
        read(tool, arguments)
    except Refused:
        return ()
    said = stock.said
    given = {name: arguments[name] for name in tool.inputs if arguments.get(name) is not None}
    stated = {name for name, value in given.items()
              if _stands(name, tool.inputs[name], value, stock) and is_open(tool, name, value, said)}  # fmt: skip
    return tuple(name for name in given if name not in stated)


def is_open(tool: Tool, name: str, given: Any, said: Said) -> bool:
    """Return whether an input may be given by its words: always, where the tool is no calculator."""
    return tool.kind != "calculator" or is_said(tool, name, given, said)


def _stands(name: str, one: Any, given: Any, stock: Stock) -> bool:
    if isinstance(one, Quantity):
        asked = one.read(name, given)
        return any(_same(asked, known, one) for known in stock.known if stock.may_be(known, name, one))
    if isinstance(one, Measured):
        value, unit = one.read(name, given)
        return any(known.unit in ("", unit) and known.value == value for known in stock.known)
    if isinstance(one, Whole):
        return float(given) in stock.whole(name)
    return str(given)[:10] in stock.days if isinstance(one, Day) else True


def _same(asked: float, known: Known, one: Quantity) -> bool:
    if isinstance(known.value, str):
        return False
    units = [known.unit] if known.unit else one.units
    same = (one.to(float(known.value), unit) for unit in units if one.takes(unit))
    return any(abs(value - asked) <= 1e-6 * max(1.0, abs(asked)) for value in same)


def values_alone(result: Result) -> tuple[Value, ...]:
    """Return those values of a result that can be no text: numbers, codes, dates and single words, with known units."""
    return tuple(value for value in result.values if _is_value(value))


def _is_value(value: Value) -> bool:
    plain = not isinstance(value.value, str) or bool(CODE.fullmatch(value.value))
    day = value.date is None or bool(DAY.fullmatch(value.date))
    return (
        value.name not in COUNTS
        and plain
        and day
        and bool(_NAME.fullmatch(value.name))
        and bool(_UNIT.fullmatch(value.unit))
    )


def invented(answer: str, stock: Stock, evidence: Sequence[Evidence], words: Iterable[str]) -> list[str]:
    """Return the numbers and dates of an answer that stand in nothing it was written from.

    A number stands there too where one there, rounded to the answer's digits, is the same. ``words`` are of results.
    """
    texts = [stock.question, *(one.text for one in evidence), *words]
    known = stock.numbers | {float(one.value) for text in texts for one in numbers(text)}
    known |= {float(value) for text in texts for value, _ in numbers_in_words(text, spelt=True)}
    days = {day for text in texts for day in DAY.findall(text)} | set(stock.days)
    wrong = [day for day in DAY.findall(answer) if day not in days]
    return wrong + [f"{one:g}" for one in _all_numbers(answer) if not any(_rounds(n, one) for n in known)]


def _all_numbers(text: str) -> list[float | int]:
    """Return the numbers of a text, then those spelt out; "one" is not taken for a number."""
    written: list[float | int] = [one.value for one in numbers(text)]
    digits = {float(one) for one in re.findall(r"\d+(?:\.\d+)?", text)}
    spelt = {float(value) for value, _ in numbers_in_words(text, spelt=True)} - digits - {1.0}
    return written + sorted(spelt - {float(one) for one in written})


def stands_on(answer: str, question: str, evidence: Sequence[Evidence], words: Iterable[str]) -> list[str] | None:
    """Return the ids of the texts that an answer has its numbers and words from; None where nothing bears it.

    A number or a date of it must stand in a text or in ``words`` of a result, or at least half of the words that it
    adds to the question. "No" and "yes" add nothing.
    """
    new, said = stems(answer) - stems(question), [*words]
    figures = {*DAY.findall(answer), *map(float, _all_numbers(answer))}
    texts = {one.id: _marks(one.text) for one in without_orders(evidence)[0]}
    all_of = _marks(" \n ".join(said)).union(*texts.values())
    wanted = {*new, *figures} & all_of
    if not figures & all_of and (not wanted or len(wanted) * 2 < len(new)):
        return None
    cited: list[str] = []
    left = wanted - _marks(" \n ".join(said))
    while left and (best := max(texts, key=lambda key: len(left & texts[key]))):
        cited.append(best)
        left = left - texts[best]
    return cited


def _marks(text: str) -> frozenset[str | float]:
    return frozenset({*stems(text), *DAY.findall(text), *map(float, _all_numbers(text))})


def _rounds(number: float, shown: float | int) -> bool:
    digits = len(str(shown).partition(".")[2]) if isinstance(shown, float) else 0
    return abs(abs(number) - abs(float(shown))) <= 0.5 * 10.0**-digits + 1e-9
