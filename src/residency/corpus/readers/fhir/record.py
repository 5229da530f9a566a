"""Coded rows as a clinician would write them: problems, allergies, medications, procedures, results by date.

Never a name or an address: only what the rows say of the patient's health, with units as given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from residency.corpus.readers.fhir.values import (
    Resource,
    code_words,
    encounter_of,
    first_code,
    listed,
    one_line,
    patient_of,
    quantity,
    since,
    span,
    tail,
    value_of,
    words,
)

UNTRUE = {"refuted", "entered-in-error", "cancelled", "draft", "not-taken", "not-done"}
SECTIONS = {
    "Condition": "Problems",
    "AllergyIntolerance": "Allergies",
    "MedicationRequest": "Medications",
    "MedicationStatement": "Medications",
    "Procedure": "Procedures",
    "Immunization": "Immunizations",
    "Observation": "Observations",
}
_ORDER = list(dict.fromkeys(SECTIONS.values()))


@dataclass(frozen=True, slots=True)
class Fact:
    """A coded row in words: ``name`` and what follows it; ``product`` leads to a Medication that has the name."""

    patient: str
    encounter: str
    section: int
    day: str
    name: str
    product: str
    rest: str


def untrue(resource: Resource) -> str:
    """Return why a row says nothing that is so (refuted, entered in error, cancelled ...), "" where it does."""
    codes = [first_code(resource.get(name)) for name in ("verificationStatus", "status")]
    return next((code.replace("-", " ") for code in codes if code in UNTRUE), "")


def fact_of(resource: Resource) -> Fact | None:
    """Return a row in words, or None where it has no name and no value."""
    kind = resource["resourceType"]
    name, product, rest, day = _RENDER[kind](resource)
    if not name and not product:
        return None
    return Fact(
        patient_of(resource), encounter_of(resource), _ORDER.index(SECTIONS[kind]), day[:10], name, product, rest
    )


def record_text(rows: Iterable[tuple[int, str, str]]) -> str:
    """Return the text of a record from (section, day, line) in order; observations are grouped by their date."""

    def heading(row: tuple[int, str, str]) -> str:
        name = _ORDER[row[0]]
        if name != "Observations":
            return name
        return f"Observations of {row[1]}" if row[1] else "Observations without a date"

    parts = []
    for title, group in groupby(rows, heading):
        lines = dict.fromkeys(f"- {line}" for _, _, line in group)  # a row that is there twice is said once
        parts.append("\n".join([f"{title}:", *lines]))
    return "\n\n".join(parts)


def observation_line(resource: Resource) -> str:
    """Return an Observation in one line: name, value with unit, reference range, interpretation."""
    name, _, rest, _ = _observation(resource)
    return name and name + rest


# --- one row each: name, product, what follows, date -----------------------------------------------------------------

_Words = tuple[str, str, str, str]


def _tail(parts: Iterable[str]) -> str:
    return "".join(f", {part}" for part in parts if part)


def _condition(resource: Resource) -> _Words:
    began = since(resource, "onset", "recordedDate", "assertedDate", "dateRecorded")
    onset = since(resource, "onset")[:10] or one_line(resource.get("onsetString") or _age(resource.get("onsetAge")))
    ended = since(resource, "abatement")
    parts = [code_words(resource.get(name)) for name in ("clinicalStatus", "verificationStatus")]
    parts += [words((listed(resource.get("severity")) or [None])[0])]
    parts += [f"since {onset}" if onset else "", f"until {ended[:10]}" if ended else ""]
    return words(resource.get("code")), "", _tail(parts), began


def _age(value: Resource | None) -> str:
    return f"the age of {quantity(value)}" if value else ""


def _allergy(resource: Resource) -> _Words:
    parts = [code_words(resource.get(name)) for name in ("clinicalStatus", "verificationStatus")]
    if resource.get("criticality"):
        parts.append(f"{code_words(resource['criticality'])} criticality")
    for reaction in resource.get("reaction") or []:
        signs = " and ".join(filter(None, map(words, listed(reaction.get("manifestation")))))
        severity = code_words(reaction.get("severity"))
        parts.append(f"reaction: {signs or 'not named'}" + (f" ({severity})" if severity else ""))
    name = words(resource.get("code")) or words(resource.get("substance"))
    return name, "", _tail(parts), since(resource, "onset", "recordedDate", "assertedDate")


def _medication(resource: Resource) -> _Words:
    """Return a request or statement; the drug is a concept, a contained Medication, or one elsewhere."""
    concept, reference = medication_of(resource)
    name = words(concept)
    dose = "; ".join(filter(None, map(_dose, listed(resource.get("dosageInstruction") or resource.get("dosage")))))
    parts = ["not to be given" if resource.get("doNotPerform") else "", dose, code_words(resource.get("status"))]
    day = since(resource, "authoredOn", "dateWritten", "effective", "dateAsserted")
    product = "" if name else tail(reference) or one_line((reference or {}).get("display", ""))
    return name, product, _tail([*parts, day[:10]]), day


def medication_of(resource: Resource) -> tuple[Resource | None, Resource | None]:
    """Return a medication's concept and reference, one of them None, as R4 and R5 have them."""
    codeable = resource.get("medication") or {}  # R5's CodeableReference
    concept = resource.get("medicationCodeableConcept") or codeable.get("concept")
    reference = resource.get("medicationReference") or codeable.get("reference")
    if concept is None and str((reference or {}).get("reference", "")).startswith("#"):
        inside = {str(one.get("id")): one.get("code") for one in listed(resource.get("contained"))}
        concept = inside.get(tail(reference))
    return concept, reference


def _dose(dosage: Resource) -> str:
    if dosage.get("text"):
        return one_line(dosage["text"])
    rates = dosage.get("doseAndRate") or [dosage]
    amount = next((quantity(rate["doseQuantity"]) for rate in rates if rate.get("doseQuantity")), "")
    timing = dosage.get("timing") or {}
    repeat = timing.get("repeat") or {}
    often = words(timing.get("code"))
    if not often and repeat.get("frequency") and repeat.get("period"):
        often = f"{repeat['frequency']} times in {repeat['period']} {repeat.get('periodUnit', '')}".strip()
    return " ".join(filter(None, [amount, words(dosage.get("route")), often, _needed(dosage)]))


def _needed(dosage: Resource) -> str:
    return "as needed" if dosage.get("asNeededBoolean") or dosage.get("asNeeded") is True else ""


def _procedure(resource: Resource) -> _Words:
    day = since(resource, "performed", "occurrence")
    return words(resource.get("code")), "", _tail([code_words(resource.get("status")), day[:10]]), day


def _immunization(resource: Resource) -> _Words:
    day = since(resource, "occurrence", "date")
    return words(resource.get("vaccineCode")), "", _tail([code_words(resource.get("status")), day[:10]]), day


def _observation(resource: Resource) -> _Words:
    day = since(resource, "effective", "issued")
    parts = [value_of(resource)] + [_component(part) for part in resource.get("component") or []]
    value = ", ".join(part for part in parts if part)
    if not value:
        return "", "", "", day
    status = code_words(resource.get("status"))
    notes = [_range(resource), _interpreted(resource), status if status in ("preliminary", "amended") else ""]
    return words(resource.get("code")), "", f": {value}" + _tail(notes), day


def _component(part: Resource) -> str:
    value = value_of(part)
    return f"{words(part.get('code'))} {value}{_tail([_interpreted(part)])}" if value else ""


def _range(resource: Resource) -> str:
    ranges = (one.get("text") or span(one) for one in resource.get("referenceRange") or [])
    found = "; ".join(one_line(one) for one in ranges if one)
    return f"reference {found}" if found else ""


def _interpreted(resource: Resource) -> str:
    return " and ".join(filter(None, map(words, _concepts(resource)))).lower()


def _concepts(resource: Resource) -> Iterator[Resource]:
    for concept in listed(resource.get("interpretation")):
        codings = concept.get("coding") or [{}]
        code = str(codings[0].get("code", ""))
        yield {"text": concept.get("text") or codings[0].get("display") or _MEANT.get(code, code)}


_MEANT = {"N": "normal", "H": "high", "L": "low", "HH": "critical high", "LL": "critical low", "A": "abnormal"}
_RENDER: dict[str, Callable[[Resource], _Words]] = {
    "Condition": _condition,
    "AllergyIntolerance": _allergy,
    "MedicationRequest": _medication,
    "MedicationStatement": _medication,
    "Procedure": _procedure,
    "Immunization": _immunization,
    "Observation": _observation,
}
