"""Scores of the acutely ill whose points hang on two numbers at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from residency.infer.tools.formulas.heart import in_order


def _steps(value: float, ends: Sequence[float], *, below: bool) -> int:
    """Return how many ends a value is below, or has reached."""
    return sum(value < end if below else value >= end for end in ends)


def _sirs(
    temperature: float, heart_rate: float, respiratory_rate: float, leukocytes: float,
    arterial_carbon_dioxide: float | None = None, bands: float | None = None,
) -> float:  # fmt: skip
    breath = respiratory_rate > 20 or (arterial_carbon_dioxide is not None and arterial_carbon_dioxide < 32)
    cells = leukocytes > 12 or leukocytes < 4 or (bands is not None and bands > 10)
    return sum((temperature > 38 or temperature < 36, heart_rate > 90, breath, cells))


def _sofa(
    arterial_oxygen: float, inspired_oxygen: float, ventilated: bool, platelets: float, bilirubin: float,
    circulation: str, glasgow_coma: int, creatinine: float, urine_output: float | None = None,
) -> float:  # fmt: skip
    breath = _steps(round(arterial_oxygen / inspired_oxygen, 6), (400, 300, 200, 100), below=True)
    kidney = _steps(creatinine, (1.2, 2.0, 3.5, 5.0), below=False)
    if urine_output is not None and urine_output < 500:
        kidney = max(kidney, 4 if urine_output < 200 else 3)
    heart = ("normal", "mean below 70", "low dose", "medium dose", "high dose").index(circulation)
    return sum((
        breath if ventilated else min(breath, 2),
        _steps(platelets, (150, 100, 50, 20), below=True),
        _steps(bilirubin, (1.2, 2.0, 6.0, 12.0), below=False),
        heart,
        _steps(glasgow_coma, (15, 13, 10, 6), below=True),
        kidney,
    ))  # fmt: skip


def _centor(age: float, temperature: float, cough: bool, tender_nodes: bool, tonsils: bool) -> float:
    return sum((temperature > 38, not cough, tender_nodes, tonsils, age < 15)) - (age >= 45)


def _abcd2(
    age: float, systolic_pressure: float, diastolic_pressure: float, symptoms: str, duration: float, diabetes: bool
) -> float:
    in_order(systolic_pressure, diastolic_pressure)
    signs = {"weakness of one side": 2, "speech without weakness": 1}.get(symptoms, 0)
    pressure = systolic_pressure >= 140 or diastolic_pressure >= 90
    return sum((age >= 60, pressure, diabetes, signs, _steps(round(duration * 60, 6), (10, 60), below=False)))


FORMULAS: dict[str, Callable[..., float]] = {"sirs": _sirs, "sofa": _sofa, "centor_mcisaac": _centor, "abcd2": _abcd2}
