"""The data: the user's own by a task or a corpus, else a public set that is here; and what is not used, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from residency.advise.case import Case
from residency.advise.evidence import firmly, placed, rows, stands_here
from residency.advise.form import Form
from residency.advise.given import Given, fits
from residency.advise.reason import Point, Reason, code, counted
from residency.advise.tasks import LIKE, legal_kinds
from residency.corpus.benchmarks import SETS
from residency.evaluate.tasks import TASKS

OWN = "README.md, Learn from public sets, and from your own corpus"


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that is named or proposed as data; its use is "learned", "read", "examined", or "" for none."""

    name: str
    use: str
    reason: Reason


def pieces(case: Case, form: Form) -> tuple[Piece, ...]:
    """Return what becomes of all data that was named, and of the public sets that stand in."""
    return (*_taught(case), *(_of_given(case, form, one) for one in case.given if not _is_taught(case, one)))


def _is_taught(case: Case, given: Given) -> bool:
    return case.taught is not None and given.name == case.taught.name


def _taught(case: Case) -> Iterator[Piece]:
    taught = case.taught
    if taught is None:
        return
    if taught.own:
        text = f"{taught.count:,} items of your own are learned, {taught.test:,} others examined"
        yield Piece(taught.name, "learned", Reason(text, (Point("file", taught.name), code("task", OWN))))
        return
    about = SETS[TASKS[taught.name].data]
    entries = stands_here(case.catalog, "datasets", taught.name, TASKS[taught.name].data)
    stands = f": {LIKE[taught.name]}" if taught.name in LIKE else ""
    lead = "" if case.own else "no labels of your own are given, and "
    points = (Point("code", taught.name, "residency data"), *rows(entries[:1], "licence"))
    yield Piece(taught.name, "learned", Reason(f"{lead}{taught.name} is here{stands} ({about.licence})", points))


def _of_given(case: Case, form: Form, given: Given) -> Piece:
    """Return what becomes of one thing that was named."""
    rules: tuple[Callable[[Case, Form, Given], Piece | None], ...] = (
        _elsewhere, _labelled, _other_kind, _examined, _unproven, _read,
    )  # fmt: skip
    return next(piece for rule in rules if (piece := rule(case, form, given)) is not None)


def _elsewhere(case: Case, form: Form, given: Given) -> Piece | None:
    """A data set of the catalog that Residency does not read."""
    if given.kind != "elsewhere" or given.entry is None:
        return None
    access = ", ".join(firmly(given.entry, "access")) or "not known"
    text = f"{given.entry.name} is in the catalog (access: {access}) and no task here reads it: declare it as a task"
    return Piece(given.name, "", Reason(text, (code("task", OWN), *rows([given.entry], "access"))))


def _labelled(case: Case, form: Form, given: Given) -> Piece | None:
    """Labels that no task declares."""
    if given.kind != "labelled":
        return None
    text = f"it holds {counted(given.count or 0, 'labelled item')}, and no task declares them: see the task file below"
    return Piece(given.name, "", Reason(text, (Point("file", given.name), code("task", OWN))))


def _other_kind(case: Case, form: Form, given: Given) -> Piece | None:
    """A task of another kind than the wanted one is made of."""
    if given.kind not in ("task", "set") or fits(given, case.needs.task):
        return None
    legal = ", ".join(legal_kinds(case.needs.task)) or "public ones alone"
    text = f"it is of kind {given.does}, and --task {case.needs.task} is made of: {legal}"
    return Piece(given.name, "", Reason(text, (where(given), code("kind", "README.md, Examine any model"))))


def _examined(case: Case, form: Form, given: Given) -> Piece | None:
    """A task that is examined and not learned."""
    if given.kind == "task" and given.test:
        text = f"{given.test:,} items are examined; it names nothing to learn from, or another is learned"
        return Piece(given.name, "examined", Reason(text, (Point("file", given.name),)))
    if given.kind not in ("task", "set"):
        return None
    why = "another is learned" if given.name in case.here else f"its set is not here: residency data get {given.name}"
    return Piece(given.name, "", Reason(why, (where(given),)))


def _unproven(case: Case, form: Form, given: Given) -> Piece | None:
    """Texts that may be of patients and show nothing."""
    if given.proven:
        return None
    text = "left out until it is shown that nobody is identified in it: no receipt lies with it, and no waiver is given"
    return Piece(given.name, "", Reason(text, (Point("file", given.name), GATE)))


def _read(case: Case, form: Form, given: Given) -> Piece:
    """What a corpus reads: of use to a generator alone."""
    why = f"the receipt {given.receipt}" if given.receipt else f'the waiver "{case.needs.waiver}"'
    if form.name != "generator":
        text = f"may train ({why}), but this recipe reads labels alone"
        return Piece(given.name, "", Reason(text, (Point("file", given.name), GATE)))
    text = f"{given.count or 0:,} {given.kind}, let in on {why}"
    return Piece(given.name, "read", Reason(text, (Point("file", given.receipt or given.name), GATE)))


def where(given: Given) -> Point:
    """Return what shows a task or set that was named."""
    return Point("file", given.name) if given.kind == "task" else Point("code", given.name, "residency data")


GATE = code("gate", "README.md, Texts of patients")


def would_help(case: Case) -> Reason | None:
    """Return which open sets of the catalog are for this task and are not read here; None where none are."""
    found = placed(case.catalog, "datasets", task=case.needs.task, language=case.needs.language)
    named = [one for one in found if "open" in firmly(one, "access") and not one.here][:4]
    if not named:
        return None
    told = ", ".join(one.name for one in named)
    text = f"open in the catalog for this task, and not read here unless you declare them as tasks: {told}"
    return Reason(text, rows(named, "access"))
