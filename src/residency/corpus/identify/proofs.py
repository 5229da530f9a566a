"""What proves a number: check digits and the calendar. Each takes what a rule found and says whether it can be it."""

from __future__ import annotations

import re
from datetime import date

from residency.corpus.identify.ordinary import LABELS, LETTERS, ORDINARY

WORD, BARE = re.compile(r"[A-Za-z][A-Za-z'.-]*"), str.maketrans("", "", ".'-")
DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
VIN = {
    c: v
    for c, v in zip(
        "ABCDEFGHJKLMNPRSTUVWXYZ0123456789", [*range(1, 9), *range(1, 6), 7, 9, *range(2, 10), *range(10)], strict=True
    )
}
VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def digits(text: str) -> str:
    """Return the digits of a text."""
    return "".join(filter(str.isdigit, text))


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


def grouped(text: str) -> bool:
    """Return whether groups of digits are a number of somebody rather than a measure: seven digits and more."""
    return len(digits(text)) >= 6 and not re.search(r"[.] |[.].*[.].*[.]", text) and text.count(".") != 1


def no_range(text: str) -> bool:
    """Return whether two numbers are no range: seven digits and more, or the first not below the second, or uneven."""
    first, second = (int(n) for n in text.split("-"))
    return len(digits(text)) >= 7 and not (first < second and first % 10 == 0 and second % 10 == 0)


def numbered(text: str) -> bool:
    """Return whether three digits and more stand in it."""
    return len(digits(text)) >= 3


def numbered2(text: str) -> bool:
    """Return whether two digits and more stand in it."""
    return len(digits(text)) >= 2


DOSE = re.compile(
    r"\d+(?:mg|ml|mcg|ug|iu|u|units?|g|kg|cc|l|hz|k|x|cm|mm|lbs?|kcal|cal|min|h|hrs?|s|d|th|st|nd|rd)", re.I
)
"""A number with its unit."""
MEASURE = re.compile(r"(?:\d|/)(?:mm3?|m2|cm|ml|mg|mcg|kg|ul|u|l|h|d|min|dia)\b|\d+x\d+|\bmg/|^rs\d+$|^P\d\d?-", re.I)
"""What measures hold."""


def code(text: str) -> bool:
    """Return whether letters and digits are a code rather than a dose or a name of a substance."""
    if len(text) < 6 or text.isdigit() or sum(map(str.isdigit, text)) < 4:
        return False
    return not (DOSE.fullmatch(text) or MEASURE.search(text))


def code_dashed(text: str) -> bool:
    """Return whether groups of letters and digits are a code: four digits, or three in three groups."""
    count = sum(map(str.isdigit, text))
    if count < 3 or (count == 3 and len(re.split("[-/_]", text)) < 3):
        return False
    return any(map(str.isalpha, text)) and not MEASURE.search(text)


def bare_day(text: str) -> bool:
    """Return whether month and day without a year are unlike a grade or a share ("4/5", "2/6", "9/10")."""
    month, day_ = text.split("/")
    return int(day_) > 12 or (int(day_) == 11) or len(day_) == len(month) == 2


def named(text: str) -> bool:
    """Return whether something else than ordinary words stands in it."""
    words = re.findall(r"[a-z]+", text.lower().replace("'", ""))
    return bool(words) and words[0] not in ORDINARY and len(words[0]) > 1


def ordinary(text: str, least: int) -> tuple[int, int]:
    """Return where a name begins and ends in what a rule found: without ordinary words before it, or a label behind.

    (-1, -1) where fewer than ``least`` words are left.
    """
    words = list(WORD.finditer(text))
    plain = [word[0].lower().translate(BARE) for word in words]
    first = 0
    while first < len(words) and plain[first] in ORDINARY:
        first += 1
    last = first + 1
    while last < len(words) and plain[last] not in LABELS:
        last += 1
    if first == len(words) or last - first < least:
        return -1, -1
    return words[first].start(), len(text) if last == len(words) else words[last - 1].end()


def road(text: str) -> bool:
    """Return whether what stands behind a house's number can be the name of a road."""
    words = [w for w in re.findall(r"[a-z]+", text.lower()) if len(w) > 2]
    return bool(words) and words[0] not in ORDINARY


def initials(text: str) -> bool:
    """Return whether letters with points can be somebody's initials."""
    return re.sub("[^a-z]", "", text.lower()) not in LETTERS


def misread(text: str) -> bool:
    """Return whether a word holds digits as a scanner reads letters: four letters and more, one digit or two."""
    return sum(c.isalpha() for c in text) >= 4 and len(digits(text)) <= 3


def age(text: str) -> bool:
    """Return whether a number of years is an age that people reach."""
    return int(digits(text)[:3] or 0) <= 125


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
