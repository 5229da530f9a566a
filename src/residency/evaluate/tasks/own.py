"""A user's own task: a few lines of YAML and a JSONL file, checked whole before anything is asked.

    task: triage
    items: triage.jsonl
    kind: classify
    labels: [urgent, routine]
    instruction: How soon must this patient be seen?

Kind ``similar`` has a ``scale`` in place of labels, its two ends: ``scale: [0, 5]``.
Optional: ``metric``, ``language``, ``max_tokens``, ``style`` (choice), ``family``, ``stakeholder``, ``care``; files of
further items: ``train`` and ``dev`` (to learn from, and to watch), ``shots`` (solved items to show); ``format``
(classify: files in another form), ``judge`` (of kind rubric: the model that judges), ``waiver`` (why the texts that
are learned identify nobody). Of kind extract a file may be a
folder of brat annotations, or CoNLL. Every mistake is told at once, by line, without a word of the items' text.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from residency.core.errors import RecipeError
from residency.core.store import sha256_json
from residency.core.types import Example
from residency.evaluate.tasks.form import KINDS, STYLES, Ask, Item, example_of
from residency.evaluate.tasks.items import each_item

FIELDS: dict[str, type | tuple[type, ...]] = {
    "task": str,
    "items": str,
    "kind": str,
    "format": str,
    "labels": list,
    "scale": list,
    "instruction": str,
    "metric": str,
    "language": str,
    "max_tokens": int,
    "style": str,
    "family": str,
    "stakeholder": str,
    "care": str,
    "shots": str,
    "train": str,
    "dev": str,
    "judge": str,
    "waiver": str,
}
NEEDED = ("task", "items", "kind")
FILES = ("items", "shots", "train", "dev")
"""The fields that name a file of items: the first is examined on."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
LANGUAGE = re.compile(r"[a-z]{2,3}")
TAKEN: set[str] = set()
"""The names of the tasks that come with us; filled where those are declared."""
METRICS = {
    "choice": ("accuracy", "macro_f1"),
    "classify": ("macro_f1", "accuracy", "balanced_accuracy"),
    "tag": ("micro_f1", "label_f1", "exact_match"),
    "similar": ("pearson", "spearman"),
    "extract": ("entity_f1", "entity_f1_relaxed"),
    "generate": ("rouge_l", "rouge_1", "rouge_2", "bertscore", "bleu", "gleu", "chrf", "finding_f1"),
    "rubric": ("rubric_score",),
}
"""The metrics of each kind; the first is the default."""
LABELLED = ("classify", "tag")
"""Kinds that need labels."""
STEPS = 11
"""Whole numbers that a scale may hold: each is an option whose likelihood is asked for."""
FORMATS: dict[str, dict[str, Any]] = {
    "mednli": {
        "labels": ["entailment", "contradiction", "neutral"],
        "instruction": "Does the second statement follow from the first (entailment), contradict it (contradiction), "
        "or neither (neutral)?",
    }
}
"""The formats of other files of kind classify, and what a declaration need not say of them."""


def read_declaration(path: Path) -> dict[str, Any]:
    """Return the checked declaration of a task's YAML; RecipeError holds every mistake with its line."""
    found, wrong = declared(path)
    if wrong:
        raise RecipeError("\n".join(wrong))
    return found


def declared(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the declaration of a task's YAML, with what its format brings, and every mistake in it with its line.

    Raises RecipeError where there is no YAML mapping at all.
    """
    try:
        text = path.read_text(encoding="utf-8")
        found = yaml.safe_load(text)
        root: Any = yaml.compose(text)
        places = [(key.value, key.start_mark.line + 1) for key, _ in root.value]
    except FileNotFoundError:
        raise RecipeError(f"there is no task file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} cannot be read: {type(error).__name__}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise RecipeError(f"{path.name}: line {line}: not YAML: {error.problem}") from None
    except (yaml.YAMLError, AttributeError, TypeError, ValueError):
        raise RecipeError(
            f"{path} is not a YAML mapping such as `task: NAME`, `items: FILE.jsonl`, `kind: choice`"
        ) from None
    found, lines = {**_brought(found), **found}, dict(places)
    problems = (*_twice(places), *_mistakes(found, lines), *_absent(found, path, lines))
    return found, [f"{path.name}: {problem}" for problem in problems]


def _twice(places: list[tuple[str, int]]) -> Iterator[str]:
    """Yield which fields stand a second time, of which YAML would take the last without a word."""
    first: dict[str, int] = {}
    for name, line in places:
        if name in first:
            yield f"line {line}: {name} stands already in line {first[name]}"
        first.setdefault(name, line)


def _absent(found: dict[str, Any], path: Path, lines: dict[str, int]) -> Iterator[str]:
    """Yield which files are not there, of those that nobody will read since the rest of the declaration is wrong."""
    for file in FILES:
        name = found.get(file)
        if isinstance(name, str) and not can_read(found, file) and not (path.parent / name).exists():
            yield f"line {lines.get(file, 0)}: {file} is {name}, which is not there"


def _brought(found: dict[str, Any]) -> dict[str, Any]:
    """Return what a declaration has by its format."""
    named = found.get("format")
    return FORMATS.get(named, {}) if isinstance(named, str) else {}


def _mistakes(found: dict[str, Any], lines: dict[str, int]) -> Iterator[str]:
    yield from (f"{name} is missing" for name in NEEDED if name not in found)
    for name, value in found.items():
        at = f"line {lines.get(name, 0)}: "
        if name not in FIELDS:
            near = difflib.get_close_matches(str(name), FIELDS, 1)
            yield f"{at}{name} is not a field of a task{f'; did you mean {near[0]}' if near else ''}. Legal are " + (
                ", ".join(FIELDS)
            )
        elif not isinstance(value, FIELDS[name]) or isinstance(value, bool):
            yield f"{at}{name} is {value!r}; expected {_called(FIELDS[name])}"
    kind = found.get("kind")
    closed = {"kind": KINDS, "style": STYLES, "format": tuple(FORMATS), "metric": METRICS.get(str(kind), ())}
    for name, legal in closed.items():
        value = found.get(name)
        if isinstance(value, str) and legal and value not in legal:
            near = difflib.get_close_matches(value, legal, 1)
            hint = f"; did you mean {near[0]}" if near else ""
            yield f"line {lines.get(name, 0)}: {name} is {value!r}{hint}. Legal are {', '.join(legal)}"
    if found.get("format") in tuple(FORMATS) and kind in KINDS and kind != "classify":
        yield f"line {lines['format']}: format is {found['format']!r}, which is of kind classify, and not {kind}"
    if found.get("metric") == "finding_f1" and found.get("language", "en") != "en":
        yield f"line {lines['metric']}: metric is 'finding_f1', which knows English names only (language: en)"
    called = found.get("task")
    if isinstance(called, str) and not NAME.fullmatch(called):
        yield f"line {lines['task']}: task is {called!r}; a name is made of letters, digits, dots, dashes, underscores"
    elif isinstance(called, str) and called in TAKEN:
        yield f"line {lines['task']}: task is {called!r}, which is the name of a task of ours; give it another"
    yield from _label_mistakes(found, lines)
    yield from _scale_mistakes(found, lines)
    if kind == "rubric" and "judge" not in found:
        yield "judge is missing: a task of kind rubric names the model that judges, as in `judge: runs/latest:aligned`"
    elif kind != "rubric" and "judge" in found:
        yield f"line {lines.get('judge', 0)}: judge is for tasks of kind rubric"
    spoken = found.get("language")
    if isinstance(spoken, str) and not LANGUAGE.fullmatch(spoken):
        yield f"line {lines['language']}: language is {spoken!r}; expected its code in ISO 639, as en, de or zh"
    if isinstance(found.get("max_tokens"), int) and found["max_tokens"] < 1:
        yield f"line {lines['max_tokens']}: max_tokens is {found['max_tokens']}; expected 1 or more"


def _label_mistakes(found: dict[str, Any], lines: dict[str, int]) -> Iterator[str]:
    labels = found.get("labels")
    if labels is None:
        if (kind := found.get("kind")) in LABELLED:
            yield f"labels is missing: a task of kind {kind} names its labels, as in `labels: [urgent, routine]`"
        return
    at = f"line {lines.get('labels', 0)}: "
    if found.get("kind") in KINDS and found["kind"] not in (*LABELLED, "extract"):
        yield f"{at}labels is for tasks of kind {', '.join(LABELLED)} and extract"
    elif isinstance(labels, list):
        if any(not isinstance(label, str) for label in labels):
            yield at + "labels holds something that is not a text; write yes, no, on, off and numbers in quotes"
        elif any(not label.strip() or label != label.strip() for label in labels):
            yield at + "labels holds a label that is empty, or begins or ends with white space"
        elif len({" ".join(label.casefold().split()) for label in labels}) < len(labels):
            yield at + "labels holds a label twice (capitals and white space make no other)"
        elif found.get("kind") == "classify" and len(labels) < 2:
            yield at + "labels holds fewer than two labels"
        elif found.get("kind") == "tag" and not labels:
            yield at + "labels holds no label"


def _scale_mistakes(found: dict[str, Any], lines: dict[str, int]) -> Iterator[str]:
    kind, at = found.get("kind"), f"line {lines.get('scale', 0)}: "
    if "scale" not in found:
        if kind == "similar":
            yield "scale is missing: a task of kind similar names the ends of its scale, as in `scale: [0, 5]`"
    elif kind in KINDS and kind != "similar":
        yield at + "scale is for tasks of kind similar"
    elif isinstance(found["scale"], list) and not _is_scale(found["scale"]):
        yield f"{at}scale is {found['scale']!r}; expected two whole numbers, the lower first, at most {STEPS - 1} apart"


def _is_scale(scale: Any) -> bool:
    """Return whether this is the two ends of a scale."""
    if not isinstance(scale, list) or len(scale) != 2 or any(type(end) is not int for end in scale):
        return False
    return 0 < scale[1] - scale[0] < STEPS


def _called(kind: Any) -> str:
    return {str: "a text", int: "a whole number", list: "a list"}[kind]


def can_read(declaration: dict[str, Any], file: str) -> bool:
    """Return whether a declaration names a file, and what its lines must be is known well enough to read them."""
    kind, form, labels = (declaration.get(key, none) for key, none in (("kind", ""), ("format", ""), ("labels", [])))
    if not isinstance(declaration.get(file), str) or kind not in KINDS or form not in ("", *FORMATS):
        return False
    if kind == "similar":
        return not form and _is_scale(declaration.get("scale"))
    told = isinstance(labels, list) and all(isinstance(label, str) for label in labels)
    return told and (kind == "classify" if form else bool(labels) or kind not in LABELLED)


def files_of(declaration: dict[str, Any], folder: Path) -> list[Path]:
    """Return the files of items that a declaration names, those of a folder sorted."""
    from residency.corpus.readers.folder import files_under

    return [file for name in FILES if name in declaration for file in files_under(folder / declaration[name])[1]]


def each_item_of(declaration: dict[str, Any], folder: Path, file: str = "items") -> Iterator[Item]:
    """Yield the items of a declaration's file, which lies relative to ``folder``; SourceError as ``each_item``."""
    kind, path = declaration["kind"], folder / declaration[file]
    known = tuple(declaration.get("scale" if kind == "similar" else "labels", ()))
    if kind == "extract" and (path.is_dir() or path.suffix not in (".jsonl", ".json")):
        from residency.evaluate.tasks.annotated import each_annotated  # which brings all readers

        return each_annotated(path, known)
    return each_item(path, kind, known, format=declaration.get("format", ""))


def examples_of(
    declaration: dict[str, Any], folder: Path, *, file: str = "items", split: str = "test"
) -> Iterator[Example]:
    """Yield the examples of a checked declaration, whose files lie relative to ``folder``, one at a time."""
    ask = ask_of(declaration, each_item_of(declaration, folder, file))
    named = {"task": declaration["task"], "source": declaration[file], "split": split}
    for item in each_item_of(declaration, folder, file):
        held = {**item, "meta": {"own": item["meta"]}} if "meta" in item else item  # its keys are nobody's but theirs
        yield example_of(declaration["kind"], ask, held, **named)


def repeated(declaration: dict[str, Any], folder: Path) -> str:
    """Return what is wrong with solved items that are asked for too ("" where none is): they would tell the answer."""
    for file in (name for name in FILES[1:] if name in declaration):
        solved = {_said(item) for item in each_item_of(declaration, folder, file)}
        twice = sum(_said(item) in solved for item in each_item_of(declaration, folder))
        if twice:
            return (
                f"{declaration[file]}: {twice} of the items of {declaration['items']} stand there too; "
                "a solved example would tell the answer. Take them out of one of the two"
            )
    return ""


def _said(item: Item) -> str:
    """Return a hash of what an item says, its answer aside."""
    said = [item.get(key) for key in ("context", "question", "text", "text_b", "input", "prompt", "choices")]
    return sha256_json(said)


def ask_of(declaration: dict[str, Any], items: Iterable[Item]) -> Ask:
    """Return how the task's items are put; an extract task without labels takes those that its items hold.

    ``wording``, ``turn`` and ``said`` are no fields of the file: they stand in a declaration that is asked in another
    way.
    """
    labels = tuple(declaration.get("labels", ()))
    if declaration["kind"] == "extract" and not labels:
        labels = tuple(sorted({entity["label"] for item in items for entity in item["entities"]}))
    return Ask(
        declaration.get("instruction", ""),
        labels,
        declaration.get("style", "letters"),
        declaration.get("language", "en"),
        declaration.get("wording", 0),
        declaration.get("turn", 0),
        tuple(declaration.get("scale", ())),
        declaration.get("said", ()),
    )
