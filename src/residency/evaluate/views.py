"""The tables of an evaluation's page: a task's title once, its metrics under it, the models beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from residency.core.progress import duration
from residency.evaluate.cuts import by_axes, by_language
from residency.evaluate.findings import verdict
from residency.evaluate.grids import NONE, Cell, Column, Grid, Group, Line, cells, grouped, spread
from residency.evaluate.ledger import TOLD
from residency.evaluate.names import label, metric_name
from residency.evaluate.numbers import cell, interval_text, left_out_text, p_short, shown
from residency.evaluate.tables import COUNTS, VERDICTS, lower, told
from residency.evaluate.tasks import TASKS

Row = dict[str, Any]
LANGUAGES = {"en": "English", "zh": "Chinese", "es": "Spanish", "fr": "French"}
CORRELATIONS = ("pearson", "spearman")
TELLS, ITEMS = Column("Differences told from"), Column("Items")
CHECKED = {True: "yes", False: "no", None: "not checked"}


def title_of(task: str) -> str:
    """Return a task's title: a user's own has its name."""
    return TASKS[task].title if task in TASKS else task


def anchors(rows: Sequence[Row]) -> dict[str, str]:
    """Return the place of each task on the page."""
    return {task: f"task-{number}" for number, task in enumerate(dict.fromkeys(row["task"] for row in rows), start=1)}


# --- values ----------------------------------------------------------------------------------------------------------


def values(rows: Sequence[Row], compared: Sequence[Row]) -> dict[str, Grid]:
    """Return a table for each family: each task's metrics, a column a model, what stands behind them below.

    A model whose verdict against the first is "worse" has that word at the task's own metric.
    """
    models, places = models_of(rows), anchors(rows)
    looks = {(row["task"], row["to"]): verdict(row) for row in compared}
    columns = (*value_columns(models), TELLS, ITEMS)
    made = {}
    for family, found in grouped(rows, lambda row: row["family"]).items():
        groups = [_task(task, part, models, looks, places[task]) for task, part in by_task(found).items()]
        signed = any(row["metric"] in CORRELATIONS for row in found)
        ends = "perplexity as it is, correlations from -100" if signed else "perplexity as it is"
        caption = told(f"{family}: values from 0 to 100 ({ends}), with 95% intervals", found)
        made[family] = Grid(caption, "Metric", columns, groups)
    return made


def models_of(rows: Sequence[Row]) -> list[str]:
    """Return the models that rows are of, in the order in which they come."""
    return list(dict.fromkeys(row["model"] for row in rows))


def value_columns(models: Sequence[str]) -> list[Column]:
    """Return a column for each model; one alone needs no name."""
    return [Column(label(model), "value") for model in models] if len(models) > 1 else [Column("Value", "value")]


def by_task(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return rows by their task."""
    return grouped(rows, lambda row: row["task"])


def _task(task: str, rows: Sequence[Row], models: Sequence[str], looks: dict[tuple[str, str], str], key: str) -> Group:
    """Return a task's lines, its own metric first, and how it was asked."""
    lines: list[Line] = []
    for part in grouped(rows, lambda row: row["metric"]).values():
        of = {row["model"]: row for row in part}
        first = not lines
        found = [_value(of.get(model), looks.get((task, model), "") if first else "") for model in models]
        found += cells(spread(map(_detectable, part)), spread(str(row["n"]) for row in part))
        lines.append(Line(metric_name(part[0]["metric"]), found, lower(part[0]["metric"]), "first" if first else ""))
    own = [row for row in rows if row["metric"] == rows[0]["metric"]]
    return Group(title_of(task), lines, behind=_behind(own), key=key)


def _value(row: Row | None, look: str = "") -> Cell:
    """Return a model's value with its interval; that a regression is one stands there in words."""
    if row is None:
        return Cell("not scored")
    return Cell(cell(row), VERDICTS["worse"], "worse") if look == "worse" else Cell(cell(row))


def _behind(rows: Sequence[Row]) -> list[str]:
    """Return how a task was asked and what came back, each said once for all models of which the same is true."""
    heads = ("How it was asked", "Answers", "In the training data")
    said = [_by_fact(rows, place) for place in range(len(heads))]
    if all(len(found) == 1 for found in said):
        return [" ".join(f"{head}: {text}." for head, found in zip(heads, said, strict=True) for text in found)]
    return [f"{head}: {_of_models(found)}." for head, found in zip(heads, said, strict=True)]


def _by_fact(rows: Sequence[Row], place: int) -> dict[str, list[Row]]:
    return grouped(rows, lambda row: _asked(row)[place])


def _of_models(found: dict[str, list[Row]]) -> str:
    """Return a text, or several with the models that each is true of."""
    if len(found) == 1:
        return next(iter(found))
    return "; ".join(f"{', '.join(label(row['model']) for row in part)}: {text}" for text, part in found.items())


def _asked(row: Row) -> tuple[str, str, str]:
    protocol = row["protocol"]
    reads = protocol.get("prompt") is False  # a text, without a prompt
    shown = protocol.get("note", "") if reads else f"{protocol.get('shots', 0)} examples"
    asked = ", ".join(filter(None, (protocol.get("method", ""), shown, protocol.get("precision", ""))))
    why = left_out_text(protocol)
    counts = f"{row['unparsed']} unreadable, {row['not_scored']} not scored{f' ({why})' if why else ''}"
    return asked, counts, CHECKED[row["contaminated"]]


def _detectable(row: Row) -> str:
    value = row.get("detectable")
    if row["groups"] < TOLD:
        return "none: too few items"
    if value is None:
        return "not known"
    return "none: too few items" if value >= 1 and row["metric"] != "perplexity" else shown(value, row["metric"])


def numbers(rows: Sequence[Row]) -> Grid:
    """Return the table of every value, each with what stands behind it."""
    several = len(models_of(rows)) > 1
    columns = [*([Column("Model", "text")] if several else []), Column("Value", "value"), TELLS, *COUNTS]
    groups = [Group(title_of(task), list(_numbers(part, several))) for task, part in by_task(rows).items()]
    return Grid(told("Every value with its 95% interval and counts", rows), "Metric", columns, groups)


def _numbers(rows: Sequence[Row], several: bool) -> Iterator[Line]:
    for part in grouped(rows, lambda row: row["metric"]).values():
        for place, row in enumerate(part):
            model = cells(label(row["model"])) if several else []
            found = [*model, *cells(cell(row), _detectable(row), *counts(row))]
            yield Line(metric_name(row["metric"]), found, lower(row["metric"]), span=0 if place else len(part))


def counts(row: Row) -> tuple[int, int, int]:
    """Return what stands under ``COUNTS``."""
    return row["n"], row["unparsed"], row["not_scored"]


# --- against the first model -----------------------------------------------------------------------------------------


def against(compared: Sequence[Row]) -> Grid:
    """Return the table of differences to the first model.

    One other model has a line a task, in groups of the family; several have a group a task and a line each.
    """
    first, (other, *more) = label(compared[0]["from"]), dict.fromkeys(row["to"] for row in compared)
    about = "on the same items, with 95% intervals and p-values after Holm over all rows"
    columns = [Column(first), Column("Value" if more else label(other)), Column("Difference", "value")]
    columns += [Column("p\u00a0(Holm)"), ITEMS, Column("Verdict", "text")]
    made = _by_model(compared) if more else _by_family(compared)
    caption = told(f"Paired differences to {_named(first)} {about}", compared)
    return Grid(caption, "Model" if more else "Task", columns, list(made))


def _named(model: str) -> str:
    return model.replace("Linear", "the linear")


def _by_family(compared: Sequence[Row]) -> Iterator[Group]:
    for family, part in grouped(compared, lambda row: row["family"]).items():
        yield Group(family, [_compared(row, title_of(row["task"]), metric_name(row["metric"])) for row in part])


def _by_model(compared: Sequence[Row]) -> Iterator[Group]:
    for task, part in by_task(compared).items():
        lines = [_compared(row, label(row["to"])) for row in part]
        yield Group(title_of(task), lines, note=metric_name(part[0]["metric"]))


def _compared(row: Row, name: str, note: str = "") -> Line:
    """Return a difference to the first model, its verdict in words beside its colour."""
    values = [shown(row[key], row["metric"]) for key in ("from_value", "to_value")]
    look = verdict(row)
    found = [*cells(*values, interval_text(row), p_short(row["p_holm"]), row["n"]), Cell("", VERDICTS[look], look)]
    return Line(name, found, note, look)


# --- quality and cost ------------------------------------------------------------------------------------------------


TOOK = ("value", "weights", "trained in", "tokens/s", "memory", "an item in")
"""The columns of what a model took."""


def took(lines: Sequence[Row]) -> Grid:
    """Return the table of what each model took beside its quality on each task's own metric."""
    columns = [Column(name[0].upper() + name[1:], "count" if place else "value") for place, name in enumerate(TOOK)]
    groups = [
        Group(title_of(task), [Line(label(row["model"]), cells(*took_texts(row))) for row in part], metric_name(metric))
        for (task, metric), part in grouped(lines, lambda row: (row["task"], row["metric"])).items()
    ]
    return Grid(told("Quality and cost, each model's on each task", lines), "Model", columns, groups)


def took_texts(row: Row) -> list[str]:
    """Return what stands under ``TOOK``."""
    weights, trained, memory = row["parameters"], row["train_s"], row["train_peak_rss_mb"]
    speed, each = row["train_tokens_per_s"], row["seconds_per_item"]
    return [
        cell(row),
        NONE if weights is None else f"{weights / 1e6:.1f} M",
        NONE if trained is None else "not trained" if not row["stages"] else duration(trained),
        NONE if speed is None else f"{speed:,.0f}",
        NONE if memory is None else f"{memory / 1000:.1f} GB",
        NONE if each is None else f"{1000 * each:,.0f} ms" if each < 1 else f"{each:.1f} s",
    ]


# --- the same numbers cut along other lines --------------------------------------------------------------------------


def axes(primary: Sequence[Row]) -> Grid:
    """Return the tasks' own metrics by who would use them, and where in the care of a patient."""
    models = models_of(primary)
    groups = []
    for axis in by_axes(primary):
        lines = []
        for task, part in by_task(axis["rows"]).items():
            of = {row["model"]: row for row in part}
            found = [*map(_value, map(of.get, models)), *cells(spread(str(row["n"]) for row in part))]
            lines.append(Line(title_of(task), found, note=metric_name(part[0]["metric"])))
        who, care = axis["stakeholder"], axis["care"]
        groups.append(Group("Not stated" if who == care == "not stated" else f"For {who}: {care}", lines))
    caption = "The first metric of each task, by who would use it and where in the care of a patient"
    return Grid(told(caption, primary), "Task", (*value_columns(models), ITEMS), groups)


def languages(primary: Sequence[Row]) -> Grid | None:
    """Return the tasks of one kind in several languages, each held against English; None where there are none."""
    rows = by_language(primary)
    if not rows:
        return None
    several = len(models_of(primary)) > 1
    groups = []
    for (model, *kind), part in grouped(rows, _kind).items():
        lines = [
            Line(
                LANGUAGES.get(row["language"]) or row["language"],
                cells(cell(row), gap_text(row["gap"]), row["n"]),
                title_of(row["task"]),
            )
            for row in part
        ]
        about = f"{kind[0]}, {metric_name(kind[-1])}"
        groups.append(Group(f"{label(model)}: {about}" if several else about, lines))
    caption = (
        "The same kind of task in several languages, against English. The items are other ones too, so that a gap is "
        "one of language and of items together"
    )
    columns = (Column("Value", "value"), Column("Minus English", "value"), ITEMS)
    return Grid(told(caption, rows), "Language", columns, groups)


def gap_text(gap: Row | None) -> str:
    """Return a gap with its unit and interval, in words where there is none."""
    return "reference" if gap is None else interval_text(gap)


def _kind(row: Row) -> tuple[str, ...]:
    return tuple(row[key] for key in ("model", "family", "stakeholder", "care", "metric"))
