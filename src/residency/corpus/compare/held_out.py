"""The items that training must not have seen: test and validation items of the registered sets, and a user's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from residency.core.errors import SourceError
from residency.core.store import read_jsonl
from residency.corpus.benchmarks import SETS, items
from residency.corpus.compare.leaks import Decontaminate, build

SPLITS = ("test", "validation")
_TEXTS = ("question", "context", "text", "text_b", "answer", "reference", "title", "prompt")


def index_of(settings: Decontaminate, out: Path) -> Path:
    """Return the folder ``out`` after writing the index of all held-out items to it.

    Raises SourceError where a set or a file that is asked for by name is not here.
    """
    return build(held_out(settings), out, settings)


def held_out(settings: Decontaminate) -> Iterator[tuple[str, str]]:
    """Yield (id, text) of every held-out item, each of its texts by itself; ids begin with the set or the file."""
    for name in SETS if settings.sets is None else settings.sets:
        try:
            found = items(name, *SPLITS).items
        except SourceError:
            if settings.sets is not None:
                raise
            continue
        for item in found:
            yield from ((f"{name}/{item['id']}", text) for text in texts_of(item))
    for path in map(Path, settings.files):
        number = 0
        for number, item in enumerate(_lines(path), 1):
            texts = list(texts_of(item))
            if not texts:
                raise SourceError(
                    f"{path.name}, line {number}: no text to compare; an item of decontaminate: files is a JSON object "
                    f"with one or more of {', '.join(_TEXTS)}, or turns"
                )
            yield from ((f"{path.name}/{item.get('id', number)}", text) for text in texts)
        if not number:
            raise SourceError(f"{path.name} holds no item; decontaminate: files names JSONL files of held-out items")


def texts_of(item: dict[str, Any]) -> Iterator[str]:
    """Yield what an item says: its question and texts, the answer where it is written out, what was said before."""
    for name in _TEXTS:
        value = item.get(name)
        if isinstance(value, str):
            yield value
    said = [turn for name in ("turns", "prompt", "messages") if isinstance(item.get(name), list) for turn in item[name]]
    for turn in said:
        if isinstance(turn, dict) and isinstance(turn.get("content"), str):
            yield turn["content"]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        raise SourceError(f"{path} is not here; decontaminate: files names JSONL files of held-out items")
    yield from read_jsonl(path)
