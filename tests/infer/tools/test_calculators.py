"""Every calculator against values worked by hand from the publication, and what it refuses."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from residency.infer.tools.calculator import band_of, calculators, rounded
from residency.infer.tools.formulas import FORMULAS
from residency.infer.tools.inputs import Refusal, Whole
from residency.infer.tools.tool import Result, call

TOOLS = {tool.name: tool for tool in calculators()}
WORKED = [
    line.split("\t")
    for line in Path(__file__).with_name("worked.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def given(tool, words):
    """Return the arguments of "age 50 year; sex female; cough yes" as JSON has them."""
    arguments = {}
    for part in words.split("; "):
        name, _, value = part.partition(" ")
        is_whole = isinstance(TOOLS[tool].inputs[name], Whole)
        arguments[name] = {"yes": True, "no": False}.get(value, int(value) if is_whole else value)
    return arguments


@pytest.mark.parametrize(
    ("name", "words", "value", "how"), WORKED, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(WORKED)]
)
def test_a_calculator_gives_the_worked_value(name, words, value, how):
    found = call(TOOLS[name], given(name, words))
    assert isinstance(found, Result), found
    assert found.value == float(value), how
    assert found.values[0].unit == TOOLS[name].unit
    assert found.source


def test_every_calculator_was_worked_by_hand():
    assert set(TOOLS) == {name for name, *_ in WORKED}
    assert len(TOOLS) >= 40


# Published tables and examples, not formulas: (calculator, arguments, value, where it stands).
PUBLISHED = [
    ("estimated_average_glucose", "hba1c 6 %", 126, "Nathan et al., Diabetes Care 31, table 2"),
    ("estimated_average_glucose", "hba1c 8 %", 183, "Nathan et al., Diabetes Care 31, table 2"),
    ("estimated_average_glucose", "hba1c 12 %", 298, "Nathan et al., Diabetes Care 31, table 2"),
    ("predicted_body_weight", "sex male; height 70 in", 73, "ARDSNet ventilator card: 73 kg at 70 inches"),
    ("predicted_body_weight", "sex female; height 65 in", 57, "ARDSNet ventilator card: 57 kg at 65 inches"),
    ("apri", "ast 160 U/L; ast_limit 40 U/L; platelets 75 10^9/L", 5.33, "R package transplantr, its own tests"),
    ("child_pugh", "bilirubin 55 umol/L; albumin 26 g/L; inr 2.0 1; ascites mild; encephalopathy mild", 12,
     "3 + 3 + 2 + 2 + 2, in SI units"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "words", "value", "where"), PUBLISHED)
def test_a_calculator_gives_the_published_value(name, words, value, where):
    digits = len(str(value).partition(".")[2])
    assert round(call(TOOLS[name], given(name, words)).value, digits) == value, where


def test_every_formula_takes_the_inputs_of_its_entry():
    for name, formula in FORMULAS.items():
        parameters = inspect.signature(formula).parameters
        if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
            continue
        inputs = TOOLS[name].inputs
        assert set(parameters) == set(inputs), name
        optional = {key for key, one in parameters.items() if one.default is not one.empty}
        assert optional == {key for key, one in inputs.items() if one.optional}, name


def test_every_calculator_says_what_it_is_and_where_it_is_from():
    for tool in TOOLS.values():
        assert tool.about and tool.formula and tool.unit, tool.name
        assert re.search(r"(19|20)\d\d|arithmetic", tool.source), tool.name
        assert sorted(tool.bands, key=lambda band: band[0]) == list(tool.bands), tool.name
        assert tool.own and tool.schema["additionalProperties"] is False


def test_the_bands_of_filtration_begin_where_the_guideline_says():
    bands = TOOLS["egfr_ckd_epi_2021"].bands
    stages = {value: band_of(value, bands).partition(":")[0] for value in (14, 15, 29, 30, 44, 45, 59, 60, 89, 90)}
    assert list(stages.values()) == ["G5", "G4", "G4", "G3b", "G3b", "G3a", "G3a", "G2", "G2", "G1"]


@pytest.mark.parametrize(
    ("words", "kind", "input"),
    [
        ("age 50 year; sex female", "missing", "creatinine"),
        ("age 50 year; sex female; creatinine 1.0", "unit", "creatinine"),
        ("age 50 year; sex female; creatinine 1.0 kg", "unit", "creatinine"),
        ("age 50 year; sex female; creatinine 90 mg/dL", "range", "creatinine"),
        ("age 12 year; sex female; creatinine 0.6 mg/dL", "range", "age"),
        ("age 50 year; sex unknown; creatinine 0.6 mg/dL", "choice", "sex"),
        ("age old; sex female; creatinine 0.6 mg/dL", "type", "age"),
    ],
)
def test_a_wrong_input_is_refused_with_its_kind_and_what_is_legal(words, kind, input):
    found = call(TOOLS["egfr_ckd_epi_2021"], given("egfr_ckd_epi_2021", words))
    assert isinstance(found, Refusal)
    assert (found.kind, found.input) == (kind, input)
    assert "90" not in found.says and "old" not in found.says


def test_an_unknown_input_is_refused():
    assert call(TOOLS["body_mass_index"], {"weight": "70 kg", "height": "170 cm", "age": "3 year"}).kind == "input"
    assert call(TOOLS["body_mass_index"], "70 kg").kind == "type"


def test_numbers_that_do_not_go_together_are_refused():
    found = call(TOOLS["mean_arterial_pressure"], {"systolic_pressure": "80 mmHg", "diastolic_pressure": "120 mmHg"})
    assert found.kind == "meaning"


@pytest.mark.parametrize(
    ("name", "words", "kind", "input"),
    [
        ("absolute_neutrophils", "leukocytes 4 10^9/L; neutrophils 80 %; bands 60 %", "meaning", "bands"),
        ("allowable_blood_loss", "sex male; weight 80 kg; starting_hematocrit 30 %; lowest_hematocrit 40 %", "meaning",
         "lowest_hematocrit"),
        ("ldl_friedewald", "cholesterol 50 mg/dL; hdl 60 mg/dL; triglycerides 90 mg/dL", "meaning", "hdl"),
        ("ldl_sampson", "cholesterol 50 mg/dL; hdl 60 mg/dL; triglycerides 90 mg/dL", "meaning", "hdl"),
        ("crb_65", "confusion no; respiratory_rate 20 1/min; systolic_pressure 80 mmHg; diastolic_pressure 120 mmHg; "
         "age 70 year", "meaning", "diastolic_pressure"),
        ("non_hdl_cholesterol", "cholesterol 200 mg/dL; hdl 1.3 mg/dL", "range", "hdl"),
        ("insulin_resistance", "glucose 5.5 mg/dL; insulin 9 mU/L", "range", "glucose"),
        ("creatinine_clearance", "age 62 year; sex female; weight 7 kg; creatinine 1.4 mg/dL", "range", "weight"),
        ("resting_energy", "weight 70 kg; height 70 cm; age 40 year; sex female", "range", "height"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(name, words, kind, input):
    found = call(TOOLS[name], given(name, words))
    assert (found.kind, found.input) == (kind, input)


@pytest.mark.parametrize(
    ("words", "kind", "input"),
    [
        ("leukocytes 4 10^9/L; total_neutrophils 35 %; bands 5 %", "meaning", "total_neutrophils"),
        ("leukocytes 4 10^9/L; total_neutrophils 35 %; neutrophils 30 %", "meaning", "total_neutrophils"),
        ("leukocytes 4 10^9/L", "missing", "neutrophils"),
        ("leukocytes 4 10^9/L; bands 5 %", "missing", "neutrophils"),
    ],
)
def test_band_forms_are_not_counted_twice(words, kind, input):
    found = call(TOOLS["absolute_neutrophils"], given("absolute_neutrophils", words))
    assert (found.kind, found.input) == (kind, input)


def test_the_risk_of_kidney_failure_takes_our_own_filtration_and_no_clearance():
    mass = {"age": "62 year", "sex": "male", "creatinine": "2.0 mg/dL"}
    egfr = call(TOOLS["egfr_ckd_epi_2021"], mass).values[0]
    asked = {"age": "62 year", "sex": "male", "albumin_creatinine_ratio": "300 mg/g", "years": "5",
             "region": "elsewhere"}  # fmt: skip
    own = call(TOOLS["kidney_failure_risk"], {**asked, "egfr": {"value": egfr.value, "unit": egfr.unit}})
    assert isinstance(own, Result), own
    refused = call(TOOLS["kidney_failure_risk"], {**asked, "egfr": "37 mL/min"})
    assert (refused.kind, refused.input) == ("unit", "egfr")
    assert "legal: mL/min/1.73m2" in refused.says and "do not become one another" in refused.says
    dose = {"target_auc": "5 mg*min/mL", "creatinine_clearance": "75 mL/min/1.73m2"}
    assert call(TOOLS["carboplatin_dose"], dose).kind == "unit"


def test_the_delta_ratio_is_not_read_where_the_gap_is_not_raised():
    assert "not to be read" in band_of(-0.33, TOOLS["delta_ratio"].bands)


def test_not_said_is_not_no():
    found = call(TOOLS["qsofa"], {"respiratory_rate": "22 1/min", "systolic_pressure": "100 mmHg"})
    assert (found.kind, found.input) == ("missing", "altered_mentation")


def test_friedewald_is_refused_above_400_of_triglycerides():
    arguments = {"cholesterol": "200 mg/dL", "hdl": "50 mg/dL", "triglycerides": "401 mg/dL"}
    assert call(TOOLS["ldl_friedewald"], arguments).kind == "range"


def test_halves_are_rounded_away_from_zero():
    assert [rounded(value, 1) for value in (0.25, -0.25, 1.45, 2.949)] == [0.3, -0.3, 1.5, 2.9]
    assert rounded(2.5, 0) == 3
