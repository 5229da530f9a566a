"""The body: size, need and fluids; kilograms, centimetres, years."""

from __future__ import annotations

import math
from collections.abc import Callable


def _ideal(sex: str, height: float) -> float:
    return (50.0 if sex == "male" else 45.5) + 2.3 * (height / 2.54 - 60)


def _adjusted(sex: str, height: float, weight: float) -> float:
    return _ideal(sex, height) + 0.4 * (weight - _ideal(sex, height))


def _resting(weight: float, height: float, age: float, sex: str) -> float:
    return 10 * weight + 6.25 * height - 5 * age + (5 if sex == "male" else -161)


def _maintenance(weight: float) -> float:
    return 4 * min(weight, 10) + 2 * min(max(weight - 10, 0), 10) + max(weight - 20, 0)


FORMULAS: dict[str, Callable[..., float]] = {
    "body_mass_index": lambda weight, height: weight / (height / 100) ** 2,
    "body_surface_mosteller": lambda weight, height: math.sqrt(height * weight / 3600),
    "body_surface_du_bois": lambda weight, height: 0.007184 * weight**0.425 * height**0.725,
    "ideal_body_weight": _ideal,
    "adjusted_body_weight": _adjusted,
    "waist_hip_ratio": lambda waist, hip: waist / hip,
    "resting_energy": _resting,
    "maintenance_fluid": _maintenance,
    "burn_fluid": lambda weight, burnt_area: 4 * weight * burnt_area,
}
