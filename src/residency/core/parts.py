"""Rows too many to hold: read anew each time, and written part by part so that a killed process loses one part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from residency.core.store import atomic_path, json_line, read_jsonl, storage_errors


class Rows:
    """The rows of a JSONL file, read anew each time they are gone through: none of them stays in memory."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def __iter__(self) -> Iterator[Any]:
        return read_jsonl(self.path)


class Parts:
    """Rows that are written part by part, to become a whole JSONL file: a process that is killed loses one part.

    Rows of an earlier process are taken over where they were written under the same ``mark`` and are ``wanted``;
    ``done`` holds their places by id. A place is where a row's line begins, in bytes.
    """

    def __init__(self, path: Path | str, mark: str, *, wanted: Callable[[Any], bool] = lambda row: True) -> None:
        self.path, self.done = Path(path), dict[str, int]()
        earlier = (row for row in _marked(self.path, mark) if wanted(row))
        with atomic_path(self.path) as temporary, open(temporary, "wb") as handle:
            handle.write(json_line({"mark": mark}))
            for row in earlier:
                self.done[row["id"]] = handle.tell()
                handle.write(json_line(row))
        self._end = self.path.stat().st_size

    def __enter__(self) -> Parts:
        with storage_errors(self.path):
            self._handle = open(self.path, "ab")
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.close()

    def append(self, rows: Iterable[Any]) -> list[int]:
        """Return the places of rows after writing them to the disk."""
        places = []
        with storage_errors(self.path):
            for row in rows:
                places.append(self._end)
                self._end += self._handle.write(json_line(row))
            self._handle.flush()
        return places

    def whole(self, target: Path | str, places: Iterable[int]) -> None:
        """Write the rows at these places to ``target``, in this order."""
        with atomic_path(target) as temporary, open(temporary, "wb") as handle, open(self.path, "rb") as lines:
            for place in places:
                lines.seek(place)
                handle.write(lines.readline())


def _marked(path: Path, mark: str) -> Iterator[Any]:
    """Yield the rows of an earlier process under the same mark."""
    if path.exists():
        rows = read_jsonl(path, torn=True)
        if next(rows, None) == {"mark": mark}:
            yield from rows
