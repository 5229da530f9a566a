"""Numbers, codes and addresses of the net in place of such: of the same form, and nobody's.

They come from what is set aside for fiction and documents, or cannot be given out, or have a check digit that is wrong:
telephone numbers 555-0100 to 0199 of the North American plan (NANPA), 07700 900000 to 900999 of the
British (Ofcom), in Spain such as begin with 2 to 4, where users' own begin with 6 to 9 (plan of Real Decreto
2296/2004), Social Security numbers 9xx-0x (neither these nor taxpayers' numbers), example.org
and its like (RFC 2606), 192.0.2.0/24 and its like (RFC 5737), 2001:db8::/32 (RFC 3849).
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable

from residency.corpus.deidentify.draws import Draw
from residency.corpus.deidentify.plain import compared, plain
from residency.corpus.identify import proofs

TRIES = 200
NETS = ("192.0.2.", "198.51.100.", "203.0.113.")
HOSTS = ("example.org", "example.com", "example.net")
GROUPS = {kind: kind for kind in ("PHONE", "SSN", "EMAIL", "URL", "IP")} | {"FAX": "PHONE"}
"""Kinds that are written alike; the others are codes, which change alike whatever kind they are taken for."""
NET = ("EMAIL", "URL", "IP")
EXTENSION = re.compile(r"(?:\s*,?\s*(?:x|ext\.?|extension)[\s.:]*)\d{1,6}\s*$", re.IGNORECASE)
DEA, VIN, SSN = (re.compile(p) for p in (r"[A-Z][A-Z9]\d{7}", r"[A-HJ-NPR-Z\d]{17}", r"\d{3}-\d\d-\d{4}"))
CHECKED = (proofs.card, proofs.npi, proofs.iban, proofs.dni)
"""Proofs that must fail, with those of vehicles, DEA numbers and Social Security numbers."""


class Numbers:
    """Draws numbers for numbers; ``taken`` says whether a run of signs occurs in the texts."""

    def __init__(self, key: bytes, taken: Callable[[str], bool], language: str) -> None:
        self.key, self.taken, self.language = key, taken, language

    def of(self, patient: str, kind: str, text: str) -> str | None:
        """Return what stands for a number or code of a kind; None where it cannot be read, or none is free."""
        clean = plain(text)
        same = compared(clean) if clean is not None else ""
        if clean is None or not same:
            return None
        group = GROUPS.get(kind, "CODE")
        if group not in ("EMAIL", "URL") and not any(c.isdecimal() for c in clean):
            return None
        draw = Draw(self.key, patient, group, same)
        make = {"PHONE": self._phone, "SSN": _ssn, "EMAIL": _email, "URL": _url, "IP": _ip}.get(group, _code)
        for _ in range(TRIES):
            made = make(draw, clean)
            if made is None:
                return None
            if compared(made) != same and not self._occurs(made) and not (group not in NET and valid(made)):
                return made
        return None

    def _occurs(self, text: str) -> bool:
        """Return whether a text may occur as it is: every run of signs in it does."""
        return all(self.taken(run) for run in text.split())

    def _phone(self, draw: Draw, text: str) -> str | None:
        ending = EXTENSION.search(text)
        head = text[: ending.start()] if ending else text
        digits = "".join(c for c in head if c.isdecimal())
        if not digits:
            return None
        now = list(self._line(draw, digits))
        made = "".join(now.pop(0) if c.isdecimal() else _any(draw, c) for c in head)
        return made + "".join(_any(draw, c) if c.isdecimal() else c for c in ending[0]) if ending else made

    def _line(self, draw: Draw, digits: str) -> str:
        """Return digits for the digits of a telephone number."""
        count = len(digits)
        if self.language == "en" and count in (7, 10) or (count == 11 and digits[0] == "1"):
            area = f"{2 + draw.below(8)}{draw.below(9)}{draw.below(10)}"
            line = f"55501{draw.below(100):02d}"
            return {7: line, 10: area + line, 11: f"1{area}{line}"}[count]
        if self.language == "en" and re.fullmatch(r"(0|44|0044)\d{10}", digits):
            return digits[: count - 10] + f"7700900{draw.below(1000):03d}"
        prefix = digits[: count - 9] if count in (11, 13) and digits[: count - 9] in ("34", "0034") else ""
        rest = count - len(prefix)
        first = str(2 + draw.below(3)) if rest == 9 else str(draw.below(10))
        return prefix + first + "".join(str(draw.below(10)) for _ in range(rest - 1))


def valid(text: str) -> bool:
    """Return whether a code passes the check of one that is really given out."""
    signs = "".join(c for c in text if c.isalnum()).upper()
    if not signs.isascii():
        return False
    digits = proofs.digits(signs)
    if any(proof(signs) for proof in CHECKED):
        return True
    if DEA.fullmatch(signs) and proofs.dea(signs[2:]):
        return True
    if VIN.fullmatch(signs) and proofs.vin(signs):
        return True
    if len(digits) == 9 and SSN.fullmatch(text) and proofs.ssn(text):
        return True
    return len(digits) == 12 and int(digits[:10]) % 97 == int(digits[10:])  # Spain's social security


def _any(draw: Draw, sign: str) -> str:
    """Return a digit for a digit, a letter for a letter, and any other sign as it is."""
    if sign.isdecimal():
        return str(draw.below(10))
    if not sign.isalnum():
        return sign
    return (string.ascii_uppercase if sign.isupper() else string.ascii_lowercase)[draw.below(26)]


def _code(draw: Draw, text: str) -> str:
    return "".join(_any(draw, c) for c in text)


def _ssn(draw: Draw, text: str) -> str:
    """Return a number that is not given out; of its last four digits alone, any."""
    if sum(c.isdecimal() for c in text) != 9:
        return _code(draw, text)
    digits = list(f"9{draw.below(100):02d}0{draw.below(10)}{draw.below(10_000):04d}")
    return "".join(digits.pop(0) if c.isdecimal() else _any(draw, c) for c in text)


def _letters(draw: Draw, count: int) -> str:
    return "".join(draw.of(string.ascii_lowercase) for _ in range(count))


def _email(draw: Draw, text: str) -> str:
    return f"{_letters(draw, 8)}@{draw.of(HOSTS)}"


def _url(draw: Draw, text: str) -> str:
    scheme = "https://" if "://" in text else ""
    return f"{scheme}{draw.of(HOSTS)}/{_letters(draw, 8)}"


def _ip(draw: Draw, text: str) -> str:
    if text.count(":") > 1:
        return "2001:db8::" + ":".join(f"{draw.below(1 << 16):x}" for _ in range(3))
    return f"{draw.of(NETS)}{1 + draw.below(254)}"
