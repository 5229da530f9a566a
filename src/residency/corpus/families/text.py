"""Running text for continued pretraining: what the ontology says of the training concepts, as plain sentences."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from residency.corpus.concepts import Disease, Term, shuffled, spread
from residency.corpus.families import View, lower


def running_text(view: View, rng: random.Random, count: int) -> Iterator[dict[str, Any]]:
    """Yield up to ``count`` rows ``{"id", "text", "source", "group", "fact"}``, terms and diseases in turn (3 : 1)."""
    terms = ((t.id, t.group, _about(t, view, rng)) for t in spread(view.terms, rng))
    diseases = ((d.id, d.group, _profile(d, view, rng)) for d in spread(view.diseases, rng))
    made, streams = 0, [terms, terms, terms, diseases]
    while made < count and streams:
        for stream in list(streams):
            row = next(stream, None)
            if row is None:
                streams = [other for other in streams if other is not stream]
            elif row[2] and made < count:
                made += 1
                text = " ".join(row[2])
                yield {
                    "id": f"text-{row[0]}",
                    "text": text,
                    "source": "hpo",
                    "group": row[1],
                    "fact": "\n".join(row[2]),
                }


def _about(term: Term, view: View, rng: random.Random) -> list[str]:
    said = [f"{term.name}: {term.definition}"] if term.definition else []
    if term.synonyms:
        said.append(f"{term.name} is also called {lower(rng.choice(term.synonyms))}.")
    if term.lay:
        said.append(f"In plain words, {lower(term.name)} means {lower(rng.choice(term.lay))}.")
    if parents := view.pick(term.parents):
        said.append(f"{term.name} is a kind of {lower(rng.choice(parents).name)}.")
    return said


def _profile(disease: Disease, view: View, rng: random.Random) -> list[str]:
    names = [lower(t.name) for t in view.profile(disease)]
    if len(names) < 2:
        return []
    return [f"People with {disease.name} may have {', '.join(shuffled(names, rng)[:8])}."]
