"""A user's own held-out items: JSONL (or one JSON list) of objects, each of whose texts is compared by itself.

They are read whole before anything else is, so that a file that cannot be read is told at once, and not after a night.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from residency.core.errors import SourceError
from residency.core.legal import Rule
from residency.core.store import read_jsonl

TEXTS = ("question", "context", "text", "text_b", "answer", "reference", "title", "prompt")


def own_items(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield (id, texts) of each item of a file; the id begins with the file's name.

    Raises SourceError with the file and the line (the item, in a list) where one is no JSON or holds no text.
    """
    number, place = 0, "item" if _is_list(path) else "line"
    for number, item in enumerate(_rows(path), 1):
        texts = list(texts_of(item)) if isinstance(item, dict) else []
        if not texts:
            raise SourceError(
                f"{path.name}, {place} {number}: no text to compare; an item of decontaminate: files is a JSON object "
                f"with one or more of {', '.join(TEXTS)}, or turns"
            )
        yield f"{path.name}/{item.get('id', number)}", texts
    if not number:
        raise SourceError(f"{path.name} holds no item; decontaminate: files names JSONL files of held-out items")


def texts_of(item: dict[str, Any]) -> Iterator[str]:
    """Yield what an item says: its question and texts, the answer where it is written out, what was said before."""
    for name in TEXTS:
        value = item.get(name)
        if isinstance(value, str):
            yield value
    said = [turn for name in ("turns", "prompt", "messages") if isinstance(item.get(name), list) for turn in item[name]]
    for turn in said:
        if isinstance(turn, dict) and isinstance(turn.get("content"), str):
            yield turn["content"]


def _is_list(path: Path) -> bool:
    """Return whether a file holds one JSON list; SourceError where it cannot be opened."""
    try:
        with path.open("rb") as file:
            return file.read(4096).lstrip().startswith(b"[")
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}; decontaminate: files names files of held-out items") from None


def _rows(path: Path) -> Iterator[Any]:
    if not _is_list(path):
        yield from read_jsonl(path)
        return
    try:
        yield from json.loads(path.read_bytes().decode("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        why = f"JSON ({error.msg}, line {error.lineno})" if isinstance(error, json.JSONDecodeError) else "UTF-8"
        raise SourceError(f"{path}: not {why}") from None


def _unreadable(path: Path | str) -> str | None:
    try:
        for _ in own_items(Path(path).expanduser()):
            pass
    except SourceError as error:
        return str(error)
    return None


HeldOutFile = Annotated[Path, Rule("a JSONL file of held-out items, or a JSON list of them", _unreadable)]
