"""A user's own task: a few lines of YAML and a JSONL file, checked whole before anything is asked.

    task: triage
    items: triage.jsonl
    kind: classify
    labels: [urgent, routine]
    instruction: How soon must this patient be seen?

Optional: ``metric``, ``language``, ``max_tokens``, ``style`` (choice), ``family``, ``stakeholder``, ``care``, ``shots``
(a second file of solved items), ``judge`` (of kind rubric: the model that judges). Every mistake is told at once, by
line, without a word of the items' text.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from residency.core.errors import RecipeError, SourceError
from residency.core.types import Example
from residency.evaluate.tasks.form import KINDS, STYLES, Ask, Item, example_of, is_chat

FIELDS: dict[str, type | tuple[type, ...]] = {
    "task": str,
    "items": str,
    "kind": str,
    "labels": list,
    "instruction": str,
    "metric": str,
    "language": str,
    "max_tokens": int,
    "style": str,
    "family": str,
    "stakeholder": str,
    "care": str,
    "shots": str,
    "judge": str,
}
NEEDED = ("task", "items", "kind")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
TAKEN: set[str] = set()
"""The names of the tasks that come with us; filled where those are declared."""
METRICS = {
    "choice": ("accuracy", "macro_f1"),
    "classify": ("macro_f1", "accuracy", "balanced_accuracy"),
    "extract": ("entity_f1", "entity_f1_relaxed"),
    "generate": ("rouge_l", "rouge_1", "rouge_2", "bertscore", "bleu", "chrf"),
    "rubric": ("rubric_score",),
}
"""The metrics of each kind; the first is the default."""


def read_declaration(path: Path) -> dict[str, Any]:
    """Return the checked declaration of a task's YAML; RecipeError holds every mistake with its line."""
    try:
        text = path.read_text(encoding="utf-8")
        found = yaml.safe_load(text)
        root: Any = yaml.compose(text)
        lines = {key.value: key.start_mark.line + 1 for key, _ in root.value}
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
    wrong = list(_mistakes(found, lines))
    if wrong:
        raise RecipeError("\n".join(f"{path.name}: {problem}" for problem in wrong))
    return found


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
    for name, legal in (("kind", KINDS), ("style", STYLES), ("metric", METRICS.get(str(kind), ()))):
        value = found.get(name)
        if isinstance(value, str) and legal and value not in legal:
            near = difflib.get_close_matches(value, legal, 1)
            hint = f"; did you mean {near[0]}" if near else ""
            yield f"line {lines.get(name, 0)}: {name} is {value!r}{hint}. Legal are {', '.join(legal)}"
    called = found.get("task")
    if isinstance(called, str) and not NAME.fullmatch(called):
        yield f"line {lines['task']}: task is {called!r}; a name is made of letters, digits, dots, dashes, underscores"
    elif called in TAKEN:
        yield f"line {lines['task']}: task is {called!r}, which is the name of a task of ours; give it another"
    yield from _label_mistakes(found, lines)
    if kind == "rubric" and "judge" not in found:
        yield "judge is missing: a task of kind rubric names the model that judges, as in `judge: runs/latest:aligned`"
    elif kind != "rubric" and "judge" in found:
        yield f"line {lines.get('judge', 0)}: judge is for tasks of kind rubric"
    if isinstance(found.get("max_tokens"), int) and found["max_tokens"] < 1:
        yield f"line {lines['max_tokens']}: max_tokens is {found['max_tokens']}; expected 1 or more"


def _label_mistakes(found: dict[str, Any], lines: dict[str, int]) -> Iterator[str]:
    labels = found.get("labels")
    if labels is None:
        if found.get("kind") == "classify":
            yield "labels is missing: a task of kind classify names its labels, as in `labels: [yes, no]`"
        return
    if isinstance(labels, list):
        at = f"line {lines.get('labels', 0)}: "
        if any(not isinstance(label, str) for label in labels):
            yield at + "labels holds something that is not a text; write yes, no, on, off and numbers in quotes"
        elif len(set(labels)) < len(labels):
            yield at + "labels holds a label twice"
        elif found.get("kind") == "classify" and len(labels) < 2:
            yield at + "labels holds fewer than two labels"


def _called(kind: Any) -> str:
    return {str: "a text", int: "a whole number", list: "a list"}[kind]


def read_items(path: Path, kind: str, labels: tuple[str, ...]) -> list[Item]:
    """Return the items of a JSONL file; SourceError names every bad line and what is wrong with it."""
    return list(each_item(path, kind, labels))


def each_item(path: Path, kind: str, labels: tuple[str, ...]) -> Iterator[Item]:
    """Yield the good items of a JSONL file one at a time; SourceError at its end names every bad line.

    In memory stay the ids, to find one that comes twice.
    """
    wrong: list[str] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        item, problem = _item(line, kind, labels)
        if not problem and str(item["id"]) in seen:
            problem = f"its id stands already in line {seen[str(item['id'])]}"
        if problem:
            wrong.append(f"{path.name}: line {number}: {problem}")
            continue
        seen[str(item["id"])] = number
        yield {**item, "id": str(item["id"])}
    if wrong:
        more = [f"and {len(wrong) - 20} more lines"] if len(wrong) > 20 else []
        raise SourceError("\n".join([*wrong[:20], *more]))
    if not seen:
        raise SourceError(f"{path} holds no item")


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as lines:
            yield from (line.rstrip(b"\n") for line in lines)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from None


def _item(line: bytes, kind: str, labels: tuple[str, ...]) -> tuple[Item, str]:
    try:
        item = json.loads(line)
    except UnicodeDecodeError as error:
        return {}, f"not UTF-8 at byte {error.start}"
    except json.JSONDecodeError as error:
        return {}, f"not JSON at character {error.pos}: {error.msg}"
    if not isinstance(item, dict):
        return {}, "not a JSON object"
    if kind == "rubric" and "id" not in item:
        item["id"] = item.get("prompt_id")  # its name in HealthBench
    if not isinstance(item.get("id"), str | int) or isinstance(item.get("id"), bool):
        return {}, '"id" is missing, or is neither a text nor a number'
    if not isinstance(item.get("meta", {}), dict):
        return {}, '"meta" is not an object'
    return item, _CHECKS[kind](item, labels)


def _text(item: Item, *names: str) -> str:
    """Return what is wrong with fields that must hold a text ("" where nothing is)."""
    for name in names:
        if not isinstance(item.get(name), str):
            return f'"{name}" is missing, or is not a text'
        if not item[name].strip():
            return f'"{name}" is empty'
    return ""


def _check_choice(item: Item, labels: tuple[str, ...]) -> str:
    choices, answer = item.get("choices"), item.get("answer")
    if problem := _text(item, "question"):
        return problem
    if not isinstance(item.get("context", ""), str):
        return '"context" is not a text'
    if not isinstance(choices, list) or not 2 <= len(choices) <= 26 or any(not isinstance(c, str) for c in choices):
        return '"choices" is not a list of 2 to 26 texts'
    if len({c.strip() for c in choices}) < len(choices):
        return '"choices" holds a text twice'
    if not isinstance(answer, int) or isinstance(answer, bool) or not 0 <= answer < len(choices):
        return f'"answer" is not the index of a choice (0 to {len(choices) - 1})'
    return ""


def _check_classify(item: Item, labels: tuple[str, ...]) -> str:
    if problem := _text(item, "text", "label"):
        return problem
    if not isinstance(item.get("text_b", ""), str):
        return '"text_b" is not a text'
    return "" if item["label"] in labels else f'"label" is none of {", ".join(labels)}'


def _check_extract(item: Item, labels: tuple[str, ...]) -> str:
    if problem := _text(item, "text"):
        return problem
    entities = item.get("entities")
    if not isinstance(entities, list):
        return '"entities" is not a list'
    for number, entity in enumerate(entities, 1):
        if not isinstance(entity, dict) or not isinstance(entity.get("label"), str):
            return f'entity {number} is not an object with "start", "end" and "label"'
        start, end = entity.get("start"), entity.get("end")
        if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= len(item["text"]):
            return f"entity {number} does not lie in the text ({len(item['text'])} characters)"
        if labels and entity["label"] not in labels:
            return f"the label of entity {number} is none of {', '.join(labels)}"
    return ""


def _check_generate(item: Item, labels: tuple[str, ...]) -> str:
    if problem := _text(item, "input"):
        return problem
    reference = item.get("reference")
    texts = reference if isinstance(reference, list) and reference else [reference]
    return "" if all(isinstance(t, str) and t.strip() for t in texts) else '"reference" is neither a text nor texts'


def _check_rubric(item: Item, labels: tuple[str, ...]) -> str:
    rubrics = item.get("rubrics")
    if not is_chat(item.get("prompt")):
        return '"prompt" is not a list of messages with "role" and "content", the last by the user'
    if not isinstance(rubrics, list):
        return '"rubrics" is not a list'
    for number, rubric in enumerate(rubrics, 1):
        if not isinstance(rubric, dict) or _text(rubric, "criterion"):
            return f'rubric {number} has no "criterion"'
        if not isinstance(rubric.get("points"), int | float) or isinstance(rubric["points"], bool):
            return f'"points" of rubric {number} is not a number'
    return "" if any(rubric["points"] > 0 for rubric in rubrics) else '"rubrics" holds no points that can be won'


_CHECKS = {
    "choice": _check_choice,
    "classify": _check_classify,
    "extract": _check_extract,
    "generate": _check_generate,
    "rubric": _check_rubric,
}


def examples_of(
    declaration: dict[str, Any], folder: Path, *, file: str = "items", split: str = "test"
) -> Iterator[Example]:
    """Yield the examples of a checked declaration, whose files lie relative to ``folder``, one at a time."""
    kind, path = declaration["kind"], folder / declaration[file]
    labels = tuple(declaration.get("labels", ()))
    ask = ask_of(declaration, each_item(path, kind, labels))
    for item in each_item(path, kind, labels):
        yield example_of(kind, ask, item, task=declaration["task"], source=declaration[file], split=split)


def ask_of(declaration: dict[str, Any], items: Iterable[Item]) -> Ask:
    """Return how the task's items are put; an extract task without labels takes those that its items hold.

    ``wording`` and ``turn`` are no fields of the file: they stand in a declaration that is asked in another way.
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
    )
