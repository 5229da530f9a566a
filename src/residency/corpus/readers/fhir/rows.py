"""The coded rows behind FHIR's notes, in an SQLite table on disk: memory stays flat however large an export is.

It holds slim rows by owner (an encounter, else a patient), what identifies each patient, the names of medications,
rows in words for records and reports, Binary attachments, and what was wrong with a row and where.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

from residency.corpus.readers.fhir.check import wrong_field
from residency.corpus.readers.fhir.files import Entry
from residency.corpus.readers.fhir.record import SECTIONS, Fact, fact_of, medication_of, untrue
from residency.corpus.readers.fhir.values import (
    MISSHAPEN,
    TYPES,
    Resource,
    coding,
    encounter_of,
    first_code,
    listed,
    patient_of,
    since,
    tail,
    words,
)
from residency.corpus.readers.guard import Given
from residency.corpus.records import Bad, Left

NOTES = frozenset({"Composition", "DocumentReference", "DiagnosticReport"})
CODED = frozenset({"Condition", "MedicationRequest", "MedicationStatement", "Medication", "Binary", "Patient"})
PERSON = ("name", "address", "telecom", "identifier", "birthDate")
"""What of a Patient is kept, to be looked for in the notes; it leaves with the table."""
MISSHAPEN_ROW = Left("coded row that is not as FHIR R4 has it")
_NOTE_ROWS = ("Condition", "MedicationRequest", "MedicationStatement")
_TABLES = """
PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16000;
CREATE TABLE coded(owner TEXT, kind TEXT, row TEXT);
CREATE TABLE products(key TEXT PRIMARY KEY, row TEXT, name TEXT) WITHOUT ROWID;
CREATE TABLE facts(key TEXT, patient TEXT, encounter TEXT, bucket INT,
    section INT, day TEXT, name TEXT, product TEXT, rest TEXT);
CREATE TABLE people(key TEXT PRIMARY KEY, row TEXT) WITHOUT ROWID;
CREATE TABLE binaries(key TEXT PRIMARY KEY, data TEXT);
CREATE TABLE troubles(file TEXT, line INT, entry INT, bad INT, reason TEXT);
CREATE TABLE edges(file TEXT, place INT, line INT, PRIMARY KEY(file, place));
CREATE TABLE kinds(kind TEXT);
"""
_INDEXES = """
CREATE INDEX coded_owner ON coded(owner);
CREATE INDEX facts_key ON facts(key);
CREATE INDEX facts_group ON facts(bucket, patient, encounter);
CREATE INDEX troubles_place ON troubles(file, line, entry);
"""
_Row = tuple[str, tuple[str, str], Resource]


class Rows:
    """A table of coded rows, filled once and then read; ``address`` "" is a private one that goes when it is closed."""

    def __init__(self, address: str, *, record: bool = False, validate: bool = False, buckets: int = 1) -> None:
        self.record, self.validate, self.buckets = record, validate, buckets
        self._db = sqlite3.connect(address, uri=address.startswith("file:"))
        if not address.startswith("file:"):
            self._db.executescript(_TABLES)
        self.kinds = frozenset(kind for (kind,) in self._db.execute("SELECT kind FROM kinds"))
        self._of = lru_cache(1024)(self._fetch)
        self._name = lru_cache(4096)(self._product)
        self.person = lru_cache(1024)(self._person)

    def close(self) -> None:
        """Let the table go."""
        self._db.close()

    # --- filling it --------------------------------------------------------------------------------------------------

    def want(self, *, reports: bool) -> None:
        """Set which types are read: coded rows always, those of records where asked for, results of reports."""
        kinds = CODED | (frozenset(SECTIONS) if self.record else frozenset())
        self.kinds = kinds | ({"Observation"} if reports else set())
        self._db.executemany("INSERT INTO kinds VALUES (?)", [(kind,) for kind in sorted(self.kinds)])

    def add(self, entry: Entry, given: Given) -> Left | Bad:
        """Take up a row; return what became of it."""
        resource = entry.resource or {}
        try:
            if self.validate and (wrong := wrong_field(resource)):
                return entry.bad(given, wrong)
            if entry.kind in ("Medication", "Binary", "Patient"):
                return self._add_target(entry, resource)
            if why := untrue(resource):
                return Left(f"{entry.kind}: {why}")
            row = _slim(resource, entry.kind) if entry.kind in _NOTE_ROWS else None
            owner = f"E/{encounter_of(resource)}" if encounter_of(resource) else f"P/{patient_of(resource)}"
            fact = fact_of(resource) if self.record or entry.kind == "Observation" else None
        except MISSHAPEN:
            return MISSHAPEN_ROW
        if row and not resource.get("doNotPerform"):
            kind = "conditions" if entry.kind == "Condition" else "medications"
            self._db.execute("INSERT INTO coded VALUES (?, ?, ?)", (owner, kind, json.dumps(row)))
        return self._add_fact(entry, fact) or left(entry.kind)

    def _add_target(self, entry: Entry, resource: Resource) -> Left:
        if entry.kind == "Binary":
            data = resource.get("data") or resource.get("content")
            self._db.execute("INSERT OR REPLACE INTO binaries VALUES (?, ?)", (entry.key, str(data or "")))
        elif entry.kind == "Patient":
            person = json.dumps({name: resource[name] for name in PERSON if resource.get(name)})
            self._db.execute("INSERT OR REPLACE INTO people VALUES (?, ?)", (entry.key, person))
        else:
            code = resource.get("code") or {}
            values = (entry.key, json.dumps(coding(code)), words(code))
            self._db.execute("INSERT OR REPLACE INTO products VALUES (?, ?, ?)", values)
        return left(entry.kind)

    def _add_fact(self, entry: Entry, fact: Fact | None) -> Left | None:
        if fact is None:
            return Left(f"{entry.kind}: without a name or a value") if self.record else None
        bucket = zlib.crc32(f"{fact.patient}/{fact.encounter}".encode()) % self.buckets
        values = (fact.section, fact.day, fact.name, fact.product, fact.rest)
        place = (entry.key, fact.patient, fact.encounter, bucket)
        self._db.execute("INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*place, *values))
        return None if fact.patient or not self.record else Left(f"{entry.kind}: names no patient")

    def note_trouble(self, given: Given, record: Left | Bad, line: int | None, entry: int | None) -> None:
        """Keep what was wrong with a row, for whoever reads that piece of the file."""
        values = (given.name, line or 0, -1 if entry is None else entry, isinstance(record, Bad), record.reason)
        self._db.execute("INSERT INTO troubles VALUES (?, ?, ?, ?, ?)", values)

    def note_edges(self, name: str, edges: Iterable[tuple[int, int]]) -> None:
        """Keep the number of the line that begins at or after each place of a file that is read in pieces."""
        self._db.executemany("INSERT INTO edges VALUES (?, ?, ?)", [(name, *edge) for edge in edges])

    def ready(self) -> None:
        """End the filling."""
        self._db.executescript(_INDEXES)
        self._db.commit()

    # --- reading it --------------------------------------------------------------------------------------------------

    def of(self, kind: str, encounter: str, patient: str, day: str) -> list[Resource]:
        """Return the rows of an encounter, then those of its patient that began by ``day``, without repeats."""
        chosen: dict[tuple[str, str], Resource] = {}
        for _, key, row in self._of(f"E/{encounter}")[kind] if encounter else ():
            chosen.setdefault(key, row)
        for began, key, row in self._of(f"P/{patient}")[kind] if patient else ():
            if began <= day:
                chosen.setdefault(key, row)
        rows = sorted(chosen.values(), key=lambda row: (row["category"], row["code"], row["text"]))
        return [dict(row) for row in rows]

    def observation(self, key: str) -> str:
        """Return an Observation in one line, "" where it is not here."""
        found = self._db.execute("SELECT name || rest FROM facts WHERE key = ?", (key,)).fetchone()
        return str(found[0]) if found else ""

    def binary(self, key: str) -> str | None:
        """Return the base64 text of a Binary, None where it is not here."""
        found = self._db.execute("SELECT data FROM binaries WHERE key = ?", (key,)).fetchone()
        return str(found[0]) if found else None

    def _person(self, patient: str) -> Resource | None:
        """Return what the Patient's own fields say, None where it is not here."""
        found = self._db.execute("SELECT row FROM people WHERE key = ?", (patient,)).fetchone()
        return dict(json.loads(found[0])) if found else None

    def trouble(self, entry: Entry, given: Given) -> Left | Bad | None:
        """Return what was wrong with a row when the table was filled."""
        query = "SELECT bad, reason FROM troubles WHERE file = ? AND line = ? AND entry = ?"
        found = self._db.execute(
            query, (given.name, entry.line or 0, -1 if entry.entry is None else entry.entry)
        ).fetchone()
        if not found:
            return None
        return given.bad(found[1], entry.line) if found[0] else Left(found[1])

    def first_line(self, name: str, place: int) -> int:
        """Return the number of the first line that begins at or after a place of a file."""
        found = self._db.execute("SELECT line FROM edges WHERE file = ? AND place = ?", (name, place)).fetchone()
        return int(found[0]) if found else 1

    def groups(self, bucket: int) -> Iterator[tuple[str, str, list[tuple[int, str, str]]]]:
        """Yield patient, encounter and the (section, day, line) of each record in a bucket, all in order."""
        query = "SELECT DISTINCT patient, encounter FROM facts WHERE bucket = ? AND patient <> '' ORDER BY 1, 2"
        facts = "SELECT section, day, name, product, rest FROM facts WHERE bucket = ? AND patient = ? AND encounter = ?"
        for patient, encounter in self._db.execute(query, (bucket,)):
            rows = self._db.execute(facts, (bucket, patient, encounter))
            lines = (
                (section, day, (name or self._name(product)[1]) + rest) for section, day, name, product, rest in rows
            )
            yield patient, encounter, sorted(lines)

    def _fetch(self, owner: str) -> dict[str, list[_Row]]:
        """Return an owner's rows by kind, each with its begin and what makes it a repeat of another."""
        found: dict[str, list[_Row]] = {"conditions": [], "medications": []}
        for kind, text in self._db.execute("SELECT kind, row FROM coded WHERE owner = ? ORDER BY rowid", (owner,)):
            row = json.loads(text)
            began = row.pop("since")
            if "product" in row:
                row |= self._name(row.pop("product"))[0]
            found[kind].append((began, (row["code"] or row["text"], row["category"]), row))
        return found

    def _product(self, key: str) -> tuple[Resource, str]:
        """Return a medication's coding and its name; of one that is not here nothing, and the words themselves."""
        found = self._db.execute("SELECT row, name FROM products WHERE key = ?", (key,)).fetchone()
        return (json.loads(found[0]), found[1]) if found else (coding({}), key)


@cache
def left(kind: str) -> Left:
    """Return how a resource is counted that is no document of its own; only types that FHIR has are named."""
    if kind in _TAKEN:
        return Left(f"{kind}: read with the notes or records it belongs to")
    return Left(f"{kind}: not a note" if kind in TYPES else "resource of a type that FHIR R4 does not have")


_TAKEN = CODED | frozenset(SECTIONS)


def _slim(resource: Resource, kind: str) -> Resource:
    began = since(resource, "onset", "recordedDate", "authoredOn", "assertedDate", "dateWritten", "effective")
    row = {"category": first_code((listed(resource.get("category")) or [{}])[0]), "since": began[:10]}
    if kind == "Condition":
        return coding(resource.get("code") or {}) | row
    concept, reference = medication_of(resource)
    if concept is None:
        return coding({}) | row | {"product": tail(reference)}
    return coding(concept) | row
