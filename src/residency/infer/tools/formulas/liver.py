"""The liver and the gut; bilirubin, creatinine, urea nitrogen in mg/dL, albumin and hemoglobin in g/dL."""

from __future__ import annotations

import math
from collections.abc import Callable

BILIRUBIN = 10_000 / 584.66
"""umol/L in one mg/dL of bilirubin."""


def _between(value: float, low: float, high: float = math.inf) -> float:
    return min(max(value, low), high)


def _meld_na(bilirubin: float, inr: float, creatinine: float, sodium: float, dialysis: bool) -> float:
    creatinine = 4.0 if dialysis else _between(creatinine, 1, 4)
    logs = 0.957 * math.log(creatinine) + 0.378 * math.log(_between(bilirubin, 1)) + 1.120 * math.log(_between(inr, 1))
    score = 10 * round(logs + 0.643, 1)
    lack = 137 - _between(sodium, 125, 137)
    if score > 11:
        score += 1.32 * lack - 0.033 * score * lack
    return _between(score, 6, 40)


def _meld_3(
    sex: str, bilirubin: float, inr: float, creatinine: float, sodium: float, albumin: float, dialysis: bool
) -> float:
    by_creatinine = math.log(3.0 if dialysis else _between(creatinine, 1, 3))
    by_bilirubin, by_inr = math.log(_between(bilirubin, 1)), math.log(_between(inr, 1))
    salt, protein = 137 - _between(sodium, 125, 137), 3.5 - _between(albumin, 1.5, 3.5)
    score = 1.33 * (sex == "female") + 4.56 * by_bilirubin + 0.82 * salt - 0.24 * salt * by_bilirubin + 9.09 * by_inr
    score += 11.14 * by_creatinine + 1.85 * protein - 1.83 * protein * by_creatinine + 6
    return _between(score, 6, 40)


def _fib_4(age: float, ast: float, alt: float, platelets: float) -> float:
    return age * ast / (platelets * math.sqrt(alt))


def _maddrey(prothrombin_time: float, control_prothrombin_time: float, bilirubin: float) -> float:
    return 4.6 * (prothrombin_time - control_prothrombin_time) + bilirubin


def _albi(bilirubin: float, albumin: float) -> float:
    return 0.66 * math.log10(bilirubin * BILIRUBIN) - 0.085 * albumin * 10


def _nafld(
    age: float, weight: float, height: float, diabetes: bool, ast: float, alt: float, platelets: float, albumin: float
) -> float:
    bmi = weight / (height / 100) ** 2
    score = -1.675 + 0.037 * age + 0.094 * bmi + 1.13 * diabetes + 0.99 * ast / alt
    return score - 0.013 * platelets - 0.66 * albumin


def _injury(alt: float, alt_limit: float, alp: float, alp_limit: float) -> float:
    return (alt / alt_limit) / (alp / alp_limit)


def _blatchford(
    urea_nitrogen: float, hemoglobin: float, sex: str, systolic_pressure: float, heart_rate: float, melena: bool,
    syncope: bool, liver_disease: bool, heart_failure: bool,
) -> float:  # fmt: skip
    urea = round(urea_nitrogen, 6)
    score = 6 if urea >= 70 else 4 if urea >= 28 else 3 if urea >= 22.4 else 2 if urea >= 18.2 else 0
    steps = [(10, 6), (12, 3), (13, 1)] if sex == "male" else [(10, 6), (12, 1)]
    score += next((points for below, points in steps if hemoglobin < below), 0)
    score += sum(systolic_pressure < below for below in (110, 100, 90))
    return score + (heart_rate >= 100) + melena + 2 * (syncope + liver_disease + heart_failure)


FORMULAS: dict[str, Callable[..., float]] = {
    "meld_na": _meld_na,
    "meld_3": _meld_3,
    "fib_4": _fib_4,
    "apri": lambda ast, ast_limit, platelets: 100 * (ast / ast_limit) / platelets,
    "maddrey_discriminant": _maddrey,
    "albi_score": _albi,
    "nafld_fibrosis_score": _nafld,
    "serum_ascites_gradient": lambda albumin, ascites_albumin: albumin - ascites_albumin,
    "liver_injury_ratio": _injury,
    "glasgow_blatchford": _blatchford,
}
