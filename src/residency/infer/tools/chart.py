"""One patient's FHIR record on disk as tools: read only, the patient fixed by the caller, never by a model.

What may be asked is a short list: kinds of rows, and of them a code, a span of days, a number of rows. Measures come
out as numbers with known units, by LOINC code; all words of the record are evidence, kept apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from residency.core.errors import SourceError
from residency.core.store import sha256_json
from residency.corpus.readers import files_under
from residency.corpus.readers.fhir.files import Entry, entries
from residency.corpus.readers.fhir.record import fact_of, untrue
from residency.corpus.readers.fhir.values import MISSHAPEN, Resource, listed, patient_of, since
from residency.corpus.readers.guard import Given
from residency.infer.evidence import CHART, Evidence
from residency.infer.tools.inputs import Choice, Day, Refused, Text, Whole
from residency.infer.tools.measures import by_code, measures
from residency.infer.tools.stated import is_of, unit_named
from residency.infer.tools.tool import Result, Tool, Value

KINDS = ("AllergyIntolerance", "Condition", "Immunization", "MedicationRequest", "MedicationStatement", "Observation",
         "Procedure")  # fmt: skip
"""The kinds of rows that can be asked for."""
MOST = 50
"""Rows of one answer at most."""
_ENDINGS = (".json", ".ndjson", ".jsonl")
_UCUM = {
    "Cel": "C", "[degF]": "F", "[lb_av]": "lb", "[in_i]": "in", "mm[Hg]": "mmHg", "{INR}": "1", "[pH]": "1",
    "10*9/L": "10^9/L", "10*3/uL": "10^3/uL", "10*12/L": "10^12/L", "10*6/uL": "10^6/uL", "m[IU]/L": "mU/L",
    "u[IU]/mL": "uU/mL", "a": "year", "{ratio}": "1", "1": "1", "mosm/kg": "mmol/kg",
    "mL/min/{1.73_m2}": "mL/min/1.73m2", "mL/min/{1.73m2}": "mL/min/1.73m2", "mL/min/1.73.m2": "mL/min/1.73m2",
}  # fmt: skip
_DATES = ("effective", "onset", "authoredOn", "occurrence", "performed", "recordedDate", "dateAsserted", "issued")


@dataclass(frozen=True)
class Chart:
    """The rows of one patient, by date, with the person's own row; ``today`` is the day that an age is told for."""

    patient: str
    rows: tuple[Resource, ...]
    person: Resource
    today: date

    @cached_property
    def snapshot(self) -> str:
        """The hash of all that is held."""
        return sha256_json([self.person, *self.rows])


def open_chart(path: Path | str, patient: str, *, today: date | None = None) -> Chart:
    """Return one patient's rows out of a Bundle, an NDJSON file or a folder of them.

    Rows that say nothing that is so (refuted, entered in error) are left out. Raises SourceError where the files hold
    nothing of such a patient.
    """
    root, files, _ = files_under(Path(path))
    wanted = [file for file in files if root.is_file() or file.name.lower().removesuffix(".gz").endswith(_ENDINGS)]
    rows: list[Resource] = []
    person: Resource = {}
    for kind, resource in _of_patient(wanted, patient):
        if kind == "Patient":
            person = resource
        elif not _is_untrue(resource):
            rows.append(resource)
    if not rows and not person:
        raise SourceError(f"{Path(path).name} holds no row of this patient; it must be the id of a Patient there")
    rows.sort(key=lambda row: (_day(row), row["resourceType"], str(row.get("id", ""))))
    return Chart(patient, tuple(rows), person, today or date.today())


def _of_patient(files: list[Path], patient: str) -> Iterator[tuple[str, Resource]]:
    for file in files:
        for entry in entries(Given(file, file.name, "chart", ""), frozenset((*KINDS, "Patient"))):
            if isinstance(entry, Entry) and entry.resource and _owner(entry) == patient:
                yield entry.kind, entry.resource


def _owner(entry: Entry) -> str:
    try:
        return entry.key if entry.kind == "Patient" else patient_of(entry.resource or {})
    except MISSHAPEN:
        return ""


def _is_untrue(row: Resource) -> bool:
    try:
        return bool(untrue(row))
    except MISSHAPEN:
        return True


def _day(row: Resource) -> str:
    """Return the ISO day of a row, "" where it has none that is a date."""
    try:
        found = since(row, *_DATES)[:10]
        return date.fromisoformat(found).isoformat()
    except (*MISSHAPEN, ValueError):
        return ""


# --- the tools -------------------------------------------------------------------------------------------------------


def chart_tools(chart: Chart) -> list[Tool]:
    """Return the tools that read a chart."""
    return [
        Tool("chart_value", "A measured value of the patient's record (laboratory, vital sign), the latest one",
             {"measure": Choice("what was measured", tuple(measures())),
              "until": Day("the last day to look at", optional=True)},
             lambda measure, until=None: _value(chart, measure, until), kind="chart"),
        Tool("chart_person", "Age and sex of the patient by the record", {}, lambda: _person(chart), kind="chart"),
        Tool("chart_search", "Rows of the patient's record: conditions, medication, allergies, results",
             {"kind": Choice("the kind of rows", KINDS), "code": Text("a code that they have", 40, optional=True),
              "since": Day("the first day", optional=True), "until": Day("the last day", optional=True),
              "count": Whole("how many at most, the latest first", 1, MOST, optional=True)},
             lambda **asked: _rows(chart, **asked), kind="chart"),
    ]  # fmt: skip


def _value(chart: Chart, measure: str, until: date | None) -> Result:
    last = until.isoformat() if until else "9999"
    found = [value for row in chart.rows if row["resourceType"] == "Observation" and _day(row) <= last
             for value in _measured(row) if value.name == measure]  # fmt: skip
    if not found:
        raise Refused("no data", f"the record holds no {measure} in a unit that is known", "measure")
    return Result((found[-1],), snapshot=chart.snapshot)


def _measured(row: Resource) -> Iterator[Value]:
    """Yield the measures of an observation and of its parts, as numbers with the units of the table."""
    try:
        parts = [row, *listed(row.get("component"))]
        for part in parts:
            codes = [str(coding.get("code", "")) for coding in listed((part.get("code") or {}).get("coding"))]
            name = next((by_code()[code] for code in codes if code in by_code()), "")
            value = part.get("valueQuantity") or {}
            number = None if value.get("comparator") else value.get("value")
            if name and isinstance(number, int | float) and not isinstance(number, bool):
                found = Value(name, number, _unit(value), _day(row) or None)
                if found.unit and is_of(found, measures()[name]):
                    yield found
    except MISSHAPEN:
        return


def _unit(value: Resource) -> str:
    """Return the unit of a quantity as the tools write it, from its UCUM code or its words; "" where unknown."""
    forms = [str(value.get(key, "")) for key in ("code", "unit")]
    found = next((_UCUM[form] for form in forms if form in _UCUM), "")
    return found or next((unit for form in forms if form and (unit := unit_named(form))), "")


def _person(chart: Chart) -> Result:
    values = []
    born = str(chart.person.get("birthDate", ""))
    try:
        birth = date.fromisoformat(born)
        years = chart.today.year - birth.year - ((chart.today.month, chart.today.day) < (birth.month, birth.day))
        values.append(Value("age", years, "year", chart.today.isoformat()))
    except ValueError:
        pass
    if chart.person.get("gender") in ("female", "male"):
        values.append(Value("sex", str(chart.person["gender"])))
    if not values:
        raise Refused("no data", "the record tells neither a date of birth nor a sex")
    return Result(tuple(values), snapshot=chart.snapshot)


def _rows(
    chart: Chart, kind: str, code: str = "", since: date | None = None, until: date | None = None, count: int = MOST
) -> Result:
    first, last = (day.isoformat() if day else edge for day, edge in ((since, ""), (until, "9999")))
    fit = [row for row in chart.rows if row["resourceType"] == kind and first <= _day(row) <= last
           and (not code or code in _codes(row))]  # fmt: skip
    found = [one for row in reversed(fit) if (one := _said(chart, row))][:count]
    return Result((Value("found", len(found)),), evidence=tuple(found), snapshot=chart.snapshot)


def _codes(row: Resource) -> set[str]:
    try:
        concepts = [row.get("code") or {}, row.get("medicationCodeableConcept") or {}, row.get("vaccineCode") or {}]
        return {str(coding.get("code", "")) for concept in concepts for coding in listed(concept.get("coding"))}
    except MISSHAPEN:
        return set()


def _said(chart: Chart, row: Resource) -> Evidence | None:
    """Return a row in words as evidence of the chart's shelf; None where it is misshapen or says nothing."""
    try:
        fact = fact_of(row)
    except MISSHAPEN:
        return None
    if fact is None:
        return None
    day, key = _day(row), f"{row['resourceType']}/{row.get('id') or sha256_json(json.loads(json.dumps(row)))[:12]}"
    text = f"{f'{day}: ' if day else ''}{fact.name or fact.product}{fact.rest}"
    return Evidence(key, key, text, end=len(text), title=row["resourceType"], date=day or None, patient=chart.patient,
                    shelf=CHART, source="chart")  # fmt: skip


def told(chart: Chart) -> dict[str, Any]:
    """Return how many rows of each kind a chart has, and its hash, as JSON has it; nothing of the person."""
    kinds = [row["resourceType"] for row in chart.rows]
    return {"rows": {kind: kinds.count(kind) for kind in KINDS}, "snapshot": chart.snapshot}
