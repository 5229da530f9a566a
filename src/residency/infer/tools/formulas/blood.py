"""Blood, fats and medicines; fats and glucose in mg/dL."""

from __future__ import annotations

from collections.abc import Callable

_STEROIDS = {"hydrocortisone": 20.0, "cortisone": 25.0, "prednisone": 5.0, "prednisolone": 5.0,
             "methylprednisolone": 4.0, "triamcinolone": 4.0, "dexamethasone": 0.75}  # fmt: skip
"""Doses (mg) of about the same anti-inflammatory effect."""


def _neutrophils(leukocytes: float, neutrophils: float, bands: float = 0.0) -> float:
    return leukocytes * (neutrophils + bands) / 100


def _production(reticulocytes: float, hematocrit: float, normal_hematocrit: float = 45.0) -> float:
    days = 1.0 if hematocrit > 35 else 1.5 if hematocrit > 25 else 2.0 if hematocrit > 15 else 2.5
    return reticulocytes * hematocrit / normal_hematocrit / days


def _loss(sex: str, weight: float, starting_hematocrit: float, lowest_hematocrit: float) -> float:
    volume = weight * (75 if sex == "male" else 65)
    return volume * (starting_hematocrit - lowest_hematocrit) / ((starting_hematocrit + lowest_hematocrit) / 2)


def _khorana(
    site: str, platelets: float, hemoglobin: float, erythropoietin: bool, leukocytes: float, weight: float,
    height: float,
) -> float:  # fmt: skip
    heavy = weight / (height / 100) ** 2 >= 35
    points = {"very high": 2, "high": 1}.get(site, 0)
    return points + sum((platelets >= 350, hemoglobin < 10 or erythropoietin, leukocytes > 11, heavy))


def _sampson(cholesterol: float, hdl: float, triglycerides: float) -> float:
    rest = triglycerides / 8.56 + triglycerides * (cholesterol - hdl) / 2140 - triglycerides**2 / 16100
    return cholesterol / 0.948 - hdl / 0.971 - rest - 9.44


def _phenytoin(phenytoin: float, albumin: float, kidney_failure: bool) -> float:
    return phenytoin / ((0.1 if kidney_failure else 0.2) * albumin + 0.1)


def _rate(rate_dose: float, weight: float, concentration: float) -> float:
    return rate_dose * weight * 60 / (concentration * 1000)


FORMULAS: dict[str, Callable[..., float]] = {
    "absolute_neutrophils": _neutrophils,
    "transferrin_saturation": lambda iron, iron_binding_capacity: 100 * iron / iron_binding_capacity,
    "reticulocyte_index": _production,
    "mentzer_index": lambda mean_cell_volume, red_cells: mean_cell_volume / red_cells,
    "allowable_blood_loss": _loss,
    "khorana": _khorana,
    "ldl_friedewald": lambda cholesterol, hdl, triglycerides: cholesterol - hdl - triglycerides / 5,
    "ldl_sampson": _sampson,
    "non_hdl_cholesterol": lambda cholesterol, hdl: cholesterol - hdl,
    "estimated_average_glucose": lambda hba1c: 28.7 * hba1c - 46.7,
    "insulin_resistance": lambda glucose, insulin: glucose * insulin / 405,
    "corrected_phenytoin": _phenytoin,
    "steroid_equivalent": lambda dose, given, wanted: dose * _STEROIDS[wanted] / _STEROIDS[given],
    "carboplatin_dose": lambda target_auc, egfr: target_auc * (egfr + 25),
    "infusion_rate": _rate,
}
