"""Real texts with identifiers put in: names of the text itself are swapped, phrases go in where sentences end.

``bases.jsonl`` says where, in offsets of characters of an item of a public set, and holds none of its text. All items
were read: what they hold of their own identifiers is swapped, and an item whose text is not the one that was read
(its hash differs) is an error.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
import re
from functools import cache
from pathlib import Path
from typing import Any

from .people import Cast
from .write import Fill, Piece, recased, written_from

HERE = Path(__file__).parent
FILES = {
    "mts_dialog": {
        "train": "MTS-Dialog-TrainingSet.csv",
        "valid": "MTS-Dialog-ValidationSet.csv",
        "test1": "MTS-Dialog-TestSet-1-MEDIQA-Chat-2023.csv",
        "test2": "MTS-Dialog-TestSet-2-MEDIQA-Sum-2023.csv",
    },
    "aci_bench": {"train": "train.csv", "valid": "valid.csv"},
}
COLUMNS = {"mts_dialog": ("ID", "section_text", "dialogue"), "aci_bench": ("encounter_id", "note", "dialogue")}
"""Of a set, the columns of the id, the note and the dialogue."""
Base = dict[str, Any]


def missing(data: Path) -> list[str]:
    """Return the files of the sets that are not there."""
    paths = [f"{name}/{file}" for name, files in FILES.items() for file in files.values()]
    return [path for path in paths if not (data / path).is_file()]


def bases(part: str) -> list[Base]:
    """Return the specifications of a part."""
    lines = (HERE / "bases.jsonl").read_text(encoding="utf-8").splitlines()
    return [base for base in map(json.loads, lines) if base["part"] == part]


@cache
def texts(data: Path) -> dict[tuple[str, str, str], str]:
    """Return every text by its set, item and field."""
    found: dict[tuple[str, str, str], str] = {}
    for name, files in FILES.items():
        key, note, dialogue = COLUMNS[name]
        for split, file in files.items():
            with (data / name / file).open(encoding="utf-8-sig", newline="") as lines:
                for row in csv.DictReader(lines):
                    item = f"{split}/{row[key]}"
                    for field, column in (("note", note), ("dialogue", dialogue)):
                        found[name, item, field] = row[column].replace("\r\n", "\n")
    return found


def read(base: Base, data: Path) -> str:
    """Return the text of a specification, as far as it is used."""
    text = texts(data)[base["set"], base["item"], base["field"]]
    if hashlib.sha256(text.encode()).hexdigest()[:12] != base["sha"]:
        raise ValueError(
            f"{base['set']} {base['item']} ({base['field']}) is not the text that was read; get its SOURCE.md's commit"
        )
    return text[: base["cut"]]


def filled(base: Base, data: Path, made: Cast, draw: random.Random, material: dict[str, Any]) -> list[Piece]:
    """Return the text's pieces with names swapped and phrases put in."""
    text, fill = read(base, data), copied(material["fill"], made.age)
    small = base["set"] == "aci_bench" and base["field"] == "dialogue"
    talk = base["field"] == "dialogue"
    phrases = draw.sample(material["turns" if talk else "notes"], len(base["at"]))
    todo = [(start, end, slot) for start, end, slot in base["swap"]]
    todo += [
        (at, at, turn(phrase, small) if talk else sentence(phrase))
        for at, phrase in zip(base["at"], phrases, strict=True)
    ]
    pieces, done = [], 0
    for start, end, template in sorted(todo):
        pieces.append(Piece(text[done:start]))
        new = written_from(template, made, draw, fill)
        pieces += [recased(piece, "lower") for piece in new] if small else new
        done = end
    pieces.append(Piece(text[done:]))
    return [piece for piece in (pieces if talk else framed(pieces, made, draw, material, fill)) if piece.text]


def copied(fill: Fill, age: int) -> Fill:
    """Return the texts of ``fill`` to take from; for a child those near-misses that suit one."""
    fill = {slot: list(texts) for slot, texts in fill.items()}
    return {**fill, "near": fill["young"]} if age < 15 else fill


def sentence(phrase: str) -> str:
    """Return a phrase as it stands after a sentence; one of several lines stands by itself."""
    phrase = phrase.strip()
    return f"\n{phrase}\n" if "\n" in phrase else f" {phrase}"


def turn(exchange: str, small: bool) -> str:
    """Return an exchange with the speakers named as the text names them."""
    speakers = ("[doctor] ", "[patient] ") if small else ("Doctor: ", "Patient: ")
    return re.sub(r"^(D|P): ", lambda found: speakers[found[1] == "P"], exchange, flags=re.M) + "\n"


def framed(pieces: list[Piece], made: Cast, draw: random.Random, material: dict[str, Any], fill: Fill) -> list[Piece]:
    """Return a note with a head (seven of ten) and a tail (six of ten)."""
    if draw.random() < 0.7:
        pieces = written_from(draw.choice(material["heads"]), made, draw, fill) + pieces
    if draw.random() < 0.6:
        pieces = pieces + written_from(draw.choice(material["tails"]), made, draw, fill)
    return pieces
