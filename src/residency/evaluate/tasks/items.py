"""The lines of a user's own files: each becomes an item of its kind, or is told by its number, without a word of it.

Other files of kind classify can be read by their format: ``mednli``, whose lines hold ``sentence1``, ``sentence2``,
``gold_label`` and ``pairID``.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from residency.core.errors import SourceError
from residency.evaluate.tasks.form import Item, is_chat

KEYS = {
    "choice": ("id", "context", "question", "choices", "answer", "group", "meta"),
    "classify": ("id", "text", "text_b", "label", "group", "meta"),
    "tag": ("id", "text", "labels", "group", "meta"),
    "similar": ("id", "text", "text_b", "score", "group", "meta"),
    "extract": ("id", "text", "entities", "group", "meta"),
    "generate": ("id", "input", "reference", "group", "meta"),
}
"""The keys that an item of each kind may have."""
Known = tuple[Any, ...]
"""What a declaration says of its items: the labels of a closed set, or the two ends of a scale."""
NO_LIST = "; a file holds one object a line, and no list around them"
PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,30}")
"""A key that is a name; another may be a text that slipped, and is not shown."""


def each_item(path: Path, kind: str, known: Known, *, format: str = "") -> Iterator[Item]:
    """Yield the good items of a JSONL file one at a time; SourceError at its end names every bad line.

    In memory stay the ids, to find one that comes twice.
    """
    wrong: dict[str, list[int]] = {}
    seen: dict[str, int] = {}
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        item, problem = _item(line, kind, known, format)
        if not problem and str(item["id"]) in seen:
            problem = f"its id stands already in line {seen[str(item['id'])]}"
        if problem:
            wrong.setdefault(problem, []).append(number)
            continue
        seen[str(item["id"])] = number
        yield {**item, "id": str(item["id"])}
    if wrong:
        told = [f"{path.name}: {_lines_named(numbers)}: {problem}" for problem, numbers in wrong.items()]
        more = [f"and {len(told) - 20} other mistakes"] if len(told) > 20 else []
        raise SourceError("\n".join([*told[:20], *more]))
    if not seen:
        raise SourceError(f"{path} holds no item")


def _lines_named(numbers: list[int]) -> str:
    """Return "line 3" or "lines 3, 5, 8"; of many only the first twenty, and how many there are."""
    if len(numbers) == 1:
        return f"line {numbers[0]}"
    more = f" and {len(numbers) - 20} more" if len(numbers) > 20 else ""
    return f"lines {', '.join(map(str, numbers[:20]))}{more}"


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as lines:
            yield from (line.rstrip(b"\n") for line in lines)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from None


def _item(line: bytes, kind: str, known: Known, format: str) -> tuple[Item, str]:
    try:
        text = line.decode("utf-8-sig")
        item = json.loads(text)
    except UnicodeDecodeError as error:
        return {}, f"not UTF-8 at byte {error.start}"
    except json.JSONDecodeError as error:
        whole = NO_LIST if line.strip() in (b"[", b"]") else ""
        return {}, f"not JSON at character {error.pos}: {error.msg}{whole}"
    except (ValueError, RecursionError):
        return {}, "holds a number of thousands of digits, or lists in lists without end"
    if not isinstance(item, dict):
        hint = NO_LIST if isinstance(item, list) else ""
        return {}, f"not a JSON object{hint}"
    if "\\ud" in text.lower() and not _is_text(item):
        return {}, "holds half of a character (a surrogate such as \\ud83d without its other half)"
    if format == "mednli":
        item, problem = _of_mednli(item, known)
        if problem:
            return {}, problem
    if kind == "rubric" and "id" not in item:
        item["id"] = item.get("prompt_id")  # its name in HealthBench
    if not isinstance(item.get("id"), str | int) or isinstance(item.get("id"), bool):
        return {}, '"id" is missing, or is neither a text nor a number'
    if not isinstance(item.get("meta", {}), dict):
        return {}, '"meta" is not an object'
    if not isinstance(item.get("group", ""), str | int) or isinstance(item.get("group"), bool):
        return {}, '"group" is neither a text nor a number; leave it out where an item stands for itself'
    return item, _unknown(item, kind) or _CHECKS[kind](item, known)


def _is_text(item: Item) -> bool:
    """Return whether all of an item can be written as UTF-8."""
    try:
        json.dumps(item, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _of_mednli(row: Item, labels: Known) -> tuple[Item, str]:
    """Return a line of MedNLI (Romanov and Shivade 2018) as an item, and what is wrong with it.

    A group is a premise, which stands in three lines. Other keys (parses) are not read.
    """
    if problem := _text(row, "sentence1", "sentence2", "gold_label"):
        return {}, problem
    if not isinstance(row.get("pairID"), str | int) or isinstance(row.get("pairID"), bool):
        return {}, '"pairID" is missing, or is neither a text nor a number'
    if row["gold_label"] not in labels:
        return {}, f'"gold_label" is none of {", ".join(labels)}'
    premise, claim = row["sentence1"], row["sentence2"]
    group = hashlib.sha256(premise.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return {"id": row["pairID"], "text": premise, "text_b": claim, "label": row["gold_label"], "group": group}, ""


def _unknown(item: Item, kind: str) -> str:
    """Return which keys of an item are none of its kind ("" where all are); HealthBench has many of its own."""
    found = [key for key in item if kind in KEYS and key not in KEYS[kind]]
    if not found:
        return ""
    called = ", ".join(f'"{key}"' if PLAIN_KEY.fullmatch(key) else f"one of {len(key)} characters" for key in found)
    near = difflib.get_close_matches(found[0], KEYS[kind], 1)
    hint = f'; did you mean "{near[0]}"' if near else ""
    if other := next((name for name, keys in KEYS.items() if item.keys() <= set(keys)), ""):
        hint = f"; did you mean kind: {other}"
    return f"unknown key {called}{hint}. Legal are {', '.join(KEYS[kind])}"


def _text(item: Item, *names: str) -> str:
    """Return what is wrong with fields that must hold a text ("" where nothing is)."""
    for name in names:
        if not isinstance(item.get(name), str):
            return f'"{name}" is missing, or is not a text'
        if not item[name].strip():
            return f'"{name}" is empty'
    return ""


def _check_choice(item: Item, labels: Known) -> str:
    choices, answer = item.get("choices"), item.get("answer")
    if problem := _text(item, "question"):
        return problem
    if not isinstance(item.get("context", ""), str):
        return '"context" is not a text'
    if not isinstance(choices, list) or not 2 <= len(choices) <= 26 or any(not isinstance(c, str) for c in choices):
        return '"choices" is not a list of 2 to 26 texts'
    if not all(c.strip() for c in choices):
        return '"choices" holds an empty text'
    if len({c.strip() for c in choices}) < len(choices):
        return '"choices" holds a text twice'
    if not isinstance(answer, int) or isinstance(answer, bool) or not 0 <= answer < len(choices):
        return f'"answer" is not the index of a choice (0 to {len(choices) - 1})'
    return ""


def _check_classify(item: Item, labels: Known) -> str:
    if problem := _text(item, "text", "label"):
        return problem
    if not isinstance(item.get("text_b", ""), str):
        return '"text_b" is not a text'
    return "" if item["label"] in labels else f'"label" is none of {", ".join(labels)}'


def _check_tag(item: Item, labels: Known) -> str:
    if problem := _text(item, "text"):
        return problem
    found = item.get("labels")
    if not isinstance(found, list) or any(not isinstance(label, str) for label in found):
        return '"labels" is missing, or is not a list of texts'
    if any(label not in labels for label in found):
        return f'"labels" holds one that is none of {", ".join(labels)}'
    return "" if len(set(found)) == len(found) else '"labels" holds a label twice'


def _check_similar(item: Item, ends: Known) -> str:
    if problem := _text(item, "text", "text_b"):
        return problem
    score = item.get("score")
    if not isinstance(score, int | float) or isinstance(score, bool):
        return '"score" is missing, or is not a number'
    return "" if ends[0] <= score <= ends[1] else f'"score" does not lie on the scale of {ends[0]} to {ends[1]}'


def _check_extract(item: Item, labels: Known) -> str:
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
        if item["text"][start:end].strip() != item["text"][start:end]:
            return f"entity {number} begins or ends with white space"
        if entity.get("text", item["text"][start:end]) != item["text"][start:end]:
            return f'the "text" of entity {number} is not what stands from its "start" to its "end"'
        if labels and entity["label"] not in labels:
            return f"the label of entity {number} is none of {', '.join(labels)}"
    return ""


def _check_generate(item: Item, labels: Known) -> str:
    if problem := _text(item, "input"):
        return problem
    reference = item.get("reference")
    texts = reference if isinstance(reference, list) and reference else [reference]
    return "" if all(isinstance(t, str) and t.strip() for t in texts) else '"reference" is neither a text nor texts'


def _check_rubric(item: Item, labels: Known) -> str:
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
    "tag": _check_tag,
    "similar": _check_similar,
    "extract": _check_extract,
    "generate": _check_generate,
    "rubric": _check_rubric,
}
