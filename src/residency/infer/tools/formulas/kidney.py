"""The kidney: filtration estimated from blood tests, what the kidney keeps back, and the risk of its failure."""

from __future__ import annotations

import math
from collections.abc import Callable

_STAYING = {("2", "north america"): 0.9750, ("5", "north america"): 0.9240, ("2", "elsewhere"): 0.9832,
            ("5", "elsewhere"): 0.9365}  # fmt: skip
"""Share without kidney failure at the average of the four variables, by years and region."""


def _bent(ratio: float, below: float, above: float) -> float:
    """Return a ratio to one power where it is below one, and to another where it is above."""
    return min(ratio, 1.0) ** below * max(ratio, 1.0) ** above


def _by_creatinine(age: float, sex: str, creatinine: float) -> float:
    female = sex == "female"
    ratio = creatinine / (0.7 if female else 0.9)
    return 142 * _bent(ratio, -0.241 if female else -0.302, -1.200) * 0.9938**age * (1.012 if female else 1.0)


def _by_cystatin(age: float, sex: str, cystatin_c: float) -> float:
    return 133 * _bent(cystatin_c / 0.8, -0.499, -1.328) * 0.996**age * (0.932 if sex == "female" else 1.0)


def _by_both(age: float, sex: str, creatinine: float, cystatin_c: float) -> float:
    female = sex == "female"
    by_creatinine = _bent(creatinine / (0.7 if female else 0.9), -0.219 if female else -0.144, -0.544)
    by_cystatin = _bent(cystatin_c / 0.8, -0.323, -0.778)
    return 135 * by_creatinine * by_cystatin * 0.9961**age * (0.963 if female else 1.0)


def _clearance(age: float, sex: str, weight: float, creatinine: float) -> float:
    return (140 - age) * weight / (72 * creatinine) * (0.85 if sex == "female" else 1.0)


def _sodium_kept(sodium: float, urine_sodium: float, creatinine: float, urine_creatinine: float) -> float:
    return 100 * urine_sodium * creatinine / (sodium * urine_creatinine)


def _urea_kept(urea_nitrogen: float, urine_urea_nitrogen: float, creatinine: float, urine_creatinine: float) -> float:
    return 100 * urine_urea_nitrogen * creatinine / (urea_nitrogen * urine_creatinine)


def _failure(age: float, sex: str, egfr: float, albumin_creatinine_ratio: float, years: str, region: str) -> float:
    risk = -0.2201 * (age / 10 - 7.036) + 0.2467 * ((sex == "male") - 0.5642) - 0.5567 * (egfr / 5 - 7.222)
    risk += 0.4510 * (math.log(albumin_creatinine_ratio) - 5.137)
    return 100 * (1 - _STAYING[years, region] ** math.exp(risk))


def _water_lacking(sex: str, weight: float, sodium: float, elderly: bool) -> float:
    share = {("male", False): 0.6, ("male", True): 0.5, ("female", False): 0.5, ("female", True): 0.45}[sex, elderly]
    return share * weight * (sodium / 140 - 1)


FORMULAS: dict[str, Callable[..., float]] = {
    "egfr_ckd_epi_2021": _by_creatinine,
    "egfr_cystatin_c_2012": _by_cystatin,
    "egfr_creatinine_cystatin_2021": _by_both,
    "egfr_schwartz_2009": lambda height, creatinine: 0.413 * height / creatinine,
    "creatinine_clearance": _clearance,
    "fractional_sodium_excretion": _sodium_kept,
    "fractional_urea_excretion": _urea_kept,
    "urea_nitrogen": lambda urea: urea * 28.014 / 60.06,
    "kidney_failure_risk": _failure,
    "free_water_deficit": _water_lacking,
}
