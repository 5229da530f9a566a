"""What is asked of the catalog, and what answers: entries or results that fit every wish.

Unknown is not no: an entry whose cell is unknown fits no wish about it, is left out, and is counted by the wish that
left it out. With ``firm``, a cell that is only from memory, or weak, counts as unknown too, and is told apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from residency.catalog.entries import Catalog, Cell, Entry, Result
from residency.catalog.search import score, score_result, words_of
from residency.catalog.sizes import parameters
from residency.catalog.wanted import (
    ASKED,
    ON_CELLS,
    Groups,
    bound,
    groups,
    key,
    legal,
    licences,
    measures,
    month,
    option,
    surveys,
    values_of,
    wider,
)
from residency.core.errors import UserError

_PLACED = ("task", "stakeholder", "care", "algorithm", "application", "language", "licence", "access", "since")
_MADE = ("base", "data", "compression", "max_params", "min_params")
_ALL = ("named_in", "text", "firm")
WISHES: dict[str, tuple[str, ...]] = {
    "models": (*_PLACED, *_MADE, "paradigm", "kind", *_ALL, "sort"),
    "datasets": (*_PLACED, "use", "form", "metric", *_ALL, "sort"),
    "methods": (*_PLACED, *_MADE, "kind", *_ALL, "sort"),
    "metrics": ("task", *_ALL, "sort"),
    "results": ("set", "metric", *_PLACED, *_MADE, "paradigm", *_ALL),
}
"""What can be asked of each kind."""
SORTS = ("name", "newest", "oldest", "smallest", "largest")
Verdict = bool | str
"""Whether a wish is met; a text says why nobody can tell."""
UNKNOWN, UNSURE = "unknown", "from memory or weak"


@dataclass(frozen=True, slots=True)
class Query:
    """The wishes, all of which must be met; of several values of one, any, and of ``a+b`` both. Empty is no wish."""

    task: tuple[str, ...] = ()
    stakeholder: tuple[str, ...] = ()
    care: tuple[str, ...] = ()
    paradigm: tuple[str, ...] = ()
    algorithm: tuple[str, ...] = ()
    application: tuple[str, ...] = ()
    compression: tuple[str, ...] = ()
    use: tuple[str, ...] = ()
    form: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    licence: tuple[str, ...] = ()
    access: tuple[str, ...] = ()
    base: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    named_in: tuple[str, ...] = ()
    set: tuple[str, ...] = ()
    metric: tuple[str, ...] = ()
    max_params: str = ""
    min_params: str = ""
    since: str = ""
    text: str = ""
    firm: bool = False
    sort: str = ""

    @property
    def wishes(self) -> dict[str, Any]:
        """The wishes that are made."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name))}


@dataclass(frozen=True, slots=True)
class Found:
    """The entries (or results) that fit, and wish -> reason -> how many were left out because nobody can tell."""

    entries: tuple[Any, ...]
    left_out: Mapping[str, Mapping[str, int]]
    undecided: int


def find(catalog: Catalog, kind: str, query: Query) -> list[Any]:
    """Return the entries of a kind that fit; of kind ``results``, the results."""
    return list(answer(catalog, kind, query).entries)


def answer(catalog: Catalog, kind: str, query: Query) -> Found:
    """Return what fits and how much was left out as unknown; UserError names the legal values of a wrong wish."""
    _check_wishes(kind, query)
    tests = dict(_tests(catalog, kind, query))
    of = partial(_of_result, catalog) if kind == "results" else _of_entry
    candidates: Iterable[Any] = catalog.results if kind == "results" else catalog.entries[kind].values()
    fit, left_out, undecided = [], {name: Counter[str]() for name in tests}, 0
    for one in candidates:
        verdicts = {name: test(of(one, name)) for name, test in tests.items()}
        if any(verdict is False for verdict in verdicts.values()):
            continue
        doubts = {name: verdict for name, verdict in verdicts.items() if isinstance(verdict, str)}
        for name, reason in doubts.items():
            left_out[name][reason] += 1
        undecided += bool(doubts)
        if not doubts:
            fit.append(one)
    shown = _in_order(catalog, kind, fit, query)
    return Found(tuple(shown), {name: dict(count) for name, count in left_out.items() if count}, undecided)


def _check_wishes(kind: str, query: Query) -> None:
    if kind not in ASKED:
        raise UserError(f"there is no kind {kind}; {legal(kind, ASKED)}")
    for name in query.wishes:
        if name not in WISHES[kind]:
            options = ", ".join(option(one) for one in WISHES[kind])
            raise UserError(f"{option(name)} says nothing about {kind}; of {kind} one can ask: {options}")


# --- what a wish looks at --------------------------------------------------------------------------------------------


def _of_entry(entry: Entry, wish: str) -> Entry:
    return entry


def _of_result(catalog: Catalog, result: Result, wish: str) -> Any:
    """Return what a wish about a result looks at: the result, the set it was measured on, or what was measured."""
    if wish in ("set", "metric", "text", "firm", "max_params", "min_params"):
        return result
    if wish in ("task", "language"):
        return catalog.entries["datasets"].get(result.set)
    return catalog.of(result)


def _tests(catalog: Catalog, kind: str, query: Query) -> Iterator[tuple[str, Callable[[Any], Verdict]]]:
    """Yield a test for each wish that leaves something out."""
    for name, wanted in query.wishes.items():
        if name in ("licence", "access"):
            yield name, partial(_licensed, licences(catalog, kind, name, wanted), query.firm)
        elif name == "named_in":
            yield name, partial(_named, groups(name, wanted, surveys(catalog)), query.firm)
        elif name in ("set", "metric") and kind == "results":
            yield name, partial(_measured, name, groups(name, wanted, measures(catalog, name), wider(catalog, name)))
        elif name in ON_CELLS:
            wished = groups(name, wanted, values_of(catalog, kind, name), wider(catalog, name))
            yield name, partial(_made_from if name == "base" else partial(_holds, ON_CELLS[name]), wished, query.firm)
        elif name == "since":
            yield name, partial(_since, month(wanted), query.firm)
        elif name == "text":
            yield name, partial(_says, catalog, words_of(wanted))
    if query.max_params or query.min_params:
        name = "max_params" if query.max_params else "min_params"
        yield name, partial(_sized, catalog, bound(query.min_params, 0.0), bound(query.max_params, 1e18), query.firm)
    if query.firm:
        yield "firm", _firm


def _meets(wished: Groups, values: Iterable[str]) -> bool:
    """Return whether values meet one of the groups: each of its parts by one value at least."""
    found = set(values)
    return any(all(not part.isdisjoint(found) for part in group) for group in wished)


def _holds(cell: str, wished: Groups, firm: bool, entry: Entry | None) -> Verdict:
    """Return whether a cell holds what is wanted."""
    if entry is None:
        return UNKNOWN
    if cell in entry.facts:  # such as a model's kind
        return _meets(wished, [entry.facts[cell]])
    found = _known(entry, cell, firm)
    return found if isinstance(found, str) else _meets(wished, found.values)


def _made_from(wished: Groups, firm: bool, entry: Entry) -> Verdict:
    """Return whether it was made from what is wanted; a general model that names no base was made from nothing."""
    if "base" not in entry.cells and (entry.facts.get("kind") == "general" or "scratch" in entry.values("paradigm")):
        return False
    return _holds("base", wished, firm, entry)


def _known(entry: Entry, cell: str, firm: bool) -> Cell | str:
    """Return a cell, or why it does not count."""
    if cell not in entry.cells:
        return UNKNOWN
    return entry.cells[cell] if entry.cells[cell].firm or not firm else UNSURE


def _licensed(wanted: tuple[frozenset[str], Groups], firm: bool, entry: Entry) -> Verdict:
    """Return whether the licence has one of the names, or the access is one of those wanted."""
    names, access = wanted
    verdicts: list[Verdict] = []
    if access:
        verdicts.append(_holds("access", access, firm, entry))
    if names:
        found = _known(entry, "licence", firm)
        verdicts.append(found if isinstance(found, str) else key(str(found.is_)) in names)
    return next((one for one in verdicts if one is True), next((one for one in verdicts if one), False))


def _named(wished: Groups, firm: bool, entry: Entry) -> Verdict:
    if not _meets(wished, [cell.is_ for cell in entry.named]):
        return False
    return not firm or _meets(wished, [cell.is_ for cell in entry.named if cell.firm]) or UNSURE


def _measured(name: str, wished: Groups, result: Result) -> Verdict:
    return _meets(wished, [getattr(result, name)])


def _since(month: str, firm: bool, entry: Entry) -> Verdict:
    found = _known(entry, "release", firm)
    if isinstance(found, str):
        return found
    shared = min(len(month), len(found.is_))
    if found.is_[:shared] != month[:shared]:
        return bool(found.is_ > month)
    return len(found.is_) >= len(month) or UNKNOWN


def _sized(catalog: Catalog, least: float, most: float, firm: bool, one: Entry | Result) -> Verdict:
    """Return whether a size lies in the range: of a result its own, or that of its model where there is but one."""
    if isinstance(one, Result) and one.size:
        return least <= parameters(one.size) <= most
    found = _known(catalog.of(one) if isinstance(one, Result) else one, "sizes", firm)
    if isinstance(found, str):
        return found
    fits = {least <= parameters(size) <= most for size in found.values}
    return (fits.pop() if len(fits) == 1 else UNKNOWN) if isinstance(one, Result) else True in fits


def _says(catalog: Catalog, words: tuple[str, ...], one: Entry | Result) -> Verdict:
    return (score(one, words) if isinstance(one, Entry) else score_result(catalog, one, words)) > 0


def _firm(one: Entry | Result) -> Verdict:
    """Return whether a result is firm, or an entry is named on firm ground by any survey that names it."""
    if isinstance(one, Result):
        return one.firm or UNSURE
    return not one.named or any(cell.firm for cell in one.named) or UNSURE


# --- order -----------------------------------------------------------------------------------------------------------


def _in_order(catalog: Catalog, kind: str, found: list[Any], query: Query) -> list[Any]:
    """Return entries by name, or as asked (what is unknown comes last), or by how well they fit the text."""
    if kind == "results":
        return sorted(found, key=lambda one: (one.set, one.part, one.metric, one.protocol, one.model, one.of))
    found = sorted(found, key=lambda entry: entry.name.casefold())
    if query.sort and query.sort not in SORTS:
        raise UserError(f"--sort {query.sort}: there is none such; {legal(query.sort, SORTS)}")
    if not query.sort and query.text:
        found.sort(key=lambda entry: -score(entry, words_of(query.text)))
    elif query.sort in ("newest", "oldest"):
        _by(found, lambda entry: next(iter(entry.values("release")), None), query.sort == "newest")
    elif query.sort in ("smallest", "largest"):
        pick = min if query.sort == "smallest" else max
        _by(found, lambda entry: pick(map(parameters, entry.values("sizes")), default=None), query.sort == "largest")
    return found


def _by(found: list[Entry], what: Callable[[Entry], Any], falling: bool) -> None:
    known = [entry for entry in found if what(entry) is not None]
    rest = [entry for entry in found if what(entry) is None]
    found[:] = [*sorted(known, key=what, reverse=falling), *rest]
