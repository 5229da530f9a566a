"""FHIR's data types in words: codes, references, quantities and dates, in the shapes of STU3, R4 and R5.

What is misshapen raises one of ``MISSHAPEN``; nothing here quotes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Resource = dict[str, Any]
MISSHAPEN = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What a list in place of an object, or a text in place of a list, leads to."""
TYPES = frozenset(
    (
        "Account ActivityDefinition AdverseEvent AllergyIntolerance Appointment AppointmentResponse AuditEvent "
        "Basic Binary BiologicallyDerivedProduct BodyStructure Bundle CapabilityStatement CarePlan CareTeam "
        "CatalogEntry ChargeItem ChargeItemDefinition Claim ClaimResponse ClinicalImpression CodeSystem "
        "Communication CommunicationRequest CompartmentDefinition Composition ConceptMap Condition Consent "
        "Contract Coverage CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue Device "
        "DeviceDefinition DeviceMetric DeviceRequest DeviceUseStatement DiagnosticReport DocumentManifest "
        "DocumentReference EffectEvidenceSynthesis Encounter Endpoint EnrollmentRequest EnrollmentResponse "
        "EpisodeOfCare EventDefinition Evidence EvidenceVariable ExampleScenario ExplanationOfBenefit "
        "FamilyMemberHistory Flag Goal GraphDefinition Group GuidanceResponse HealthcareService ImagingStudy "
        "Immunization ImmunizationEvaluation ImmunizationRecommendation ImplementationGuide InsurancePlan Invoice "
        "Library Linkage List Location Measure MeasureReport Media Medication MedicationAdministration "
        "MedicationDispense MedicationKnowledge MedicationRequest MedicationStatement MessageDefinition "
        "MessageHeader MolecularSequence NamingSystem NutritionOrder Observation ObservationDefinition "
        "OperationDefinition OperationOutcome Organization OrganizationAffiliation Parameters Patient "
        "PaymentNotice PaymentReconciliation Person PlanDefinition Practitioner PractitionerRole Procedure "
        "Provenance Questionnaire QuestionnaireResponse RelatedPerson RequestGroup ResearchDefinition "
        "ResearchElementDefinition ResearchStudy ResearchSubject RiskAssessment RiskEvidenceSynthesis Schedule "
        "SearchParameter ServiceRequest Slot Specimen SpecimenDefinition StructureDefinition StructureMap "
        "Subscription Substance SupplyDelivery SupplyRequest Task TerminologyCapabilities TestReport TestScript "
        "ValueSet VerificationResult VisionPrescription "
    ).split()
)
"""The resource types of R4; only these are named in reasons."""
_DAYS = ("DateTime", "Period", "Instant", "Date", "Timing")


def coding(concept: Resource) -> dict[str, str]:
    """Return a CodeableConcept's first coding: code, display, system, and the text as it was entered."""
    first = (concept.get("coding") or [{}])[0]
    return {
        "code": str(first.get("code", "")),
        "display": str(first.get("display") or concept.get("text", "")),
        "system": str(first.get("system", "")),
        "text": str(concept.get("text", "")),
    }


def first_code(concept: Resource | str | None) -> str:
    """Return the first code of a CodeableConcept, or the code itself where a version has a plain one."""
    if isinstance(concept, str):
        return concept
    return str(((concept or {}).get("coding") or [{}])[0].get("code", ""))


def words(concept: Resource | str | None) -> str:
    """Return how a concept is called: its text, else a display, else a code; "" where there is nothing."""
    if isinstance(concept, str):
        return concept
    if not concept:
        return ""
    if "concept" in concept:  # R5's CodeableReference
        return words(concept["concept"])
    codings = concept.get("coding") or []
    names = (one.get(name) for name in ("display", "code") for one in codings)
    return one_line(concept.get("text") or next((name for name in names if name), ""))


def code_words(concept: Resource | str | None) -> str:
    """Return a status as a word: the code where there is one ("in-progress" as "in progress"), else its name."""
    return (first_code(concept) or words(concept)).replace("-", " ")


def one_line(text: Any) -> str:
    """Return a text without line ends and double spaces."""
    return " ".join(str(text).split())


def tail(reference: Resource | None) -> str:
    """Return the id that a reference leads to: of "Patient/7", an address, a version, "urn:uuid:…" or "#inside"."""
    return id_of(str((reference or {}).get("reference", "")))


def id_of(address: str) -> str:
    """Return the id at the end of a reference's address."""
    return address.partition("/_history/")[0].rsplit("/", 1)[-1].removeprefix("urn:uuid:").lstrip("#")


def listed(value: Any) -> list[Any]:
    """Return what one version has as a list and another as one value, as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def patient_of(resource: Resource) -> str:
    """Return the id of the patient that a resource is about, "" where it names none."""
    return tail(resource.get("subject") or resource.get("patient"))


def encounter_of(resource: Resource) -> str:
    """Return the id of the encounter that a resource belongs to, "" where it names none."""
    context = resource.get("context")
    if isinstance(context, dict) and "reference" not in context:  # a DocumentReference until R4
        context = context.get("encounter")
    return tail((listed(resource.get("encounter")) or listed(context) or [None])[0])


def since(resource: Resource, *stems: str) -> str:
    """Return the first date found under some names: ``onset`` finds onsetDateTime, onsetPeriod, onset and so on."""
    for stem in stems:
        for name in (stem, *(stem + end for end in _DAYS)):
            value = resource.get(name)
            if isinstance(value, dict):
                value = value.get("start") or value.get("end") or (value.get("event") or [None])[0]
            if isinstance(value, str) and value[:4].isdigit():
                return value
    return ""


def quantity(value: Resource) -> str:
    """Return a Quantity as it is written: "< 5 mg/dL"; the unit as given."""
    parts = (value.get("comparator"), value.get("value"), value.get("unit") or value.get("code"))
    return " ".join(one_line(part) for part in parts if part not in (None, ""))


def span(value: Resource) -> str:
    """Return a Range as "135 to 145 mmol/L", "at least 5 g" or "at most 9 g"."""
    low, high = value.get("low") or {}, value.get("high") or {}
    if low and high:
        return f"{one_line(low.get('value', ''))} to {quantity(high)}"
    return f"at least {quantity(low)}" if low else f"at most {quantity(high)}" if high else ""


def value_of(resource: Resource) -> str:
    """Return the value of an Observation or of its component in words, "" where it has none of its own."""
    for name, render in _VALUES.items():
        if (value := resource.get(f"value{name}")) is not None:
            return str(render(value))
    absent = resource.get("dataAbsentReason")
    return f"not known ({code_words(absent)})" if absent else ""


def _period(value: Resource) -> str:
    return " to ".join(str(value[name]) for name in ("start", "end") if value.get(name))


_VALUES = {
    "Quantity": quantity,
    "CodeableConcept": words,
    "String": one_line,
    "Boolean": lambda value: "yes" if value else "no",
    "Integer": one_line,
    "Range": span,
    "Ratio": lambda value: f"{quantity(value.get('numerator') or {})} / {quantity(value.get('denominator') or {})}",
    "DateTime": one_line,
    "Time": one_line,
    "Period": _period,
}


def contained(resource: Resource) -> Iterator[tuple[str, Resource]]:
    """Yield the resources inside a resource with their ids."""
    for inner in listed(resource.get("contained")):
        yield str(inner.get("id", "")).lstrip("#"), inner
