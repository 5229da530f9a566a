"""What is measured of a patient: one table with the unit, the legal range and the codes of each measure.

Calculators, unit conversion and the chart all read the same table (``measures.yaml``), so that a creatinine is the same
thing everywhere. The ranges are what can occur in a living person, wider than any normal range.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from residency.infer.tools.inputs import Choice, Input, Quantity

TABLE = Path(__file__).with_name("measures.yaml")
SEX = Choice("sex of the patient", ("female", "male"))


@lru_cache(maxsize=1)
def measures() -> dict[str, Quantity]:
    """Return every measure by name, in the order of the table."""
    rows: dict[str, dict[str, Any]] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return {name: _quantity(name, row) for name, row in rows.items()}


def _quantity(name: str, row: dict[str, Any]) -> Quantity:
    row = dict(row)
    for key in ("also", "names", "loinc"):
        row[key] = tuple(str(one) for one in row.get(key, ()))
    row["names"] = (name.replace("_", " "), *row["names"])
    row["line"] = {unit: (float(factor), float(offset)) for unit, (factor, offset) in row.get("line", {}).items()}
    row["called"] = {unit: tuple(names) for unit, names in row.get("called", {}).items()}
    row["low"], row["high"] = float(row["low"]), float(row["high"])
    return Quantity(**row)


def measure(name: str, **other: Any) -> Input:
    """Return a measure by name (or sex), with other settings of its own where they are given; KeyError without it."""
    return SEX if name == "sex" else replace(measures()[name], **other)


@lru_cache(maxsize=1)
def by_code() -> dict[str, str]:
    """Return the name of the measure of every LOINC code of the table."""
    return {code: name for name, one in measures().items() for code in one.loinc}
