"""Two extraction tasks that are shown and not gated: disease–phenotype relations, and the codes behind a note."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

from residency.corpus.concepts import Disease, shuffled, spread
from residency.corpus.families import Draft, Patterns, View, Wording, lower, plain

_RELATIONS = Wording(
    ("List each disease with its findings, as a JSON list of 'disease: finding'.\n{text}",),
    ("{text}\nWhich finding belongs to which disease? Give a JSON list of 'disease: finding'.",),
)
_CODED = Wording(
    ("Name the diagnoses and drugs of this note as a JSON list.\n{text}",),
    ("{text}\nJSON list of the conditions and medications recorded here:",),
)


def relations(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield two diseases with two findings each and one denied, told in one passage."""
    fitting = [d for d in view.diseases if plain(d.name) and len(d.name.split()) <= 4 and len(view.profile(d)) >= 3]
    row = spread(fitting, rng)
    for one, other in zip(row, row, strict=False):
        if one.name.lower() in other.name.lower() or other.name.lower() in one.name.lower():
            continue
        yield _passage(view, one, other, rng)


def _passage(view: View, one: Disease, other: Disease, rng: random.Random) -> Draft:
    first, second = ([lower(t.name) for t in shuffled(view.profile(d), rng)[:3]] for d in (one, other))
    text = (
        f"{one.name} presents with {first[0]} and {first[1]}. In {other.name}, {second[0]} and {second[1]} are usual, "
        f"but {second[2]} is not seen."
    )
    pairs = [f"{d.name}: {name}" for d, names in ((one, first), (other, second)) for name in names[:2]]
    name, template = _RELATIONS.pick(view.split, rng)
    wrong = [json.dumps([*pairs, f"{other.name}: {second[2]}"], ensure_ascii=False)]
    wanted = [json.dumps(pairs, ensure_ascii=False)]
    fact = "\n".join([one.name, other.name, *first, *second])
    parts = {"text": text, "mentions": pairs}
    return Draft(template.format(text=text), wanted, wrong, one.group, "hpo", name, fact, parts=parts)


def coded(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield notes of the simulated hospital whose coded conditions and medications can be read in them."""
    for note in shuffled(view.facts.notes, rng):
        rows = [*note.meta.get("conditions", []), *note.meta.get("medications", [])]
        names = list(dict.fromkeys(row["display"] for row in rows if row.get("display")))
        text = excerpt(note.text, names)
        names = [found for name in names if (found := as_written(name, text))]
        if names:
            name, template = _CODED.pick(view.split, rng)
            wanted = [json.dumps(names, ensure_ascii=False)]
            parts = {"text": text, "mentions": names}
            group = note.patient or note.id
            yield Draft(template.format(text=text), wanted, [], group, note.source, name, text, parts=parts)


def excerpt(text: str, names: list[str], most: int = 900) -> str:
    """Return the lines of a note that hold any of the names, and their neighbours, up to ``most`` characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    holding = {i for i, line in enumerate(lines) if any(name.lower() in line.lower() for name in names)}
    kept = [line for i, line in enumerate(lines) if {i - 1, i, i + 1} & holding]
    return "\n".join(kept)[:most]


def as_written(name: str, text: str) -> str:
    """Return a name with the letter case it has in the text, or "" where it is not there."""
    at = text.lower().find(name.lower())
    return text[at : at + len(name)] if at >= 0 else ""


RELATIONS: Patterns = {"relations": (1.0, relations)}
CODED: Patterns = {"coded": (1.0, coded)}
