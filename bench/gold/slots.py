"""What a slot of a template says: ``{pt.full}`` is a NAME, ``{dob.spoken}`` a DATE, ``{he}`` only a word."""

from __future__ import annotations

import random
import re
from datetime import date

from .people import Cast, Person

MONTHS = "January February March April May June July August September October November December".split()
ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
ONES += "seventeen eighteen nineteen".split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINAL = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}
ORDINAL |= {"twelve": "twelfth", "twenty": "twentieth", "thirty": "thirtieth"}
TYPES = {
    "mrn": "MRN", "ssn": "SSN", "ssn4": "SSN", "plan": "HEALTH_PLAN", "group": "HEALTH_PLAN", "acct": "ACCOUNT",
    "npi": "LICENSE", "dea": "LICENSE", "licence": "LICENSE", "licence2": "LICENSE", "plate": "VEHICLE",
    "vin": "VEHICLE", "device": "DEVICE", "device2": "DEVICE", "accession": "OTHER_ID", "study": "OTHER_ID",
    "claim": "OTHER_ID", "order": "OTHER_ID", "badge": "OTHER_ID", "photo": "OTHER_ID", "print": "OTHER_ID",
    "ip": "IP", "url": "URL", "phone": "PHONE", "phone2": "PHONE", "phone3": "PHONE", "pager": "PHONE", "fax": "FAX",
}  # fmt: skip
WORDS = {
    "he": ("she", "he"), "He": ("She", "He"), "his": ("her", "his"), "His": ("Her", "His"), "him": ("her", "him"),
    "Mr": ("Ms.", "Mr."), "man": ("woman", "man"), "male": ("female", "male"), "M": ("F", "M"),
}  # fmt: skip
Said = tuple[str, str]
"""(entity type, surface); the type is "" for what identifies no one."""


def say(slot: str, made: Cast, draw: random.Random) -> Said:
    """Return what a slot says of a cast."""
    head, _, form = slot.partition(".")
    if head in WORDS:
        return "", WORDS[head][made.people["pt"].sex == "m"]
    if slot.endswith(".email") or slot == "email.spoken":
        return "EMAIL", email(slot, made)
    if head in made.people:
        return "NAME", name(made.people[head], form, draw)
    if head == "dob" or head in made.days:
        day = made.born if head == "dob" else made.days[head]
        return "DATE", written(
            day, form or draw.choice(("slash", "slash", "short", "long", "iso", "dmy", "mil", "dash"))
        )
    if head in made.care:
        return "HOSPITAL", abbreviated(made.care[head]) if form == "abbr" else made.care[head]
    if head in TYPES:
        return TYPES[head], number(head, form, made)
    return elsewhere(head, form, made)


def elsewhere(head: str, form: str, made: Cast) -> Said:
    """Return what a slot of age or address says; "2" is the other address."""
    if head in ("age", "old"):
        years = made.age if head == "age" else int(made.numbers["old"])
        return ("AGE" if years > 89 else ""), in_words(years) if form == "spoken" else str(years)
    if head == "year":
        return "", str(made.days["d3"].year)
    home = made.places[head.endswith("2")]
    head = head.removesuffix("2")
    if head == "state":
        return "", home.state
    said = {"street": home.street, "city": home.city, "zip": home.zip}[head]
    if form == "spoken" and head == "street":
        return "LOCATION", " ".join(
            by_voice(word) if word[0].isdecimal() else word.strip(".,") for word in said.split()
        )
    return "LOCATION", by_voice(said) if form == "spoken" else said


def name(who: Person, form: str, draw: random.Random) -> str:
    """Return a name in one of its forms."""
    initials = [part[0] for part in re.split(r"[ -]", who.family) if part[0].isupper()] or [who.family[0].upper()]
    forms = {
        "full": f"{who.given} {who.family}",
        "fullm": f"{who.given} {who.middle}. {who.family}",
        "last": f"{who.family}, {who.given} {who.middle}.",
        "lastfirst": f"{who.family}, {who.given}",
        "tight": f"{who.family},{who.given}",
        "given": who.given,
        "family": who.family,
        "inits": f"{who.given[0]}.{initials[0]}.",
        "letters3": f"{who.given[0]}{who.middle}{initials[0]}",
        "short": f"{who.given[0]}. {who.family}",
        "fullspelled": f"{who.given} {who.family} {' '.join(letters(who.family).upper())}",
        "spelled": f"{who.family} {' '.join(letters(who.family).upper())}",
        "letters": "-".join(letters(who.family).upper()),
    }
    return forms[form or draw.choice(("full", "full", "fullm", "lastfirst"))]


def letters(text: str) -> str:
    """Return only the letters."""
    return "".join(sign for sign in text if sign.isalpha())


def abbreviated(care: str) -> str:
    """Return the initials of an institution."""
    return "".join(word[0] for word in care.split() if word[0].isalpha()).upper()


def written(day: date, form: str) -> str:
    """Return a day in one of the ways in which days are written or said."""
    month, last = MONTHS[day.month - 1], {1: "st", 2: "nd", 3: "rd"}
    ending = "th" if day.day in (11, 12, 13) else last.get(day.day % 10, "th")
    forms = {
        "slash": f"{day:%m/%d/%Y}", "short": f"{day.month}/{day.day}/{day:%y}", "iso": day.isoformat(),
        "dash": f"{day:%m-%d-%Y}", "long": f"{month} {day.day}, {day.year}", "day": f"{day.day} {month} {day.year}",
        "dmy": f"{day.day}-{month[:3]}-{day.year}", "mil": f"{day:%d}{month[:3].upper()}{day.year}",
        "dot": f"{day:%d.%m.%Y}", "md": f"{day.month}/{day.day}", "mdlong": f"{month} {day.day}{ending}",
        "month": f"{month} {day.year}", "my": f"{day:%m/%Y}", "monthonly": month, "mon": f"{month[:3]} {day.day}",
        "talk": f"{month} {day.day}{ending} , {day.year}",
        "spoken": f"{month} {ordinal(day.day)} {year(day.year)}".lower(),
        "spokenmd": f"{month} {ordinal(day.day)}",
    }  # fmt: skip
    return forms[form]


def in_words(count: int) -> str:
    """Return a number below 200 in words."""
    if count >= 100:
        return "one hundred and " + in_words(count - 100) if count > 100 else "one hundred"
    if count < 20:
        return ONES[count]
    return TENS[count // 10] + (f" {ONES[count % 10]}" if count % 10 else "")


def ordinal(count: int) -> str:
    """Return a day's number as it is said."""
    *front, last = in_words(count).split()
    return " ".join([*front, ORDINAL.get(last) or last + "th"])


def year(count: int) -> str:
    """Return a year as it is said."""
    if 2000 <= count < 2010:
        return "two thousand" + (f" {ONES[count % 100]}" if count % 100 else "")
    rest = count % 100
    return f"{in_words(count // 100)} {'oh ' + ONES[rest] if 0 < rest < 10 else in_words(rest) if rest else 'hundred'}"


def by_voice(text: str) -> str:
    """Return letters and digits one by one: "five five oh B"."""
    said = [("oh" if sign == "0" else ONES[int(sign)]) if sign.isdecimal() else sign for sign in text if sign.isalnum()]
    return " ".join(said)


def number(head: str, form: str, made: Cast) -> str:
    """Return a number, read aloud where the form is "spoken"."""
    said = made.numbers["ssn"][-4:] if head == "ssn4" else made.numbers[head]
    return by_voice(said.removeprefix("+")) if form == "spoken" else said


def email(slot: str, made: Cast) -> str:
    """Return someone's e-mail address; the patient's as it is said."""
    if slot == "email.spoken":
        return made.numbers["pt.email"].replace(".", " dot ").replace("@", " at ").replace("_", " underscore ")
    return made.numbers[slot]
