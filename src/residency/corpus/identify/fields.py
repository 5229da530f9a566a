"""What a record's own fields say of its patient, looked for in the record's texts: the surest finder there is.

A name, an address or a number that stands in the Patient resource is an identifier wherever it is written, in capitals
or small, with other dashes, in parts ("Mr. Okonjo"), and a date of birth in any of the usual orders.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from residency.corpus.identify.found import Found
from residency.corpus.identify.view import View, view_of

MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
          "december")  # fmt: skip
MESES = ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre",
         "diciembre")  # fmt: skip
SHORTEST = 3
"""Letters that a name has at least to be looked for alone; shorter ones are, with what stands beside them."""
TELECOM = {"phone": "PHONE", "fax": "FAX", "email": "EMAIL", "url": "URL", "pager": "PHONE", "sms": "PHONE"}
CODES = {"MR": "MRN", "SS": "SSN", "DL": "LICENSE", "MB": "HEALTH_PLAN", "PPN": "LICENSE", "AN": "ACCOUNT"}
"""Identifier types of HL7's table 0203."""


class Fields:
    """The fields of one patient, ready to be looked for."""

    def __init__(self, patient: Mapping[str, Any]) -> None:
        self.patterns = [(kind, path, re.compile(p, re.IGNORECASE)) for kind, path, p in _patterns(patient)]

    def find(self, view: View) -> list[Found]:
        """Return where a text holds what the fields say."""
        made = []
        for kind, path, pattern in self.patterns:
            for match in pattern.finditer(view.data):
                made.append(Found(*view.span(*match.span()), kind, 1.0, f"field:{path}"))
        return made


def _patterns(patient: Mapping[str, Any]) -> Iterator[tuple[str, str, bytes]]:
    """Yield (kind, the field's path, a pattern of the plain view) for what a FHIR Patient holds."""
    for name in _rows(patient.get("name")):
        given, family = list(_texts(name.get("given"))), str(name.get("family") or "")
        whole = [str(name.get("text") or ""), " ".join([*given, family]), f"{family}, {' '.join(given)}"]
        yield from (("NAME", "name", _loose(text)) for text in whole if len(_plain(text)) >= SHORTEST)
        for path, part in [("name.family", family), *(("name.given", g) for g in given)]:
            for word in {part, *re.split(r"[\s-]+", part)}:
                if len(_plain(word)) >= SHORTEST:
                    yield "NAME", path, _loose(word)
    for address in _rows(patient.get("address")):
        for path in ("line", "city", "postalCode"):
            for text in _texts(address.get(path)):
                if len(_plain(text)) >= SHORTEST:
                    yield "LOCATION", f"address.{path}", _loose(text)
    for contact in _rows(patient.get("telecom")):
        kind, value = TELECOM.get(str(contact.get("system")), "PHONE"), str(contact.get("value") or "")
        if kind in ("PHONE", "FAX") and len(re.sub(r"\D", "", value)) >= 5:
            yield kind, "telecom", _digits(value)
        elif len(_plain(value)) >= SHORTEST:
            yield kind, "telecom", _loose(value)
    for number in _rows(patient.get("identifier")):
        value = str(number.get("value") or "")
        if len(_plain(value)) >= 4:
            yield CODES.get(_code(number.get("type")), "OTHER_ID"), "identifier", _loose(value)
    if found := re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", str(patient.get("birthDate") or "")):
        yield from (("DATE", "birthDate", pattern) for pattern in _days(*found.groups()))


def _code(kind: Any) -> str:
    """Return the code of an identifier's type; a type that is only named counts by its name."""
    if not isinstance(kind, Mapping):
        return str(kind)
    return next((str(row.get("code")) for row in _rows(kind.get("coding"))), str(kind.get("text")))


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _texts(value: Any) -> Iterable[str]:
    return (
        [value]
        if isinstance(value, str)
        else [v for v in value if isinstance(v, str)]
        if isinstance(value, list)
        else []
    )


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", view_of(text).data.decode("ascii"))


def _loose(text: str) -> bytes:
    """Return a pattern of a text whose words may be parted by any spaces and signs."""
    words = re.findall(rb"[A-Za-z0-9]+|[^A-Za-z0-9\s]", view_of(text).data)
    parts = [re.escape(w) if re.fullmatch(rb"[A-Za-z0-9]+", w) else re.escape(w) + b"?" for w in words]
    return rb"(?<![A-Za-z])" + rb"[\s.,-]{0,3}".join(parts) + rb"(?![A-Za-z0-9])"


def _digits(text: str) -> bytes:
    numbers = re.sub(r"\D", "", text)
    return rb"(?<!\d)\+?" + rb"[\s().-]{0,3}".join(n.encode() for n in numbers) + rb"(?!\d)"


def _days(year: str, month: str, day: str) -> Iterator[bytes]:
    """Yield patterns of a day as people write it."""
    y, m, d = f"(?:{year[:2]})?{year[2:]}", f"0?{int(month)}", f"0?{int(day)}"
    sep = r"[\s/.,-]{1,2}"
    for order in ((m, d, y), (d, m, y), (year, m, d)):
        yield (r"(?<!\d)" + sep.join(order) + r"(?!\d)").encode()
    yield f"(?<!\\d){year}{month}{day}(?!\\d)".encode()
    word = f"(?:{MONTHS[int(month) - 1][:3]}|{MESES[int(month) - 1][:3]})[a-z]*\\.?"
    nth, of = "(?:st|nd|rd|th)?", r"(?:\s*(?:of|de|del)\s+|[\s,.-]{0,3})"
    yield f"\\b{word}\\s*{d}{nth}[\\s,]*{y}(?!\\d)".encode()
    yield f"(?<!\\d){d}{nth}{of}{word}{of}{y}(?!\\d)".encode()
