"""Models that read a text and write none, on the items that others answer in words: encoders, a linear CRF, a blend.

Nothing is put to them but the text itself, so that there is no prompt, no solved example and no reply to be read. A
tagger marks spans, which are scored by their place. A classifier gives each of its labels a probability, of which an
item's options have their share. A model of relations sorts every two concepts that an item marks.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from residency.core.errors import Unsupported
from residency.core.progress import say
from residency.core.types import Example, Span
from residency.evaluate.score import Row, by_concept, by_place, row_of
from residency.evaluate.tasks import Task
from residency.infer.prompts.extraction import answer_of
from residency.models.load import Source
from residency.models.marking import NONE, pairs_of
from residency.models.reading import head_of
from residency.models.reading import labels_of as labels_known
from residency.models.tagging import Words, spans_by

KINDS = ("extract", "choice", "classify", "relate")
"""Kinds of task that can be answered by reading alone."""
HEADS = {"tag": KINDS[:1], "classify": KINDS[1:3], "relation": KINDS[3:]}
"""Those of each by what a model's head is for."""
CALLED = {"crf": "linear CRF", "encoder": "encoder", "blend": "taggers blended by the mean of their probabilities"}
ENGINES = {"crf": "CRFsuite", "encoder": "torch", "blend": "torch and CRFsuite"}
SPANS = "spans by place, no phrase is looked up"
PAIRS = "pairs of the item's own concepts, which a model that writes has to find first"
UNPLACED = "its items name phrases and mark no places, by which a tagger learns and is scored"


class Tagger(Protocol):
    """What marks spans: ``tags`` are "O" and "B-" and "I-" of each label."""

    name: str
    tags: Sequence[str]

    def tag_probabilities(self, texts: Sequence[str]) -> Sequence[tuple[Words, np.ndarray]]:
        """Return each text's words and the probability of each tag ``[words, tags]``."""
        ...


class Classifier(Protocol):
    """What sorts texts, or pairs of texts, under ``labels``."""

    name: str
    labels: Sequence[str]

    def classify(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> np.ndarray:
        """Return the probability of each label ``[texts, labels]``."""
        ...


def is_reader(model: Any) -> bool:
    """Return whether a model reads and writes nothing."""
    return hasattr(type(model), "tag_probabilities") or hasattr(type(model), "classify")


def why_not(task: Task, source: Source, first: Sequence[Example]) -> str:
    """Return why a model that reads cannot do a task, as far as its folder and the first items tell; "" else."""
    where = source.path, source.about or {}
    head, known = head_of(*where), labels_known(*where)
    if task.kind not in HEADS.get(head, ()):
        return f"{source.reader} for {head}" if head else "an encoder without a head: train one"
    if task.kind == "extract" and any(map(unplaced, first)):
        return UNPLACED
    if task.kind == "relate":
        return "" if all(example.meta.get("entities") for example in first) else "its items mark no concepts"
    if not known or not first:
        return ""
    if task.kind == "extract":
        wanted = labels_of(first) or known
        return "" if set(wanted) & set(known) else f"it marks {', '.join(known)}, and not {', '.join(wanted)}"
    options = first[0].meta.get("options") or first[0].choices
    return "" if set(options) <= set(known) else f"the options are not its labels, {', '.join(known)}"


def read(task: Task, model: Any, examples: Sequence[Example]) -> list[Row]:
    """Return one scored row an example, in order; Unsupported where the model cannot do the task, with what it can."""
    began = time.perf_counter()
    if task.kind not in KINDS:
        raise Unsupported(f"{model.name} reads and writes nothing: it does tasks of kind {', '.join(KINDS)}")
    way = {"extract": _mark, "relate": _relate}.get(task.kind, _sort)
    rows = way(task, model, examples)
    seconds = (time.perf_counter() - began) / max(1, len(examples))
    return [row | {"seconds": seconds} for row in rows]


# --- spans -----------------------------------------------------------------------------------------------------------


def _mark(task: Task, model: Any, examples: Sequence[Example]) -> list[Row]:
    if not tags_of(model):
        raise Unsupported(f"{model.name} marks no spans, which {task.name} asks for; {_can(model)}")
    if without := [example.id for example in examples if unplaced(example)]:
        raise Unsupported(f"{task.name}: {UNPLACED} ({without[0]}, and {len(without) - 1} more)")
    wanted = labels_of(examples) or _marks(model)
    _share(task, model, wanted)
    found = spans_by(model, [example.meta["text"] for example in examples])
    kept = [[span for span in spans if span.label in wanted] for spans in found]
    return [_marked(task, example, spans, wanted) for example, spans in zip(examples, kept, strict=True)]


def tags_of(model: Any) -> list[str]:
    """Return the tags of a tagger; none of another model, which may say so by ``Unsupported``."""
    try:
        return list(getattr(model, "tags", ()))
    except Unsupported:
        return []


def _marks(model: Any) -> list[str]:
    """Return the labels of the spans that a tagger marks."""
    return sorted({tag.partition("-")[2] for tag in tags_of(model)} - {""})


def unplaced(example: Example) -> bool:
    """Return whether an extraction wants phrases of which no place in a text is known."""
    return "text" not in example.meta or (not example.spans and example.wanted[:1] not in ([], ["[]"]))


def sorts_by(model: Any) -> list[str]:
    """Return the labels of a classifier; none of another model."""
    return [] if tags_of(model) or not hasattr(type(model), "classify") else list(model.labels)


def labels_of(examples: Sequence[Example]) -> list[str]:
    """Return the labels that an extraction is about: those that its items name, else those of their spans."""
    named = next((list(example.meta["labels"]) for example in examples if example.meta.get("labels")), [])
    return named or sorted({span.label for example in examples for span in example.spans})


def _share(task: Task, model: Tagger, wanted: Sequence[str]) -> None:
    """Raise Unsupported where a tagger marks none of the wanted labels; say which it leaves out."""
    known = _marks(model)
    if not set(known) & set(wanted):
        raise Unsupported(f"{task.name} asks for {', '.join(wanted)}; {model.name} marks {', '.join(known)}")
    if missing := sorted(set(wanted) - set(known)):
        say(f"{task.name}: {model.name} does not mark {', '.join(missing)}; all of these count as missed")


def _marked(task: Task, example: Example, spans: Sequence[Span], labels: Sequence[str]) -> Row:
    """Return the row of spans: scored by place where the task's items are, else by the phrases, as replies are.

    The prediction holds the phrases as a reply would list them, for people to read.
    """
    phrases = answer_of(spans, example.meta["text"], labels)
    if not (task.data or task.own):
        return row_of(task, example, phrases)
    places = [[span.start, span.end, span.label] for span in spans]
    return row_of(task, example, None) | {"prediction": phrases, "spans": places, **by_place(spans, example)}


# --- labels ----------------------------------------------------------------------------------------------------------


def _sort(task: Task, model: Any, examples: Sequence[Example]) -> list[Row]:
    if not sorts_by(model):
        raise Unsupported(f"{model.name} sorts no texts, which {task.name} asks for; {_can(model)}")
    places = [_places(task, model, example) for example in examples]
    if not examples:
        return []
    firsts, seconds = zip(*map(texts_of, examples), strict=True)
    pairs = None if all(second is None for second in seconds) else [second or "" for second in seconds]
    odds = np.asarray(model.classify(list(firsts), pairs), dtype=np.float64)
    return [_sorted(task, *one) for one in zip(examples, places, odds, strict=True)]


def _places(task: Task, model: Classifier, example: Example) -> list[int]:
    """Return where each option of an item stands among a classifier's labels; of lettered ones it is their text."""
    options = list(example.meta.get("options") or example.choices)
    if missing := [option for option in options if option not in model.labels]:
        about = f"{len(missing)} options of {example.id} are" if task.kind == "choice" else f"{', '.join(missing)} is"
        raise Unsupported(f"{task.name}: {about} no label of {model.name}, which knows {', '.join(model.labels)}")
    return [list(model.labels).index(option) for option in options]


def texts_of(example: Example) -> tuple[str, str | None]:
    """Return the text that a classifier reads of an item and the second of a pair, None where there is but one.

    These are the item's own texts as they come (question and context, text and claim, premise and hypothesis), without
    instruction or options; of an item that keeps none, its prompt.
    """
    meta = example.meta
    for first, second in (("text", "text_b"), ("premise", "hypothesis")):
        if first in meta:
            return str(meta[first]), meta.get(second) or None
    own = meta.get("facts") or [example.prompt[-1]["content"]]
    return own[0], "\n".join(own[1:]) or None


def _sorted(task: Task, example: Example, places: Sequence[int], odds: np.ndarray) -> Row:
    share = np.maximum(odds[places], 1e-12)
    logprobs = [math.log(value) for value in share / share.sum()]
    best = int(share.argmax())
    return row_of(
        task,
        example,
        example.choices[best],
        logprob=logprobs[best],
        confidence=math.exp(logprobs[best]),
        choice_logprobs=logprobs,
    )


# --- relations -------------------------------------------------------------------------------------------------------


def _relate(task: Task, model: Any, examples: Sequence[Example]) -> list[Row]:
    """Return the rows of relations between the concepts that the items mark; every pair of them is sorted."""
    kinds = getattr(model, "related_types", [])
    if not kinds:
        raise Unsupported(f"{model.name} tells no relations, which {task.name} asks for; {_can(model)}")
    pairs = [pairs_of(e.meta["text"], e.meta.get("entities", ()), (), kinds) for e in examples]
    texts = [pair.text for found in pairs for pair in found]
    best = iter(model.classify(texts).argmax(1) if texts else ())
    rows = []
    for example, mine in zip(examples, pairs, strict=True):
        found = [pair for pair in mine if model.labels[next(best)] != NONE]
        names = {concept: name for name, concept in reversed(example.meta.get("concepts", {}).items())}
        told = json.dumps([[names.get(c, c) for c in (pair.first, pair.second)] for pair in found], ensure_ascii=False)
        counts = by_concept([(pair.first, pair.second) for pair in found], example)
        rows.append(row_of(task, example, None) | {"prediction": told, **counts})
    return rows


# --- what is said of them --------------------------------------------------------------------------------------------


def _can(model: Any) -> str:
    """Return what a model can do, in words."""
    marks, sorts = _marks(model), sorts_by(model)
    if marks or sorts:
        return f"it marks {', '.join(marks)}" if marks else f"it sorts by {', '.join(sorts)}"
    return f"it does no task of kind {', '.join(KINDS)}: train it for one"


def asked(task: Task, source: Source, precision: str) -> dict[str, Any]:
    """Return how a model that reads was asked, as a protocol says it."""
    how = {"extract": "the likeliest legal tags of all words", "relate": "the likeliest relation of each two concepts"}
    tagged = task.kind == "extract" and (task.data or task.own)
    phrases = "the phrases of its spans, exact strings" if task.kind == "extract" else ""
    return {
        "method": f"{CALLED[source.reader]}, no prompt: {how.get(task.kind, 'probability of each label')}",
        "prompt": False,
        "template": "none",
        "style": "",
        "extractor": SPANS if tagged else PAIRS if task.kind == "relate" else phrases,
        "max_tokens": 0,
        "stop": [],
        "precision": "float64" if source.reader == "crf" else precision,
        "engine": ENGINES[source.reader],
    }


def as_read(task: Task, example: Example) -> str:
    """Return an item as a model that reads is given it."""
    if task.kind in ("extract", "relate"):
        return str(example.meta["text"])
    first, second = texts_of(example)
    return first if second is None else f"{first}\n\n{second}"
