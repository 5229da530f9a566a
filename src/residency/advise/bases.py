"""The base: packaged weights that are here, and larger ones of the catalog that would need fetching and more memory."""

from __future__ import annotations

from dataclasses import dataclass

from residency.advise.case import Case
from residency.advise.evidence import figure, firmly, hub_id, rows
from residency.advise.form import SETTINGS, Form
from residency.advise.needs import size
from residency.advise.reason import Point, Reason, code
from residency.catalog.entries import Entry
from residency.catalog.sizes import parameters

PACKAGED = {"encoder": "minilm", "generator": "smollm2-135m", "prompting": "smollm2-135m"}
OPEN = ("open", "registration", "noncommercial")
MOST = 3
"""Larger bases that are named."""
BYTES_A_WEIGHT = 2
"""Of a weight in bf16."""
ADAM, SMALL = 16, 22.7e6
"""Bytes of a weight that learns in fp32, and the weights of the packaged encoder."""
PACKAGED_SIZE = {"encoder": 23e6, "generator": 136e6, "prompting": 136e6}
"""Weights of the packaged bases, rounded up: only what has more is larger."""
WRITTEN = frozenset(("qa", "sum", "dialogue", "generation"))
"""Tasks whose answers are written: a base for one of them serves another."""
SHAPES = ((0.135e9, "at_135m"), (0.362e9, "at_360m"), (1.236e9, "at_1b"))
"""Parameters of the shapes that were measured, and which number of the figure ``larger`` is their memory in GB."""


@dataclass(frozen=True, slots=True)
class Base:
    """The base of the recipe, and the reason."""

    name: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Larger:
    """A base of the catalog that would fit: its hub id, which size, the memory it would take, and the reason."""

    hub: str
    size: str
    bytes: float
    reason: Reason


def base_of(case: Case, form: Form) -> Base:
    """Return the base that the recipe trains: the one that is named, else the packaged one of the form."""
    point = code("base", f"{SETTINGS}#base")
    if case.needs.base:
        return Base(case.needs.base, Reason(f"{case.needs.base}, as you say", (point,)))
    name = PACKAGED[form.name]
    what = "an encoder of 23M parameters" if name == "minilm" else "a generator of 135M parameters"
    text = f"{name}, {what}, comes with Residency: nothing is fetched. It learned English"
    return Base(name, Reason(text, (point, figure("encoder_tags" if name == "minilm" else "notes_written").point)))


def larger(case: Case, form: Form) -> tuple[Larger, ...]:
    """Return the largest bases of the catalog that fit, that may be fetched, and that know the language."""
    found = []
    for entry in case.catalog.entries["models"].values():
        for each in firmly(entry, "sizes") if _may_be_fetched(entry, case, form) else ():
            if (one := _fitting(case, form, entry, str(each))) is not None:
                found.append(one)
    largest = sorted(found, key=lambda one: (-one.bytes, one.hub))
    hubs = list(dict.fromkeys(one.hub for one in largest))[:MOST]
    return tuple(next(one for one in largest if one.hub == hub) for hub in hubs)


def _may_be_fetched(entry: Entry, case: Case, form: Form) -> bool:
    """Return whether an entry has a hub id, may be had, knows the language and is of the form; unknown is no."""
    reads, tasks = "encoder" in firmly(entry, "architecture"), set(firmly(entry, "tasks"))
    wanted = WRITTEN if case.needs.task in WRITTEN else {case.needs.task}
    return (
        bool(hub_id(entry))
        and not set(firmly(entry, "access")).isdisjoint(OPEN)
        and case.needs.language in firmly(entry, "languages")
        and reads == (form.name == "encoder")
        and (entry.facts.get("kind") == "general" or not tasks.isdisjoint({*wanted, "lm"}))
    )


def _fitting(case: Case, form: Form, entry: Entry, each: str) -> Larger | None:
    """Return one size of an entry as a base, where it is larger than the packaged one and fits.

    Of an entry with several sizes it is the one that its hub id names.
    """
    hub, count = hub_id(entry), parameters(each)
    if count <= PACKAGED_SIZE[form.name]:
        return None
    if len(firmly(entry, "sizes")) > 1 and each.lower() not in hub.lower():
        return None
    need, told, points = _need(case, count) if form.name != "encoder" else _read(count)
    room = case.needs.accelerator or case.memory
    if need > room:
        return None
    return Larger(hub, each, need, Reason(f"{entry.name}: {told}", (*rows([entry], "sizes"), *points)))


Need = tuple[float, str, tuple[Point, ...]]


def _read(count: float) -> Need:
    """Return the bytes that tuning an encoder of so many weights takes: all of them learn, in fp32."""
    found = figure("encoder_tags")
    need = 1e9 * found.numbers["memory_gb"] + ADAM * (count - SMALL)
    told = f"the packaged one took {found.numbers['memory_gb']} GB, and each further weight takes {ADAM} bytes "
    return need, told + "(itself, its gradient and two moments in fp32)", (found.point,)


def _need(case: Case, count: float) -> Need:
    """Return the bytes that tuning a generator of so many weights takes, how that is known, and what shows it."""
    if case.learns_on_gpu:
        told = f"its weights take {size(BYTES_A_WEIGHT * count)} in bf16; what else tuning takes there was measured at "
        told += "135M alone, so twice that is allowed for"
        return 2 * BYTES_A_WEIGHT * count, told, (figure("on_a_gpu").point,)
    found = figure("larger")
    known = [(at, 1e9 * found.numbers[name]) for at, name in SHAPES]
    (a, low), (b, high) = known[-2:] if count > known[1][0] else known[:2]
    need = low + (count - a) * (high - low) / (b - a)
    how = "between" if known[0][0] <= count <= known[-1][0] else "on the line through"
    return need, f"tuning it takes about {size(need)}, {how} the sizes that were measured", (found.point,)
