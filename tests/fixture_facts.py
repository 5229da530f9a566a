"""A small ontology for tests: real documents in the readers' shape, with concepts in several subtrees."""

from __future__ import annotations

from residency.core.types import Document

_PARTS = (
    "nose neck thumb palm philtrum face chin ear hand foot toe finger eyebrow tooth lip nail kidney femur rib tongue "
    "sternum heel elbow knee ankle wrist hip forehead eyelid nostril"
).split()
_WAYS = {
    "short": "little",
    "long": "stretched",
    "broad": "spread-out",
    "narrow": "pinched",
    "thick": "fat",
    "thin": "slim",
}
_DEFINED = "A {part} found to be {plain} in form {n}."


def _term(key: str, name: str, parents: list[str], node: str, definition: str = "", **synonyms: str) -> Document:
    rows = [
        {"text": text, "scope": "EXACT", "layperson": kind == "lay", "abbreviation": kind == "short"}
        for kind, text in synonyms.items()
    ]
    meta = {"kind": "term", "name": name, "synonyms": rows, "parents": parents, "second_level": [node] if node else []}
    return Document(key, definition or name, "hpo", "HPO", meta=meta)


def documents(parts: int = 30) -> list[Document]:
    """Return terms, diseases, codes and a note; each body part is one subtree."""
    found: list[Document] = []
    names: dict[str, str] = {}
    for p, part in enumerate(_PARTS[:parts]):
        node = f"HP:9{p:03d}000"
        found.append(_term(node, f"Abnormality of the {part}", [], node, f"Anything unusual of the {part}."))
        for w, (way, plain) in enumerate(_WAYS.items()):
            key = f"HP:9{p:03d}{w + 1:03d}"
            names[key] = f"{way.title()} {part}"
            definition = _DEFINED.format(part=part, plain=plain, n=p)
            lay, other = f"{plain} body region {p}", f"{part.title()} that is {way}"
            found.append(_term(key, names[key], [node], node, definition, lay=lay, synonym=other))
            found.append(_term(f"{key}1", f"Severe {way} {part}", [key], node, lay=f"very {plain} spot {p}"))
    found += _diseases(names)
    return found + _codes() + [_note()]


def _diseases(names: dict[str, str]) -> list[Document]:
    keys, found = sorted(names), []
    for d in range(400):
        own = [keys[(d * 7 + step * 11) % len(keys)] for step in range(30)]
        rows = [{"hpo": key, "name": names[key], "negated": at == 29, "frequency": ""} for at, key in enumerate(own)]
        name = f"{chr(65 + d % 26)}{'aeiou'[d % 5]}{'lmnrst'[d % 6]}{chr(97 + d // 26)}on disease"
        found.append(
            Document(f"OMIM:{d:06d}", name, "hpo", "HPO", meta={"kind": "disease", "name": name, "phenotypes": rows})
        )
    return found


def _codes() -> list[Document]:
    found = []
    for b in range(30):
        for c in range(4):
            top = f"{chr(65 + b % 26)}{b:02d}{c}"
            for code, parent, name in (
                (top, f"block {b}", f"Fever of kind {top}"),
                (f"{top}.1", top, f"Tropical fever {top}, acute"),
                (f"{top}.2", top, f"Tropical fever {top}, chronic"),
            ):
                meta = {
                    "kind": "code",
                    "code": code,
                    "description": name,
                    "parent": parent,
                    "chapter": "1",
                    "is_leaf": True,
                }
                meta |= {"inclusion_terms": [f"Swamp ague {code}"], "excludes1": [f"swamp rash {code} (Z99)"]}
                found.append(Document(code, name, "icd10", "public", meta=meta))
    return found


def _note() -> Document:
    rows = {"conditions": [{"code": "I10", "display": "Hypertension", "system": "icd"}], "medications": []}
    text = "Assessment: hypertension, well controlled.\nPlan: next visit in May."
    return Document(
        "n1", text, "simulated_hospital", "MIT", patient="p1", meta={"kind": "note", "note_type": "note", **rows}
    )
