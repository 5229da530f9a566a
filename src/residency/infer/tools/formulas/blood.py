"""Blood, fats and medicines; fats and glucose in mg/dL."""

from __future__ import annotations

from collections.abc import Callable

from residency.infer.tools.inputs import Refused

_STEROIDS = {"hydrocortisone": 20.0, "cortisone": 25.0, "prednisone": 5.0, "prednisolone": 5.0,
             "methylprednisolone": 4.0, "triamcinolone": 4.0, "dexamethasone": 0.75}  # fmt: skip
"""Doses (mg) of about the same anti-inflammatory effect."""


def _neutrophils(
    leukocytes: float, neutrophils: float | None = None, bands: float | None = None,
    total_neutrophils: float | None = None,
) -> float:  # fmt: skip
    if total_neutrophils is None and neutrophils is None:
        raise Refused("missing", "absolute_neutrophils lacks neutrophils or total_neutrophils: give one", "neutrophils")
    if total_neutrophils is None:
        share = (neutrophils or 0.0) + (bands or 0.0)
    elif neutrophils is None and bands is None:
        share = total_neutrophils
    else:
        says = "total_neutrophils hold segmented ones and band forms already: give them alone, or the two parts alone"
        raise Refused("meaning", says, "total_neutrophils")
    if share > 100:
        raise Refused("meaning", "neutrophils and band forms are above 100% together", "bands")
    return leukocytes * share / 100


def _production(reticulocytes: float, hematocrit: float, normal_hematocrit: float = 45.0) -> float:
    days = 1.0 if hematocrit > 35 else 1.5 if hematocrit > 25 else 2.0 if hematocrit > 15 else 2.5
    return reticulocytes * hematocrit / normal_hematocrit / days


def _loss(sex: str, weight: float, starting_hematocrit: float, lowest_hematocrit: float) -> float:
    if lowest_hematocrit >= starting_hematocrit:
        raise Refused("meaning", "the lowest hematocrit is not below the starting one", "lowest_hematocrit")
    volume = weight * (75 if sex == "male" else 65)
    return volume * (starting_hematocrit - lowest_hematocrit) / ((starting_hematocrit + lowest_hematocrit) / 2)


def _khorana(
    site: str, platelets: float, hemoglobin: float, erythropoietin: bool, leukocytes: float, weight: float,
    height: float,
) -> float:  # fmt: skip
    heavy = weight / (height / 100) ** 2 >= 35
    points = {"very high": 2, "high": 1}.get(site, 0)
    return points + sum((platelets >= 350, hemoglobin < 10 or erythropoietin, leukocytes > 11, heavy))


def _non_hdl(cholesterol: float, hdl: float) -> float:
    if hdl >= cholesterol:
        raise Refused("meaning", "HDL is not below total cholesterol", "hdl")
    return cholesterol - hdl


def _sampson(cholesterol: float, hdl: float, triglycerides: float) -> float:
    rest = triglycerides / 8.56 + triglycerides * _non_hdl(cholesterol, hdl) / 2140 - triglycerides**2 / 16100
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
    "ldl_friedewald": lambda cholesterol, hdl, triglycerides: _non_hdl(cholesterol, hdl) - triglycerides / 5,
    "ldl_sampson": _sampson,
    "non_hdl_cholesterol": _non_hdl,
    "estimated_average_glucose": lambda hba1c: 28.7 * hba1c - 46.7,
    "insulin_resistance": lambda glucose, insulin: glucose * insulin / 405,
    "corrected_phenytoin": _phenytoin,
    "steroid_equivalent": lambda dose, given, wanted: dose * _STEROIDS[wanted] / _STEROIDS[given],
    "carboplatin_dose": lambda target_auc, creatinine_clearance: target_auc * (creatinine_clearance + 25),
    "infusion_rate": _rate,
}
