"""The words of dates, English and Spanish: months, weekdays, days told in words, and what stands between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from residency.corpus.deidentify.plain import cased

MONTHS = {
    "en": ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december"),
    "es": ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
           "noviembre", "diciembre"),
}  # fmt: skip
WEEKDAYS = {
    "en": ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
}
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
            "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
            "twentieth", "twenty-first", "twenty-second", "twenty-third", "twenty-fourth", "twenty-fifth",
            "twenty-sixth", "twenty-seventh", "twenty-eighth", "twenty-ninth", "thirtieth", "thirty-first")  # fmt: skip
FILLERS = frozenset(
    "of on at in the day year de del el la día dia año a las st nd rd th º ª o t z am pm p m h hr hrs hours "
    "horas".split()
)
"""Words in a date that say nothing; with any other one a date cannot be read."""
SHORT = {"sept": "sep", "setiembre": "sep", "set": "sep", "tues": "tue", "thur": "thu", "thurs": "thu", "weds": "wed"}
BARE = str.maketrans("áé", "ae")


def names_of(word: str, tables: Mapping[str, Sequence[str]], language: str) -> tuple[int, Sequence[str]] | None:
    """Return the place of a month or weekday, written whole or by three letters and more, and the row it stands in.

    The rows of the language go first; None where the word is in no row.
    """
    low = word.lower().translate(BARE)
    low = SHORT.get(low, low)
    if len(low) < 3 or (tables is WEEKDAYS and low == "mar"):
        return None
    for names in (tables[language], *tables.values()):
        for place, name in enumerate(names):
            if name.translate(BARE).startswith(low):
                return place, names
    return None


def renamed(word: str, place: int, tables: Mapping[str, Sequence[str]], language: str) -> str:
    """Return another month or weekday, written as a word of the same table: whole or short, capital or small."""
    found = names_of(word, tables, language)
    assert found is not None
    whole = len(word) >= len(found[1][found[0]]) or word.lower() == "setiembre"
    name = found[1][place]
    return cased(word, name if whole else name[:3])


def ordinal_of(word: str) -> int | None:
    """Return the day (1 to 31) that is told in an English word."""
    low = word.lower()
    return ORDINALS.index(low) + 1 if low in ORDINALS else None


def ending_of(day: int) -> str:
    """Return what English writes behind the number of a day."""
    return "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
