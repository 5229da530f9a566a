"""English clinical documents whose every identifier is known: the gold that a de-identification engine is measured by.

    from gold.english import english
    documents = english(Path(os.environ["RESIDENCY_DATA"]), "tune")

It was written before the engine and by someone who had not seen it. Whoever writes or tunes an engine looks at "tune"
only. "report" IS FOR REPORTING ALONE: no rule, list, threshold or model may be chosen by it, and none of its documents
may be read to explain a miss. The parts share no base text, no name, no place and no template.

A good quarter of the texts are notes and a fifth dialogues of MTS-Dialog and ACI-Bench (both CC BY 4.0), into which
identifiers are put (``bases.py``); the others are written from templates of our own (``report.yaml``, ``tune.yaml``).
No one in them is real. The text of the public sets is not in the repository: it is read from ``$RESIDENCY_DATA``.

GUIDELINE. A span covers exactly the identifier: no title, label, quotation mark or punctuation around it.

* NAME: patients, relatives, clinicians, anyone. What names one person in one go is one span: "Smith, John A.", and
  "Okonjo O K O N J O" (spelled aloud); letters spelled after a comma are a span of their own. "Dr.", "Ms.", "MD", "RN"
  and a possessive 's stand outside. Initials that stand for a person are names. Eponyms (Bell's palsy) are not.
* LOCATION: number and street with the unit are one span, the city one, the ZIP one. Countries, states and languages
  are not identifiers here, nor wards.
* HOSPITAL: named institutions of care: hospitals, practices, nursing homes, pharmacies, laboratories; their initials.
* DATE: a full date is one span; also month and year, month and day, and a month alone that says when. Not a year alone,
  a weekday, a time of day, a duration or "last week".
* AGE: the number (in digits or words) of an age over 89. Ages below are not identifiers.
* PHONE (also pagers), FAX, EMAIL, URL, IP, SSN (also its last four digits), MRN, HEALTH_PLAN (member and group
  numbers), ACCOUNT, LICENSE (also NPI, DEA and driver's licence), VEHICLE (plate, VIN), DEVICE (serial numbers, not
  models), OTHER_ID: any other number or code of one person: accession, order, claim, study, badge, band, photo, print.
  Lot numbers, models, billing codes and lab values are no one's.

Each span has one mess: clean, typo, lower, upper, glued (the space before it is lost), initials, signature, header,
table (a cell between pipes or tabs), dictation (said aloud), ocr (also hidden signs, accents taken apart, letters of
another script), wrapped (a line ends within it). What changes the letters wins over where the span stands.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from .bases import HERE, Base, bases, copied, filled
from .people import Cast, as_fhir, cast
from .write import STYLES, Piece, Spans, joined, styled, written_from

Part = Literal["tune", "report"]
COUNTS: dict[Part, int] = {"tune": 200, "report": 600}
"""How many documents a part has."""
FROZEN: dict[Part, str] = {
    "tune": "13a1084cd9364dbd5c603a47ccc6a067865e6430c27e3bbdc0800e0d3f8c247a",
    "report": "374479cdc79f7292d8ea123a705ed3e0d81eca0e97ae2c53150a6638cd825323",
}
"""SHA-256 of a part's documents, in their order, as JSON."""
TYPES = "NAME LOCATION HOSPITAL DATE AGE PHONE FAX EMAIL SSN MRN HEALTH_PLAN ACCOUNT LICENSE VEHICLE DEVICE".split()
TYPES += "URL IP OTHER_ID".split()
MESSES = "clean typo lower upper glued initials signature header table dictation ocr wrapped".split()
TALK = {"plain": 78, "hasty": 12, "unseen": 5, "wrapped": 5}
"""The styles of dialogues."""


@dataclass(frozen=True)
class Gold:
    """A document: spans are (start, end, entity type, mess) in characters of ``text``, in order.

    ``patient`` holds what a FHIR Patient would hold of the person, whether or not the text says it.
    """

    id: str
    text: str
    kind: Literal["note", "dialogue", "simulated"]
    spans: Spans
    patient: dict[str, Any]


def english(data: Path, part: Part) -> list[Gold]:
    """Return the documents of a part, made from the public sets under ``data``; the same bytes each time."""
    return [made for made, _ in built(data, part)]


def built(data: Path, part: Part) -> Iterator[tuple[Gold, list[Piece]]]:
    """Yield each document with the pieces that it was joined from."""
    names, material, specified = loaded("names")[part], loaded(part), bases(part)
    for number in range(COUNTS[part]):
        draw = random.Random(f"gold:{part}:{number}")
        if number < len(specified):
            base = specified[number]
            who = cast(draw, names, base["sex"], draw.randrange(30, 70) if base["age"] is None else base["age"])
            pieces, kind = filled(base, data, who, draw, material), base["field"]
            style = spoken_style(base, draw) if kind == "dialogue" else drawn(STYLES, draw)
        else:
            who, pieces = simulated(number, names, material, draw)
            kind, style = "simulated", drawn(STYLES, draw)
        pieces = styled(pieces, style, draw)
        text, spans = joined(pieces, draw.choice((58, 66, 72)) if style == "wrapped" else 0)
        yield Gold(f"{part}-{number:03d}", text, kind, spans, as_fhir(who)), pieces


def simulated(number: int, names: Any, material: dict[str, Any], draw: random.Random) -> tuple[Cast, list[Piece]]:
    """Return the cast and pieces of a document from a template; its first line may say the patient's age."""
    template = material["documents"][number % len(material["documents"])]
    age = None
    if template.startswith("AGE="):
        first, template = template.split("\n", 1)
        low, _, high = first.removeprefix("AGE=").partition("-")
        age = draw.randint(int(low), int(high or low))
    who = cast(draw, names, "", age)
    return who, written_from(template, who, draw, copied(material["fill"], who.age))


def spoken_style(base: Base, draw: random.Random) -> str:
    """Return the style of a dialogue; those of ACI-Bench are in small letters as they are."""
    return "plain" if base["set"] == "aci_bench" else drawn(TALK, draw)


def drawn(shares: dict[str, int], draw: random.Random) -> str:
    """Return one of the styles by their shares."""
    return draw.choices(list(shares), list(shares.values()))[0]


@cache
def loaded(name: str) -> dict[str, Any]:
    """Return the material of a YAML file beside this one."""
    return yaml.safe_load((HERE / f"{name}.yaml").read_text(encoding="utf-8"))


def fingerprint(documents: list[Gold]) -> str:
    """Return the SHA-256 of documents, to compare with ``FROZEN``."""
    lines = "\n".join(json.dumps(asdict(document), ensure_ascii=False, sort_keys=True) for document in documents)
    return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()
