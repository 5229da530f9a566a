"""The people of one document: a patient with what a FHIR Patient holds, those around, the days of the visit.

Everyone's names and places come from the part's own lists (``names.yaml``), so that the parts share none.
"""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

RARE = 0.66
"""Of names and places, the share that is drawn from those that stand in no lexicon."""
ROLES = ("pt", "doc", "doc2", "nurse", "rel", "rel2", "kid")
STATES = "OH PA TX CA NY IL MI WA MN GA NC AZ CO OR WI LA NM ME KY VA".split()
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
Names = dict[str, dict[str, list[str]]]


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who is named: ``sex`` is "f" or "m"."""

    given: str
    middle: str
    family: str
    sex: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where someone lives."""

    street: str
    city: str
    state: str
    zip: str


@dataclass(frozen=True, slots=True)
class Cast:
    """All that a document may say about whom."""

    people: dict[str, Person]
    age: int
    born: date
    days: dict[str, date]
    places: tuple[Place, Place]
    care: dict[str, str]
    numbers: dict[str, str]


def cast(draw: random.Random, names: Names, sex: str = "", age: int | None = None) -> Cast:
    """Return people, places, days and numbers; sex and age are drawn where the text does not say them."""
    patient = person(draw, names, sex or draw.choice("fm"))
    sexes = {"rel": "f", "rel2": "m"}  # the first relative is a woman, the second a man
    people = {"pt": patient}
    for role in ROLES[1:]:
        people[role] = another(draw, names, sexes.get(role) or draw.choice("fm"), people)
    if draw.random() < 0.5:  # a relative often has the same family name
        people["rel"] = Person(people["rel"].given, people["rel"].middle, patient.family, people["rel"].sex)
    visit = date(2018, 1, 1) + timedelta(draw.randrange(2500))
    years = age if age is not None else draw.choice((*range(19, 90, 2), 91, 92, 93, 94, 95, 96, 97, 98, 101))
    born = visit - timedelta(int(years * 365.25) + (draw.randrange(10, 350) if years else draw.randrange(4, 40)))
    places = (place(draw, names), place(draw, names))
    care = {kind: institution(draw, names, kind) for kind in ("hosp", "hosp2", "clinic", "snf", "pharm", "lab")}
    told = {slot: max(day, born + timedelta(1)) for slot, day in days(draw, visit).items()}
    return Cast(people, years, born, told, places, care, numbers(draw, people))


def pick(draw: random.Random, names: Names, kind: str) -> str:
    """Return a rare or a common one of a kind."""
    return draw.choice(names[kind]["rare" if draw.random() < RARE else "common"])


def person(draw: random.Random, names: Names, sex: str) -> Person:
    """Return someone with one, two or hyphenated family names."""
    family, kind = pick(draw, names, "family"), draw.random()
    if kind < 0.14 and not set(family) & set(" -"):
        other = pick(draw, names, "family")
        if other != family and not set(other) & set(" -"):
            family += ("-" if kind < 0.08 else " ") + other
    return Person(pick(draw, names, {"f": "female", "m": "male"}[sex]), draw.choice(LETTERS), family, sex)


def another(draw: random.Random, names: Names, sex: str, others: dict[str, Person]) -> Person:
    """Return someone whose given name none of the others has."""
    while True:
        made = person(draw, names, sex)
        if made.given not in {other.given for other in others.values()}:
            return made


def place(draw: random.Random, names: Names) -> Place:
    """Return an address."""
    kind = draw.choice(("Street", "St", "Ave", "Avenue", "Road", "Rd", "Lane", "Ct", "Blvd", "Dr.", "Terrace"))
    street = (
        f"{draw.randrange(2, 9800)} {draw.choice(('', '', '', 'N. ', 'West '))}{pick(draw, names, 'street')} {kind}"
    )
    unit = draw.choice(
        ("", "", "", f" Apt {draw.randrange(1, 40)}{draw.choice('ABC')}", f", Unit {draw.randrange(2, 99)}")
    )
    more = f"-{draw.randrange(1000, 9999)}" if draw.random() < 0.15 else ""
    return Place(
        street + unit, pick(draw, names, "city"), draw.choice(STATES), f"{draw.randrange(10001, 99900):05d}{more}"
    )


CARE = {
    "hosp": (
        "{} General Hospital",
        "{} Medical Center",
        "{} Regional Medical Center",
        "{} Memorial Hospital",
        "{} Hospital",
    ),
    "hosp2": ("{} University Hospital", "{} Community Hospital", "{} County Hospital", "{} Veterans Medical Center"),
    "clinic": (
        "{} Family Practice",
        "{} Clinic",
        "{} Internal Medicine Associates",
        "{} Orthopedics",
        "{} Heart Group",
    ),
    "snf": ("{} Manor", "{} Nursing Home", "{} Rehabilitation Center", "{} House Assisted Living", "{} Hospice"),
    "pharm": ("{} Pharmacy", "{} Drugs", "{} Apothecary"),
    "lab": ("{} Diagnostics", "{} Reference Laboratory", "{} Imaging Center"),
}


def institution(draw: random.Random, names: Names, kind: str) -> str:
    """Return the name of a place of care."""
    return draw.choice(CARE[kind]).format(pick(draw, names, "care"))


def days(draw: random.Random, visit: date) -> dict[str, date]:
    """Return the visit's day (d0), earlier ones (d1, d2, d3) and later ones (d4, d5)."""
    ago = (draw.randrange(1, 20), draw.randrange(30, 300), draw.randrange(400, 3000))
    ahead = (draw.randrange(2, 15), draw.randrange(20, 120))
    return {
        "d0": visit,
        **{f"d{n}": visit - timedelta(gap) for n, gap in enumerate(ago, 1)},
        **{f"d{n}": visit + timedelta(gap) for n, gap in enumerate(ahead, 4)},
    }


def digits(draw: random.Random, pattern: str) -> str:
    """Return the pattern with each # a digit and each @ a letter."""
    fill = {"#": "0123456789", "@": LETTERS}
    return "".join(draw.choice(fill[sign]) if sign in fill else sign for sign in pattern)


PATTERNS = {
    "mrn": ("########", "MR######", "##-##-##", "@#######", "00######", "####-####"),
    "ssn": ("###-##-####", "###-##-####", "### ## ####"),
    "plan": ("@@@#########", "#@@#-@@#-@@##", "@#########", "######### ##", "@@@-####-##"),
    "group": ("#####-##", "@@######"),
    "acct": ("##########", "V########", "@@-######", "HSP#######"),
    "npi": ("1#########",),
    "dea": ("@@#######",),
    "licence": ("@-######", "LIC######", "036-######", "#####-@"),
    "plate": ("#@@@###", "@@@ ####", "@@#-###@"),
    "vin": ("1@4@@##@#5@######", "J@8@@##@#2@######"),
    "device": ("@@@######@", "SN-########", "@@###-####", "#######-@"),
    "device2": ("PJN######S", "@##@#####", "LOT@####/SN#####"),
    "accession": ("S##-#####", "CT-##-######", "@##-####-@", "##-###-######"),
    "study": ("@@@-##-###", "SUBJ-####", "NCT-@@-###"),
    "claim": ("CLM########", "WC-####-#####"),
    "order": ("ORD-#######", "RX#######", "#######-##"),
    "badge": ("E#####", "####-@@"),
    "photo": ("IMG_####.jpg", "DSC0####.JPG", "face_######.png"),
    "print": ("FP-#####-@", "AFIS########"),
    "licence2": ("@### ### ### ###", "D#######", "@@######"),
}


def numbers(draw: random.Random, people: dict[str, Person]) -> dict[str, str]:
    """Return every number and address by its slot; telephone numbers have the exchange 555, which no one has."""
    made = {slot: digits(draw, draw.choice(patterns)) for slot, patterns in PATTERNS.items()}
    made["ip"] = draw.choice(("10", "172", "192")) + "".join(f".{draw.randrange(1, 255)}" for _ in range(3))
    area = f"{draw.randrange(201, 980)}"
    shapes = (
        "({a}) 555-{n}",
        "{a}-555-{n}",
        "{a}.555.{n}",
        "{a} 555 {n}",
        "+1 {a} 555 {n}",
        "1-{a}-555-{n}",
        "555-{n}",
    )
    for slot in ("phone", "phone2", "phone3", "fax"):
        made[slot] = draw.choice(shapes).format(a=area, n=f"{draw.randrange(100, 9999):04d}")
    made["old"] = str(draw.randrange(90, 104))
    made["pager"] = f"555-{draw.randrange(100, 9999):04d}"
    for role in ("pt", "doc", "rel"):
        made[f"{role}.email"] = mail(draw, people[role])
    made["url"] = draw.choice(("https://{}.example/{}", "www.{}.example/{}", "http://portal.{}.example/p/{}")).format(
        draw.choice(("mychart", "records", "caregate")), plain(people["pt"].family) + str(draw.randrange(99))
    )
    return made


def mail(draw: random.Random, who: Person) -> str:
    """Return an e-mail address of someone."""
    given, family = plain(who.given), plain(who.family)
    local = draw.choice(
        (f"{given}.{family}", f"{given[0]}{family}", f"{family}{draw.randrange(40, 99)}", f"{given}_{family[0]}")
    )
    return f"{local}@{draw.choice(('gmail.example', 'mailbox.example', 'quickpost.example', 'clinic.example'))}"


def plain(name: str) -> str:
    """Return a name as it stands in an address: small ASCII letters."""
    return (
        "".join(sign for sign in unicodedata.normalize("NFKD", name).lower() if sign.isascii() and sign.isalpha())
        or "x"
    )


def as_fhir(made: Cast) -> dict[str, Any]:
    """Return the patient's fields in the shape of a FHIR Patient."""
    who, home = made.people["pt"], made.places[0]
    kinds = {"mrn": "MR", "ssn": "SS", "plan": "MB", "acct": "AN"}
    return {
        "name": [{"family": who.family, "given": [who.given, who.middle]}],
        "birthDate": made.born.isoformat(),
        "address": [{"line": [home.street], "city": home.city, "state": home.state, "postalCode": home.zip}],
        "telecom": [
            {"system": "phone", "value": made.numbers["phone"]},
            {"system": "email", "value": made.numbers["pt.email"]},
        ],
        "identifier": [{"type": kind, "value": made.numbers[slot]} for slot, kind in kinds.items()],
    }
