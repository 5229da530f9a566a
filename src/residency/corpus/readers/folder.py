"""The files of a folder, in the order of their names, and what of it is passed over, counted by the reason."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from residency.core.errors import SourceError
from residency.corpus.records import Left


def files_under(path: Path | str, endings: tuple[str, ...] = ()) -> tuple[Path, tuple[Path, ...], tuple[Left, ...]]:
    """Return a folder, all files under it, sorted by name, and what is passed over, counted by the reason: hidden
    files, links that lead out, other endings. Raises SourceError where no file is left.
    """
    path = Path(path).expanduser()
    files, passed = _sorted_out(path, endings)
    if not files:
        raise SourceError(f"{path} holds no file" + (f" that ends in {' or '.join(endings)}" if endings else ""))
    return path, files, tuple(Left(why, count=count) for why, count in sorted(passed.items()))


def _sorted_out(path: Path, endings: tuple[str, ...]) -> tuple[tuple[Path, ...], Counter[str]]:
    """Return the files to read, and how many others there are by the reason."""
    if path.is_file():
        return (path,), Counter()
    if not path.is_dir():
        raise SourceError(f"{path} does not exist; give a file or a folder")
    inside = path.resolve()
    found: list[Path] = []
    passed: Counter[str] = Counter()
    for folder, below, names in os.walk(path):
        for name in list(below):
            if why := _not_entered(Path(folder) / name):
                below.remove(name)
                passed[why] += 1
        for name in names:
            file = Path(folder) / name
            why = _not_read(file, inside, endings)
            found += [] if why else [file]
            passed.update([why] if why else [])
    return tuple(sorted(found, key=lambda file: file.relative_to(path).as_posix())), passed


def _not_entered(folder: Path) -> str:
    if folder.name.startswith("."):
        return "hidden folder"
    return "link to a folder, which is not followed" if folder.is_symlink() else ""


def _not_read(file: Path, inside: Path, endings: tuple[str, ...]) -> str:
    if file.name.startswith("."):
        return "hidden file"
    if endings and not file.name.lower().endswith(endings):
        return f"file that does not end in {' or '.join(endings)}"
    if not file.is_file():
        return "link that leads nowhere" if file.is_symlink() else "neither a file nor a folder"
    return "link that leads out of the folder" if not _is_inside(file, inside) else ""


def _is_inside(file: Path, folder: Path) -> bool:
    return not file.is_symlink() or file.resolve().is_relative_to(folder)
