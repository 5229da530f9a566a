"""Measures read out of texts that are kept apart: numbers with known units come out, and never a word.

A text can so give a calculator its creatinine without being read by what chooses the calls.
"""

from __future__ import annotations

from collections.abc import Sequence

from residency.infer.evidence import Evidence
from residency.infer.tools.inputs import Choice
from residency.infer.tools.measures import measures
from residency.infer.tools.stated import readings
from residency.infer.tools.tool import Result, Tool, Value

NAME = "read_measure"


def measure_reader(kept: Sequence[Evidence]) -> Tool:
    """Return the tool that finds what kept texts state of a measure: the first value of each text, with its date.

    ``kept`` is looked at when the tool is called, so that it may grow.
    """

    def run(measure: str) -> Result:
        found: list[Value] = []
        for one in kept:
            values = [value for value in readings(one.text) if value.name == measure]
            found += [Value(measure, value.value, value.unit, one.date) for value in values[:1]]
        return Result(tuple(found), "" if found else f"no kept text states {measure}")

    about = "Value of a measure (such as creatinine) that stands in the texts that were found or given"
    return Tool(NAME, about, {"measure": Choice("what was measured", tuple(measures()))}, run, kind="chart", own=True)
