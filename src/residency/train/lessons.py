"""What an encoder is taught: for each task its labels, its pieces of text, and how held-out examples are scored.

Also what is refused before training, with counts and ids: data with nothing to learn, and classes with one member.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from residency.core.errors import UserError
from residency.core.types import Example
from residency.measure.scorers import f1_from_counts, macro_f1_from_counts
from residency.measure.spans import span_counts
from residency.models.encoder import EncoderModel
from residency.models.marking import NONE, kinds_of, pairs_of
from residency.models.tagging import bio, lost, tagset, words_of
from residency.models.windows import Piece, Reader

Task = Literal["tag", "classify", "relation", "mlm"]


@dataclass(frozen=True, slots=True)
class Lesson:
    """One task: the head and its labels, what is learned and what is held out, and the figure that decides.

    ``pieces`` makes a reader's pieces of examples; ``measure`` scores a model on examples; ``facts`` is told in the
    manifest.
    """

    head: str
    labels: list[str]
    train: list[Example]
    dev: list[Example]
    pieces: Callable[[Reader, Sequence[Example]], list[Piece]]
    measure: Callable[[EncoderModel, Sequence[Example]], dict[str, float]]
    figure: str
    facts: dict[str, Any] = field(default_factory=dict)


def lesson_of(task: Task, train: list[Example], dev: list[Example], labels: Sequence[str] = ()) -> Lesson:
    """Return the lesson of a task; ``labels`` are those to learn, where not all. UserError refuses what is hopeless."""
    if not train:
        raise UserError(
            "nothing to learn: the examples hold none of the part train, or none of the task asked for (examples_of)"
        )
    _refuse("no text to read (meta.text)", [e for e in train if not text_of(e).strip()], len(train))
    return {"tag": _tag, "classify": _classify, "relation": _relation}[task](train, dev, labels)


def text_of(example: Example) -> str:
    """Return the text that an encoder reads of an example ("" where there is none)."""
    return str(example.meta.get("text") or next(iter(example.meta.get("facts") or ()), ""))


def second_of(example: Example) -> str:
    """Return the second text of a pair; "" where the example is no pair."""
    if "text" in example.meta:
        return str(example.meta.get("text_b", ""))
    return "\n".join((example.meta.get("facts") or ())[1:])


# --- tags of words ---------------------------------------------------------------------------------------------------


def _tag(train: list[Example], dev: list[Example], wanted: Sequence[str]) -> Lesson:
    seen = Counter(span.label for e in train for span in e.spans)
    named = dict.fromkeys(label for e in train for label in e.meta.get("labels", ()))
    labels = list(wanted or named or sorted(seen))
    if not any(seen[label] for label in labels):
        raise UserError(
            f"nothing to learn: no span of {', '.join(labels) or 'any label'} in {len(train)} training examples"
            f"{f'; their spans are {dict(seen)}' if seen else ''}"
        )
    single = {label: [e.id for e in train for s in e.spans if s.label == label] for label in labels if seen[label] == 1}
    _refuse_single(single, "span", [label for label in labels if seen[label] != 1])
    tags = tagset(labels)
    numbers = {tag: i for i, tag in enumerate(tags)}

    def pieces(reader: Reader, examples: Sequence[Example]) -> list[Piece]:
        texts = [text_of(e) for e in examples]
        words = [words_of(text) for text in texts]
        targets = [[numbers[t] for t in bio(w, e.spans, labels)] for w, e in zip(words, examples, strict=True)]
        return list(reader.tagged(texts, words, targets))

    def measure(model: EncoderModel, examples: Sequence[Example]) -> dict[str, float]:
        found = model.tag([text_of(e) for e in examples])
        counts = _added(
            span_counts(mine, [s for s in e.spans if s.label in labels])
            for mine, e in zip(found, examples, strict=True)
        )
        return _f1("entity", counts)

    gone = sum((lost(words_of(text_of(e)), e.spans, labels) for e in train), Counter[str]())
    facts = {"spans": sum(seen[label] for label in labels), "spans_lost": dict(gone)}
    return Lesson("tag", tags, train, dev, pieces, measure, "entity_f1", facts)


# --- classes of texts and of pairs -----------------------------------------------------------------------------------


def _classify(train: list[Example], dev: list[Example], wanted: Sequence[str]) -> Lesson:
    labels = list(wanted or dict.fromkeys(label for e in train for label in _choices(e)))
    others = [e for e in train if label_of(e) not in labels]
    if not wanted:
        _refuse("a class that is none of their choices", others, len(train))
    train, dev = ([e for e in part if label_of(e) in labels] for part in (train, dev))
    _check_classes(train, labels)
    lesson = _of_classes(train, dev, labels, _class_figures, "macro_f1")
    lesson.facts["of_other_labels"] = len(others)
    return lesson


def _choices(example: Example) -> list[str]:
    return list(example.meta.get("options") or example.choices or example.meta.get("labels") or example.wanted[:1])


def label_of(example: Example) -> str:
    """Return the class of an example, the text of the option where a letter stands for it."""
    wanted = example.wanted[0] if example.wanted else ""
    options = example.meta.get("options")
    return str(options[example.choices.index(wanted)]) if options and wanted in example.choices else wanted


def _check_classes(train: Sequence[Example], labels: Sequence[str]) -> None:
    members: dict[str, list[str]] = defaultdict(list)
    for example in train:
        members[label_of(example)].append(example.id)
    if len(members) < 2:
        found = f"all {len(train)} are of one class" if train else f"none is of the classes {', '.join(labels)}"
        raise UserError(f"nothing to learn: of the training examples {found}; there must be two classes or more")
    many = len(members)
    if many > 50 and many > len(train) / 2:
        raise UserError(
            f"{many} classes in {len(train)} training examples: their answers are no closed set of classes, as a "
            "question's own options are; a generator learns such a task"
        )
    single = {label: ids for label, ids in members.items() if len(ids) == 1}
    _refuse_single(single, "example", [label for label in labels if label not in single])


def _of_classes(
    train: list[Example],
    dev: list[Example],
    labels: list[str],
    figures: Callable[[Sequence[Example], Sequence[str], Sequence[str]], dict[str, float]],
    figure: str,
) -> Lesson:
    numbers = {label: i for i, label in enumerate(labels)}
    paired = any(second_of(e) for e in train)

    def texts(examples: Sequence[Example]) -> tuple[list[str], list[str] | None]:
        return [text_of(e) for e in examples], [second_of(e) for e in examples] if paired else None

    def pieces(reader: Reader, examples: Sequence[Example]) -> list[Piece]:
        return list(reader.classed(*texts(examples), [numbers[label_of(e)] for e in examples]))

    def measure(model: EncoderModel, examples: Sequence[Example]) -> dict[str, float]:
        guesses = [labels[i] for i in model.classify(*texts(examples)).argmax(1)]
        return figures(examples, guesses, labels)

    facts = {"classes": dict(Counter(label_of(e) for e in train)), "pairs": paired}
    return Lesson("classify", labels, train, dev, pieces, measure, figure, facts)


def _class_figures(examples: Sequence[Example], guesses: Sequence[str], labels: Sequence[str]) -> dict[str, float]:
    """Return accuracy and macro F1 (scikit-learn's, over the classes that occur)."""
    gold = [label_of(e) for e in examples]
    both = list(zip(guesses, gold, strict=True))
    counts = [[sum(g == w == c for g, w in both), *(sum(x == c != y for x, y in p) for p in _both_ways(both))]
              for c in labels]  # fmt: skip
    right = sum(g == w for g, w in both)
    return {"accuracy": right / len(both), "macro_f1": float(macro_f1_from_counts(np.array(counts, dtype=float)))}


def _both_ways(both: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    return both, [(w, g) for g, w in both]


# --- relations between concepts --------------------------------------------------------------------------------------


def _relation(train: list[Example], dev: list[Example], wanted: Sequence[str]) -> Lesson:
    blind = [e for e in train if not any(entity.get("concepts") for entity in e.meta.get("entities", ()))]
    if len(blind) == len(train):
        _refuse("no entities with concepts (meta.entities)", blind, len(train))
    kinds = kinds_of((e.meta.get("entities", ()), e.meta.get("relations", ())) for e in train)
    if not kinds:
        raise UserError(f"nothing to learn: no relation between entities in {len(train)} training examples")
    pairs, dev_pairs = ([pair for e in part for pair in _marked(e, kinds)] for part in (train, dev))
    names = sorted({label_of(e) for e in pairs} - {NONE})
    labels = [NONE, *(wanted or names)]
    _check_classes(pairs, labels)
    held = sum(len({(a, b) for a, b, *_ in e.meta.get("relations", ())}) for e in dev)
    missed = held - sum(label_of(e) != NONE for e in dev_pairs)

    def figures(examples: Sequence[Example], guesses: Sequence[str], _: Sequence[str]) -> dict[str, float]:
        """Return the F1 of what is held out; relations of concepts that the text never names are missed."""
        gold = [label_of(e) for e in examples]
        right = sum(g == w != NONE for g, w in zip(guesses, gold, strict=True))
        given = sum(g != NONE for g in guesses)
        whole = sum(w != NONE for w in gold) + missed
        return _f1("relation", {"tp": right, "fp": given - right, "fn": whole - right})

    lesson = _of_classes(pairs, dev_pairs, labels, figures, "relation_f1")
    lesson.facts.update(kinds=[list(kind) for kind in kinds], texts=len(train), texts_without_concepts=len(blind))
    return lesson


def _marked(example: Example, kinds: Sequence[tuple[str, str]]) -> list[Example]:
    """Return an example for each pair of a text's concepts."""
    meta = example.meta
    pairs = pairs_of(text_of(example), meta.get("entities", ()), meta.get("relations", ()), kinds)
    return [
        Example(f"{example.id}:{pair.first}:{pair.second}", [], [pair.relation], meta={"text": pair.text})
        for pair in pairs
    ]


# --- what they share -------------------------------------------------------------------------------------------------


def _added(rows: Any) -> dict[str, int]:
    total: Counter[str] = Counter()
    for row in rows:
        total.update(row)
    return {key: total[key] for key in ("tp", "fp", "fn")}


def _f1(name: str, counts: dict[str, int]) -> dict[str, float]:
    right, found, wanted = counts["tp"], counts["tp"] + counts["fp"], counts["tp"] + counts["fn"]
    value = float(f1_from_counts(np.array([counts[key] for key in ("tp", "fp", "fn")], dtype=float)))
    return {
        f"{name}_f1": value,
        "precision": right / found if found else float("nan"),
        "recall": right / wanted if wanted else float("nan"),
    }


def _refuse(what: str, examples: Sequence[Example], many: int) -> None:
    if examples:
        raise UserError(f"{len(examples)} of {many} training examples hold {what}: {_named([e.id for e in examples])}")


def _refuse_single(single: dict[str, list[str]], what: str, others: Sequence[str]) -> None:
    if single:
        told = "; ".join(f"{label} ({ids[0]})" for label, ids in sorted(single.items()))
        raise UserError(
            f"{len(single)} classes have one training {what}: {told}. One teaches nothing: give more, or name the "
            f"classes to learn with labels: [{', '.join(others)}]"
        )


def _named(ids: Sequence[str]) -> str:
    return ", ".join(ids[:8]) + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")
