"""Applications behind the real flow; the engine is scripted, the guard a double, the record a list."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from residency.serve.apps import load
from residency.serve.apps.outcome import Outcome
from residency.serve.apps.run import run
from residency.serve.engine.flow import Flow
from serve.api.flow_doubles import ANNA, MemoryRecord, WordGuard
from serve.scripted_engine import ScriptedEngine


class Desk:
    """What an application needs around it; ``says`` are the replies in turn, the last of them again and again."""

    def __init__(self, *says: Any, guard: Any = None) -> None:
        self.says = [one if isinstance(one, str | Exception) else json.dumps(one) for one in says]
        self.engine = ScriptedEngine(lambda body: self.says[min(len(self.engine.asked), len(self.says)) - 1])
        self.record = MemoryRecord()
        self.flow = Flow({"scripted": self.engine}, guard or WordGuard(), self.record)

    def ask(self, name: str, fields: Mapping[str, Any], **settings: Any) -> Outcome:
        """Return what an application comes to."""
        return asyncio.run(run(load()[name], fields, self.flow, ANNA, **settings))

    @property
    def line(self) -> dict[str, Any]:
        """Return the body of the last entry of the record."""
        return self.record.entries[-1].body

    @property
    def prompt(self) -> str:
        """Return the last turn that the model was asked with."""
        return str(self.engine.asked[-1]["messages"][-1]["content"])


def codes_of(outcome: Outcome) -> list[tuple[str, str]]:
    """Return the places and codes of an outcome's marks."""
    return [(mark.at, mark.code) for mark in outcome.marks]


def schema_of(desk: Desk) -> Mapping[str, Any]:
    """Return the schema that the last reply was held to."""
    found: Mapping[str, Any] = desk.engine.asked[-1]["response_format"]["json_schema"]["schema"]
    return found


def every(values: Sequence[int], prefix: str) -> dict[str, int]:
    """Return the points of an instrument's items as fields."""
    return {f"{prefix}_{number}": value for number, value in enumerate(values, 1)}
