"""What can be done with a span: tag, mask, drop, keep, replace, hash. Presidio's names for them are understood.

An operator is a function of the span's text and kind that returns what stands in its place.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from residency.core.errors import UserError
from residency.corpus.identify.found import Found
from residency.corpus.identify.kinds import KINDS, kind_of

Operator = Callable[[str, str], str]
LETTERS = re.compile(r"[A-Za-z0-9]")
PARAMETERS = {
    "replace": {"new_value"},
    "redact": set(),
    "mask": {"masking_char", "chars_to_mask", "from_end"},
    "hash": {"hash_type"},
    "keep": set(),
}
"""Presidio's operators, and their parameters, that map to ours."""


def tag(text: str, kind: str) -> str:
    """Return the kind in brackets: [NAME]."""
    return f"[{kind}]"


def drop(text: str, kind: str) -> str:
    """Return nothing; the spaces on both sides stay, as they are not the span's."""
    return ""


def keep(text: str, kind: str) -> str:
    """Return the text itself."""
    return text


def mask(sign: str) -> Operator:
    """Return an operator that puts a sign for every character but spaces and punctuation; the length stays."""

    def masked(text: str, kind: str) -> str:
        if text.isascii():
            return LETTERS.sub(sign_again, text)
        return "".join(sign if _tells(c) else c for c in text)

    sign_again = sign.replace("\\", "\\\\")
    return masked


def _tells(char: str) -> bool:
    """Return whether a character could say something: anything but a space, punctuation and the signs of keyboards."""
    return not char.isspace() and unicodedata.category(char) not in (
        "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sc", "Sk", "Sm", "Cc", "Zs"
    )  # fmt: skip


def replace(value: str) -> Operator:
    """Return an operator that puts a text in place of any."""
    return lambda text, kind: value


def hashed(key: bytes, name: str = "sha256") -> Operator:
    """Return an operator that puts HMAC(key, text) as hexadecimal digits (RFC 2104).

    A plain hash of a name is found by hashing all names; this one only with the key. One text has one hash in all
    notes, of whomever, as Presidio's has.
    """
    return lambda text, kind: hmac.digest(key, text.encode("utf-8", "surrogatepass"), name).hex()


# --- Presidio ------------------------------------------------------------------------------------------------------


def from_presidio(config: Mapping[str, Mapping[str, Any]], key: bytes) -> dict[str, Operator]:
    """Return operators by kind ("DEFAULT": the others') from Presidio's: {"PERSON": {"type": "mask", ...}}.

    Raises ``UserError`` for an operator or a parameter that has no counterpart here.
    """
    made: dict[str, Operator] = {}
    for label, settings in config.items():
        kinds = [label] if label == "DEFAULT" else _kinds(label)
        for kind in kinds:
            made[kind] = _presidio(label, dict(settings), key)
    return made


def _kinds(label: str) -> list[str]:
    """Return our kinds that a label of Presidio stands for."""
    own = [name for name, kind in KINDS.items() if kind.presidio == label]
    if own or kind_of(label) != "OTHER" or label == "OTHER":
        return sorted({*own, kind_of(label)} - ({"OTHER"} if label != "OTHER" else set()))
    raise UserError(f"operators: {label} is no kind of identifier; legal: DEFAULT, {', '.join(sorted(KINDS))}")


def _presidio(label: str, settings: dict[str, Any], key: bytes) -> Operator:
    name = settings.pop("type", None)
    if name not in PARAMETERS:
        more = "; what encrypt is for, the vault does" if name == "encrypt" else ""
        raise UserError(f"operators, {label}: type is {name!r}; legal: {', '.join(PARAMETERS)}{more}")
    unknown = sorted(set(settings) - PARAMETERS[name])
    if unknown:
        more = "; our key stands for salt" if "salt" in unknown else ""
        raise UserError(f"operators, {label}: {name} takes no {', '.join(unknown)}{more}")
    if name == "replace":
        value = settings.get("new_value")
        return replace(str(value)) if value else lambda text, kind: f"<{KINDS[kind].presidio}>"
    if name == "mask":
        return _part_mask(label, **settings)
    if name == "hash":
        kind_of_hash = settings.get("hash_type", "sha256")
        if kind_of_hash not in ("sha256", "sha512"):
            raise UserError(f"operators, {label}: hash_type is {kind_of_hash!r}; legal: sha256, sha512")
        return hashed(key, kind_of_hash)
    return drop if name == "redact" else keep


def _part_mask(label: str, masking_char: str = "*", chars_to_mask: int = 1 << 30, from_end: bool = False) -> Operator:
    """Return Presidio's mask: so many characters, of any sort, from one end."""
    if not (isinstance(masking_char, str) and len(masking_char) == 1) or not isinstance(chars_to_mask, int):
        raise UserError(f"operators, {label}: masking_char is one character, chars_to_mask a whole number")

    def masked(text: str, kind: str) -> str:
        count = max(0, min(chars_to_mask, len(text)))
        rest = len(text) - count
        return text[:rest] + masking_char * count if from_end else masking_char * count + text[count:]

    return masked


def presidio_found(results: Iterable[Any], why: str = "presidio") -> list[Found]:
    """Return Presidio's results (objects, or mappings with start, end, entity_type, score) as ours."""
    made = []
    for number, result in enumerate(results):
        row = result if isinstance(result, Mapping) else {n: getattr(result, n, None) for n in _FIELDS}
        start, end, label = row.get("start"), row.get("end"), row.get("entity_type")
        if not (isinstance(start, int) and isinstance(end, int) and isinstance(label, str)):
            raise UserError(f"result {number}: needs start and end (whole numbers) and entity_type (a name)")
        score = row.get("score")
        made.append(Found(start, end, kind_of(label), float(1.0 if score is None else score), why))
    return made


_FIELDS = ("start", "end", "entity_type", "score")
