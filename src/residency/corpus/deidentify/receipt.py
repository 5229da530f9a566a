"""The receipt: what was done to a source's texts, which texts these are, and how much was shown to be found.

``receipt.json``: ``{"receipt": 1, "content": {...}, "content_hash", "signature", "made"}``. The ``content``:

- ``residency``: the version that made it; ``source``: what the source is called
- ``before``, ``after``: ``{"documents", "hash"}`` of the texts as they were read and as they were written
  (``content.py``)
- ``engine``: what the engine tells about itself: rules, tagger, lexicon, threshold; ``hiding``: its settings
- ``counts``: how many identifiers of each type were hidden
- ``measured``: null, or what a labelled sample of the same source says (``score.Scored``)
- ``waiver``: null, or ``{"source", "reason", "by"}``: who vouches for it in the place of a measure

``content_hash`` is the SHA-256 of the content as canonical JSON. The signature covers it, and so all of the content.
``made`` (when, and by which user) stands outside both, so that the same work gives the same hash and the same signature
when it is done again: it is a note, and proves nothing. An unsigned receipt tells that nothing was changed by accident;
only a signed one tells who stands behind it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from residency import __version__
from residency.core.errors import GateError, UserError
from residency.core.store import dumps, sha256_json, write_json
from residency.corpus.deidentify.content import Content
from residency.corpus.deidentify.form import VERSION, wrong
from residency.corpus.deidentify.score import FLOOR, Scored
from residency.corpus.deidentify.signing import sign, signed_by

RECEIPT = "receipt.json"
Receipt = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Waiver:
    """Somebody's word that a source may be trained on without a measured receipt: of which source, why, and whose."""

    source: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Work:
    """What was done to a source: its texts before and after, the engine, the settings of hiding, and what was hid."""

    source: str
    before: Content
    after: Content
    engine: Mapping[str, Any]
    hiding: Mapping[str, Any]
    counts: Mapping[str, int]


def make(
    work: Work, *, scored: Scored | None = None, waiver: Waiver | None = None, made: Mapping[str, Any] | None = None
) -> Receipt:
    """Return the unsigned receipt of some work; UserError where the sample is of other texts or another engine.

    ``made`` says when and by whom, outside the content hash.
    """
    content = {
        "residency": __version__,
        "source": work.source,
        "before": work.before.as_row(),
        "after": work.after.as_row(),
        "engine": work.engine,
        "hiding": work.hiding,
        "counts": dict(sorted(work.counts.items())),
        "measured": None,
        "waiver": asdict(waiver) if waiver else None,
    }
    receipt = _sealed(content, made or {})
    return measured(receipt, scored) if scored else receipt


def measured(receipt: Mapping[str, Any], scored: Scored) -> Receipt:
    """Return the receipt with what a labelled sample of its source says; it is to be signed again."""
    content = receipt["content"]
    if scored.content != content["before"]["hash"]:
        raise UserError(
            "the labels are of other texts than the receipt: something was added, taken away or changed since the "
            "sheet was drawn. Draw it anew with `residency deidentify PATH --sample 100`, from the same PATH"
        )
    if sha256_json(scored.engine) != sha256_json(content["engine"]):
        raise UserError(
            "the labels were scored with another engine, or other settings of it, than the texts were de-identified "
            "with; give the same --language, --detector and threshold to both"
        )
    return _sealed({**content, "measured": _measure(scored)}, receipt["made"])


def _measure(scored: Scored) -> dict[str, Any]:
    row = scored.as_row()
    return {key: row[key] for key in row if key != "engine"}


def _sealed(content: Mapping[str, Any], made: Mapping[str, Any]) -> Receipt:
    plain = json.loads(dumps(content))  # as it will be read: nan is null, and tuples are lists
    return {
        "receipt": VERSION,
        "content": plain,
        "content_hash": sha256_json(plain),
        "signature": None,
        "made": dict(made),
    }


def content_hash(receipt: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a receipt says, in hex: the same for the same work, whenever it is done."""
    return sha256_json(receipt["content"])


def signed(receipt: Mapping[str, Any], key: Path, *, password: bytes | None = None) -> Receipt:
    """Return the receipt with the signature of a private key file (Ed25519, PEM)."""
    return {**receipt, "signature": sign(content_hash(receipt), key, password=password)}


def write_receipt(folder: Path, receipt: Mapping[str, Any]) -> Path:
    """Return the file after writing it, whole or not at all."""
    write_json(folder / RECEIPT, receipt)
    return folder / RECEIPT


def read_receipt(path: Path) -> Receipt:
    """Return the receipt of a file, or of the folder that it lies in, as it is: ``verify`` says what it is worth.

    Raises GateError with the reason ``missing``, ``malformed`` or ``version``.
    """
    path = path / RECEIPT if path.is_dir() else path
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        words = f"there is no receipt {path}; `residency deidentify PATH --out DIR` writes one with the texts"
        raise GateError(words, "missing") from None
    except (OSError, ValueError, RecursionError):
        raise GateError(f"{path} is no receipt: it cannot be read as JSON", "malformed") from None
    return checked(found)


def checked(found: Any) -> Receipt:
    """Return a receipt whose parts are all there and of the right types; GateError (malformed, version) otherwise."""
    version = found.get("receipt") if isinstance(found, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise GateError(f"the receipt is of version {version}; this Residency knows {VERSION}: update it", "version")
    if problem := wrong(found):
        raise GateError(f"the receipt is malformed: {problem}", "malformed")
    return dict(found)


def verify(
    receipt: Mapping[str, Any],
    *,
    after: Content,
    before: Content | None = None,
    floor: float = FLOOR,
    key: str | None = None,
) -> str | None:
    """Return the public key (hex) that signed a good receipt, None where nobody did; GateError with a reason otherwise.

    ``after`` is the content of the texts that are to be trained on, ``before`` that of the original ones where it is
    known, ``key`` the public key (hex) that must have signed. Reasons: malformed and version (``checked``), forged,
    unsigned, other_key, original (the texts are those before hiding), stale (they are neither), wrong_source,
    not_measured, under_floor. A receipt with a waiver need not be measured.
    """
    content = checked(receipt)["content"]
    who = _signer(receipt, key)
    if after.as_row() != content["after"]:
        _other_texts(after, content)
    if before is not None and before.as_row() != content["before"]:
        raise GateError("the receipt is of another source: it was made from other texts", "wrong_source")
    if content["waiver"] is None:
        _check_recall(content, floor)
    return who


def _signer(receipt: Mapping[str, Any], key: str | None) -> str | None:
    """Return who signed, after making sure that the receipt is as it was made."""
    if content_hash(receipt) != receipt["content_hash"]:
        raise GateError("the receipt is forged or damaged: its content is not what its hash was made of", "forged")
    signature = receipt["signature"]
    who = signed_by(receipt["content_hash"], signature) if signature else None
    if signature and who is None:
        raise GateError("the receipt is forged or damaged: its signature does not fit", "forged")
    if key and who is None:
        raise GateError("the receipt is not signed, and the recipe names the key that must have signed it", "unsigned")
    if key and who != key.lower():
        raise GateError("the receipt is signed by another key than the recipe names", "other_key")
    return who


def _other_texts(after: Content, content: Mapping[str, Any]) -> None:
    if after.as_row() == content["before"]:
        words = "these are the texts as they were before de-identification; name the folder that it wrote"
        raise GateError(words, "original")
    was = content["after"]["documents"]
    raise GateError(
        f"the receipt is stale: the texts are not those that it was made for ({was} documents then, {after.documents} "
        "now); something was changed, added or taken away since",
        "stale",
    )


def _check_recall(content: Mapping[str, Any], floor: float) -> None:
    found = content["measured"]
    if found is None:
        raise GateError("the receipt says nothing of recall: no labelled sample was scored", "not_measured")
    if found["content"] != content["before"]["hash"]:
        raise GateError("the recall was measured on a sample of other texts than the receipt is of", "wrong_source")
    bound = found["masked"]["bound"]
    if bound is None:
        raise GateError("the labelled sample held no direct identifier, which measures nothing", "not_measured")
    if bound < floor:
        raise GateError(
            f"recall of direct identifiers is {found['masked']['value']:.4f} with a lower 95% limit of {bound:.4f} on "
            f"{found['masked']['clusters']} labelled documents, under the floor of {floor:g}",
            "under_floor",
        )
