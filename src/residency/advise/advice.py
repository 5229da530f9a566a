"""The advice: every rule asked in turn, what came of it as one document, and the same in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from residency.advise.bases import Base, Larger, base_of, larger
from residency.advise.case import Case
from residency.advise.compress import quantize
from residency.advise.conflicts import conflicts_of
from residency.advise.data import Piece, pieces, would_help
from residency.advise.examine import Examined, beside, examined, parts_of
from residency.advise.form import Form, form_of
from residency.advise.gates import gates_of
from residency.advise.missing import missing_of, unknown_of
from residency.advise.needs import size
from residency.advise.reason import Reason, every, looked_up, rows_of
from residency.advise.recipe import SHOWN_ITEMS, recipe_of, text_of
from residency.advise.room import rows_for
from residency.advise.stages import LeftOut, Plan, Stage, precedents, stages_of, time_of
from residency.advise.tasks import legal_kinds
from residency.core.errors import UserError


@dataclass(frozen=True, slots=True)
class Advice:
    """What is proposed for a case, every part with its reason, and the recipe that does it."""

    case: Case
    form: Form
    base: Base
    rows: Reason
    time: Reason
    stages: tuple[Stage, ...]
    left_out: tuple[LeftOut, ...]
    data: tuple[Piece, ...]
    compress: Stage | LeftOut
    evaluate: tuple[Examined, ...]
    beside: tuple[Reason, ...]
    gates: tuple[Reason, ...]
    conflicts: tuple[Reason, ...]
    larger: tuple[Larger, ...]
    missing: tuple[Reason, ...]
    unknown: tuple[Reason, ...]
    recipe: dict[str, Any]
    text: str

    @property
    def paradigms(self) -> tuple[str, ...]:
        """The paradigms of the catalog's axis that the stages are."""
        found = dict.fromkeys(stage.paradigm for stage in self.stages)
        return tuple(found) or ("prompting",)


def advise(case: Case, command: str = "residency advise") -> Advice:
    """Return what is proposed. Raises UserError, with the nearest that is possible, where nothing can be."""
    form = form_of(case)
    _can_be_examined(case)
    rows, why_rows = rows_for(case, form.name)
    base = base_of(case, form)
    plan = Plan(case, form, rows)
    stages, left_out = stages_of(plan)
    made = quantize(case, form)
    compress = made if isinstance(made, Stage) else None
    tasks = examined(case, 0 if form.name == "encoder" else SHOWN_ITEMS)
    recipe = recipe_of(case, form, base, stages, compress, tasks)
    takes = time_of(plan)
    chosen = [form.reason, base.reason, *((why_rows, takes) if stages else ())]
    told = [*chosen, *(stage.reason for stage in stages), *(one.reason for one in tasks)]
    return Advice(
        case=case,
        form=form,
        base=base,
        rows=why_rows,
        time=takes,
        stages=stages,
        left_out=left_out,
        data=pieces(case, form),
        compress=made,
        evaluate=tasks,
        beside=every((precedents(case, form), beside(case), would_help(case))),
        gates=tuple(gates_of(case, form)),
        conflicts=tuple(conflicts_of(case, form)),
        larger=larger(case, form),
        missing=tuple(missing_of(case, form)),
        unknown=tuple(unknown_of(case, form)),
        recipe=recipe,
        text=text_of(recipe, command, what(case, form, base), told),
    )


def what(case: Case, form: Form, base: Base) -> str:
    """Return in a line what the recipe does."""
    learns = f"learns {case.taught.name}" if case.taught else "reads your texts" if case.texts else "is asked"
    kind = {"encoder": "an encoder", "generator": "a generator", "prompting": "a generator, not trained,"}[form.name]
    return f"{kind} ({base.name}) {learns} for {case.needs.task} in {case.needs.language}"


def _can_be_examined(case: Case) -> None:
    """Raise UserError where there is neither anything to learn nor to examine on; it says what would be the nearest."""
    if case.taught or case.examined or case.dialogues:
        return
    needs = case.needs
    asked = f"--task {needs.task} --language {needs.language}"
    found = f"{asked}: nothing here teaches it, and nothing examines it. Nearest: "
    near = []
    if case.missing_sets:
        near.append(f"residency data get {case.missing_sets[0]}")
    kinds = "|".join(legal_kinds(needs.task))
    if kinds:
        near.append(f"a task of your own of kind {kinds} (--data NAME.yaml), of 20 items at least")
    if needs.language != "en":
        near.append("--language en, on public sets")
    raise UserError(found + "; ".join(near or ["another --task"]))


# --- as a document ----------------------------------------------------------------------------------------------------


def document(advice: Advice) -> dict[str, Any]:
    """Return the advice as JSON."""
    case = advice.case
    compress = advice.compress
    return {
        "needs": asdict(case.needs),
        "memory": case.memory,
        "data_given": [one.about for one in case.given],
        "what": what(case, advice.form, advice.base),
        "form": {"is": advice.form.name, **advice.form.reason.as_row()},
        "paradigms": list(advice.paradigms),
        "base": {"is": advice.base.name, **advice.base.reason.as_row()},
        "rows": advice.rows.as_row(),
        "time": advice.time.as_row(),
        "stages": [{"stage": s.name, "settings": s.settings, **s.reason.as_row()} for s in advice.stages],
        "left_out": [{"stage": one.name, **one.reason.as_row()} for one in (*advice.left_out, *_left(compress))],
        "data": [{"name": one.name, "use": one.use, **one.reason.as_row()} for one in advice.data],
        "compression": {"is": compress.settings if isinstance(compress, Stage) else None, **compress.reason.as_row()},
        "evaluation": [_examined_row(one) for one in advice.evaluate],
        "beside": rows_of(advice.beside),
        "gates": rows_of(advice.gates),
        "conflicts": rows_of(advice.conflicts),
        "would_need": [
            {"base": one.hub, "size": one.size, "bytes": one.bytes, **one.reason.as_row()} for one in advice.larger
        ],
        "missing": rows_of(advice.missing),
        "unknown": rows_of(advice.unknown),
        "task_file": task_file(case),
        "recipe": advice.recipe,
    }


def _left(compress: Stage | LeftOut) -> tuple[LeftOut, ...]:
    return (compress,) if isinstance(compress, LeftOut) else ()


def _examined_row(one: Examined) -> dict[str, Any]:
    told = {"task": one.name, "metric": one.metric, "items": one.items or None, "half_width": one.half}
    return {**told, "items_for_5_points": one.needed, **one.reason.as_row()}


def task_file(case: Case) -> str:
    """Return a task file to fill in, where labels are not declared as a task; "" where they are."""
    kinds = [kind for kind in legal_kinds(case.needs.task) if kind != "rubric"]
    if not kinds or any(one.count for one in case.own):
        return ""
    learn, watch, test = parts_of(case.needs.labelled or 200)
    labels = {
        "extract": "labels: [YOUR, LABELS]",
        "classify": "labels: [your, classes]",
        "tag": "labels: [your, labels]",
    }
    lines = [
        f"task: my_{case.needs.task}",
        f"kind: {kinds[0]}",
        *([labels[kinds[0]]] if kinds[0] in labels else []),
        f"train: train.jsonl      # {learn} items",
        f"dev: dev.jsonl          # {watch}",
        f"items: test.jsonl       # {test}: no patient of these in the other two",
        *([f"language: {case.needs.language}"] if case.needs.language != "en" else []),
        "waiver: de-identified, as DIR/receipt.json shows",
    ]
    return "\n".join(lines) + "\n"


# --- in words ---------------------------------------------------------------------------------------------------------


def in_words(advice: Advice) -> str:
    """Return the advice for people: what is proposed, each with its reason, then what stands against it."""
    case, form = advice.case, advice.form
    blocks = [what(case, form, advice.base)]
    blocks.append(_block("What does not go together, and the nearest that is possible", advice.conflicts))
    chosen = [f"{form.name}: {form.reason}", f"base: {advice.base.reason}"]
    chosen += [f"rows: {advice.rows}", f"time: {advice.time}"] if advice.stages else []
    chosen += [f"{stage.name} ({stage.paradigm.replace('_', ' ')}): {stage.reason}" for stage in advice.stages]
    if isinstance(advice.compress, Stage):
        chosen.append(f"quantize: {advice.compress.reason}")
    blocks.append(_block("Proposed", chosen))
    left = (*advice.left_out, *_left(advice.compress))
    blocks.append(_block("Left out", (f"{one.name}: {one.reason}" for one in left if one.name != "training")))
    blocks.append(_block("Data", (f"{one.name} ({one.use or 'not used'}): {one.reason}" for one in advice.data)))
    blocks.append(_block("Evaluation", (f"{one.name}: {one.reason}" for one in advice.evaluate)))
    blocks.append(_block("Before it may be trained or used", advice.gates))
    blocks.append(_block("Beside it, in the catalog", advice.beside))
    wanted = (f"{one.hub} ({one.size}, about {size(one.bytes)}): {one.reason}" for one in advice.larger)
    blocks.append(_block("A larger base would need fetching (residency run RECIPE base=ID)", wanted))
    blocks.append(_block("Not there today", advice.missing))
    blocks.append(_block("Not known", advice.unknown))
    if told := task_file(case):
        blocks.append("\n  ".join(["A task file for labels of your own (NAME.yaml):", *told.splitlines()]))
    blocks.append("\n".join(["Where the reasons stand:", *(f"  {line}" for line in looked_up(reasons(advice)))]))
    return "\n\n".join(block.rstrip() for block in blocks if block)


def reasons(advice: Advice) -> tuple[Reason, ...]:
    """Return every reason of an advice."""
    parts = (*advice.stages, *advice.left_out, advice.compress, *advice.data, *advice.evaluate, *advice.larger)
    plain = (*advice.beside, *advice.gates, *advice.conflicts, *advice.missing, *advice.unknown)
    chosen = (advice.rows, advice.time) if advice.stages else ()
    return (advice.form.reason, advice.base.reason, *chosen, *(part.reason for part in parts), *plain)


def _block(head: str, lines: Iterable[Any]) -> str:
    told = [f"- {line}" for line in lines]
    return "\n".join([f"{head}:", *told]) if told else ""
