"""What proves a number: check digits and the calendar. Each takes what a rule found and says whether it can be it."""

from __future__ import annotations

import re
from datetime import date

DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
VIN = {c: v for c, v in zip("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", [*range(1, 9), *range(1, 6), 7, 9, *range(2, 10), *range(10)], strict=True)}
VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def digits(text: str) -> str:
    """Return the digits of a text."""
    return re.sub(r"\D", "", text)


def luhn(text: str) -> bool:
    """Return whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(map(int, reversed(digits(text)))):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def card(text: str) -> bool:
    """Return whether it can be the number of a payment card."""
    return 13 <= len(digits(text)) <= 19 and luhn(text) and len(set(digits(text))) > 1


def npi(text: str) -> bool:
    """Return whether it can be a National Provider Identifier (CMS: Luhn behind the prefix 80840)."""
    return len(digits(text)) == 10 and digits(text)[0] in "12" and luhn("80840" + digits(text))


def dea(text: str) -> bool:
    """Return whether it can be a number of the Drug Enforcement Administration."""
    d = list(map(int, digits(text)))
    return len(d) == 7 and (d[0] + d[2] + d[4] + 2 * (d[1] + d[3] + d[5])) % 10 == d[6]


def ssn(text: str) -> bool:
    """Return whether it can be a Social Security number (SSA: no area 000, 666 or 9xx, no group 00, no serial 0000)."""
    d = digits(text)
    return len(d) == 9 and d[:3] not in ("000", "666") and d[0] != "9" and d[3:5] != "00" and d[5:] != "0000"


def vin(text: str) -> bool:
    """Return whether it can be the number of a vehicle (49 CFR 565.15)."""
    if len(text) != 17 or not any(c.isdigit() for c in text):
        return False
    rest = sum(VIN[c] * w for c, w in zip(text.upper(), VIN_WEIGHTS, strict=True)) % 11
    return text[8].upper() == ("X" if rest == 10 else str(rest))


def iban(text: str) -> bool:
    """Return whether it can be an IBAN (ISO 13616: the rest by 97 is 1)."""
    plain = re.sub(r"[^A-Z0-9]", "", text.upper())
    return 15 <= len(plain) <= 34 and int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def dni(text: str) -> bool:
    """Return whether the letter is that of a Spanish DNI or NIE."""
    plain = re.sub(r"[^A-Z0-9]", "", text.upper())
    if not re.fullmatch(r"[XYZ]?\d{7,8}[A-Z]", plain):
        return False
    number = plain[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return DNI[int(number) % 23] == plain[-1]


def ip(text: str) -> bool:
    """Return whether each of four numbers fits in a byte, and they are more than a version (1.2.3.4)."""
    parts = [int(p) for p in text.split(".")]
    return all(p < 256 for p in parts) and sum(p > 9 for p in parts) >= 2


def day(text: str) -> bool:
    """Return whether three numbers are a day that there is, in some order that people write."""
    numbers = [int(n) for n in re.findall(r"\d+", text)[:3]]
    if len(numbers) < 3:
        return False
    a, b, c = numbers
    return any(_is_day(*order) for order in ((a, b, c), (c, a, b), (c, b, a)))


def compact_day(text: str) -> bool:
    """Return whether eight digits are a year, a month and a day."""
    return _is_day(int(text[:4]), int(text[4:6]), int(text[6:]))


def old(text: str) -> bool:
    """Return whether a number is an age over 89 that people reach."""
    return 90 <= int(digits(text)) <= 125


def _is_day(year: int, month: int, day_: int) -> bool:
    if 100 <= year < 1880 or year > 2200:
        return False
    try:
        date(year if year >= 100 else 2000 + year, month, day_)
    except ValueError:
        return False
    return True
