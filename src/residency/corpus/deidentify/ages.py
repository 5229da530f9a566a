"""Ages over 89 become "90+"; the others stay (45 CFR 164.514(b)(2)(i)(C))."""

from __future__ import annotations

import re

from residency.corpus.deidentify.plain import plain

OLD = 89
"""The highest age that may be told."""
SMALL = frozenset(
    "month months mo mos week weeks wk wks day days hour hours mes meses semana semanas día días dia dias hora "
    "horas".split()
)
"""Units of an age that is none over 89 years."""
WORDS = SMALL | frozenset(
    "a age aged an and at early in is late mid of old s the year years yo yr yrs y o old año años anos ano edad de e "
    "con media unos unas casi about around almost nearly".split()
)
"""What else may stand in an age; with any other word it cannot be read."""
UNDER = {
    "en": "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty",
    "es": "un una uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis "
    "diecisiete dieciocho diecinueve veinte veintiún veintiuno veintidós veintitrés veinticuatro veinticinco "
    "veintiséis veintisiete veintiocho veintinueve treinta cuarenta cincuenta sesenta setenta ochenta",
}
OVER = {"en": "ninety hundred", "es": "noventa cien ciento"}
MORE = {"en": "ninety or more", "es": "noventa o más"}
NUMBER = {
    language: re.compile(rf"\b(?:an? )?(?:{every})(?:(?:[ -]| and | y )(?:{every}))*\b", re.IGNORECASE)
    for language in UNDER
    for every in ["|".join(sorted((UNDER[language] + " " + OVER[language]).split(), key=len, reverse=True))]
}
"""A number in words."""


def aged(text: str, language: str) -> str | None:
    """Return an age as it may be told, in the form it is written in; None where it cannot be read."""
    clean = plain(text)
    if clean is None or len(clean) > 80:
        return None
    spoken = NUMBER[language].findall(clean)
    numbers = re.findall(r"\d+", clean)
    words = set(re.findall(r"[^\W\d_]+", NUMBER[language].sub(" ", clean).lower()))
    if not words <= WORDS or not (numbers or spoken):
        return None
    over = any(int(number) > OLD for number in numbers)
    over |= any(word in OVER[language].split() for found in spoken for word in re.split("[ -]", found.lower()))
    if not over or (words & SMALL and len(numbers) + len(spoken) == 1):
        return clean
    if len(numbers) + len(spoken) > 1:
        return None
    return re.sub(r"\d+\+?", "90+", clean) if numbers else NUMBER[language].sub(MORE[language], clean)
