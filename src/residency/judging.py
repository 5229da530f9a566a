"""The verbs of judging: models that hold a passport rate or compare answers, people fill in forms."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from residency.core.errors import UserError
from residency.examine import Answer, model_name


def judge(args: argparse.Namespace) -> Answer:
    """Measure a model as a judge against people, or let one that has its passport rate or compare answers."""
    from residency.core.runs import runs_root
    from residency.evaluate.judges import passport
    from residency.evaluate.judges.axes import CRITERION, axis_of
    from residency.models.load import load

    axis, folder = axis_of(args.axis), runs_root() / "judges"
    _can_be_done(args, of_people=args.measure and axis.name == CRITERION.name)
    if args.measure:
        people = _rated_by_people(Path(args.items)) if args.items else None
        return _measured(load(model_name(args.model), type="fp32"), args, folder, people)
    rows = _rows(Path(args.items), args.limit)  # mistakes are told before a model is loaded
    model = load(model_name(args.model), type="fp32")
    found = passport.check(folder, model, args.axis, args.kind, called=args.model)
    judged = list(_judged(model, axis, rows))
    target = Path(args.items).with_suffix(f".{axis.name}.jsonl")
    return {"passport": found, "judged": judged, "file": str(target)}, _kept(judged, target)


def _can_be_done(args: argparse.Namespace, *, of_people: bool) -> None:
    """Raise UserError where the options do not go together, a file or ratings are absent; no model is needed for it."""
    from residency.corpus.benchmarks import folder_of
    from residency.evaluate.judges.passport import set_of

    if of_people and not args.items:
        raise UserError(
            "a judge of rubrics is measured on people's verdicts: --measure --axis rubric --items FILE.jsonl, with "
            "rows of prompt, completion, rubric and binary_labels"
        )
    if not args.measure and not args.items:
        raise UserError("say what to do: --measure, or --items FILE.jsonl with rows of question and answer")
    if args.measure and args.items and not of_people:
        raise UserError(
            f"--measure takes --items only with --axis rubric; to measure a judge of {args.axis} leave --items out, to "
            "have the items judged leave --measure out"
        )
    if args.items and not Path(args.items).is_file():
        raise UserError(f"there is no file {args.items}")
    if args.measure and not of_people:
        folder_of(set_of(args.axis)[0])


def _rated_by_people(path: Path) -> tuple[str, str, list[dict[str, Any]]]:
    from residency.evaluate.judges import rubric

    return str(path), rubric.KIND, rubric.rated(path)


def _measured(model: Any, args: argparse.Namespace, folder: Path, people: Any) -> Answer:
    """Return the passport of a judge, which is written to the folder, earned or not."""
    from residency.evaluate.judges import passport

    made = passport.measure(model, args.axis, limit=args.limit, rated=people)
    path = passport.issue(folder, made)
    verdict = "earned" if made["earned"] else "not earned"
    verdict = "an estimate on a part, which earns none" if made["part"] else verdict
    low, high = made["kappa_low"], made["kappa_high"]
    words = (
        f"{args.axis}: kappa {made['kappa']:.3f} [{low:.3f}, {high:.3f}] on {made['n']} answers to "
        f"{made['groups']} questions ({made['measured_on']}, {made['split']}); the lower limit must reach "
        f"{made['bar']} on at least {made['least_groups']} questions: passport {verdict}\n{path}"
    )
    return {**made, "file": str(path)}, words


PAIR, ONE = ("question", "first", "second"), ("question", "answer")
"""What a line to be judged holds: two answers, or one."""


def _rows(path: Path, limit: int) -> list[dict[str, Any]]:
    """Return the lines of a file to be judged; UserError where it holds none, or names those that are not of one form.

    At most ``limit`` of them, the first, where that is given.
    """
    from residency.core.store import read_jsonl

    rows = list(read_jsonl(path))
    if not rows:
        raise UserError(f"{path} holds no line to judge")
    form = _form_of(rows)
    wrong = [str(n) for n, row in enumerate(rows, 1) if not _has_texts(row, form)]
    if wrong:
        called = f"{', '.join(form[:-1])} and {form[-1]}"
        raise UserError(f"{path}: no {called} (all texts) in line {', '.join(wrong[:20])}")
    return rows[: limit or None]


def _form_of(rows: list[Any]) -> tuple[str, ...]:
    return PAIR if isinstance(rows[0], dict) and "first" in rows[0] else ONE


def _judged(model: Any, axis: Any, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the judgement of each row."""
    from residency.evaluate.judges.model import prefer, rate

    marks = [{"id": row.get("id", number), "axis": axis.name} for number, row in enumerate(rows, 1)]
    if _form_of(rows) == PAIR:
        preferred = prefer(model, axis, rows)
        yield from (m | {"prefers_first": _known(p)} for m, p in zip(marks, preferred, strict=True))
        return
    rated = rate(model, axis, rows)
    yield from (
        m | {"rating": _known(j.rating), "expected": _known(j.expected)} for m, j in zip(marks, rated, strict=True)
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _kept(judged: list[dict[str, Any]], target: Path) -> str:
    from residency.core.store import write_jsonl

    write_jsonl(target, judged)
    left = sum(None in row.values() for row in judged)
    return f"{len(judged)} judged{f', of these {left} not scored' if left else ''}: {target}"


def _has_texts(row: Any, form: tuple[str, ...]) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(key), str) for key in form)


def form(args: argparse.Namespace) -> Answer:
    """Write a blind form for people to judge answers with, or add up forms that they have filled in."""
    from residency.evaluate.judges.people import key_of, results, write_form
    from residency.summary import table

    out = Path(args.form)
    if bool(args.answers) == bool(args.filled):
        raise UserError("say what to do: --answers ITEMS.jsonl … to write a form, or --filled A.csv … to add up")
    if args.filled:
        found = results(out, [Path(path) for path in args.filled])
        lines = [[r["axis"], m["model"], m["value"], m["low"], m["high"], m["n"]] for r in found for m in r["models"]]
        heads = ["axis", "preferred" if args.pairwise else "model", "value", "low", "high", "answers"]
        return {"results": found}, "\n\n".join([table(heads, lines), *filter(None, map(_agreed, found))])
    files = [Path(path) for path in args.answers]
    if absent := [str(path) for path in files if not path.is_file()]:
        raise UserError(
            f"there is no {', '.join(absent)}; answers lie in items/TASK/MODEL.jsonl of a run or evaluation"
        )
    answers = {path.stem: _answers(path) for path in files}
    if len(answers) < len(files):
        raise UserError("two files of answers have the same name: a model is known by its file's name")
    asked = _questions(files[0], args.limit)
    left = _left_out(asked, answers)
    said = {model: {item: text for item, text in found.items() if text} for model, found in answers.items()}
    count = write_form(out, asked, said, args.axes.split(","), pairwise=args.pairwise, seed=args.seed)
    words = f"{count} lines to judge in {out}; whose answers they are lies in {key_of(out)}, which raters must not see"
    document = {"form": str(out), "key": str(key_of(out)), "lines": count, "left_out": left}
    return document, "\n".join([words, *_said_left_out(left)])


def _answers(path: Path) -> dict[str, str]:
    """Return a model's answers by item id, "" where it gave none; UserError names the lines that are no answers."""
    from residency.core.store import read_jsonl

    rows = list(read_jsonl(path))
    wrong = [str(number) for number, row in enumerate(rows, 1) if not _is_answer(row)]
    if wrong:
        raise UserError(f"{path}: no id and prediction (both texts) in line {', '.join(wrong[:20])}")
    return {row["id"]: (row.get("prediction") or "").strip() and row["prediction"] for row in rows}


def _is_answer(row: Any) -> bool:
    return _has_texts(row, ("id",)) and isinstance(row.get("prediction"), str | None)


def _left_out(asked: Iterable[str], answers: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Return how many items the form leaves out since not every model has answered them, and whose answers lack."""
    touched = [item for item in asked if any(item in found for found in answers.values())]
    empty = {model: sum(found.get(item) == "" for item in touched) for model, found in answers.items()}
    absent = {model: sum(item not in found for item in touched) for model, found in answers.items()}
    gone = [item for item in touched if not all(found.get(item) for found in answers.values())]
    lost = sum(bool(found.get(item)) for item in gone for found in answers.values())
    return {"items": len(gone), "empty": empty, "absent": absent, "answers_of_others": lost}


def _said_left_out(left: dict[str, Any]) -> list[str]:
    if not left["items"]:
        return []
    why = [f"{model} gave an empty answer to {n}" for model, n in left["empty"].items() if n]
    why += [f"{model} holds no row of {n}" for model, n in left["absent"].items() if n]
    lost = f", and with them {left['answers_of_others']} answers of others" if left["answers_of_others"] else ""
    return [f"left out are {left['items']} items{lost}, since each model must have answered: {'; '.join(why)}"]


def _agreed(row: dict[str, Any]) -> str:
    found = row["agreement"]
    if found is None:
        return ""
    value = found["krippendorff_alpha"]
    if math.isnan(value):
        return f"{row['axis']}: agreement cannot be measured; two raters or more must rate the same lines"
    return f"{row['axis']}: agreement alpha {value:.2f} [{found['low']:.2f}, {found['high']:.2f}]"


def _questions(answers: Path, limit: int) -> dict[str, dict[str, str]]:
    """Return the questions that a file of answers belongs to, by item id."""
    from residency.core.store import read_json
    from residency.evaluate.selection import test_items
    from residency.evaluate.tasks import TASKS
    from residency.evaluate.tasks.read import own_task
    from residency.infer.prompts.shots import told

    name, about = answers.resolve().parent.name, answers.with_suffix(".protocol.json")
    data = str(read_json(about).get("data", "")) if about.exists() else ""
    task = TASKS.get(name) or (own_task(Path(data)) if Path(data).is_file() else None)
    if task is None:
        raise UserError(f"{answers} lies in no folder of a task of ours, and its own task file {data} is not there")
    examples = test_items(answers.resolve().parents[2] / "examples", task, limit)
    return {e.id: {"question": told(e.prompt), "group": e.group} for e in examples}
