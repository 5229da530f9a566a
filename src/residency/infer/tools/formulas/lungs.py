"""Breath and pneumonia; pressures in mmHg, oxygen in the breath as a share."""

from __future__ import annotations

from collections.abc import Callable

from residency.infer.tools.formulas.heart import in_order

WATER = 47.0
"""Pressure of water vapour at body temperature, mmHg."""
UREA = 2.8014
"""mg/dL of urea nitrogen in one mmol/L of urea."""


def _gradient(
    inspired_oxygen: float, arterial_oxygen: float, arterial_carbon_dioxide: float, air_pressure: float = 760.0
) -> float:
    return inspired_oxygen * (air_pressure - WATER) - arterial_carbon_dioxide / 0.8 - arterial_oxygen


def _rox(oxygen_saturation: float, inspired_oxygen: float, respiratory_rate: float) -> float:
    return oxygen_saturation / inspired_oxygen / respiratory_rate


def _predicted_weight(sex: str, height: float) -> float:
    return (50.0 if sex == "male" else 45.5) + 0.91 * (height - 152.4)


def _crb(
    confusion: bool, respiratory_rate: float, systolic_pressure: float, diastolic_pressure: float, age: float
) -> float:
    in_order(systolic_pressure, diastolic_pressure)
    low = systolic_pressure < 90 or diastolic_pressure <= 60
    return sum((confusion, respiratory_rate >= 30, low, age >= 65))


def _curb(urea_nitrogen: float, **others: float) -> float:
    return _crb(**others) + (round(urea_nitrogen / UREA, 6) > 7)  # type: ignore[arg-type]


FORMULAS: dict[str, Callable[..., float]] = {
    "alveolar_arterial_gradient": _gradient,
    "oxygenation_ratio": lambda arterial_oxygen, inspired_oxygen: arterial_oxygen / inspired_oxygen,
    "rox_index": _rox,
    "predicted_body_weight": _predicted_weight,
    "curb_65": _curb,
    "crb_65": _crb,
}
