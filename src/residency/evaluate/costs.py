"""What a model took beside how good it is: encoder, generator or prompting is a question of both.

A model of a run was trained by the stages up to its own, which say what they cost; what is not known is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from residency.core.store import read_manifest
from residency.evaluate.curves import training
from residency.evaluate.facts import parameters
from residency.evaluate.names import is_baseline
from residency.models.load import STAGES, Source

Row = dict[str, Any]


@dataclass(slots=True)
class Effort:
    """What it took to make a model: weights of its network, seconds of its training stages with what they load, tokens
    learned from and tokens a second of the steps alone, peak memory in MB (1e6 bytes).

    A base has ``stages`` of none and 0 seconds; None stands for what is not known here.
    """

    parameters: int | None = None
    train_s: float | None = None
    train_tokens: int | None = None
    train_tokens_per_s: float | None = None
    train_peak_rss_mb: float | None = None
    stages: list[str] = field(default_factory=list)


def effort(name: str, source: Source) -> Effort:
    """Return what it took to make a model that was given by ``name``; of no run, only its weights are known."""
    made = Effort(parameters(Path(source.path)) if Path(source.path).is_dir() else None)
    run, _, stage = name.partition(":")
    folders = stages_of(Path(run), stage or source.name)
    if folders is None:
        return made
    made.stages, made.train_s = [folder.name for folder in folders], 0.0
    curves = [curve for folder in folders if (curve := training(folder.parent, folder.name))]
    if folders:
        found = [(read_manifest(folder) or {}).get("cost") or {} for folder in folders]
        made.train_s = round(sum(one.get("wall_s") or 0.0 for one in found), 1)
        made.train_peak_rss_mb = max((one.get("peak_rss_mb") or 0.0 for one in found), default=0.0) or None
    if curves:
        made.train_tokens = sum(curve["tokens"] for curve in curves)
        seconds = sum(curve["seconds"] for curve in curves)
        made.train_tokens_per_s = round(made.train_tokens / seconds, 1) if seconds else None
    return made


def stages_of(run: Path, model: str) -> list[Path] | None:
    """Return the folders of the training stages up to that which left a model of a run; None where it is of none.

    They stand in the order of the run's recipe; what trains a model of another kind on the way (a reward) is no part.
    """
    last = STAGES.get(model)
    if last is None or not (run / "recipe.yaml").exists():
        return None
    if model == "base":
        return []
    recipe = yaml.safe_load((run / "recipe.yaml").read_text(encoding="utf-8"))
    names = [name for item in recipe.get("train") or [] for name in item if item[name] is not False]
    again = [names[:place].count(name) for place, name in enumerate(names)]
    folders = [run / (f"{name}-{count + 1}" if count else name) for name, count in zip(names, again, strict=True)]
    if last in names:
        folders = folders[: len(names) - names[::-1].index(last)]
    return [folder for folder in folders if folder.name != "reward" or last == "reward"]


def costs(
    task: str, items: Mapping[str, Sequence[Row]], rows: Iterable[Row], efforts: Mapping[str, Effort], out: Path
) -> list[Row]:
    """Return a line for each model that did a task: its value on the task's own metric, its effort, and the seconds
    that an item took it.

    ``items`` are the item rows of each model, ``rows`` those of the ledger, ``out`` the folder where baselines lie.
    """
    first: dict[str, Row] = {}
    for row in rows:
        if row["task"] == task and not row["protocol"].get("variant"):
            first.setdefault(row["model"], row)
    lines = []
    for model, found in items.items():
        took = trained_here(out / "baselines" / task) if is_baseline(model) else efforts[model]
        timed = [row["seconds"] for row in found if row.get("seconds")]
        value = {key: first[model][key] for key in ("model", "task", "metric", "value", "low", "high", "groups")}
        lines.append({**value, **asdict(took), "seconds_per_item": sum(timed) / len(timed) if timed else None})
    return lines


def trained_here(folder: Path) -> Effort:
    """Return what a baseline took, which was trained for the evaluation itself."""
    about = read_manifest(folder) or {}
    return Effort(train_s=about.get("seconds"), stages=["crf"])
