"""The gate: no text of patients trains a model unless a receipt proves it de-identified, or somebody vouches for it.

It is asked with what the corpus knows of each source and answers with an ``Admission``, the record of what every source
was let in on, or raises GateError that names each source that is not, why, and what to do. It reads no text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from residency.core.errors import GateError
from residency.core.store import sha256_json
from residency.corpus.deidentify.content import Content
from residency.corpus.deidentify.receipt import Receipt, Waiver, checked, content_hash, verify
from residency.corpus.deidentify.score import FLOOR
from residency.corpus.deidentify.shares import needed

SYNTHETIC = "synthetic"
"""The reason of a waiver for texts whose patients nobody is: what the simulated hospital's reader declares."""
_HIDE = "residency deidentify PATH --out DIR"
_SAMPLE = "residency deidentify PATH --sample {}"
_SCORE = "residency deidentify PATH --score labels.csv --out DIR"


@dataclass(frozen=True, slots=True)
class Held:
    """A source as the corpus knows it: its name, whether it holds patients, and the content of the texts it gave.

    ``receipt`` is what lay with the texts, as ``read_receipt`` returns it, None where nothing did, and the error where
    that could not be read. ``waiver`` is what the recipe or its reader declares.
    """

    name: str
    patients: bool
    content: Content
    receipt: Receipt | GateError | None = None
    waiver: Waiver | None = None
    before: Content | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What a source was let in on: ``why`` is no_patients, waiver or receipt.

    ``receipt`` is its content hash, ``signed_by`` the public key in hex, ``recall`` and ``bound`` what was measured;
    ``refused`` is the reason for which a receipt did not count, where a waiver let the source in all the same.
    """

    source: str
    why: str
    documents: int
    content: str
    receipt: str | None = None
    signed_by: str | None = None
    recall: float | None = None
    bound: float | None = None
    waiver: Mapping[str, str] | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """What every source of a corpus was let in on, and the floor that held."""

    floor: float
    sources: tuple[Entry, ...]

    def as_row(self) -> dict[str, Any]:
        """Return it as JSON, for the lineage and the model card; ``hash`` is of all the rest."""
        row = {"floor": self.floor, "sources": [asdict(entry) for entry in self.sources]}
        return {**row, "hash": sha256_json(row)}

    @property
    def receipts(self) -> list[str]:
        """The content hashes of the receipts that were relied on, sorted."""
        return sorted({entry.receipt for entry in self.sources if entry.receipt})


def admit(
    sources: Sequence[Held],
    *,
    floor: float = FLOOR,
    key: str | None = None,
) -> Admission:
    """Return what each source is let in on.

    ``floor`` is what the lower 95% limit of recall must reach, ``key`` is the public key (hex) that must have signed
    every receipt. Raises GateError with all sources that may not train.
    """
    entries, refused = [], []
    for held in sources:
        try:
            entries.append(_entry(held, floor, key))
        except GateError as error:
            refused.append((held.name, error))
    if refused:
        lines = [f"source {name}: {error}. {to_do(error.reason, floor)}" for name, error in refused]
        head = "texts of patients may not train a model unless it is proven that they are de-identified:"
        raise GateError("\n".join([head, *lines]), refused[0][1].reason)
    return Admission(floor, tuple(entries))


def _entry(held: Held, floor: float, key: str | None) -> Entry:
    """Return what a source is let in on; a good receipt goes before a waiver, since it says more."""
    texts = held.content
    waiver, refused = held.waiver, None
    if held.patients or held.receipt is not None:
        try:
            return _by_receipt(held, floor, key)
        except GateError as error:
            if held.patients and waiver is None:
                raise
            refused = error.reason if held.receipt is not None else None
    if not held.patients:
        return Entry(held.name, "no_patients", texts.documents, texts.hash, refused=refused)
    assert waiver is not None
    return Entry(held.name, "waiver", texts.documents, texts.hash, waiver=asdict(waiver), refused=refused)


def _by_receipt(held: Held, floor: float, key: str | None) -> Entry:
    if isinstance(held.receipt, GateError):
        raise held.receipt
    if held.receipt is None:
        raise GateError("it holds patients, and no receipt lies with it", "missing")
    receipt = checked(held.receipt)
    who = verify(receipt, after=held.content, before=held.before, floor=floor, key=key)
    found = receipt["content"]["measured"]
    return Entry(
        held.name,
        "receipt",
        held.content.documents,
        held.content.hash,
        receipt=content_hash(receipt),
        signed_by=who,
        recall=found["masked"]["value"] if found else None,
        bound=found["masked"]["bound"] if found else None,
        waiver=receipt["content"]["waiver"],
    )


def to_do(reason: str, floor: float = FLOOR) -> str:
    """Return what to do about a source that is refused for a reason, in words with the commands."""
    sample = f"draw a sheet with `{_SAMPLE.format(max(100, 2 * needed(floor)))}`, label it, then `{_SCORE}`"
    whole = f"De-identify it with `{_HIDE}`, {sample}, and name DIR in the recipe"
    waive = "If it identifies nobody, say why where the recipe names it: {path: PATH, waiver: made up by us}"
    words = {
        "missing": f"{whole}. {waive}",
        "not_measured": f"To measure it, {sample}. {waive}",
        "under_floor": "Label more documents where the limit is low only because they are few; else find more: teach "
        "the engine labels of yours (--learn), or lower its threshold, then de-identify again and score other labels",
        "original": f"Name the folder DIR that `{_HIDE}` wrote",
        "stale": f"Name the folder as it was written, or make it anew: `{_HIDE}`, and score the labels again",
        "unsigned": f"Sign it: `{_SCORE} --sign hospital.pem`",
        "other_key": "Name that key in the recipe if it may vouch for this source, or sign with the right one",
        "version": "Update Residency",
    }
    return words.get(reason, f"Make it anew: {whole[0].lower()}{whole[1:]}")
