"""What a corpus says of its patients: the receipts that it made or was given, and whether it may train a model.

The record stands in the corpus's manifest; the trainer reads it, and looks again whether the texts are still the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from residency.core.documents import read_documents
from residency.core.errors import GateError, UserError
from residency.core.legal import Range
from residency.core.progress import say
from residency.core.settings import plain
from residency.core.store import dumps, read_json, read_manifest
from residency.core.types import Document
from residency.corpus.deidentify.gate import SYNTHETIC, Held, admit, to_do
from residency.corpus.deidentify.labels import Labels, read_labels
from residency.corpus.deidentify.receipt import RECEIPT, Receipt, Waiver, Work, make, read_receipt, write_receipt
from residency.corpus.deidentify.score import FLOOR, Scored, score
from residency.corpus.deidentify.signing import public_key
from residency.corpus.deidentify.stage import Deidentify, There, added, finder_of
from residency.corpus.deidentify.tongue import foreign
from residency.corpus.records import Source

RECEIPTS = "receipts"
SECRET = ("key", "vault", "labels")
"""Settings that name files of this machine: they are in no receipt."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What a source that holds patients must show before a model is trained on it."""

    # The least that the lower 95% limit of the recall of direct identifiers may be.
    floor: Annotated[float, Range(above=0, most=1)] = FLOOR
    # The file of the public key (PEM) that must have signed every receipt; empty: any, or none.
    signed_by: There = ""


GATE = Gate()


def lying_with(source: Source) -> Receipt | GateError | None:
    """Return the receipt that a source names, or that lies beside its files; the error where it cannot be read."""
    if not source.own:
        return None
    folders = {file.parent for file in source.files[:1]} | {file.parent.parent for file in source.files[:1]}
    found = [path for folder in sorted(folders, reverse=True) if (path := folder / RECEIPT).is_file()]
    paths = [Path(source.receipt)] if source.receipt else found[:1]
    try:
        return read_receipt(paths[0]) if paths else None
    except GateError as error:
        return error


def hiding_of(settings: Deidentify) -> dict[str, Any]:
    """Return the settings that a receipt tells: all but the files of this machine."""
    row = {name: value for name, value in plain(settings).items() if name not in SECRET}
    return {**row, "key": "the hospital's" if settings.key else "thrown away", "vault": bool(settings.vault)}


def scored(settings: Deidentify, source: Source, labels: Labels, *, floor: float | None = None) -> Scored:
    """Return what labels say of the engine of ``settings`` on their source, which is read again for it."""
    wanted = {row.id for row in labels.documents}
    learned = learned_by(settings) & {row.text_sha256 for row in labels.documents}
    if learned:
        raise UserError(
            f"the tagger learned from {len(learned)} of the {len(wanted)} labelled documents, so that they do not say "
            "what it finds elsewhere; draw and label others (--sample with another --seed)"
        )
    finder = finder_of(settings)
    records = (record for record in source.records if isinstance(record, Document))
    documents = (document for document in records if document.id in wanted)
    return score(
        labels,
        documents,
        lambda document: finder.find(document.text, document.person),
        engine=finder.about(),
        floor=floor,
    )


def learned_by(settings: Deidentify) -> set[str]:
    """Return the SHA-256 of the texts that the tagger of the settings learned from, beside practice."""
    facts = Path(settings.tagger) / "facts.json" if settings.tagger else None
    return set(read_json(facts).get("learned", ())) if facts and facts.is_file() else set()


def privacy(
    opened: Sequence[Source],
    prepared: Sequence[Mapping[str, Any]],
    given: Sequence[Receipt | GateError | None],
    deidentify: Deidentify | None,
    gate: Gate,
    out: Path,
) -> dict[str, Any]:
    """Return whether a corpus may train, as JSON: what each source was let in on, or what is wrong and to be done.

    Receipts of sources whose identifiers were hidden on the way are written to ``out/receipts``.
    """
    labels = read_labels(deidentify.labels) if deidentify and deidentify.labels else None
    held = []
    for number, (source, receipt) in enumerate(zip(opened, given, strict=True)):
        tally = added([facts["patients"] for facts in prepared if facts["source"] == number])
        waiver = waiver_of_source(source)
        before = None
        if receipt is None and deidentify and hides(source):
            fits = labels is not None and labels.sheet.content == tally.before.hash
            measure = scored(deidentify, source, labels) if labels and fits else None
            engine = finder_of(deidentify).about()
            if warning := foreign(tally.languages, deidentify.language):
                say(f"{source.name}: {warning}")
            work = Work(source.name, tally.before, tally.after, engine, hiding_of(deidentify), tally.hidden)
            receipt, before = make(work, scored=measure, waiver=waiver), tally.before
            write_receipt(out / RECEIPTS / source.name, receipt)
        held.append(Held(source.name, bool(tally.patients), tally.after, receipt, waiver, before))
    key = public_key(Path(gate.signed_by)) if gate.signed_by else None
    try:
        return {"admitted": True, **admit(held, floor=gate.floor, key=key).as_row()}
    except GateError as error:
        return {"admitted": False, "reason": error.reason, "problem": str(error)}


def hides(source: Source) -> bool:
    """Return whether a source is one of those whose identifiers are hidden: the user's own, and simulated patients."""
    return source.own or bool(source.waiver)


def waiver_of_source(source: Source, by: str = "the recipe") -> Waiver | None:
    """Return the waiver that a source comes with; ``by`` is who gives that of the user's own texts."""
    if not source.waiver:
        return None
    if source.own:
        return Waiver(source.name, source.waiver, by)
    return Waiver(source.name, SYNTHETIC, f"its reader ({source.name} {source.version})")


# --- when a model is trained -----------------------------------------------------------------------------------------


def check(corpus: Path) -> dict[str, Any] | None:
    """Return what a finished corpus was let in on; None where the run has none.

    Raises GateError where it may not train, and where its documents are no longer those that were looked at.
    """
    manifest = read_manifest(corpus)
    if manifest is None:
        return None
    found = manifest.get("privacy")
    if found is None:
        raise GateError("the corpus was made by a Residency that knew no gate; make it again, with --fresh", "missing")
    if not found["admitted"]:
        raise GateError(found["problem"], found["reason"])
    if content_of_corpus(corpus) != manifest.get("hashes", {}).get("content"):
        words = "the texts of the corpus are not those that were let in: something was changed since"
        raise GateError(f"{words}. {to_do('stale')}", "stale")
    return dict(found)


def content_of_corpus(corpus: Path) -> str:
    """Return the hash of a corpus's documents, as its card tells it."""
    folder = corpus / "documents"
    total = sum(fact_hash(document) for document in read_documents(folder)) if folder.is_dir() else 0
    return f"{total % 2**256:064x}"


def fact_hash(document: Document) -> int:
    """Return the number that a document adds to the hash of its corpus."""
    fact = dumps([document.id, document.text, document.meta], sort_keys=True)
    return int.from_bytes(hashlib.sha256(fact.encode()).digest(), "big")
