"""The verb of calibration: how far the confidence of a model can be believed, and below what it abstains.

Development items of a task are put to the model as ``/v1/medical/classify`` puts them, by the engine's own likelihoods;
what is fitted on them lies with the model, for that model's hash and this kind of question alone. Test items are never
read.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.core.errors import Unsupported, UserError
from residency.examine import Answer

if TYPE_CHECKING:
    from residency.core.types import Example, Model
    from residency.evaluate.tasks import Task
    from residency.models.load import Source
    from residency.serve.guard.calibration import Calibration

Row = dict[str, Any]
KIND = "classify"
"""The kind of question whose answers tell the likelihood of their options."""
AT_ONCE = 50
"""Items between two lines of progress."""


def add_arguments(one: argparse.ArgumentParser) -> None:
    """Add the model, the task, and the accuracy that answers should have."""
    from residency.arguments import ITEMS, SHARE, number, whole, words

    text = "the model as it is served: runs/latest (its GGUF where it has one), a stage of a run, a folder, a .gguf"
    one.add_argument("model", type=words, metavar="MODEL", help=text)
    text = "a task whose items have options (qa of a run, pubmedqa, medec_flag, …), or the YAML file of your own"
    one.add_argument("--task", type=words, required=True, metavar="NAME", help=text)
    text = "the share of the given answers that should be right: the model abstains below the confidence that reaches "
    text += f"it with 95%% certainty, {SHARE.legal} (default: it never abstains)"
    one.add_argument("--target", type=number(SHARE), metavar="P", help=text)
    text = f"at most N development items, {ITEMS.legal} (default: 500)"
    one.add_argument("--limit", type=whole(ITEMS), default=500, metavar="N", help=text)
    text = f"the share of training groups that is for development where a set has no part for it, {SHARE.legal} "
    text += "(default: 0.1, which training holds out)"
    one.add_argument("--share", type=number(SHARE), default=0.1, metavar="P", help=text)
    text = "where calibration/ is written (default: the model's run, or the folder of its weights; a service looks "
    text += "there, and in its own folder)"
    one.add_argument("--out", type=words, metavar="DIR", help=text)


def calibrate(args: argparse.Namespace) -> Answer:
    """Fit the calibration of a model on a task's development items, and leave it where a service finds it."""
    from residency.core.runs import runs_root
    from residency.examine import model_name
    from residency.models.load import find
    from residency.serve.guard import calibration

    source = find(model_name(args.model))
    out = Path(args.out) if args.out else _beside(args.model, source)
    task = _task(args.task)
    items = _items(task, args)
    folder = runs_root() / "calibrations" / f"{task.name}-{source.hash[:12]}"
    rows = _asked(items, source)
    made = calibration.fit(_kept(folder, rows, task, source, _options(items)), kind=KIND, target=args.target)
    path = calibration.write(made, out)
    return {**asdict(made), "file": str(path)}, told(made, path)


def told(made: Calibration, path: Path) -> str:
    """Return a calibration in words: what it stands on, what it changed, and how right each range of confidence was."""
    from residency.summary import table

    heads = ["confidence", "items", "right", "95% interval"]
    rows = [
        [f"{one.low:.3f} to {one.high:.3f}", str(one.n), f"{one.share:.3f}", f"{one.least:.3f} to {one.most:.3f}"]
        for one in made.bands
    ]
    lines = [
        f"{made.model}, {made.kind}: {made.n} development items of {made.task}",
        f"temperature {made.temperature:.2f}; expected calibration error {made.ece_before:.3f} before, "
        f"{made.ece_after:.3f} after (on the same items)",
        "",
        table(heads, rows),
        "",
        _abstains(made),
        f"written: {path}",
    ]
    return "\n".join(lines)


def _abstains(made: Calibration) -> str:
    if made.threshold is None:
        return "it never abstains: no --target was asked for"
    if made.threshold > 1:
        return f"no confidence reaches {made.target:g} with 95% certainty here: a service abstains from all of them"
    return f"to be right in {made.target:g}, it answers {made.answered:.0%} and abstains below {made.threshold:.3f}"


# --- items -----------------------------------------------------------------------------------------------------------


def _task(name: str) -> Task:
    """Return a task whose items have options; UserError where it has none."""
    from residency.evaluate.tasks import TASKS
    from residency.evaluate.tasks.read import declared_task

    if name in TASKS:
        task = TASKS[name]
    elif Path(name).is_file():
        task = declared_task(Path(name))
    else:
        known = ", ".join(one.name for one in TASKS.values() if one.kind in ("choice", "classify"))
        raise UserError(f"there is no task {name}: name the YAML file of your own, or one of {known}")
    if task.kind not in ("choice", "classify"):
        raise UserError(f"{name} is of kind {task.kind}, without options: a task of kind choice or classify is needed")
    return task


def _items(task: Task, args: argparse.Namespace) -> list[Example]:
    """Return the development items, at most ``--limit``, drawn by a hash of their ids."""
    from residency.evaluate.run import examples_of
    from residency.evaluate.selection import development_items, drawn
    from residency.examine import model_name
    from residency.serve.guard.calibration import LEAST

    examples = None if task.data or task.own else examples_of(model_name(args.model))
    found = [one for one in development_items(examples, task, args.share)[0] if one.wanted[0] in one.choices]
    if len(found) < LEAST:
        raise UserError(
            f"{task.name} has {len(found)} development items; {LEAST} are needed. A set without a part for development "
            "gives more with --share, where the model was not trained on it"
        )
    return drawn(found, args.limit)


def _asked(items: Sequence[Example], source: Source) -> list[Row]:
    """Return a row for each item: its options' log-probabilities, which is right, and whether the likeliest was."""
    from residency.core.progress import say
    from residency.models.load import open_source
    from residency.serve.api.classifying import classify
    from residency.serve.engine.plain import PlainModel

    if source.is_remote or source.reader or source.is_reward:
        raise Unsupported(f"{source.name} gives no likelihoods of options; a model with weights of its own does")
    model: Model = PlainModel(open_source(source))
    rows: list[Row] = []
    for number, one in enumerate(items, 1):
        found = classify("\n\n".join(part["content"] for part in one.prompt), one.choices, model)
        if not found.odds:
            raise Unsupported(f"{source.name} gives no likelihoods of options; a GGUF or a folder of weights does")
        right = one.choices.index(one.wanted[0])
        score = float(found.label == one.wanted[0])
        rows.append({"id": one.id, "choice_logprobs": list(found.odds), "right": right, "score": score})
        if number % AT_ONCE == 0:
            say(f"{number} of {len(items)} items")
    return rows


def _options(items: Sequence[Example]) -> list[str]:
    """Return the options that all items have; none where they differ."""
    sets = {tuple(sorted(one.choices)) for one in items}
    return list(sets.pop()) if len(sets) == 1 else []


def _kept(folder: Path, rows: Sequence[Row], task: Task, source: Source, options: Sequence[str]) -> Path:
    """Return the file of the rows (ids and numbers, no text), with its protocol beside it."""
    from residency.core.store import write_json, write_jsonl

    path = folder / f"{KIND}.jsonl"
    write_jsonl(path, rows)
    protocol: Row = {"task": task.name, "model": source.name, "model_hash": source.hash, "split": "development"}
    protocol["options"] = list(options)
    write_json(path.with_name(f"{KIND}.protocol.json"), protocol)
    return path


def _beside(name: str, source: Source) -> Path:
    """Return the folder that a service looks in for a model's calibrations: its run's, or that of its weights."""
    from residency.examine import model_name
    from residency.models.load import PACKAGED

    run = Path(model_name(name).partition(":")[0])
    if (run / "recipe.yaml").exists():
        return run.resolve()
    if name.lower() in PACKAGED:
        raise UserError(f"the weights of {name} came with a package: say where to, such as --out service (its folder)")
    place = Path(source.path)
    return place if place.is_dir() else place.parent
