"""The model card: what goes out with the weights, in the form that the Hugging Face hub reads, with measured rows only.

Every value comes from the run's ledger and carries its protocol; what was not measured is not listed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from residency.core.store import atomic_path, read_json, write_manifest
from residency.evaluate.facts import gather
from residency.evaluate.ledger import about, build, gated, read_items
from residency.evaluate.limits import limits
from residency.evaluate.names import TRAINED, is_base, label, metric_name, model_words
from residency.evaluate.numbers import cell, few_note, interval_text, p_text, parity_text, shown
from residency.evaluate.patients import patients_told
from residency.evaluate.report import duration, source_name, told
from residency.evaluate.sections import loss_told, shown_beside
from residency.evaluate.tasks import TASKS

ENCODERS = {"tag": "token-classification", "mlm": "fill-mask"}
HUB_TASKS = {
    "qa": "multiple-choice",
    "nli": "text-classification",
    "ie": "token-classification",
    "ie_relations": "token-classification",
    "ie_coded": "token-classification",
}
HUB_METRICS = {"macro_f1": "f1", "entity_f1": "f1", "rouge_l": "rouge", "ece": "expected_calibration_error"}
PROTOCOL = ("method", "template", "shots", "seed", "extractor", "max_tokens", "precision", "engine", "note")


def write_card(run: Path, *, out: Path) -> None:
    """Write ``README.md`` to ``out``: YAML front matter with a ``model-index``, then the card in Markdown."""
    path = run / "ledger.json"
    text = card(run, read_json(path) if path.exists() else build(run))
    with atomic_path(out / "README.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    write_manifest(out, stage="card")


def card(run: Path, ledger: dict[str, Any]) -> str:
    """Return the model card of a run as text."""
    facts = gather(run)
    final = final_model(ledger["rows"])
    rows = [row for row in ledger["rows"] if row["model"] == final and row["value"] is not None]
    head = yaml.safe_dump(front_matter(facts, rows), sort_keys=False, allow_unicode=True, width=1000)
    body = (
        environment()
        .get_template("card.md.jinja")
        .render(
            facts=facts,
            ledger=ledger,
            name=model_id(facts),
            final=final,
            rows=rows,
            gguf=[row for row in ledger["rows"] if row["model"] == "gguf" and row["value"] is not None],
            results=results(ledger, rows),
            against=[found for found in ledger["findings"] if found["level"] in ("red", "caution")],
            beside=[text for task in gated(ledger["rows"]) for text in shown_beside(primary(ledger, task))],
            patients=patients_told(facts["privacy"]),
            few_note=few_note([*ledger["rows"], *ledger["comparisons"]]),
            parity=parity_text(facts["parity"]),
            limits=limits(facts, ledger, read_items(run)[0]),
        )
    )
    return f"---\n{head}---\n\n{body}"


def primary(ledger: dict[str, Any], task: str) -> list[dict[str, Any]]:
    """Return the ledger's rows of a task's primary metric."""
    metric = about(task, ledger["rows"]).metric
    return [row for row in ledger["rows"] if (row["task"], row["metric"]) == (task, metric)]


def final_model(rows: list[dict[str, Any]]) -> str | None:
    """Return the last trained stage that was evaluated; None where none was."""
    present = {row["model"] for row in rows}
    return next((name for name in TRAINED if name in present), None)


def model_id(facts: dict[str, Any]) -> str:
    """Return a name for the trained model, from its base."""
    return f"{(facts['base']['name'] or 'model').rpartition('/')[2]}-residency"


def front_matter(facts: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the card's metadata by the hub's field names; fields without a known value are left out."""
    licence = facts["base"]["licence"]
    head: dict[str, Any] = {
        "language": ["en"],
        "license": (licence or "other").lower(),
        "library_name": "transformers",
        "pipeline_tag": pipeline_tag(facts["training"]),
        "base_model": facts["hub_id"],
        "base_model_relation": "finetune" if facts["hub_id"] else None,
        "tags": ["medical", "residency", *ways(facts["training"]), "not-a-medical-device"],
        "metrics": sorted({HUB_METRICS.get(row["metric"], row["metric"]) for row in rows}),
        "model-index": [{"name": model_id(facts), "results": index(rows)}] if rows else None,
    }
    return {key: value for key, value in head.items() if value}


def pipeline_tag(training: list[dict[str, Any]]) -> str:
    """Return what the model is for, by the hub's names: an encoder by what it has learned, any other writes text."""
    learned = [stage["settings"].get("task", "tag") for stage in training if stage["stage"].startswith("encode")]
    return ENCODERS.get(learned[-1], "text-classification") if learned else "text-generation"


def ways(training: list[dict[str, Any]]) -> list[str]:
    """Return how the model was trained, as tags: the methods of tuning, and the losses of alignment."""
    found = [stage["settings"].get("method", "lora") for stage in training if not stage["stage"].startswith("encode")]
    found += [stage["settings"].get("loss", "dpo") for stage in training if stage["stage"].startswith("prefer")]
    return list(dict.fromkeys(found))


def index(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one ``model-index`` result a task, with its measured metrics on a scale of 0 to 1."""
    made = []
    for task in dict.fromkeys(row["task"] for row in rows):
        measured = [row for row in rows if row["task"] == task]
        about = TASKS.get(task)
        revision = measured[0]["protocol"].get("items_sha256")
        dataset = {
            "type": f"residency-{task.replace('_', '-')}",
            "name": f"{about.family if about else task}: {about.title if about else task}",
            "split": "test",
            **({"revision": revision} if revision else {}),
        }
        hub_task = {"type": HUB_TASKS.get(task, "text-generation"), "name": about.family if about else task}
        made.append({"task": hub_task, "dataset": dataset, "metrics": [measure(row) for row in measured]})
    return made


def measure(row: dict[str, Any]) -> dict[str, Any]:
    """Return one metric of a ``model-index`` result; ``args`` hold its interval, items and protocol."""
    args = {"n": row["n"], "low": _rounded(row["low"]), "high": _rounded(row["high"])}
    args |= {key: row["protocol"].get(key) for key in PROTOCOL if row["protocol"].get(key) or key in ("shots", "seed")}
    return {
        "type": HUB_METRICS.get(row["metric"], row["metric"]),
        "value": _rounded(row["value"]),
        "name": metric_name(row["metric"]),
        "args": args,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def results(ledger: dict[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the card's table: the final model's primary metrics beside the better base and the best gating rule."""
    made = []
    for row in rows:
        if row["metric"] != about(row["task"], rows).metric:
            continue
        against = {c["kind"]: c for c in ledger["comparisons"] if c["task"] == row["task"] and c["to"] == row["model"]}
        base = against.get("base") or against.get("tuned_vs_base") or against.get("forgetting")
        made.append({"row": row, "base": base, "rule": against.get("rule"), "only": _only_base(ledger, row)})
    return made


def _only_base(ledger: dict[str, Any], row: dict[str, Any]) -> str:
    """Return the base's values in words, for tasks where nothing was compared."""
    same = [
        r for r in ledger["rows"] if (r["task"], r["metric"]) == (row["task"], row["metric"]) and is_base(r["model"])
    ]
    return ", ".join(f"{shown(r['value'], r['metric'])} ({label(r['model'])})" for r in same)


@cache
def environment() -> Environment:
    """Return the card's templates: Markdown, not escaped; a missing name is an error."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "cell": cell,
        "difference": interval_text,
        "duration": duration,
        "label": label,
        "loss": loss_told,
        "metric": metric_name,
        "p": p_text,
        "shown": shown,
        "source": source_name,
        "told": told,
        "words": model_words,
    }
    made.globals["protocol_keys"] = PROTOCOL
    return made
