"""What one answer is worth: from an example and what was said to its scored row, the same for models and for rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from residency.core.store import sha256_json
from residency.core.types import Example, Span
from residency.evaluate import vocabulary
from residency.evaluate.kinds import FILES
from residency.evaluate.protocol import own_prompt
from residency.evaluate.tasks import Task
from residency.measure import findings, questions, scorers, spans, writing

Row = dict[str, Any]


def row_of(task: Task, example: Example, prediction: str | None, **more: Any) -> Row:
    """Return the scored row of one prediction, the same for a model and for a trivial rule."""
    row: Row = {
        "id": example.id,
        "group": example.group,
        "score": None,
        "prediction": prediction,
        "wanted": example.wanted,
        "logprob": None,
        "confidence": None,
        "hash": sha256_json([own_prompt(example), example.wanted]),
        "parsed": True,
        "counts": None,
        "tokens": 0,
        "pattern": str(example.meta.get("pattern", "")),
    }
    if example.meta.get("shots"):
        row["shots"] = example.meta["shots"]
    if "unaided" in example.meta:
        row["evidence"] = example.meta["evidence"]
    if task.kind == "choice":
        row |= _places(example, prediction)
    if prediction is not None:
        row |= _score(task, example, prediction)
    return row | more


def _places(example: Example, prediction: str | None) -> Row:
    """Return at which place the chosen and the right option stood (None: none was chosen), of how many, how turned."""
    places = {text.strip(): place for place, text in reversed(list(enumerate(example.choices)))}
    chosen = None if prediction is None else places.get(prediction.strip())
    right = places.get(example.wanted[0].strip())
    return {"place": chosen, "right": right, "places": len(example.choices), "turn": example.meta.get("turn", 0)}


def _score(task: Task, example: Example, prediction: str) -> Row:
    if task.kind in ("choice", "classify"):
        return {"score": scorers.choice_accuracy(prediction, example.wanted)}
    if task.kind in FILES:
        return FILES[task.kind].scored(example, prediction)
    if task.kind == "rubric":
        return {}  # scored by its judge
    if task.kind == "relate":
        return _relations(example, prediction)
    if task.kind == "extract" and (task.data or task.own):
        return _spans(task, example, prediction)
    if task.kind == "extract":
        found, parsed = scorers.parse_mentions(prediction)
        wanted, _ = scorers.parse_mentions(example.wanted[0])
        counts = scorers.mention_counts(found, wanted)
        return {"counts": counts, "parsed": parsed, "score": _f1(counts) if parsed else 0.0}
    if task.kind == "follow":
        said = prediction.lower()
        return {"score": float(any(w.lower() in said for w in example.wanted))}
    if task.data or task.own:
        return _written(task, example, prediction)
    return {"score": scorers.rouge_l(prediction, example.wanted)}


def _f1(counts: dict[str, int]) -> float:
    total = 2 * counts["tp"] + counts["fp"] + counts["fn"]
    return 2 * counts["tp"] / total if total else 1.0


def _spans(task: Task, example: Example, prediction: str) -> Row:
    """Return the counts of an extraction by place: exact, and relaxed to overlap."""
    pairs, parsed = spans.parse_labelled(prediction, example.meta["labels"])
    found, absent = spans.locate(pairs, example.meta["text"])
    row = by_place(found, example, absent)
    return row if parsed else {**row, "parsed": False, "score": 0.0}


def by_place(found: Sequence[Span], example: Example, absent: int = 0) -> Row:
    """Return the counts of spans that were found in an item's text; ``absent`` phrases stand nowhere in it."""
    counts = spans.span_counts(found, example.spans, absent)
    relaxed = spans.relaxed_counts(found, example.spans, absent)
    return {"counts": counts, "relaxed": relaxed, "parsed": True, "score": _f1(counts)}


def by_concept(found: Iterable[Sequence[str]], example: Example) -> Row:
    """Return the counts of pairs of concepts that were found in an item's text."""
    gold, guesses = ({tuple(pair[:2]) for pair in pairs} for pairs in (example.meta["relations"], found))
    counts = {"tp": len(guesses & gold), "fp": len(guesses - gold), "fn": len(gold - guesses)}
    return {"counts": counts, "parsed": True, "score": _f1(counts)}


def _relations(example: Example, prediction: str) -> Row:
    """Return the counts of pairs of concepts."""
    found = scorers.parse_list(prediction)
    pairs = [p for p in found or () if isinstance(p, list) and all(isinstance(part, str) for part in p)]
    malformed = len(found or ()) - len(pairs)
    counts = spans.relation_counts(pairs, example.meta["relations"], example.meta["concepts"])
    counts["fp"] += malformed
    return {"counts": counts, "parsed": found is not None, "score": _f1(counts) if found is not None else 0.0}


def _written(task: Task, example: Example, prediction: str) -> Row:
    """Return what every metric of written text needs of one item; its score is ROUGE-L."""
    found: Row = {
        **writing.rouge(prediction, example.wanted),
        "chrf": writing.chrf(prediction, example.wanted),
        "bleu": writing.bleu_counts(prediction, example.wanted, task.ask.language),
        "gleu": writing.gleu_counts(prediction, example.wanted, task.ask.language),
    }
    if task.ask.language != "zh":  # words are what white space parts
        found |= {f"distinct_{n}": writing.distinct(prediction, n) for n in (1, 2)}
    if vocabulary.wanted_by(task):
        names = vocabulary.known()
        found["findings"] = None if names is None else findings.best_counts(prediction, example.wanted, names)
    if task.kind == "converse":
        found |= _asking(prediction, example.wanted[0])
    return {**found, "score": found["rouge_l"]}


def _asking(prediction: str, recorded: str) -> Row:
    """Return whether a turn and the recorded one ask a question, and how that agrees."""
    return {
        "questions": questions.question_counts(prediction, recorded),
        "question_share": float(questions.asks(prediction)),
        "question_share_recorded": float(questions.asks(recorded)),
    }
