"""Cases drawn from HPO's diseases: which diseases, and which others they have to be told apart from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from residency.core.errors import UserError
from residency.core.types import Document
from residency.corpus.hpo import read_hpo
from residency.infer.consult.case import Case, need_cases, of_disease

Terms = dict[str, Document]


def read_ontology() -> tuple[Terms, list[Document]]:
    """Return HPO's terms by id and its annotated diseases, in about two seconds."""
    documents = [one for one in read_hpo().records if isinstance(one, Document)]
    terms = {one.id: one for one in documents if one.meta["kind"] == "term"}
    return terms, [one for one in documents if one.meta["kind"] == "disease"]


def drawn(
    terms: Mapping[str, Document],
    diseases: Sequence[Document],
    count: int,
    *,
    among: int = 0,
    seed: int = 0,
    disease: str = "",
) -> tuple[list[Case], list[Document]]:
    """Return cases of ``count`` diseases (or so many of the one named), and the diseases to find them among.

    These are the cases' own and ``among`` others, that no case is of. What is drawn hangs on ``seed`` alone. Raises
    UserError where the disease is not there, or too little is known of it.
    """
    order = sorted(diseases, key=lambda one: hashlib.sha256(f"{seed}:{one.id}".encode()).digest())
    if disease:
        own = _called(diseases, disease)
        if not own:
            raise UserError(f"HPO annotates no disease {disease!r}; give an id such as OMIM:154700, or its whole name")
        found = (of_disease(own[0], terms, seed=seed + n) for n in range(50 * count))
    else:
        found = (of_disease(one, terms, seed=seed) for one in order)
    cases: list[Case] = []
    for case in found:
        if len(cases) == count:
            break
        cases += [case] if case else []
    need_cases(cases)
    mine = list({case.document.id: case.document for case in cases}.values())
    known = {one.id for one in mine}
    others = [one for one in order if one.id not in known and len(one.meta["phenotypes"]) > 3]
    return cases, [*mine, *others[:among]]


def _called(diseases: Sequence[Document], said: str) -> list[Document]:
    """Return the diseases of an id or a whole name, first those written so, then in capitals or not."""
    plain = said.strip().casefold()
    found = [one for one in diseases if plain in (one.id.casefold(), one.meta["name"].casefold())]
    return sorted(found, key=lambda one: said not in (one.id, one.meta["name"]))
