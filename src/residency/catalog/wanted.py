"""What the values of a wish stand for, however they are spelt, and which ones are legal.

A value is taken by letters and digits alone, so NER, ner and Apache 2.0 are found; any name of an entry stands for it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from residency.catalog.entries import Catalog
from residency.catalog.sizes import parameters
from residency.core.errors import UserError

SURVEYS = {"A": "garg2025", "B": "wang2024", "C": "liu2024"}
ASKED = ("models", "datasets", "results", "methods", "metrics")
ON_CELLS = {
    "task": "tasks",
    "stakeholder": "stakeholders",
    "care": "care",
    "paradigm": "paradigm",
    "algorithm": "algorithm",
    "application": "application",
    "compression": "compression",
    "use": "use",
    "form": "form",
    "kind": "kind",
    "language": "languages",
    "access": "access",
    "base": "base",
    "data": "data",
    "metric": "metrics",
}
"""The cell that each wish is about."""
_IDS = {"base": "models", "data": "datasets", "metric": "metrics"}
MODEL_KINDS = ("general", "domain", "variant", "closed")
MANY = 40
"""So many legal values are listed whole."""
Groups = tuple[tuple[frozenset[str], ...], ...]
"""What is wanted of a cell: one of the groups, and of a group every part."""


def option(wish: str) -> str:
    """Return a wish as it is written on the command line."""
    return f"--{wish.replace('_', '-')}"


def key(text: str) -> str:
    """Return a name as it is compared: small letters and digits alone."""
    return re.sub(r"[\W_]+", "", text.casefold())


def legal(value: str, values: Iterable[str]) -> str:
    """Return "did you mean …?" and the legal values, the nearest first; of very many, only the nearest."""
    values = list(dict.fromkeys(values))
    like = {one: difflib.SequenceMatcher(None, key(value), key(one)).ratio() for one in values}
    values.sort(key=lambda one: -like[one])
    rest = f" and {len(values) - MANY // 4} more" if len(values) > MANY else ""
    listed = f"legal: {', '.join(values[: MANY // 4 if rest else None]) or 'none'}{rest}"
    return f"did you mean {values[0]}? {listed}" if values and like[values[0]] >= 0.6 else listed


def groups(
    wish: str,
    wanted: Iterable[str],
    values: Mapping[str, str],
    meets: Callable[[str], Iterable[str]] = lambda one: [one],
) -> Groups:
    """Return what is wanted: groups of which one must be met, in each (a+b) every part.

    ``values`` maps every spelling to what it stands for, and ``meets`` that to all that meets it.
    """
    spelled = {key(one): values[one] for one in reversed(list(values))}  # of two that are spelt alike, the first
    asked = [[part.strip() for part in one.split("+")] for one in wanted]
    for value in (part for group in asked for part in group):
        if key(value) not in spelled:
            raise UserError(f"{option(wish)} {value}: there is none such; {legal(value, values.values())}")
    return tuple(tuple(frozenset(meets(spelled[key(part)])) for part in group) for group in asked)


def wider(catalog: Catalog, wish: str) -> Callable[[str], Iterable[str]]:
    """Return what finds all that meets a value: of a base its heirs too, of a data set its parts."""
    return {"base": partial(_heirs, catalog), "set": partial(_parts, catalog)}.get(wish, lambda one: [one])


def values_of(catalog: Catalog, kind: str, wish: str) -> dict[str, str]:
    """Return spelling -> value of a wish about a cell."""
    if wish == "kind" and kind == "models":
        return {one: one for one in MODEL_KINDS}
    if wish in _IDS:
        return _ids(catalog, _IDS[wish])
    if wish == "language":
        entries = [one for name in ("models", "datasets", "methods") for one in catalog.entries[name].values()]
        return {str(one): str(one) for one in sorted({code for each in entries for code in each.values("languages")})}
    return {one: one for one in catalog.axes[ON_CELLS[wish]]}


def _ids(catalog: Catalog, kind: str) -> dict[str, str]:
    """Return every name of every entry of a kind -> its id."""
    found = {entry.id: entry.id for entry in catalog.entries[kind].values()}
    for entry in catalog.entries[kind].values():
        found |= {name: entry.id for name in entry.names if name not in found}
    return found


def surveys(catalog: Catalog) -> dict[str, str]:
    """Return every spelling of the surveys that name something (a letter, an id) -> its id."""
    kinds = [kind for kind in ASKED if kind != "results"]
    named = {cell.is_ for kind in kinds for entry in catalog.entries[kind].values() for cell in entry.named}
    return {**SURVEYS, **{one: one for one in sorted({*named, *SURVEYS.values()})}}


def measures(catalog: Catalog, wish: str) -> dict[str, str]:
    """Return every spelling of the sets, or metrics, that results name -> how results name it."""
    entries = catalog.entries[{"set": "datasets", "metric": "metrics"}[wish]]
    used = {getattr(result, wish) for result in catalog.results}
    whole = {one for name in used if name in entries for one in entries[name].values("within")}
    found = {one: one for one in sorted(used | whole)}
    for one in sorted(found):
        found |= {name: one for name in (entries[one].names if one in entries else ()) if name not in found}
    return found


def _parts(catalog: Catalog, which: str) -> set[str]:
    """Return a set, and those that are parts of it."""
    return {which, *(one.id for one in catalog.entries["datasets"].values() if which in one.values("within"))}


def _heirs(catalog: Catalog, base: str) -> set[str]:
    """Return a model and all that are made from it, directly or not."""
    found, new = {base}, True
    while new:
        made = {one.id for one in catalog.entries["models"].values() if not found.isdisjoint(one.values("base"))}
        new = not made <= found
        found |= made
    return found


def licences(catalog: Catalog, kind: str, wish: str, wanted: Iterable[str]) -> tuple[frozenset[str], Groups]:
    """Return the licences' names that are wanted, as they are compared, and the ways of access."""
    access = {one: one for one in catalog.axes["access"]}
    kinds = ("models", "methods") if kind == "results" else (kind,)
    entries = [one for name in kinds for one in catalog.entries[name].values()]
    names = {str(one): str(one) for one in sorted({str(one) for each in entries for one in each.values("licence")})}
    wished = groups(wish, wanted, access if wish == "access" else {**access, **names})
    found = {value for group in wished for part in group for value in part}
    return frozenset(key(one) for one in found if one not in access), tuple(
        group for group in wished if not access.keys().isdisjoint(*group)
    )


def bound(size: str, otherwise: float) -> float:
    """Return a size as a number of parameters, in whatever case it is written; UserError where it is none."""
    return parameters(size.strip().upper().replace("X", "x")) if size else otherwise


def month(text: str) -> str:
    """Return a year or a month as it was given; UserError where it is neither."""
    if not re.fullmatch(r"\d{4}(-(0[1-9]|1[0-2]))?", text):
        raise UserError(f"--since {text}: no such month; legal: a year or a month, such as 2023 or 2023-05")
    return text
