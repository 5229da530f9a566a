"""The verbs that examine a model: evaluate, judge, reproduce, lm-eval, and data. What each needs is imported then."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from residency.core.errors import UserError

Answer = tuple[Any, str]


def evaluate(args: argparse.Namespace) -> Answer:
    """Examine models on tasks; the same command goes on where it was stopped."""
    from residency.core.runs import runs_root
    from residency.evaluate.numbers import few_note
    from residency.evaluate.overview import write_overview
    from residency.evaluate.protocol import Protocol
    from residency.evaluate.run import evaluate_models
    from residency.evaluate.vary import ways
    from residency.measure.meter import meter

    names = [model_name(name) for name in args.models]
    out = runs_root() / "evaluations" / folder_name(args)
    settings = {"tasks": args.tasks, "suite": args.suite, "limit": args.limit, "shots": args.shots}
    vary = ways(args.vary or "")
    protocol = Protocol(args.method, args.pick, args.style, not args.no_template, args.seed, args.constrained)
    with meter() as cost:
        found = evaluate_models(names, out=out, precision=args.precision, protocol=protocol, vary=vary, **settings)
    rows, compared = found["rows"], found["comparisons"]
    page = write_overview(out, names, rows, compared, cost.row())
    unknown = "?: not checked, since the items are the run's own or the model belongs to no run here"
    notes = [few_note([*rows, *compared]), unknown if any(r["contaminated"] is None for r in rows) else ""]
    peak = f"peak memory {cost.peak_rss_mb:.0f} MB, {cost.wall_s:.0f} s"
    parts = [_values(rows, len(names) > 1), _differences(compared), "\n".join(note for note in notes if note)]
    parts.append(f"{peak}\nitems  {out / 'items'}\npage   {page}")
    document = {"models": names, "out": str(out), "page": str(page), "cost": cost.row(), **found}
    document["taken"] = list(dict.fromkeys(row["model"] for row in rows if "model" in row))
    return document, "\n\n".join(part for part in parts if part)


def _values(rows: list[dict[str, Any]], several: bool) -> str:
    """Return the table of values; the models' names stand in it where there is more than one."""
    from residency.evaluate.numbers import MARK, few
    from residency.evaluate.overview import variant_text
    from residency.summary import table

    heads = ["family", "task", "metric", "value", "low", "high", "items", "unread", "not scored", "in training"]
    lines = [
        [
            row["family"],
            ", ".join(filter(None, (row["task"], variant_text(row)))),
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
    if several:
        heads, lines = ["model", *heads], [[r["model"], *line] for r, line in zip(rows, lines, strict=True)]
    return table(heads, lines)


def _differences(compared: list[dict[str, Any]]) -> str:
    """Return the table of differences to the first model, "" where there is only one."""
    from residency.evaluate.findings import verdict
    from residency.evaluate.names import label
    from residency.evaluate.numbers import MARK, few
    from residency.evaluate.tables import VERDICTS
    from residency.summary import table

    if not compared:
        return ""
    heads = ["task", "metric", "model", "minus", "difference", "low", "high", "p (Holm)", "items", ""]
    lines = [
        [
            row["task"],
            row["metric"],
            label(row["to"]),
            label(row["from"]),
            row["difference"],
            row["low"],
            row["high"],
            row["p_holm"],
            f"{row['n']} {MARK}" if few(row) else row["n"],
            VERDICTS[verdict(row)].replace("worse", "WORSE"),
        ]
        for row in compared
    ]
    return table(heads, lines)


def _flag(found: bool | None) -> str:
    return {True: "YES", False: "no", None: "?"}[found]


def folder_name(args: argparse.Namespace) -> str:
    """Return the folder of an evaluation: the same command has the same, so that it can go on."""
    from residency.core.store import sha256_json

    slug = "".join(sign if sign.isalnum() else "-" for sign in "-".join(args.models)).strip("-")[:60]
    asked = [args.models, args.tasks, args.suite, args.limit, args.shots, args.precision]
    asked += [args.method, args.pick, args.style, args.no_template, args.seed]
    asked += [args.constrained, args.vary] if args.constrained or args.vary else []
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
    from residency.evaluate.judges import passport, rubric
    from residency.evaluate.judges.axes import CRITERION, axis_of
    from residency.evaluate.judges.model import rate
    from residency.models.load import load

    axis, folder = axis_of(args.axis), runs_root() / "judges"
    of_people = args.measure and axis.name == CRITERION.name
    if of_people and not args.items:
        raise UserError(
            "a judge of rubrics is measured on people's verdicts: --measure --axis rubric --items FILE.jsonl, with "
            "rows of prompt, completion, rubric and binary_labels"
        )
    if args.measure == bool(args.items) and not of_people:
        raise UserError("say what to do: --measure, or --items FILE.jsonl with rows of question and answer")
    if args.items and not Path(args.items).is_file():
        raise UserError(f"there is no file {args.items}")
    model = load(model_name(args.model), type="fp32")
    if args.measure:
        people = (str(args.items), rubric.KIND, rubric.rated(Path(args.items))) if of_people else None
        made = passport.measure(model, args.axis, limit=args.limit, rated=people)
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
    """List the public data sets, or get some from their publishers."""
    if args.what == "get":
        return _got(args.sets)
    if args.sets:
        raise UserError(f"list takes no names; to fetch a set: residency data get {' '.join(args.sets)}")
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


def _got(names: list[str]) -> Answer:
    """Fetch sets; all names are looked at first."""
    from residency.corpus import benchmarks
    from residency.corpus.benchmarks.get import get

    if not names:
        raise UserError(f"say which sets to get; known are {', '.join(benchmarks.SETS)}")
    for name in names:
        benchmarks.known(name)
    found = [get(name) for name in names]
    return {"sets": found}, "\n".join(map(_got_words, found))


def _got_words(row: dict[str, Any]) -> str:
    if not row["files"]:
        return f"{row['set']}: is here, in {row['folder']}"
    size = sum(about["bytes"] for about in row["files"].values())
    did = "fetched" if row["fetched"] else "is here as it was fetched"
    return f"{row['set']}: {did}, {len(row['files'])} files, {size:,} bytes, commit {row['commit']}, in {row['folder']}"
