"""The gates: what must be shown before a model may learn from texts of patients, or be used by people."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from residency.advise.case import Case
from residency.advise.data import GATE
from residency.advise.evidence import figure, rows, stands_here
from residency.advise.form import SETTINGS, Form
from residency.advise.reason import Point, Reason, code
from residency.corpus.deidentify.score import FLOOR
from residency.corpus.deidentify.shares import needed

Rule = Callable[[Case, Form], Reason | None]


def receipt(case: Case, form: Form) -> Reason | None:
    """Texts that may be of patients train nothing before a receipt shows how few identifiers are left."""
    if not case.unproven:
        return None
    least = needed(FLOOR)
    language = " --language es" if case.needs.language == "es" else ""
    sheet = max(100, 2 * least)
    names = [one.name.rstrip("/") for one in case.unproven]
    lines = []
    for name in names:
        hide = f"residency deidentify {name}{language}"
        lines += [f"{hide} --out {name}-safe", f"{hide} --sample {sheet} --out {name}-sheet"]
        lines += [f"{hide} --score labels.csv --out {name}-safe"]
    found = figure("identifiers")
    where = rows(stands_here(case.catalog, "methods", "deidentify")[:1])
    text = (
        f"{', '.join(names)}: to let them in, hide identifiers, label a sample of {sheet} ({least} texts with an "
        f"identifier and none missed show a recall of {FLOOR:.0%}), and name what was written:\n  " + "\n  ".join(lines)
    )
    safe = " ".join(f"{name}-safe" for name in names)
    text += f"\n  then the same command as now with --data {safe}. {found.says}"
    return Reason(text, (GATE, found.point, *where))


def vouched(case: Case, form: Form) -> Reason | None:
    """A task of one's own that is learned needs somebody's word that its texts identify nobody."""
    wanting = [one for one in case.own if one.count and not one.proven]
    if not wanting:
        return None
    names = ", ".join(one.name for one in wanting)
    text = f"{names}: say in the file why its texts identify nobody, as in `waiver: de-identified by DIR/receipt.json`"
    text += "; until then residency run refuses the recipe"
    points = tuple(Point("file", one.name) for one in wanting)
    return Reason(text, (GATE, *points))


def verb(case: Case, form: Form) -> Reason | None:
    """To hide identifiers there is a verb, which no recipe trains."""
    if case.needs.task != "deid":
        return None
    found = figure("identifiers")
    text = f"to hide identifiers take `residency deidentify`, and not this model: {found.says}. "
    text += "The recipe is for comparison"
    return Reason(text, (found.point, code("deidentify", "docs/cli.md")))


def people(case: Case, form: Form) -> Reason | None:
    """What is written for patients is judged by people: no score here says that it is safe, and no judge here may."""
    if form.name == "encoder" or case.needs.stakeholder != "patient":
        return None
    found = figure("judge")
    text = "ROUGE says how an answer is worded, not whether it is safe: let people judge it blind (residency form). "
    text += f"A model may not: {found.says}"
    return Reason(text, (found.point, code("form", "docs/cli.md")))


def urgent(case: Case, form: Form) -> Reason | None:
    """A triage is judged by what it misses, and by nothing alone."""
    if case.needs.care != "triage":
        return None
    text = "macro F1 weighs both mistakes alike, and an urgent case that is sorted as routine is the worse one: read "
    text += "the items that it missed (items/ of the run). Nothing made here may decide about a patient"
    return Reason(text, (code("limits", "README.md, Limits"),))


def licence(case: Case, form: Form) -> Reason | None:
    """What a public set's licence asks for is recorded in the card."""
    from residency.corpus.benchmarks import SETS
    from residency.evaluate.tasks import TASKS

    if case.taught is None or case.taught.own:
        return None
    about = SETS[TASKS[case.taught.name].data]
    text = f"{case.taught.name} is {about.licence}; the model card names it. No patient's text of yours is in it"
    return Reason(text, (code(case.taught.name, "residency data"),))


def forgotten(case: Case, form: Form) -> Reason | None:
    """What a generator learns costs general language, which is examined with it."""
    if form.name != "generator":
        return None
    found = figure("forgetting")
    text = f"look at what it forgot (general_text and general_instructions in the report): {found.says}"
    return Reason(text, (found.point, code("evaluate", f"{SETTINGS}#evaluate")))


RULES: tuple[Rule, ...] = (receipt, vouched, verb, people, urgent, forgotten, licence)


def gates_of(case: Case, form: Form) -> Iterator[Reason]:
    """Yield what is to be shown or done."""
    yield from (found for rule in RULES if (found := rule(case, form)))
