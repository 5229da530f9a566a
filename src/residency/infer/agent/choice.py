"""The schema of one step: which tools can be called now, with which of the values that are known, or an answer.

A constrained model can then only call a tool that it was offered, with numbers that were stated and units that fit. A
tool for which a number is lacking is not offered at all.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from residency.corpus.make.support import stems
from residency.infer.agent.guard import Stock, is_open
from residency.infer.tools.inputs import Day, Input, Measured, Quantity, Whole
from residency.infer.tools.stated import is_asked_for
from residency.infer.tools.tool import Tool

ANSWER_LENGTH = 400
"""Characters of an answer at most: a small model may not end by itself."""
Json = dict[str, Any]


def nearest(tools: Sequence[Tool], question: str, count: int) -> list[Tool]:
    """Return the calculators whose name, meaning and inputs share most with the question, and all other tools.

    The share is of stems, each weighted by how few calculators have it (Robertson 2004, Understanding Inverse Document
    Frequency). The order is that of the share; ties keep the order given.
    """
    words = [stems(_described(tool)) for tool in tools]
    seen = Counter(word for found in words for word in found)
    asked = stems(question)

    def share(place: int) -> float:
        common = asked & words[place]
        return sum(math.log(1 + len(tools) / seen[word]) for word in common) / math.sqrt(len(words[place]) or 1)

    order = sorted(range(len(tools)), key=lambda place: (-share(place), place))
    calculators = [tools[place] for place in order if tools[place].kind == "calculator"]
    return [*calculators[:count], *(tools[place] for place in order if tools[place].kind != "calculator")]


def _described(tool: Tool) -> str:
    inputs = " ".join(name.replace("_", " ") for name in tool.inputs)
    return f"{tool.name.replace('_', ' ')} {tool.about} {inputs}"


def can_be_called(tool: Tool, stock: Stock) -> bool:
    """Return whether every number and date that a tool needs is known, and each finding that it takes is spoken of.

    A calculator that the question asks for is offered without the findings too: what it lacks is then told.
    """
    if not all(one.optional or _given(name, one, stock) is not None for name, one in tool.inputs.items()):
        return False
    said = stock.said
    needed = (name for name, one in tool.inputs.items() if not one.optional)
    return all(is_open(tool, name, None, said) for name in needed) or is_asked_for(tool, stock.asked)


def schema(tools: Sequence[Tool], stock: Stock, *, founded: bool = True, first: bool = False) -> Json:
    """Return the schema of a step: a call of one of the tools, or an answer; null alone where it is not ``founded``.

    The ``first`` step is a call where one can be made: it only reads, and a small model else gives up at once.
    """
    answer = answer_schema(founded=founded)
    return {"anyOf": [*(_call(tool, stock) for tool in tools), *([] if first else [answer])]} if tools else answer


def answer_schema(*, founded: bool = True) -> Json:
    """Return the schema of an answer; null abstains, and is all that can be said where nothing was found yet."""
    text: Json = {"type": "null"}
    if founded:
        text = {"anyOf": [{"type": "string", "maxLength": ANSWER_LENGTH}, text]}
    return {"type": "object", "properties": {"answer": text}, "required": ["answer"], "additionalProperties": False}


def _call(tool: Tool, stock: Stock) -> Json:
    shapes = {name: _given(name, one, stock) for name, one in tool.inputs.items()}
    properties = {name: shape for name, shape in shapes.items() if shape is not None}
    needed = [name for name, one in tool.inputs.items() if not one.optional]
    arguments = {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}
    return {"type": "object", "properties": {"tool": {"const": tool.name}, "arguments": arguments},
            "required": ["tool", "arguments"], "additionalProperties": False}  # fmt: skip


def _given(name: str, one: Input, stock: Stock) -> Json | None:
    """Return the JSON that an input may be given, of what is known; None where nothing known fits."""
    if isinstance(one, Quantity):
        return _any([_pair(known.value, unit) for known in stock.candidates(name, one)
                     for unit in ([known.unit] if known.unit else one.units)
                     if _fits(known.value, unit, one)])  # fmt: skip
    if isinstance(one, Measured):
        return _any([_pair(known.value, known.unit) for known in stock.known
                     if known.unit not in ("", "point") and not isinstance(known.value, str)])  # fmt: skip
    if isinstance(one, Whole):
        legal = sorted(
            number for number in stock.whole(name) if one.low <= number <= one.high and number == int(number)
        )
        return {"enum": [int(number) for number in legal]} if legal else None
    if isinstance(one, Day):
        return {"enum": stock.days} if stock.days else None
    return one.schema


def _any(shapes: Sequence[Json]) -> Json | None:
    unique = list({json.dumps(shape): shape for shape in shapes}.values())
    return {"anyOf": unique} if unique else None


def _pair(value: Any, unit: str) -> Json:
    return {"type": "object", "properties": {"value": {"const": value}, "unit": {"const": unit}},
            "required": ["value", "unit"], "additionalProperties": False}  # fmt: skip


def _fits(value: Any, unit: str, one: Quantity) -> bool:
    return not isinstance(value, str) and one.takes(unit) and one.low <= one.to(float(value), unit) <= one.high
