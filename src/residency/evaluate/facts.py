"""What a run's folders say about themselves, gathered for the report and the model card.

Every stage may be missing: a run that was stopped half way still has a page. Nothing is guessed for what is absent.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.core.runs import read_record
from residency.core.store import read_examples, read_json, read_jsonl, read_manifest
from residency.corpus.records import built_in
from residency.evaluate.curves import training
from residency.evaluate.tasks import TASKS
from residency.evaluate.tasks.read import each_example

if TYPE_CHECKING:
    from residency.evaluate.ledger import Items

PUBLIC = frozenset({"hpo", "icd10", "simulated_hospital"})
"""Sources whose texts may be shown in a report: public knowledge, and patients that do not exist."""

TRAINING = ("pretrain", "instruct", "prefer", "encode")
PROMPT_LENGTH, ANSWER_LENGTH = 420, 240


def gather(run: Path) -> dict[str, Any]:
    """Return the run's base model, sources, examples, training stages, export, file sizes and recipe."""
    base, corpus, record = manifest(run, "base"), manifest(run, "corpus"), read_record(run)
    examples = examples_card(run)
    sources = examples["sources"] if examples.get("gathered") else corpus.get("sources", [])
    model = base.get("model", {})
    return {
        "run": run.resolve().name,
        "began": record.get("began"),
        "versions": record.get("versions") or {},
        "residency": base.get("residency") or corpus.get("residency"),
        "base": {key: model.get(key) for key in ("name", "hash", "licence", "source", "note")},
        "hub_id": hub_id(model.get("source", "")),
        "parameters": parameters(Path(model["path"])) if model.get("path") else None,
        "sources": sources,
        "privacy": record.get("privacy") or {},
        "public": bool(sources) and all(is_public(source) for source in sources),
        "examples": examples,
        "training": [stage for name in TRAINING if (stage := training(run, name))],
        "export": manifest(run, "export"),
        "parity": parity(run),
        "sizes": sizes(run),
        "recipe": _text(run / "recipe.yaml"),
    }


def is_public(source: dict[str, Any]) -> bool:
    """Return whether a source's texts may be shown: built in, or a public set that was gathered."""
    return built_in(source["name"]) in PUBLIC or source.get("public") is True


def hub_id(source: str) -> str | None:
    """Return the hub id that a source names ("organisation/name, as packaged by …"); None where it names none."""
    found = re.match(r"(?:hub: )?([\w.-]+/[\w.-]+)(?=,|$)", source)
    return found.group(1) if found else None


def parameters(folder: Path) -> int | None:
    """Return the number of weights in a folder's safetensors, read from their headers; None where there are none."""
    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        with open(path, "rb") as handle:
            header = json.loads(handle.read(int.from_bytes(handle.read(8), "little")))
        total += sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    return total or None


def manifest(run: Path, stage: str) -> dict[str, Any]:
    """Return a stage's manifest; empty where the stage did not finish."""
    return read_manifest(run / stage) or {}


def examples_card(run: Path) -> dict[str, Any]:
    """Return the examples' counts by task and use, decontamination, and dropped rows by reason; empty where absent."""
    path = run / "examples" / "card.json"
    if not path.exists():
        return {}
    card = read_json(path)
    counts = {task: {use: _sum(part) for use, part in uses.items()} for task, uses in card.get("counts", {}).items()}
    dropped = run / "examples" / "dropped.jsonl"
    reasons = Counter(row["reason"] for row in read_jsonl(dropped)) if dropped.exists() else Counter()
    return {**card, "counts": counts, "dropped": dict(reasons.most_common(12)), "dropped_total": reasons.total()}


def _sum(part: Any) -> int:
    return sum(_sum(value) for value in part.values()) if isinstance(part, dict) else int(part)


def cost(run: Path) -> dict[str, Any]:
    """Return what the finished stages cost: seconds and estimated watt-hours summed, peak memory as the largest.

    Estimated energy is None where no stage measured it; stages without an estimate add nothing to the sum.
    """
    stages = {}
    for path in sorted(run.glob("*/manifest.json")):
        found = (read_manifest(path.parent) or {}).get("cost")
        if found:
            stages[path.parent.name] = found
    energies = [row["energy_wh_estimated"] for row in stages.values() if row.get("energy_wh_estimated") is not None]
    return {
        "wall_s": sum(row.get("wall_s") or 0.0 for row in stages.values()),
        "peak_rss_mb": max((row.get("peak_rss_mb") or 0.0 for row in stages.values()), default=None),
        "energy_wh_estimated": sum(energies) if energies else None,
        "stages": stages,
    }


def parity(run: Path) -> dict[str, Any]:
    """Return what the export's parity check found; empty where there is none."""
    path = run / "export" / "parity.json"
    return read_json(path) if path.exists() else manifest(run, "export").get("parity", {})


def sizes(run: Path) -> list[dict[str, Any]]:
    """Return the size in MB (1e6 bytes) of what one takes away: merged model, last adapter, GGUF file."""
    trained = [run / stage / "adapter" for stage in reversed(TRAINING) if (run / stage / "adapter").is_dir()]
    files = {
        ("model", "Whole model (safetensors)"): _files(run / "export" / "model"),
        ("adapter", "Adapter alone (needs the base)"): _files(trained[0]) if trained else [],
        ("gguf", "Compressed model (GGUF)"): sorted((run / "export").glob("*.gguf")),
    }
    return [
        {"name": name, "title": title, "mb": sum(path.stat().st_size for path in found) / 1e6}
        for (name, title), found in files.items()
        if found
    ]


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def generation_speed(items: Items) -> dict[str, float]:
    """Return generated tokens a second by model, over the generated items that were timed."""
    tokens, seconds = Counter[str](), Counter[str]()
    for task in ("ie", "gen"):
        for model, rows in items.get(task, {}).items():
            timed = [row for row in rows if row.get("seconds") and row.get("tokens") and ":" not in model]
            tokens[model] += sum(row["tokens"] for row in timed)
            seconds[model] += sum(row["seconds"] for row in timed)
    return {model: tokens[model] / seconds[model] for model in tokens if seconds[model]}


def answers(run: Path, items: Items, task: str, before: str | None, after: str = "aligned") -> list[dict[str, Any]]:
    """Return three items of a task: one that got better after training, one that got worse, one where little changed.

    Each is drawn at random among its like (seed 0), not chosen. Prompts and answers are shortened.
    """
    models = items.get(task, {})
    if before is None or before not in models or after not in models:
        return []
    old = {row["id"]: row for row in models[before]}
    like: dict[str, list[str]] = {"better": [], "worse": [], "unchanged": []}
    new = {row["id"]: row for row in models[after] if row["id"] in old}
    for key in sorted(new):
        first, second = old[key]["score"], new[key]["score"]
        if first is not None and second is not None:
            change = second - first
            like["better" if change > 0.1 else "worse" if change < -0.1 else "unchanged"].append(key)
    rng = random.Random(f"0:report:{task}")
    drawn = {kind: rng.choice(keys) for kind, keys in like.items() if keys}
    prompts = _prompts(run, task, set(drawn.values()))
    return [
        {
            "kind": kind,
            "of": len(like[kind]),
            "prompt": prompts.get(key, "(the prompt is not in examples/examples.jsonl)"),
            "wanted": [_short(text, ANSWER_LENGTH) for text in new[key]["wanted"][:3]],
            "before": _short(old[key]["prediction"] or "(no answer)", ANSWER_LENGTH),
            "after": _short(new[key]["prediction"] or "(no answer)", ANSWER_LENGTH),
        }
        for kind, key in drawn.items()
    ]


def _prompts(run: Path, task: str, ids: set[str]) -> dict[str, str]:
    """Return the prompts of test items: those of a run lie with its examples, those of a public task in its set."""
    path, about = run / "examples" / "examples.jsonl", TASKS[task]
    if not ids or not (about.data or path.exists()):
        return {}
    found = (row for row in (each_example(about) if about.data else read_examples(path)) if row.id in ids)
    return {row.id: _short(row.prompt[-1]["content"], PROMPT_LENGTH) for row in found}


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length].rsplit(" ", 1)[0] + " …"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
