"""The verbs that examine a model: evaluate, reproduce, lm-eval, and data. What each needs is imported then."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from residency.core.errors import UserError

Answer = tuple[Any, str]


def evaluate(args: argparse.Namespace) -> Answer:
    """Examine models on tasks; the same command goes on where it was stopped."""
    from residency.core.runs import runs_root
    from residency.evaluate.tasks import named
    from residency.infer.prompts.library import find_prompts

    _agree(args)
    asked = named(args.tasks, args.suite)  # mistakes in a file are told before anything heavy is read
    prompts = find_prompts(args.prompt) if args.prompt else ()
    from residency.evaluate.evidence import grounds_of
    from residency.evaluate.names import is_baseline
    from residency.evaluate.numbers import few_note
    from residency.evaluate.overview import resolve, write_overview
    from residency.evaluate.protocol import Protocol
    from residency.evaluate.run import evaluate_models
    from residency.evaluate.vary import ways
    from residency.measure.meter import meter

    names = [model_name(name) for name in args.models]
    out = runs_root() / "evaluations" / folder_name(args)
    settings: dict[str, Any] = {"tasks": asked, "limit": args.limit, "shots": args.shots}
    settings["baselines"] = not args.no_baselines
    vary = ways(args.vary or "")
    protocol = Protocol(args.method, args.pick, args.style, not args.no_template, args.seed, args.constrained)
    protocol = replace(protocol, tokens=args.tokens, prompts=prompts, embedder=args.embedder)
    if args.sources or args.graph:
        settings["evidence"] = grounds_of(args.sources or "", args.graph or "", **_searched(args))
    resolved = list(map(resolve, names))  # now, since another run may be the latest when this is done
    with meter() as cost:
        found = evaluate_models(names, out=out, precision=args.precision, protocol=protocol, vary=vary, **settings)
    rows, compared, took = found["rows"], found["comparisons"], found.get("costs", [])
    several = len(names) > 1 or "evidence" in settings or any(is_baseline(row.get("model", "")) for row in rows)
    page = write_overview(out, names, rows, compared, cost.row(), args.command, resolved, took)
    unknown = "?: not checked, since the items are the run's own or the model belongs to no run here"
    notes = [few_note([*rows, *compared]), unknown if any(r["contaminated"] is None for r in rows) else ""]
    notes.append(_less_is_better(rows))
    peak = f"peak memory {cost.peak_rss_mb:.0f} MB, {cost.wall_s:.0f} s"
    notes += [_left_out(rows, several), *_baselines(rows, found.get("no_baseline", {}))]
    parts = [_values(rows, several), _differences(compared), _took(took), "\n".join(note for note in notes if note)]
    parts.append(f"{peak}\nitems  {out / 'items'}\npage   {page}")
    document = {"models": names, "out": str(out), "page": str(page), "cost": cost.row(), **found}
    taken = dict.fromkeys(row["model"] for row in rows if "model" in row)
    document["taken"] = [model for model in taken if not is_baseline(model)]
    return document, "\n\n".join(part for part in parts if part)


def _values(rows: list[dict[str, Any]], several: bool) -> str:
    """Return the table of values; the models' names stand in it where there is more than one."""
    from residency.evaluate.cuts import variant_text
    from residency.evaluate.names import label
    from residency.evaluate.numbers import MARK, few
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
        heads, lines = ["model", *heads], [[label(r["model"]), *line] for r, line in zip(rows, lines, strict=True)]
    return table(heads, lines)


def _less_is_better(rows: list[dict[str, Any]]) -> str:
    """Return of which of the metrics less is better, "" where of none."""
    from residency.evaluate.tables import lower

    found = list(dict.fromkeys(row["metric"] for row in rows if lower(row["metric"])))
    return f"lower is better: {', '.join(found)}" if found else ""


def _baselines(rows: list[dict[str, Any]], without: dict[str, str]) -> list[str]:
    """Return a line for each task's baseline: what it learned from and in what time, or why there is none."""
    from residency.evaluate.names import is_baseline

    there = [f"{r['task']}: linear CRF, {r['protocol']['note']}" for r in rows if is_baseline(r["model"])]
    return list(dict.fromkeys([*there, *(f"{task}: no linear CRF, {why}" for task, why in without.items())]))


def _left_out(rows: list[dict[str, Any]], several: bool) -> str:
    """Return a line for each task of which items have no answer: how many, and why."""
    from residency.evaluate.cuts import variant_text
    from residency.evaluate.names import label
    from residency.evaluate.numbers import left_out_text

    lines: dict[str, str] = {}
    for row in rows:
        if why := left_out_text(row["protocol"]):
            about = ", ".join(filter(None, (row["task"], label(row["model"]) if several else "", variant_text(row))))
            lines.setdefault(about, f"{about}: {row['not_scored']} not scored ({why})")  # by the task's own metric
    return "\n".join(lines.values())


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


def _took(lines: list[dict[str, Any]]) -> str:
    """Return the table of what each model took beside its quality, "" where there is only one."""
    from residency.evaluate.names import label
    from residency.evaluate.views import TOOK, took_texts
    from residency.summary import table

    if len({line["model"] for line in lines}) < 2:
        return ""
    return table(["task", "model", *TOOK], [[line["task"], label(line["model"]), *took_texts(line)] for line in lines])


def _flag(found: bool | None) -> str:
    return {True: "YES", False: "no", None: "?"}[found]


def _searched(args: argparse.Namespace) -> dict[str, Any]:
    """Return how evidence is searched, as far as it was said."""
    said = {"k": args.passages, "how": args.search, "facts": args.facts}
    return {name: value for name, value in said.items() if value}


def _agree(args: argparse.Namespace) -> None:
    """Raise UserError where an option has nothing to be about, before anything is opened."""
    if args.facts and not args.graph:
        raise UserError("--facts is about a graph: --graph (hpo), or --graph PATH (residency graph load)")
    for name in ("search", "passages"):
        if getattr(args, name) and not (args.sources or (args.graph and name == "passages")):
            raise UserError(f"--{name} is about evidence: --sources INDEX (residency index build)")


def folder_name(args: argparse.Namespace) -> str:
    """Return the folder of an evaluation: the same command has the same, so that it can go on."""
    from residency.core.store import sha256_json
    from residency.infer.prompts.library import find_prompts

    slug = "".join(sign if sign.isalnum() else "-" for sign in "-".join(args.models)).strip("-")[:60]
    asked = [args.models, args.tasks, args.suite, args.limit, args.shots, args.precision]
    asked += [args.method, args.pick, args.style, args.no_template, args.seed]
    asked += [args.constrained, args.vary] if args.constrained or args.vary else []
    asked += ["no baselines"] if args.no_baselines else []
    asked += ["tokens", args.tokens] if args.tokens else []
    asked += ["evidence", args.sources, args.graph, _searched(args)] if args.sources or args.graph else []
    asked += ["prompts", [one.hash for one in find_prompts(args.prompt)]] if args.prompt else []
    asked += [args.embedder] if args.embedder != "minilm" else []
    return f"{slug}-{sha256_json(asked)[:8]}"


def model_name(name: str) -> str:
    """Return the name with ``runs/…`` read in the runs folder, wherever ``$RESIDENCY_RUNS`` puts it."""
    from residency.core.runs import in_runs

    return in_runs(name)


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

    given = [a for a in args.arguments if a != "--"]
    return run_harness(given, allow_code=args.allow_code, as_json=args.json), ""


def data(args: argparse.Namespace) -> Answer:
    """List the public data sets, or get some from their publishers."""
    if args.what == "get":
        return _got(args.sets, args.accept_licence or ())
    if args.sets:
        raise UserError(f"list takes no names; to fetch a set: residency data get {' '.join(args.sets)}")
    from residency.core.errors import SourceError
    from residency.corpus import benchmarks
    from residency.corpus.benchmarks.publishers import told_size
    from residency.summary import table

    def size(count: int | None) -> str:
        return "-" if count is None else f"{count / 1e6:.1f} MB"

    rows: list[dict[str, Any]] = []
    for name, about in benchmarks.SETS.items():
        try:
            folder = str(benchmarks.folder_of(name))
        except SourceError:
            folder = ""
        row = {"name": name, "here": folder, "licence": about.licence, "url": about.url, "commit": about.commit}
        rows.append({**row, "bytes": told_size(about.folder)})
    lines = [
        [r["name"], "yes" if r["here"] else "no", r["licence"], size(r["bytes"]), f"{r['url']} at {r['commit']}"]
        for r in rows
    ]
    looked = "looked for in " + ", ".join(map(str, benchmarks.data_folders()))
    return {"sets": rows}, f"{table(['set', 'here', 'licence', 'size', 'from'], lines)}\n\n{looked}"


def _got(names: list[str], accepted: Sequence[str]) -> Answer:
    """Fetch sets; all names are looked at first. ``accepted`` are those whose licence the user accepts."""
    from residency.corpus import benchmarks
    from residency.corpus.benchmarks.get import get

    if not names:
        raise UserError(f"say which sets to get; known are {', '.join(benchmarks.SETS)}")
    for name in (*names, *accepted):
        benchmarks.known(name)
    found = [get(name, accepted) for name in names]
    return {"sets": found}, "\n".join(map(_got_words, found))


def _got_words(row: dict[str, Any]) -> str:
    if not row["files"]:
        return f"{row['set']}: is here, in {row['folder']}"
    size = sum(about["bytes"] for about in row["files"].values())
    did = "fetched" if row["fetched"] else "is here as it was fetched"
    return f"{row['set']}: {did}, {len(row['files'])} files, {size:,} bytes, commit {row['commit']}, in {row['folder']}"
