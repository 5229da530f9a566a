"""Placement of a run of ours: its recipe says how it was made, its ledger what for and how well, its card the rest.

The files are read as they lie in the run's folder. The numbers keep their whole protocol, so that they can be set
beside others only where the protocols are the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from residency.catalog.entries import Catalog, load
from residency.catalog.hub import front_matter, licence_name, texts
from residency.catalog.place import Measured, Placed, Said, make_result, placed, protocol_text
from residency.catalog.resolve import resolve, size_in
from residency.core.errors import UserError

STAGES = {
    "pretrain": "continued_pretraining",
    "instruct": "instruction_tuning",
    "prefer": "alignment",
    "reward": "alignment",
    "encode": "finetuning",
}
"""The paradigm of a stage of training."""
PEFT = ("lora", "rslora", "dora", "dual_lora", "ia3", "prefix", "prompt", "p_tuning", "qlora")
FAMILIES = {"Med-QA": "qa", "Med-NLI": "nli", "Med-IE": "ie"}
"""The task of a family of ours, where the catalog does not know the data set."""
WHO = {"patients": "patient", "healthcare professionals": "clinician", "researchers": "researcher"}
CARE = {"virtual health assistant": "assistant", "risk prediction": "risk"}


def is_run(path: Path) -> bool:
    """Return whether a folder is a run of ours."""
    return path.is_dir() and (path / "recipe.yaml").is_file()


def place_run(folder: Path, catalog: Catalog | None = None) -> Placed:
    """Return the placement of a run with its measured numbers; UserError where the folder is none."""
    if not is_run(folder):
        raise UserError(f"{folder} is no run: it has no recipe.yaml (residency runs lists the runs)")
    catalog = catalog or load()
    recipe, ledger = _yaml(folder / "recipe.yaml"), _json(folder / "ledger.json")
    record = _json(folder / "run.json")
    name = str(record.get("id") or folder.resolve().name)
    rows = [row for row in ledger.get("rows", []) if isinstance(row, dict) and row.get("value") is not None]
    said = [*_made(recipe, folder, catalog), *_meant(rows, catalog), *_needs(ledger)]
    began = str(record.get("began", ""))[:10]
    about = f"a run of ours{f', begun {began}' if began else ''}: recipe {recipe.get('name') or 'without a name'}"
    return placed(name, folder, "run", said, tuple(_measured(rows, name, catalog)), about=about)


def _json(path: Path) -> dict[str, Any]:
    """Return what a file of the run holds; nothing where it is not there yet."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error})") from None
    return found if isinstance(found, dict) else {}


def _yaml(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read ({error})") from None
    return found if isinstance(found, dict) else {}


def _made(recipe: Mapping[str, Any], folder: Path, catalog: Catalog) -> Iterator[Said]:
    """Yield how the model was made: its base, the stages of its training, its data and its compression."""
    card = folder / "card" / "README.md"
    head = front_matter(card) if card.is_file() else {}
    chosen = recipe.get("base")
    base = str(chosen.get("base") or "") if isinstance(chosen, dict) else str(chosen or "")
    for field, names in (("card: base_model", texts(head.get("base_model"))), ("recipe: base", [base] if base else [])):
        if names:
            yield from (("base", resolve(catalog, "models", name, base) or name, field) for name in names)
            yield from (("sizes", size, field) for name in names if (size := size_in(name)))
            break
    stages = list(_stages(recipe.get("train")))
    for name, settings in stages:
        if name in STAGES:
            yield "paradigm", STAGES[name], f"recipe: train.{name}"
        if settings.get("method") in PEFT:
            yield "algorithm", "peft", f"recipe: train.{name}.method ({settings['method']})"
    gathered = recipe.get("gather")
    for task in (gathered.get("tasks") or []) if isinstance(gathered, dict) and stages else []:
        yield "data", resolve(catalog, "datasets", str(task)) or str(task), "recipe: gather.tasks"
    for name, settings in _stages(recipe.get("compress")):
        yield "compression", "quantization", f"recipe: compress.{name} ({settings.get('type', 'its default')})"
    licence = next(iter(texts(head.get("license"))), "")
    if licence and licence != "other":
        yield "licence", licence_name(licence), "card: license"


def _stages(steps: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (stage, settings) of a list of a recipe."""
    for step in steps if isinstance(steps, list) else []:
        for name, settings in step.items() if isinstance(step, dict) else [(str(step), {})]:
            yield str(name), settings if isinstance(settings, dict) else {}


def _meant(rows: list[dict[str, Any]], catalog: Catalog) -> Iterator[Said]:
    """Yield what the model was examined in: tasks, for whom, at which stage of care, in which language."""
    for row in rows:
        if role(str(row.get("model"))) not in ("trained", "compressed") or row.get("family") == "General":
            continue
        task = str(row.get("task"))
        known = catalog.entries["datasets"].get(resolve(catalog, "datasets", task))
        tasks = known.values("tasks") if known else ()
        for found in tasks or ([FAMILIES[row["family"]]] if row.get("family") in FAMILIES else []):
            yield "tasks", found, f"ledger: {task}"
        if row.get("stakeholder") in WHO:
            yield "stakeholders", WHO[row["stakeholder"]], "ledger: stakeholder"
        care = CARE.get(str(row.get("care")), str(row.get("care")))
        if care in catalog.axes.get("care", {}):
            yield "care", care, "ledger: care"
        elif care in catalog.axes.get("application", {}):
            yield "application", care, "ledger: care"
        language = (row.get("protocol") or {}).get("language")
        if language:
            yield "languages", language, "ledger: protocol.language"


def _needs(ledger: Mapping[str, Any]) -> Iterator[Said]:
    cost = ledger.get("cost")
    peak = cost.get("peak_rss_mb") if isinstance(cost, dict) else None
    if peak:
        yield "hardware", {"memory": f"{peak / 1000:.1f} GB"}, "ledger: cost.peak_rss_mb (the whole run, training too)"


def role(model: str) -> str:
    """Return what a model of a ledger is: trained, compressed, base, baseline or rule."""
    kinds = {"rule:": "rule", "baseline:": "baseline", "base": "base", "gguf": "compressed"}
    return next((kind for start, kind in kinds.items() if model.startswith(start)), "trained")


def _measured(rows: list[dict[str, Any]], run: str, catalog: Catalog) -> Iterator[Measured]:
    """Yield the numbers of a ledger, each with its protocol."""
    for row in rows:
        how = row["protocol"] if isinstance(row.get("protocol"), dict) else {}
        task, metric = str(row.get("task")), str(row.get("metric"))
        found = make_result(
            run, of=str(row.get("model", "")), set_=resolve(catalog, "datasets", task) or f"{task} (a task of ours)",
            part=str(how.get("split") or ""), metric=resolve(catalog, "metrics", metric) or metric,
            value=float(row["value"]), protocol=protocol_text(how, "not stated in the ledger"),
        )  # fmt: skip
        yield Measured(found, role(found.of), row.get("low"), row.get("high"), row.get("n"), how)
