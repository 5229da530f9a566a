"""A made-up patient: three notes, one of them copied forward, and one without a date."""

from residency.core.types import Document
from residency.infer.records.lines import record_of

OLD = """Diagnosis:
- Brimtail fever since 2019.
Allergic to quillamycin (rash).
Started velurinol 20 mg on 3 March 2023. Dr. Okapi saw her yesterday."""
NEW = """Allergic to quillamycin (rash).
Velurinol stopped on 2024-04-02 because of cough. Control on 2024-06-01.
No fever. Creatinine 88 umol/l."""


def note(key, text, date=None, patient="p1", **meta):
    return Document(key, text, "notes", "made up", patient=patient, date=date, meta={"kind": "note", **meta})


def made():
    return record_of(
        [note("b", NEW, "2024-05-11"), note("a", OLD, "2023-03-04", note_type="Visit"), note("c", "Likes tea.")]
    )
