"""The page of one evaluation: every number with its interval, how it was asked, and what differs from the first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from residency.core.machine import machine, versions
from residency.core.store import atomic_path, read_json, write_json
from residency.evaluate import glossary, views
from residency.evaluate.cuts import gaps, primary_of, variant_text
from residency.evaluate.findings import verdict
from residency.evaluate.grids import grouped
from residency.evaluate.names import label, metric_name
from residency.evaluate.report import environment
from residency.evaluate.variants import variants
from residency.evaluate.views import title_of

Row = dict[str, Any]
SHOWN = 4000
"""Characters of an example's prompt that the page shows."""
EXPLAINED = ("Micro F1", "All labels right", "Pearson and Spearman correlation", "Linear CRF")
"""Words of the glossary that the page explains where a metric is called so; the usual ones it always does."""


def write_overview(
    out: Path,
    models: Sequence[str],
    rows: Sequence[Row],
    compared: Sequence[Row],
    cost: Row,
    command: str = "",
    resolved: Sequence[str] = (),
    took: Sequence[Row] = (),
) -> Path:
    """Write ``ledger.json`` and ``evaluation.html`` of an evaluation, and return the page's file.

    Both say by which ``command`` they were made, when, on what machine and versions, and of which runs the models are
    (``resolved``, in their order). ``took`` are the lines of quality and cost, one for each task and model.
    """
    about: Row = {"command": command, "made": datetime.now(UTC).isoformat(timespec="seconds")}
    about["resolved"] = list(resolved)
    about |= {"machine": machine(), "versions": versions()}
    document = {"models": list(models), **about, "cost": cost, "rows": list(rows), "comparisons": list(compared)}
    document["costs"] = list(took)
    document["gaps"] = gaps(primary_of(rows))
    write_json(out / "ledger.json", document)
    target = out / "evaluation.html"
    text = overview(models, rows, compared, about={**about, "cost": cost}, examples=examples(out, rows), took=took)
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return target


def resolve(name: str) -> str:
    """Return a model's name with the folder of the run it is of, if of any: ``runs/latest`` is another one later."""
    given, colon, stage = name.partition(":")
    folder = Path(given).resolve()
    if not folder.exists():
        return name
    run = next((place for place in (folder, *folder.parents[:2]) if (place / "recipe.yaml").exists()), None)
    return name if run is None else f"{folder.relative_to(run.parent)}{colon}{stage}"


def examples(out: Path, rows: Sequence[Row]) -> list[Row]:
    """Return the first question of each public task as the first model that has one was given it."""
    found: dict[str, Row] = {}
    for row in rows:
        path = out / "items" / row["task"] / f"{row['model']}.example.json"
        if row["task"] not in found and path.exists():
            asked = read_json(path)
            prompt, more = asked["prompt"][:SHOWN], len(asked["prompt"]) - SHOWN
            found[row["task"]] = {
                "title": title_of(row["task"]),
                "model": label(row["model"]),
                "prompt": f"{prompt} … (and {more:,} more characters)" if more > 0 else prompt,
                "wanted": asked["wanted"][0] if asked["wanted"] else "",
            }
    return list(found.values())


def overview(
    models: Sequence[str],
    rows: Sequence[Row],
    compared: Sequence[Row] = (),
    *,
    about: Row | None = None,
    examples: Sequence[Row] = (),
    took: Sequence[Row] = (),
) -> str:
    """Return the page; ``about`` says how it was made."""
    usual, varied = [row for row in rows if not variant_text(row)], [row for row in rows if variant_text(row)]
    by_kind = grouped(compared, lambda row: row["kind"])
    held, aided, compared = (by_kind.get(kind, []) for kind in ("baseline", "evidence", "models"))
    primary = primary_of(rows)
    named = " ".join(dict.fromkeys(name for row in rows for name in (metric_name(row["metric"]), label(row["model"]))))
    template = environment().get_template("evaluation.html.jinja")
    return template.render(
        model=" and ".join(models),
        several=len(models) > 1,
        count=counted(len(rows), "number"),
        tasks=counted(len({row["task"] for row in rows}), "task"),
        families=families(usual, compared),
        numbers=views.numbers(usual),
        axes=views.axes(primary),
        languages=views.languages(primary),
        compared=views.against(compared) if compared else None,
        baseline=views.against(held) if held else None,
        aided=[views.against(part) for part in grouped(aided, lambda row: row["from"]).values()],
        helped=[sum(verdict(row) == look for row in aided) for look in ("better", "worse", "open")],
        gains=sum(verdict(row) == "better" for row in held),
        held=len(held),
        differences=len(compared),
        took=views.took(took) if len({line["model"] for line in took}) > 1 else None,
        worse=counted(sum(verdict(row) == "worse" for row in compared), "task"),
        unclear=sum(verdict(row) == "open" for row in compared),
        varied=variants(varied),
        about=about,
        examples=examples,
        words=[word for word in glossary.occurring(named) if word.name in EXPLAINED],
    )


def families(rows: Sequence[Row], compared: Sequence[Row]) -> list[Row]:
    """Return each family with its place on the page and its table, whose groups are its tasks."""
    tables = views.values(rows, compared)
    return [{"name": name, "key": f"family-{n}", "table": table} for n, (name, table) in enumerate(tables.items(), 1)]


def counted(number: int, word: str) -> str:
    """Return "1 task", "2 tasks"."""
    return f"{number} {word}{'' if number == 1 else 's'}"
