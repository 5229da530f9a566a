"""Salts, acids and osmoles; glucose and urea nitrogen in mg/dL, albumin in g/dL, the rest in mmol/L."""

from __future__ import annotations

from collections.abc import Callable


def _gap(sodium: float, chloride: float, bicarbonate: float) -> float:
    return sodium - chloride - bicarbonate


def _corrected_gap(sodium: float, chloride: float, bicarbonate: float, albumin: float) -> float:
    return _gap(sodium, chloride, bicarbonate) + 2.5 * (4.0 - albumin)


def _delta(sodium: float, chloride: float, bicarbonate: float) -> float:
    return (_gap(sodium, chloride, bicarbonate) - 12) / (24 - bicarbonate)


def _osmolality(sodium: float, glucose: float, urea_nitrogen: float) -> float:
    return 2 * sodium + glucose / 18 + urea_nitrogen / 2.8


def _osmolal_gap(osmolality: float, sodium: float, glucose: float, urea_nitrogen: float) -> float:
    return osmolality - _osmolality(sodium, glucose, urea_nitrogen)


def _sodium(sodium: float, glucose: float, formula: str) -> float:
    return sodium + {"katz": 1.6, "hillier": 2.4}[formula] * (glucose - 100) / 100


def _urine_gap(urine_sodium: float, urine_potassium: float, urine_chloride: float) -> float:
    return urine_sodium + urine_potassium - urine_chloride


FORMULAS: dict[str, Callable[..., float]] = {
    "anion_gap": _gap,
    "corrected_anion_gap": _corrected_gap,
    "delta_ratio": _delta,
    "expected_carbon_dioxide": lambda bicarbonate: 1.5 * bicarbonate + 8,
    "calculated_osmolality": _osmolality,
    "osmolal_gap": _osmolal_gap,
    "corrected_sodium": _sodium,
    "corrected_calcium": lambda calcium, albumin: calcium + 0.8 * (4.0 - albumin),
    "urine_anion_gap": _urine_gap,
}
