"""The report: the ledger as a file that machines gate on, and one HTML page that a clinician can read.

The page holds everything it needs: no script is required to read it, nothing is fetched, and it prints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from residency.core.store import atomic_path, write_json, write_manifest
from residency.corpus.records import built_in
from residency.evaluate import charts, glossary, grids, limits, sections, tables
from residency.evaluate.curves import TITLES
from residency.evaluate.facts import gather
from residency.evaluate.ledger import build, read_items
from residency.evaluate.names import label, metric_name
from residency.evaluate.numbers import cell, few_note
from residency.evaluate.patients import patients_told
from residency.evaluate.tasks import TASKS

SOURCES = {
    "hpo": "the Human Phenotype Ontology",
    "icd10": "the ICD-10-CM code list",
    "simulated_hospital": "the records of a simulated hospital",
}
PAGE = Path(__file__).with_name("page")


def report(run: Path, *, out: Path) -> None:
    """Write the run's ``ledger.json`` and ``report.html``, then the manifest of the stage to ``out``."""
    ledger = build(run)
    write_json(run / "ledger.json", ledger)
    with atomic_path(run / "report.html") as temporary:
        temporary.write_text(page(run, ledger), encoding="utf-8")
    levels = Counter(finding["level"] for finding in ledger["findings"])
    write_manifest(
        out, stage="report", rows=len(ledger["rows"]), comparisons=len(ledger["comparisons"]), findings=dict(levels)
    )


def page(run: Path, ledger: dict[str, Any]) -> str:
    """Return the report of a run as one HTML page; stages and rows that are missing are left out or said to be."""
    items, _ = read_items(run)
    facts = gather(run)
    template = environment().get_template("report.html.jinja")
    parts = {
        "facts": facts,
        "ledger": ledger,
        "patients": patients_told(facts["privacy"]),
        "headline": sections.headline(ledger),
        "against_base": sections.forest(ledger, "base", "Aligned minus the better base, in points"),
        "against_rule": sections.forest(ledger, "rule", "Aligned minus the best trivial rule, in points"),
        "bases": sections.bases(ledger),
        "families": sections.families(ledger, run, items, public=facts["public"]),
        "others": tables.others(ledger),
        "calibration": tables.calibration(ledger),
        "forgetting": tables.forgetting(ledger),
        "urgent": sections.urgent(ledger),
        "few_note": few_note([*ledger["rows"], *ledger["comparisons"]]),
        "comparisons": tables.comparisons(ledger),
        "every_row": every_row(ledger),
        "training": sections.loss_charts(facts["training"]),
        "parity_checks": sections.parity_checks(facts["parity"]),
        "speeds": sections.speeds(items),
        "costs": costs(ledger["cost"]),
        "measured_limits": limits.limits(facts, ledger, items),
        **example_counts(facts["examples"]),
    }
    words = glossary.occurring(template.render(**parts, glossary=[]))
    return template.render(**parts, glossary=words)


@cache
def environment() -> Environment:
    """Return the page's templates: everything that is filled in is escaped, and a missing name is an error."""
    made = Environment(
        loader=FileSystemLoader(PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {
        "figure": grids.figure,
        "metric": metric_name,
        "source": source_name,
        "duration": duration,
        "told": told,
    }
    made.globals["signs"] = grids.SIGNS
    return made


def example_counts(card: dict[str, Any]) -> dict[str, Any]:
    """Return how many examples were made, and the uses that they were made for, in the order of the journey."""
    counts = card.get("counts", {})
    known = ("instruct", "prefer", "train", "dev", "test")
    uses = {use for parts in counts.values() for use in parts}
    order = [use for use in known if use in uses] + sorted(uses.difference(known))
    return {
        "examples_made": sum(sum(parts.values()) for parts in counts.values()),
        "uses": order,
        "families_of": {name: task.family for name, task in TASKS.items()},
    }


UNTOLD = ("task", "model", "metric", "n", "fingerprint")
"""Parts of a protocol that stand in a row's other columns, or say nothing to a reader."""


def every_row(ledger: dict[str, Any]) -> grids.Grid:
    """Return the table of the whole ledger: a group a task, a line a model and metric, the protocol of each."""
    columns = [grids.Column("Metric", "text"), grids.Column("Value", "value"), grids.Column("Items")]
    columns += [grids.Column("Contaminated", "text"), grids.Column("Protocol", "text")]
    groups = [
        grids.Group(part[0]["family"], list(_lines(part)), note=task)
        for task, part in grids.grouped(ledger["rows"], lambda row: row["task"]).items()
    ]
    return grids.Grid("The ledger", "Model or rule", columns, groups, look="dense")


def _lines(rows: list[dict[str, Any]]) -> Iterator[grids.Line]:
    for model, part in grids.grouped(rows, lambda row: row["model"]).items():
        for place, row in enumerate(part):
            flag = "not checked" if row["contaminated"] is None else told(row["contaminated"])
            found = [metric_name(row["metric"]), cell(row), row["n"], flag, protocol_told(row["protocol"])]
            yield grids.Line(label(model), grids.cells(*found), span=0 if place else len(part))


def protocol_told(protocol: dict[str, Any]) -> Markup:
    """Return what a protocol says, each part with its name."""
    one = Markup("<span><b>{}</b> {}</span>")
    shown = {key: part for key, part in protocol.items() if part not in ("", None, []) and key not in UNTOLD}
    return Markup(" ").join(one.format(key.replace("_", " "), told(part)) for key, part in shown.items())


def costs(cost: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the cost of each stage in the order of the journey, with its share of the longest."""
    order = [*TITLES, *sorted(name for name in cost["stages"] if name not in TITLES)]
    rows = [{"title": TITLES.get(name, name), **cost["stages"][name]} for name in order if name in cost["stages"]]
    longest = max((row.get("wall_s") or 0.0 for row in rows), default=0.0)
    return [{**row, "share": charts.share(row.get("wall_s") or 0.0, longest)} for row in rows]


def source_name(name: str) -> str:
    """Return a source's name in words."""
    return SOURCES.get(built_in(name), name)


def duration(seconds: float | None) -> str:
    """Return seconds as "7 min 11 s", or "not measured"."""
    if seconds is None:
        return "not measured"
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def told(value: Any) -> str:
    """Return any value of a protocol, setting or parity file as short text."""
    if value is None or value == "" or value == [] or value == {}:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {told(part)}" for key, part in value.items())
    if isinstance(value, list):
        return (
            f"{len(value)}: {', '.join(told(part) for part in value[:5])}"
            if len(value) > 5
            else ", ".join(map(told, value))
        )
    return str(value)
