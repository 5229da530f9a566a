"""Pressures, and the QT interval (ms) corrected for the heart rate (1/min)."""

from __future__ import annotations

import math
from collections.abc import Callable

from residency.infer.tools.inputs import Refused


def in_order(systolic_pressure: float, diastolic_pressure: float) -> None:
    """Refuse a diastolic pressure that is not below the systolic one."""
    if diastolic_pressure >= systolic_pressure:
        raise Refused("meaning", "the diastolic pressure is not below the systolic one", "diastolic_pressure")


def _mean_pressure(systolic_pressure: float, diastolic_pressure: float) -> float:
    in_order(systolic_pressure, diastolic_pressure)
    return (systolic_pressure + 2 * diastolic_pressure) / 3


FORMULAS: dict[str, Callable[..., float]] = {
    "mean_arterial_pressure": _mean_pressure,
    "qtc_bazett": lambda qt_interval, heart_rate: qt_interval / math.sqrt(60 / heart_rate),
    "qtc_fridericia": lambda qt_interval, heart_rate: qt_interval / (60 / heart_rate) ** (1 / 3),
    "qtc_framingham": lambda qt_interval, heart_rate: qt_interval + 154 * (1 - 60 / heart_rate),
    "qtc_hodges": lambda qt_interval, heart_rate: qt_interval + 1.75 * (heart_rate - 60),
    "shock_index": lambda heart_rate, systolic_pressure: heart_rate / systolic_pressure,
    "ankle_brachial_index": lambda ankle_pressure, arm_pressure: ankle_pressure / arm_pressure,
}
