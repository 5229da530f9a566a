"""The verbs that examine a model: evaluate, judge, reproduce, lm-eval, and data. What each needs is imported then."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from residency.core.errors import UserError

Answer = tuple[Any, str]


def evaluate(args: argparse.Namespace) -> Answer:
    """Examine a model on tasks; the same command goes on where it was stopped."""
    from residency.core.runs import runs_root
    from residency.evaluate.numbers import MARK, few, few_note
    from residency.evaluate.overview import write_overview
    from residency.evaluate.protocol import Protocol
    from residency.evaluate.run import evaluate_model
    from residency.measure.meter import meter
    from residency.summary import table

    name = model_name(args.model)
    out = runs_root() / "evaluations" / folder_name(args)
    settings = {"tasks": args.tasks, "suite": args.suite, "limit": args.limit, "shots": args.shots}
    protocol = Protocol(args.method, args.pick, args.style, not args.no_template, args.seed)
    with meter() as cost:
        rows = evaluate_model(name, out=out, precision=args.precision, protocol=protocol, **settings)
    page = write_overview(out, name, rows, cost.row())
    lines = [
        [
            row["family"],
            row["task"],
            row["metric"],
            row["value"],
            row["low"],
            row["high"],
            f"{row['n']} {MARK}" if few(row) else row["n"],
            row["unparsed"],
            row["not_scored"],
            _flag(row["contaminated"]),
        ]
        for row in rows
    ]
    heads = ["family", "task", "metric", "value", "low", "high", "items", "unread", "not scored", "in training"]
    unknown = "?: not checked, since the items are the run's own or the model belongs to no run here"
    peak = f"peak memory {cost.peak_rss_mb:.0f} MB, {cost.wall_s:.0f} s"
    notes = "\n".join(
        note for note in (few_note(rows), unknown if any(r["contaminated"] is None for r in rows) else "") if note
    )
    parts = [table(heads, lines), notes, f"{peak}\nitems  {out / 'items'}\npage   {page}"]
    taken = rows[0].get("model") if rows else None
    document = {"model": name, "taken": taken, "out": str(out), "page": str(page), "cost": cost.row(), "rows": rows}
    return document, "\n\n".join(part for part in parts if part)


def _flag(found: bool | None) -> str:
    return {True: "YES", False: "no", None: "?"}[found]


def folder_name(args: argparse.Namespace) -> str:
    """Return the folder of an evaluation: the same command has the same, so that it can go on."""
    from residency.core.store import sha256_json

    slug = "".join(sign if sign.isalnum() else "-" for sign in args.model).strip("-")
    asked = [args.model, args.tasks, args.suite, args.limit, args.shots, args.precision]
    asked += [args.method, args.pick, args.style, args.no_template, args.seed]
    return f"{slug}-{sha256_json(asked)[:8]}"


def model_name(name: str) -> str:
    """Return the name with ``runs/…`` read in the runs folder, wherever ``$RESIDENCY_RUNS`` puts it."""
    from residency.core.runs import runs_root

    first, slash, rest = name.partition("/")
    return str(runs_root() / rest) if first == "runs" and slash else name


def judge(args: argparse.Namespace) -> Answer:
    """Measure a model as a judge against people, or let one that has its passport rate answers."""
    from residency.core.runs import runs_root
    from residency.core.store import read_jsonl, write_jsonl
    from residency.evaluate.judges import passport
    from residency.evaluate.judges.axes import axis_of
    from residency.evaluate.judges.model import rate
    from residency.models.load import load

    axis, folder = axis_of(args.axis), runs_root() / "judges"
    if args.measure == bool(args.items):
        raise UserError("say what to do: --measure, or --items FILE.jsonl with rows of question and answer")
    if args.items and not Path(args.items).is_file():
        raise UserError(f"there is no file {args.items}")
    model = load(model_name(args.model), type="fp32")
    if args.measure:
        made = passport.measure(model, args.axis, limit=args.limit)
        path = passport.issue(folder, made)
        verdict = "earned" if made["earned"] else "not earned"
        low, high = made["kappa_low"], made["kappa_high"]
        words = (
            f"{args.axis}: kappa {made['kappa']:.3f} [{low:.3f}, {high:.3f}] on {made['n']} answers to "
            f"{made['groups']} questions ({made['measured_on']}, {made['split']}); the lower limit must reach "
            f"{made['bar']}: passport {verdict}\n{path}"
        )
        return {**made, "file": str(path)}, words
    found = passport.check(folder, model, args.axis, args.kind, called=args.model)
    rows = list(read_jsonl(args.items))
    wrong = [str(n) for n, row in enumerate(rows, 1) if not _has_texts(row)]
    if wrong:
        raise UserError(f"{args.items}: no question and answer (both texts) in line {', '.join(wrong[:20])}")
    judged = [
        {"id": row.get("id", number), "axis": axis.name, "rating": j.rating, "expected": j.expected}
        for number, (row, j) in enumerate(zip(rows, rate(model, axis, rows), strict=True), 1)
    ]
    target = Path(args.items).with_suffix(f".{axis.name}.jsonl")
    write_jsonl(target, judged)
    return {"passport": found, "judged": judged, "file": str(target)}, f"{len(judged)} answers rated: {target}"


def _has_texts(row: Any) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(key), str) for key in ("question", "answer"))


def form(args: argparse.Namespace) -> Answer:
    """Write a blind form for people to judge answers with, or add up forms that they have filled in."""
    from residency.core.store import read_jsonl
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
    answers = {path.stem: {r["id"]: r["prediction"] for r in read_jsonl(path) if r.get("prediction")} for path in files}
    if len(answers) < len(files):
        raise UserError("two files of answers have the same name: a model is known by its file's name")
    asked = _questions(files[0], args.limit)
    count = write_form(out, asked, answers, args.axes.split(","), pairwise=args.pairwise, seed=args.seed)
    words = f"{count} lines to judge in {out}; whose answers they are lies in {key_of(out)}, which raters must not see"
    return {"form": str(out), "key": str(key_of(out)), "lines": count}, words


def _agreed(row: dict[str, Any]) -> str:
    found = row["agreement"]
    if found is None:
        return ""
    value = found["krippendorff_alpha"]
    return f"{row['axis']}: agreement alpha {value:.2f} [{found['low']:.2f}, {found['high']:.2f}]"


def _questions(answers: Path, limit: int) -> dict[str, dict[str, str]]:
    """Return the questions that a file of answers belongs to, by item id."""
    from residency.core.store import read_json
    from residency.evaluate.jobs import test_items
    from residency.evaluate.tasks import TASKS
    from residency.evaluate.tasks.read import own_task

    name, about = answers.resolve().parent.name, answers.with_suffix(".protocol.json")
    data = str(read_json(about).get("data", "")) if about.exists() else ""
    task = TASKS.get(name) or (own_task(Path(data)) if Path(data).is_file() else None)
    if task is None:
        raise UserError(f"{answers} lies in no folder of a task of ours, and its own task file {data} is not there")
    examples = test_items(answers.resolve().parents[2] / "examples", task, limit)
    return {e.id: {"question": _told(e.prompt), "group": e.group} for e in examples}


def _told(prompt: list[dict[str, str]]) -> str:
    """Return a prompt as a person reads it: its text, or a conversation turn by turn."""
    if len(prompt) == 1:
        return prompt[0]["content"]
    return "\n".join(f"{turn['role']}: {turn['content']}" for turn in prompt)


def reproduce(args: argparse.Namespace) -> Answer:
    """Show published rows beside what is measured here, with the protocol of each."""
    from residency.core.runs import runs_root
    from residency.evaluate.reproduce import read_rows, reproduce

    rows = reproduce(read_rows(published_file(args.file)), runs_root() / "evaluations" / "reproduce")
    return {"rows": rows}, "\n\n".join(_reproduced(row) for row in rows)


def published_file(name: str) -> Path:
    """Return the file of published rows: a path, or the one that comes with Residency."""
    here = Path(__file__).resolve().parent
    known = [folder / "published.yaml" for folder in (here / "recipes", here.parents[1] / "recipes")]
    return Path(name) if name else next((path for path in known if path.exists()), known[0])


def _reproduced(row: dict[str, Any]) -> str:
    lines = [row["name"], f"  published  {row['published']:.1f} {row['metric']}  ({row['source']}; {row['protocol']})"]
    if row["status"] != "measured":
        return "\n".join([*lines, f"  measured   {row['status']}"])
    spread = f"[{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
    lines.append(f"  measured   {100 * row['value']:.1f} {spread} on {row['n']}  ({row['measured_protocol']})")
    return "\n".join([*lines, f"  difference {row['difference']:+.1f}"])


def lm_eval(args: argparse.Namespace) -> Answer:
    """Hand the rest of the line to lm-evaluation-harness, with our scorer as --model residency."""
    from residency.evaluate.harness import run_harness

    run_harness([a for a in args.arguments if a != "--"], allow_code=args.allow_code)
    return {}, ""


def data(args: argparse.Namespace) -> Answer:
    """List the public data sets: what is here, where it comes from, and under which licence."""
    from residency.core.errors import SourceError
    from residency.corpus import benchmarks
    from residency.summary import table

    rows = []
    for name, about in benchmarks.SETS.items():
        try:
            folder = str(benchmarks.folder_of(name))
        except SourceError:
            folder = ""
        rows.append({"name": name, "here": folder, "licence": about.licence, "url": about.url, "commit": about.commit})
    lines = [[r["name"], "yes" if r["here"] else "no", r["licence"], f"{r['url']} at {r['commit']}"] for r in rows]
    looked = "looked for in " + ", ".join(map(str, benchmarks.data_folders()))
    return {"sets": rows}, f"{table(['set', 'here', 'licence', 'from'], lines)}\n\n{looked}"
