"""Conversion of units, against the factors of the SI tables and by hand."""

from __future__ import annotations

import pytest

from residency.infer.tools.all import tools
from residency.infer.tools.calculator import calculators
from residency.infer.tools.inputs import Refused
from residency.infer.tools.measures import by_code, measures
from residency.infer.tools.stated import is_said, numbers, readings, said_in, unit_named
from residency.infer.tools.tool import call
from residency.infer.tools.units import WrongUnit, convert, read_unit

TOOLS = {tool.name: tool for tool in tools()}


# Factors from conventional to SI units as the AMA Manual of Style (11th ed., table 17.5) has them.
@pytest.mark.parametrize(
    ("measure", "unit", "to", "factor", "digits"),
    [
        ("creatinine", "mg/dL", "umol/L", 88.4, 1),
        ("glucose", "mg/dL", "mmol/L", 0.0555, 4),
        ("cholesterol", "mg/dL", "mmol/L", 0.0259, 4),
        ("triglycerides", "mg/dL", "mmol/L", 0.0113, 4),
        ("urea_nitrogen", "mg/dL", "mmol/L", 0.357, 3),
        ("bilirubin", "mg/dL", "umol/L", 17.104, 2),
        ("calcium", "mg/dL", "mmol/L", 0.25, 2),
        ("magnesium", "mg/dL", "mmol/L", 0.411, 3),
        ("phosphate", "mg/dL", "mmol/L", 0.323, 3),
        ("uric_acid", "mg/dL", "umol/L", 59.485, 1),
        ("iron", "ug/dL", "umol/L", 0.179, 3),
        ("thyroxine", "ug/dL", "nmol/L", 12.872, 2),
        ("cortisol", "ug/dL", "nmol/L", 27.588, 2),
        ("testosterone", "ng/dL", "nmol/L", 0.0347, 4),
        ("vitamin_d", "ng/mL", "nmol/L", 2.496, 3),
        ("lactate", "mg/dL", "mmol/L", 0.111, 3),
        ("hemoglobin", "g/dL", "g/L", 10.0, 1),
        ("albumin", "g/dL", "g/L", 10.0, 1),
        ("sodium", "mEq/L", "mmol/L", 1.0, 1),
        ("calcium", "mEq/L", "mmol/L", 0.5, 2),
        ("platelets", "10^3/uL", "10^9/L", 1.0, 1),
    ],
)
def test_a_laboratory_value_is_told_in_the_other_unit(measure, unit, to, factor, digits):
    one = measures()[measure]
    assert round(convert(1.0, unit, to, molar=one.molar, valence=one.valence), digits) == round(factor, digits)


@pytest.mark.parametrize(
    ("value", "unit", "to", "wanted"),
    [
        (98.6, "F", "C", 37.0),
        (-40.0, "C", "F", -40.0),
        (150.0, "lb", "kg", 68.0389),
        (6.0, "ft", "cm", 182.88),
        (7.5, "kPa", "mmHg", 56.2546),
        (0.1, "ug/kg/min", "ug/kg/h", 6.0),
        (18.0, "month", "year", 1.5),
        (50.0, "%", "1", 0.5),
    ],
)
def test_a_quantity_is_told_in_another_unit_of_its_kind(value, unit, to, wanted):
    assert convert(value, unit, to) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(("unit", "to"), [("kg", "cm"), ("mg/dL", "mmol/L"), ("C", "kg"), ("mmHg", "mmol/L")])
def test_units_of_two_kinds_are_not_converted(unit, to):
    with pytest.raises(WrongUnit):
        convert(1.0, unit, to)


def test_a_unit_that_is_not_known_is_refused():
    with pytest.raises(WrongUnit):
        read_unit("furlong/fortnight")


def test_hba1c_goes_by_the_master_equation_both_ways():
    # NGSP: 53 mmol/mol is 7.0%, 48 mmol/mol is 6.5%.
    to = {"quantity": "53 mmol/mol", "to": "%", "measure": "hba1c"}
    assert round(call(TOOLS["convert_unit"], to).value, 1) == 7.0
    back = {"quantity": "6.5 %", "to": "mmol/mol", "measure": "hba1c"}
    assert round(call(TOOLS["convert_unit"], back).value) == 48


@pytest.mark.parametrize(("quantity", "to"), [("53 mmol/mol", "%"), ("7 %", "mmol/mol")])
def test_a_share_of_moles_is_no_percentage_without_the_measure(quantity, to):
    refused = call(TOOLS["convert_unit"], {"quantity": quantity, "to": to})
    assert refused.kind == "unit" and "name the measure, HbA1c" in refused.says and "53" not in refused.says
    assert call(TOOLS["convert_unit"], {"quantity": quantity, "to": to, "measure": "hematocrit"}).kind == "unit"


def test_a_rate_for_the_body_surface_does_not_become_one_of_the_whole_body():
    assert convert(1.0, "L/min/1.73m2", "mL/min/1.73 m²") == pytest.approx(1000)
    for measure in ("egfr", "creatinine_clearance", None):
        asked = {"quantity": "25 mL/min/1.73m2", "to": "mL/min", **({"measure": measure} if measure else {})}
        refused = call(TOOLS["convert_unit"], asked)
        assert refused.kind == "unit" and "do not become one another" in refused.says
    with pytest.raises(WrongUnit, match="below the stroke"):
        read_unit("mL/min/1.73")


def test_urea_is_not_taken_for_urea_nitrogen():
    # Urea 40 mg/dL is BUN 40 × 28.014 / 60.06 = 18.7 mg/dL; by moles both are the same.
    assert call(TOOLS["urea_nitrogen"], {"urea": "40 mg/dL"}).value == 18.7
    asked = {"quantity": "40 mg/dL", "to": "mmol/L", "measure": "urea"}
    assert call(TOOLS["convert_unit"], asked).value == pytest.approx(6.66)
    text = "Urea 40 mg/dL, urea 7.1 mmol/L, BUN 40 mg/dL, urine urea 600 mg/dL, urine urea 200 mmol/L"
    assert [one.name for one in readings(text)] == [
        "urea", "urea_nitrogen", "urea_nitrogen", "urine_urea", "urine_urea_nitrogen",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "too_low"),
    [
        ("bilirubin", "0.09 mg/dL"),
        ("hemoglobin", "1.9 g/dL"),
        ("calcium", "3.5 mg/dL"),
        ("glucose", "9.9 mg/dL"),
        ("hdl", "4.9 mg/dL"),
    ],
)
def test_a_value_that_is_low_enough_to_be_in_another_unit_is_refused(name, too_low):
    with pytest.raises(Refused) as caught:
        measures()[name].read(name, too_low)
    assert caught.value.refusal.kind == "range"


def test_a_mass_becomes_an_amount_only_of_a_named_measure():
    asked = {"quantity": "100 mg/dL", "to": "mmol/L"}
    refused = call(TOOLS["convert_unit"], asked)
    assert refused.kind == "unit" and "name the measure" in refused.says
    assert call(TOOLS["convert_unit"], {**asked, "measure": "glucose"}).value == pytest.approx(5.551, abs=1e-3)


def test_the_ranges_and_units_of_all_measures_hold_together():
    for name, one in measures().items():
        assert one.low < one.high, name
        assert all(one.takes(unit) for unit in one.units), name
    assert len(by_code()) == sum(len(one.loinc) for one in measures().values()), "a code stands for two measures"


def test_numbers_are_found_with_their_units():
    text = "A 62-year-old with BP 120/80 mm Hg, platelets 150 x 10^9/L, 1,200 mL, temp 38.5 °C and CHA2DS2 unknown"
    found = [(one.value, one.unit) for one in numbers(text)]
    assert found == [(62, "year"), (120, "mmHg"), (80, "mmHg"), (150, "10^9/L"), (1200, "mL"), (38.5, "C")]


def test_a_number_is_read_as_the_measure_whose_name_stands_before_it():
    text = "Serum sodium 140 mmol/l, urine sodium 20 mmol/l; creatinine 1.4 mg/dl. Weight 70 kg. Hb 9 g/dl, HbA1c 7 %."
    assert [(one.name, one.value) for one in readings(text)] == [
        ("sodium", 140), ("urine_sodium", 20), ("creatinine", 1.4), ("weight", 70), ("hemoglobin", 9), ("hba1c", 7),
    ]  # fmt: skip


@pytest.mark.parametrize("per", ["/1.73m2", "/1.73 m2", "/1.73 m²", " per 1.73 m^2", "/1.73", "/1.73 sq m"])
def test_an_egfr_is_read_for_the_body_surface_and_a_clearance_is_not(per):
    text = f"eGFR 25 ml/min{per}, weight 70 kg; creatinine clearance 31 mL/min"
    assert [(one.name, one.value, one.unit) for one in readings(text)] == [
        ("egfr", 25, "mL/min/1.73m2"), ("weight", 70, "kg"), ("creatinine_clearance", 31, "mL/min"),
    ]  # fmt: skip
    assert [one.value for one in numbers(text)] == [25, 70, 31]
    assert readings("eGFR 25 mL/min") == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ionized calcium 1.2 mmol/L", "ionized_calcium"),
        ("ionised calcium of 1.2 mmol/L", "ionized_calcium"),
        ("calcium (ionized) 1.2 mmol/L", "ionized_calcium"),
        ("Calcium, ionized: 4.8 mg/dL", "ionized_calcium"),
        ("direct bilirubin 0.8 mg/dL", "direct_bilirubin"),
        ("bilirubin, direct 0.8 mg/dL", "direct_bilirubin"),
        ("direct bilirubin on admission was high, 3 mg/dL", "direct_bilirubin"),
        ("unconjugated bilirubin 2 mg/dL", "indirect_bilirubin"),
        ("total bilirubin 2 mg/dL", "bilirubin"),
        ("calcium 9 mg/dL", "calcium"),
    ],
)
def test_a_part_is_not_read_as_the_whole(text, name):
    assert [one.name for one in readings(text)] == [name]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("5 ft 10 in", [(70, "in")]),
        ("5 feet 10 inches", [(70, "in")]),
        ("5-foot-10", [(70, "in")]),
        ("5 ft, 10.5 in.", [(70.5, "in")]),
        ("5'10\"", [(70, "in")]),
        ("5’ 10” tall", [(70, "in")]),
        ("5 ft 10 tall", [(70, "in")]),
        ("5'4", [(64, "in")]),
        ("5 ft 0 in", [(60, "in")]),
        ("6 ft", [(6, "ft")]),
        ("5 ft 10 kg", [(5, "ft"), (10, "kg")]),
        ("5 ft, 70 kg", [(5, "ft"), (70, "kg")]),
        ("5 ft 100 kg", [(5, "ft"), (100, "kg")]),
        ("5 ft 12/2024", [(5, "ft"), (12, ""), (2024, "")]),
    ],
)
def test_feet_and_inches_are_one_height(text, wanted):
    found = [*numbers(f"height {text}")]
    assert [(one.value, one.unit) for one in found] == wanted
    height = next(iter(readings(f"height {text}")))
    assert (height.name, height.value, height.unit) == ("height", *wanted[0])


def test_units_are_named_as_they_are_written():
    said = {"mg/dl": "mg/dL", "µmol/L": "umol/L", "mm Hg": "mmHg", "years": "year", "bpm": "1/min", "furlong": ""}
    assert {words: unit_named(words) for words in said} == said


def test_the_day_of_birth_and_the_weeks_are_reckoned():
    # Naegele: 1 January 2024 + 280 days; 2024 is a leap year.
    assert call(TOOLS["due_date"], {"last_period": "2024-01-01"}).value == "2024-10-07"
    asked = {"last_period": "2024-01-01", "on": "2024-03-11"}
    found = call(TOOLS["gestational_age"], asked)
    assert (found.value, found.says) == (10.0, "10 weeks and 0 days")
    assert call(TOOLS["gestational_age"], {**asked, "on": "2023-03-11"}).kind == "meaning"
    assert call(TOOLS["due_date"], {"last_period": "last week"}).kind == "type"


# --- findings that a text speaks of ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "name", "text", "given", "said"),
    [
        ("wells_thrombosis", "calf_swollen", "the calf swelling is 4 cm", True, True),
        ("wells_thrombosis", "calf_swollen", "no swelling", False, False),
        ("wells_thrombosis", "earlier_thrombosis", "a previous DVT", True, True),
        ("wells_thrombosis", "earlier_thrombosis", "Wells score for deep vein thrombosis", False, False),
        ("cha2ds2_vasc", "stroke", "no stroke", False, True),
        ("cha2ds2_vasc", "stroke", "a strong man", False, False),
        ("cha2ds2_vasc", "heart_failure", "heart rate 90", False, False),
        ("cha2ds2_vasc", "diabetes", "he is diabetic", True, True),
        ("apfel", "non_smoker", "a smoker", False, True),
        ("apfel", "sex", "she vomits", "female", True),
        ("apfel", "sex", "she vomits", "male", False),
        ("glasgow_coma", "eye", "eye 3", 3, True),
        ("glasgow_coma", "motor", "eye 3", 3, False),
        ("gad_7", "control", "GAD-7: 1, 2, 3, 0, 1, 2 and 3", 2, True),
        ("gad_7", "control", "GAD-7: 1, 2, 3, 0, 1, 2 and 3", 3, False),
        ("gad_7", "control", "GAD-7: 1, 2, 3, 0, 1", 2, False),
        ("gad_7", "control", "phone 1, 2, 3, 0, 1, 2, 3", 2, False),
        ("corrected_sodium", "formula", "by Katz", "katz", True),
        ("kidney_failure_risk", "years", "within 5 years", "5", True),
        ("kidney_failure_risk", "years", "within 5 years", "2", False),
        ("kidney_failure_risk", "years", "a 62-year-old", "2", False),
    ],
)
def test_a_finding_is_said_where_its_words_stand(tool, name, text, given, said):
    one = next(one for one in calculators() if one.name == tool)
    assert is_said(one, name, given, said_in([text])) is said
