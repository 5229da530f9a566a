"""Thirty tasks for an agent with tools: a question, the calls that solve it, and what the answer must hold.

All are made up. The values were worked by hand from the publications (the workings of the calculators stand in
``tests/infer/tools/worked.tsv``). Six need a chart, a search or the graph: ``CHART`` and ``PASSAGES`` are made up too,
the graph is HPO's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Task:
    """A question, the calls in order (tool, arguments as in "age 62 year; sex female"), and the answer's key words."""

    question: str
    calls: tuple[tuple[str, str], ...]
    answer: str
    needs: str = ""


def arguments(words: str, tool: Any) -> dict[str, Any]:
    """Return arguments in short form as JSON has them, for a tool whose inputs say of what kind each is."""
    found: dict[str, Any] = {}
    for part in filter(None, words.split("; ")):
        name, _, value = part.partition(" ")
        kind = type(tool.inputs[name]).__name__
        if kind in ("Quantity", "Measured"):
            number, _, unit = value.partition(" ")
            found[name] = {"value": float(number) if "." in number else int(number), "unit": unit}
        else:
            found[name] = {"true": True, "false": False}[value] if kind == "Yes" else (
                int(value) if kind == "Whole" else value)  # fmt: skip
    return found


def _one(question: str, tool: str, given: str, answer: str, needs: str = "") -> Task:
    return Task(question, ((tool, given),), answer, needs)


TASKS = (
    _one("A 62-year-old woman weighs 70 kg, creatinine 1.4 mg/dL. What is her creatinine clearance?",
         "creatinine_clearance", "age 62 year; sex female; weight 70 kg; creatinine 1.4 mg/dL", "46"),
    _one("What is the eGFR by CKD-EPI 2021 of a 62-year-old man whose creatinine is 2.0 mg/dL?",
         "egfr_ckd_epi_2021", "age 62 year; sex male; creatinine 2.0 mg/dL", "37"),
    _one("Estimate the GFR of a child, height 110 cm, creatinine 0.5 mg/dL, with the bedside Schwartz equation.",
         "egfr_schwartz_2009", "height 110 cm; creatinine 0.5 mg/dL", "91"),
    _one("Sodium 140 mmol/L, chloride 100 mmol/L, bicarbonate 15 mmol/L: what is the anion gap?",
         "anion_gap", "sodium 140 mmol/L; chloride 100 mmol/L; bicarbonate 15 mmol/L", "25"),
    _one("Calcium is 8.0 mg/dL and albumin 2.0 g/dL. What is the corrected calcium?",
         "corrected_calcium", "calcium 8.0 mg/dL; albumin 2.0 g/dL", "9.6"),
    _one("What serum osmolality follows from sodium 140 mmol/L, glucose 90 mg/dL and urea nitrogen 14 mg/dL?",
         "calculated_osmolality", "sodium 140 mmol/L; glucose 90 mg/dL; urea_nitrogen 14 mg/dL", "290"),
    _one("In a metabolic acidosis with bicarbonate 12 mmol/L, which carbon dioxide pressure is expected by Winters?",
         "expected_carbon_dioxide", "bicarbonate 12 mmol/L", "26"),
    _one("Correct the sodium of 130 mmol/L for a glucose of 600 mg/dL with the factor of Katz.",
         "corrected_sodium", "sodium 130 mmol/L; glucose 600 mg/dL; formula katz", "138"),
    _one("Blood pressure is 120/75 mmHg. What is the mean arterial pressure?",
         "mean_arterial_pressure", "systolic_pressure 120 mmHg; diastolic_pressure 75 mmHg", "90"),
    _one("QT interval 360 ms at a heart rate of 100 bpm: what is the QTc by Bazett?",
         "qtc_bazett", "qt_interval 360 ms; heart_rate 100 1/min", "465"),
    _one("A 75-year-old woman with atrial fibrillation has hypertension and diabetes, no heart failure, no stroke and "
         "no vascular disease. What is her CHA2DS2-VASc score?",
         "cha2ds2_vasc", "heart_failure false; hypertension true; age 75 year; diabetes true; stroke false; "
         "vascular_disease false; sex female", "5"),
    _one("Oxygen: PaO2 80 mmHg with FiO2 0.5. What is the PaO2/FiO2 ratio?",
         "oxygenation_ratio", "arterial_oxygen 80 mmHg; inspired_oxygen 0.5 1", "160"),
    _one("Which predicted body weight for ventilation has a man of height 177.8 cm?",
         "predicted_body_weight", "sex male; height 177.8 cm", "73.1"),
    _one("A 70-year-old with pneumonia is not confused, respiratory rate 32 bpm, blood pressure 85/70 mmHg. CRB-65?",
         "crb_65", "confusion false; respiratory_rate 32 1/min; systolic_pressure 85 mmHg; diastolic_pressure 70 mmHg; "
         "age 70 year", "3"),
    _one("A 50-year-old has AST 80 U/L, ALT 64 U/L, platelets 125 x 10^9/L. What is the FIB-4?",
         "fib_4", "age 50 year; ast 80 U/L; alt 64 U/L; platelets 125 10^9/L", "4"),
    _one("Prothrombin time 20 s, control 12 s, bilirubin 10 mg/dL: Maddrey discriminant function?",
         "maddrey_discriminant", "prothrombin_time 20 s; control_prothrombin_time 12 s; bilirubin 10 mg/dL", "46.8"),
    _one("Serum albumin 3.0 g/dL, ascitic fluid albumin 1.2 g/dL. What is the serum-ascites albumin gradient?",
         "serum_ascites_gradient", "albumin 3.0 g/dL; ascites_albumin 1.2 g/dL", "1.8"),
    _one("What is the body mass index at weight 81 kg and height 180 cm?",
         "body_mass_index", "weight 81 kg; height 180 cm", "25"),
    _one("How much fluid does Parkland give in 24 hours, weight 70 kg, burns of 30 % of the skin?",
         "burn_fluid", "weight 70 kg; burnt_area 30 %", "8400"),
    _one("Glasgow coma scale: eye 3, verbal 4, motor 6. What is the sum?",
         "glasgow_coma", "eye 3; verbal 4; motor 6", "13"),
    _one("Total cholesterol 200 mg/dL, HDL 50 mg/dL, triglycerides 150 mg/dL. What is the LDL by Friedewald?",
         "ldl_friedewald", "cholesterol 200 mg/dL; hdl 50 mg/dL; triglycerides 150 mg/dL", "120"),
    _one("What average glucose does an HbA1c of 7 % stand for?",
         "estimated_average_glucose", "hba1c 7 %", "154"),
    _one("Convert a creatinine of 1.2 mg/dL to umol/L.",
         "convert_unit", "quantity 1.2 mg/dL; to umol/L; measure creatinine", "106.1"),
    _one("The last menstrual period began on 2024-01-01. What is the due date?",
         "due_date", "last_period 2024-01-01", "2024-10-07"),
    Task("What is the eGFR by CKD-EPI 2021 of the patient of this record?",
         (("chart_person", ""), ("chart_value", "measure creatinine"),
          ("egfr_ckd_epi_2021", "age 62 year; sex female; creatinine 124 umol/L")), "42", "chart"),
    Task("What was the latest hemoglobin in the patient's record?",
         (("chart_value", "measure hemoglobin"),), "9.5", "chart"),
    Task("Which conditions does the patient's record hold?",
         (("chart_search", "kind Condition"),), "Hypertension", "chart"),
    Task("What do the guidelines say about the first medicine in gout of the acute kind?",
         (("search_literature", "query first medicine in acute gout"),), "colchicine", "search"),
    Task("Which HPO code has arachnodactyly?",
         (("concept_code", "name arachnodactyly"),), "HP:0001166", "graph"),
    Task("Check against the knowledge graph whether Marfan syndrome has ectopia lentis.",
         (("graph_check", "claim Marfan syndrome has ectopia lentis"),), "supported", "graph"),
)  # fmt: skip

PASSAGES = {
    "gout#1": "In an acute attack of gout, colchicine in a low dose is a first choice where it is begun within a day.",
    "gout#2": "Allopurinol lowers urate and is begun with a low dose after the attack.",
    "asthma#1": "In asthma an inhaled steroid is part of every step of treatment.",
    "pain#1": "Headache of the tension type is treated with paracetamol.",
}


def _concept(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def _observation(code: str, display: str, value: float, unit: str, day: str) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": f"{code}-{day}", "status": "final",
            "subject": {"reference": "Patient/p1"},
            "code": _concept("http://loinc.org", code, display), "effectiveDateTime": day,
            "valueQuantity": {"value": value, "unit": unit, "code": unit}}  # fmt: skip


CHART = (
    {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1962-02-01"},
    _observation("2160-0", "Creatinine", 97, "umol/L", "2024-01-05"),
    _observation("2160-0", "Creatinine", 124, "umol/L", "2024-05-01"),
    _observation("718-7", "Hemoglobin", 11.2, "g/dL", "2024-01-05"),
    _observation("718-7", "Hemoglobin", 9.5, "g/dL", "2024-05-01"),
    {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}, "onsetDateTime": "2020-02-02",
     "code": _concept("http://hl7.org/fhir/sid/icd-10-cm", "I10", "Hypertension")},
)  # fmt: skip
TODAY = "2024-05-02"
