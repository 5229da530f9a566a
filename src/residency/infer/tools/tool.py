"""A tool: typed inputs, a function, and what came of it. All tools read; none writes, sends or runs anything.

What a tool gives is of two sorts. Values (numbers with units, codes, dates) and our own words about them can be read
at any time. Texts of others (passages, notes, facts of a graph) are evidence, which is data and is kept apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from residency.infer.evidence import Evidence
from residency.infer.tools.inputs import Input, Json, Refusal, Refused


@dataclass(frozen=True, slots=True)
class Value:
    """A result: a number with its unit, or a code, a word or a date as text; ``date`` is when it was measured (ISO)."""

    name: str
    value: float | int | str
    unit: str = ""
    date: str | None = None

    def __str__(self) -> str:
        """Return it in words."""
        shown = f"{self.value:g}" if isinstance(self.value, float) and abs(self.value) < 1e6 else str(self.value)
        when = f" on {self.date}" if self.date else ""
        return f"{self.name} = {shown}{'' if self.unit in ('', '1') else f' {self.unit}'}{when}"


@dataclass(frozen=True, slots=True)
class Result:
    """What a call gave: values, our own words about them, and texts of others as evidence.

    ``source`` says where the formula or the data is from, ``snapshot`` is the hash of what was searched.
    """

    values: tuple[Value, ...] = ()
    says: str = ""
    evidence: tuple[Evidence, ...] = ()
    source: str = ""
    snapshot: str = ""

    @property
    def value(self) -> float | int | str | None:
        """The first value alone; None where there is none."""
        return self.values[0].value if self.values else None

    def words(self) -> str:
        """Return values and words, without the texts of others."""
        return "; ".join([*map(str, self.values), *([self.says] if self.says else [])]) or "nothing was found"

    def told(self) -> Json:
        """Return it as JSON has it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Tool:
    """What can be called. ``run`` gets the inputs by keyword, read and in their own units; an optional one may lack.

    ``formula`` is how it is reckoned, in words; ``source`` the publication; ``unit`` and ``bands`` tell of the result:
    each band holds from its value on. ``kind`` is one of calculator, conversion, code, graph, search, chart.

    ``own``: its words are ours alone, as a calculator's. Of any other tool only values pass to whoever chooses the
    next call, and its words are kept with the evidence.
    """

    name: str
    about: str
    inputs: Mapping[str, Input]
    run: Callable[..., Result]
    source: str = ""
    formula: str = ""
    unit: str = ""
    bands: tuple[tuple[float, str], ...] = field(default=())
    kind: str = "calculator"
    own: bool = False

    @property
    def schema(self) -> Json:
        """The JSON schema of the arguments."""
        properties = {name: {"description": one.about, **one.schema} for name, one in self.inputs.items()}
        needed = [name for name, one in self.inputs.items() if not one.optional]
        return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}

    def told(self) -> Json:
        """Return what it is, as JSON has it (and as a service offers it)."""
        return {"name": self.name, "description": self.about, "parameters": self.schema, "source": self.source,
                "formula": self.formula, "unit": self.unit, "bands": [list(band) for band in self.bands]}  # fmt: skip


def call(tool: Tool, arguments: Any) -> Result | Refusal:
    """Return what a tool gives for arguments as JSON has them, or the first reason to refuse them.

    What ``tool.run`` raises besides Refused is let through: the caller knows how long to wait and what to say.
    """
    try:
        return tool.run(**read(tool, arguments))
    except Refused as refused:
        return refused.refusal


def read(tool: Tool, arguments: Any) -> dict[str, Any]:
    """Return the arguments of a tool as its function takes them; Refused at the first that is wrong."""
    if not isinstance(arguments, Mapping):
        raise Refused("type", f"the arguments of {tool.name} are no object; it takes: {', '.join(tool.inputs)}")
    if set(arguments) - set(tool.inputs):
        raise Refused("input", f"{tool.name} has no such input; it takes: {', '.join(tool.inputs)}")
    missing = [name for name, one in tool.inputs.items() if not one.optional and arguments.get(name) is None]
    if missing:
        raise Refused("missing", f"{tool.name} lacks {', '.join(missing)}", missing[0])
    return {name: one.read(name, arguments[name]) for name, one in tool.inputs.items()
            if arguments.get(name) is not None}  # fmt: skip
