"""Made-up FHIR resources, and reading a folder of them into documents, bad records and counts."""

import base64
import json
from collections import Counter

from residency.core.types import Document
from residency.corpus.readers.fhir import read_fhir
from residency.corpus.records import Bad, Left

ICD = "http://hl7.org/fhir/sid/icd-10-cm"


def concept(code, display, text=None):
    return {"coding": [{"system": ICD, "code": code, "display": display}], "text": text or display}


def condition(key, code, *, encounter=None, category="problem-list-item", **more):
    row = {"resourceType": "Condition", "id": key, "code": concept(code, f"name of {code}")}
    row |= {"subject": {"reference": "Patient/p1"}, "category": [concept(category, category)], **more}
    return row | ({"encounter": {"reference": f"Encounter/{encounter}"}} if encounter else {})


def medication(key, encounter, **more):
    row = {"resourceType": "MedicationRequest", "id": key, "status": "active", "subject": {"reference": "Patient/p1"}}
    return row | {"encounter": {"reference": f"Encounter/{encounter}"}, **more}


def composition(key, encounter, *divs, day="2024-05-01T10:00:00Z"):
    sections = [{"title": f"Part {i}", "text": {"div": div}} for i, div in enumerate(divs)]
    return {
        "resourceType": "Composition",
        "id": key,
        "date": day,
        "type": concept("34133-9", "Summary of episode note"),
        "subject": {"reference": "Patient/p1"},
        "encounter": {"reference": f"Encounter/{encounter}"},
        "section": sections,
    }


def attachment(key, text=None, kind="text/plain", **more):
    content = {"contentType": kind, **more}
    if text is not None:
        content["data"] = base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()
    return {
        "resourceType": "DocumentReference",
        "id": key,
        "subject": {"reference": "urn:uuid:p1"},
        "context": {"encounter": [{"reference": "Encounter/e1"}]},
        "content": [{"attachment": content}],
    }


def bundle(*resources):
    return {"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources]}


def read(folder, **settings):
    records = [record for part in read_fhir(path=folder, **settings).parts for record in part()]
    return (
        {record.id: record for record in records if isinstance(record, Document)},
        [record for record in records if isinstance(record, Bad)],
        Counter(record.reason for record in records if isinstance(record, Left)),
    )


def write_lines(path, *resources):
    path.write_text("".join(json.dumps(resource) + "\n" for resource in resources))
