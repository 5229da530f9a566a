"""Diagnoses that a note names word for word, with their codes: no model is needed to find those.

The names are the descriptions and inclusion terms of the installed ICD-10-CM, without what says "not specified", and
those of a short list in English and Spanish (``diagnoses.yaml``). What the note denies, doubts or says of a relative is
left out; of a name within another, the longer counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeGuard

import yaml

from residency.core.types import Document
from residency.corpus.icd10 import read_icd10
from residency.serve.guard.rules import read_rules
from residency.serve.guard.whose import held

DATA = Path(__file__).with_name("diagnoses.yaml")
LONGEST, SHORTEST = 9, 4
"""Words of a name at most, and letters of a name of one word at least (a listed one may have fewer)."""
NO_DIAGNOSES = ("18", "20", "21", "22")
"""Chapters of ICD-10-CM that hold no diagnoses: symptoms, causes from outside, reasons for a visit, special codes."""
INJURIES = "19"
"""The chapter of injuries and poisonings, whose names of one word ("burn", "allergy") say too little for a code."""
_VAGUE = frozenset(
    "amelia atlas axis bouba caffeine calme cloaca cocaine ecstasy growth malignancy marijuana neoplasm pian pinta "
    "pres taco tokelau trachomatis tumor zona".split()
)
"""Names of one word that are mostly another word in a note, or say too little."""
_TOKEN = re.compile(r"[^\W_]+")
_OPEN = re.compile(
    r",?\s*\b(?:(?:site|type|organism|cause|severity)\s+not specified|unspecified(?: organism| site| type| whether "
    r"[^,]*)?|uncomplicated|without (?:complications?|mention of complications?)|not otherwise specified|NOS)\b,?",
    re.IGNORECASE,
)
_BESIDE = re.compile(r"\s*\([^)]*\)")
_DOUBT = re.compile(
    r"(?:\b(?:possibl[ey]|probabl[ey]|suspect\w*|suspicion of|rule out|r/o|exclude|risk (?:of|for)|screening for|"
    r"screened for|vs\.?|versus|differential|vaccin\w+ (?:against|for)|prevent\w*|posibles?|probables?|"
    r"sospecha(?:\s+de)?|descartar|riesgo de|cribado de|vacuna\w* (?:contra|de)|prevenir)\b|\?)[^.;\n]{0,30}$",
    re.IGNORECASE,
)
Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A diagnosis as the note writes it, where it stands there first, and its code with the description."""

    text: str
    start: int
    code: str
    description: str


def named(note: str) -> list[Named]:
    """Return the diagnoses that a note affirms word for word, in its order, each code once."""
    found = list(_found(note))
    how = held(note, [(one.start, one.start + len(one.text)) for one in found], read_rules())
    kept: dict[str, Named] = {}
    for one, said in zip(found, how, strict=True):
        if not said.denied and said.of in (None, "patient") and not _doubted(note, one):
            kept.setdefault(one.code, one)
    return list(kept.values())


def _doubted(note: str, one: Named) -> bool:
    end = one.start + len(one.text)
    return bool(_DOUBT.search(note[max(0, one.start - 80) : one.start])) or note[end : end + 2].lstrip().startswith("?")


def code_of(diagnosis: str) -> tuple[str, str] | None:
    """Return the (code, description) of a diagnosis by its name alone; None where no name is these words."""
    return _names().get(phrase(diagnosis))


def phrase(text: str) -> Phrase:
    """Return the words of a text as names are compared by: without case, accents and signs."""
    return tuple(_plain(one) for one in _TOKEN.findall(text))


def _found(note: str) -> Iterator[Named]:
    """Yield every name in a note, the longest at each place; none goes over the end of a line."""
    names = _names()
    for line in re.finditer(r"[^\n.;]+", note):
        places = [(line.start() + one.start(), line.start() + one.end()) for one in _TOKEN.finditer(line[0])]
        plain, at = phrase(line[0]), 0
        while at < len(plain):
            sizes = range(min(LONGEST, len(plain) - at), 0, -1)
            size = next((n for n in sizes if plain[at : at + n] in names), 0)
            if size:
                start, end = places[at][0], places[at + size - 1][1]
                yield Named(note[start:end], start, *names[plain[at : at + size]])
            at += size or 1


def classification() -> Mapping[str, tuple[str, bool]]:
    """Return the description of every code, and whether it is a leaf (seventh characters are not held)."""
    return _read()[0]


def _names() -> Mapping[Phrase, tuple[str, str]]:
    """Return the (code, description) of every name; a name of several diagnoses is none."""
    return _read()[1]


@lru_cache(maxsize=1)
def _read() -> tuple[Mapping[str, tuple[str, bool]], Mapping[Phrase, tuple[str, str]]]:
    """Return the codes and the names, of one reading of the classification."""
    codes = {one.meta["code"]: one for one in read_icd10().records if _is_code(one)}
    found: dict[Phrase, set[str]] = defaultdict(set)
    for code, one in codes.items():
        for name in _of(one) if one.meta["chapter"] not in NO_DIAGNOSES else ():
            found[name].add(code)
    names = {name: best for name, those in found.items() if (best := _best(those, codes))}
    names |= {name: code for name, code in _listed() if code in codes}
    table = {code: (one.text, bool(one.meta["is_leaf"])) for code, one in codes.items()}
    return table, {name: (code, table[code][0]) for name, code in names.items()}


def _is_code(one: object) -> TypeGuard[Document]:
    return isinstance(one, Document) and one.meta["kind"] == "code"


def _of(one: Document) -> Iterator[Phrase]:
    """Yield the names of a code: its description and inclusion terms, without what leaves something open."""
    for text in (one.text, *one.meta["inclusion_terms"], *one.meta["includes"]):
        name = phrase(_OPEN.sub(" ", _BESIDE.sub("", text)))
        if 1 < len(name) <= LONGEST or (len(name) == 1 and _tells(name[0], one.meta["chapter"])):
            yield name


def _tells(word: str, chapter: str) -> bool:
    return len(word) >= SHORTEST and chapter != INJURIES and word not in _VAGUE


def _best(those: set[str], codes: Mapping[str, Document]) -> str | None:
    """Return the code of a name: one that a bill takes, the plainest; None where it is of several diagnoses."""
    if len({code[:3] for code in those}) > 1:
        return None
    return min(those, key=lambda code: (not codes[code].meta["is_leaf"], len(codes[code].text), code))


def _listed() -> Iterator[tuple[Phrase, str]]:
    for rows in yaml.safe_load(DATA.read_text(encoding="utf-8")).values():
        for code, names in rows.items():
            yield from ((phrase(name), str(code)) for name in names.split(";"))


def _plain(word: str) -> str:
    letters = unicodedata.normalize("NFKD", word.casefold())
    return "".join(one for one in letters if not unicodedata.combining(one))
