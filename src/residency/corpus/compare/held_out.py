"""The items that training must not have seen: test and validation items of the registered sets, and a user's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from residency.core.errors import SourceError
from residency.corpus.benchmarks import SETS, items
from residency.corpus.compare.leaks import Decontaminate, build
from residency.corpus.compare.own_items import own_items, texts_of

SPLITS = ("test", "validation")


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
        for key, texts in own_items(path.expanduser()):
            yield from ((key, text) for text in texts)
