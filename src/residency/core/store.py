"""Files that are either whole or absent: JSON and JSONL written beside their place and renamed.

A stage's folder is complete when its ``manifest.json`` exists, because that is written last. A full disk or a
folder that cannot be written becomes one clear ``StorageError``; what was finished before stays as it was.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from residency import __version__
from residency.core.errors import SourceError, StorageError
from residency.core.types import Example, Span

MANIFEST = "manifest.json"
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_WRITE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}
_NO_ROOM_WORDS = ("no space left on device", "disk quota exceeded", "file too large")


# --- writing whole files -------------------------------------------------------------------------------------------


def storage_error(error: BaseException, path: Path | str) -> StorageError | None:
    """Return the clear error where ``error`` says that ``path`` cannot be written, else None.

    Libraries that write weights wrap the system's error in their own, so the words are looked at as well.
    """
    code = error.errno if isinstance(error, OSError) else None
    if code in _NO_ROOM or any(words in str(error).lower() for words in _NO_ROOM_WORDS):
        return StorageError(f"no room left on the disk of {path}: free some space, then give the same command again")
    if code in _NO_WRITE and _concerns(getattr(error, "filename", None), Path(path)):
        return StorageError(f"cannot write {path} ({os.strerror(code or 0)}): choose a folder that you may write to")
    return None


def _concerns(named: Any, path: Path) -> bool:
    """Return whether the file that an error names lies beside or above ``path``, or is not known."""
    if not isinstance(named, str | os.PathLike):
        return True
    found, path = Path(os.path.abspath(named)), Path(os.path.abspath(path))
    return found.is_relative_to(path.parent) or path.is_relative_to(found)


@contextmanager
def storage_errors(path: Path | str) -> Iterator[None]:
    """Turn a full disk and an unwritable folder inside the block into a clear ``StorageError``."""
    try:
        yield
    except Exception as error:
        known = storage_error(error, path)
        if known:
            raise known from error
        raise


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to (a file or a folder), renamed to ``path`` when the block ends well."""
    path = Path(path)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")  # the suffix stays: some writers go by it
    try:
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            _rename(temporary, path)
    finally:
        _remove(temporary)


def _rename(temporary: Path, path: Path) -> None:
    if temporary.is_symlink() or temporary.is_dir():
        if not path.is_symlink() or not temporary.is_symlink():  # a link takes a link's place in one step
            _remove(path)
    else:
        with open(temporary, "rb") as handle:
            os.fsync(handle.fileno())
    os.replace(temporary, path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            return  # the folder is not writable: the error that brought us here is the one to show


def sweep(folder: Path) -> None:
    """Remove what killed processes left half made in a folder and below: the temporaries of ``atomic_path``."""
    import psutil

    for path in list(folder.rglob(".[0-9]*.*")):
        owner = path.name.split(".")[1]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            _remove(path)


# --- hashes --------------------------------------------------------------------------------------------------------


def sha256_file(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_text(text: str) -> str:
    """Return the SHA-256 of a text as UTF-8, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def sha256_json(value: Any) -> str:
    """Return the SHA-256 of a value as canonical JSON (sorted keys, no spaces): equal values, equal hash."""
    return sha256_text(dumps(value, sort_keys=True, separators=(",", ":")))


class ListHash:
    """The SHA-256 of a list, made value by value: that of ``sha256_json`` of the whole list, which need not be held."""

    def __init__(self) -> None:
        self._sha, self._comma = hashlib.sha256(b"["), b""

    def add(self, value: Any) -> None:
        """Add the list's next value."""
        text = dumps(value, sort_keys=True, separators=(",", ":"))
        self._sha.update(self._comma + text.encode("utf-8", "surrogatepass"))
        self._comma = b","

    def hexdigest(self) -> str:
        """Return the hash of the list of what was added, in hex."""
        whole = self._sha.copy()
        whole.update(b"]")
        return whole.hexdigest()


# --- JSON and JSONL ------------------------------------------------------------------------------------------------


def write_json(path: Path | str, value: Any) -> None:
    """Write a value as readable JSON, whole or not at all; nan becomes null."""
    with atomic_path(path) as temporary:
        temporary.write_text(dumps(value, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path | str) -> Any:
    """Return the value of a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_jsonl(path: Path | str, rows: Iterable[Any]) -> int:
    """Return the number of rows written, one JSON value a line; the file appears when all are."""
    count = 0
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as handle:
        for row in rows:
            handle.write(dumps(row) + "\n")
            count += 1
    return count


def append_jsonl(path: Path | str, *rows: Any) -> None:
    """Add rows at the end of a JSONL file; half a line left there by a killed process is cut off first."""
    path = Path(path)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab+") as handle:
            _cut_torn_line(handle)
            handle.write(b"".join(map(json_line, rows)))


def _cut_torn_line(handle: Any) -> None:
    size = handle.seek(0, os.SEEK_END)
    start = max(0, size - (1 << 20))
    handle.seek(start)
    tail = handle.read()
    if tail and not tail.endswith(b"\n"):
        handle.truncate(start + tail.rfind(b"\n") + 1)


def read_jsonl(path: Path | str, *, torn: bool = False) -> Iterator[Any]:
    """Yield the value of each line; ``torn`` allows for a last line that a killed process left half written.

    Raises ``SourceError`` with file and line (never the text) where a line is not JSON, or not UTF-8.
    """
    with open(path, "rb") as handle:
        for number, line in enumerate(handle, 1):
            if not line.strip():
                continue
            try:
                yield json.loads(line.decode("utf-8"))
            except (json.JSONDecodeError, UnicodeDecodeError) as error:
                if torn and not line.endswith(b"\n"):
                    return
                why = f"JSON ({error.msg} at {error.pos})" if isinstance(error, json.JSONDecodeError) else "UTF-8"
                raise SourceError(f"{path}, line {number}: not {why}") from None


def json_line(row: Any) -> bytes:
    """Return a row as a line of JSONL."""
    return (dumps(row) + "\n").encode()


def dumps(value: Any, **style: Any) -> str:
    """Return a value as JSON text; nan and the infinite become null."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain, **style)
    except ValueError:  # a nan somewhere: null in JSON
        return json.dumps(_without_nan(value), ensure_ascii=False, allow_nan=False, default=_plain, **style)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _without_nan(dataclasses.asdict(value))
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return _without_nan(value.tolist())
    raise TypeError(f"cannot write a {type(value).__name__} as JSON")


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value


# --- manifests -----------------------------------------------------------------------------------------------------


def write_manifest(folder: Path | str, **fields: Any) -> None:
    """Mark a stage's folder as complete; call it last. The version of Residency is added."""
    write_json(Path(folder) / MANIFEST, {"residency": __version__, **fields})


def read_manifest(folder: Path | str) -> dict[str, Any] | None:
    """Return a folder's manifest, or None where the stage did not finish."""
    try:
        manifest = read_json(Path(folder) / MANIFEST)
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None
    return manifest if isinstance(manifest, dict) else None


def outside(value: Any) -> Any:
    """Return size and time of the files and folders that settings name, so that a changed file counts as new."""
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return [found for found in map(outside, parts) if found]
    if not isinstance(value, str) or not any(sign in value for sign in "./~"):
        return None
    path = Path(value).expanduser()
    with suppress(OSError):
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        return [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files if file.is_file()]
    return None


# --- examples -------------------------------------------------------------------------------------------------------


def write_examples(path: Path | str, examples: Iterable[Example]) -> int:
    """Return the number of examples written, one JSON object a line."""
    return write_jsonl(path, examples)


def read_examples(path: Path | str, split: str | None = None, task: str | None = None) -> Iterator[Example]:
    """Yield the examples of a file, of one split or one task (``meta["task"]``) where asked."""
    for row in read_jsonl(path):
        if split is not None and row.get("split") != split:
            continue
        if task is not None and row.get("meta", {}).get("task") != task:
            continue
        yield Example(**{**row, "spans": [Span(**span) for span in row.get("spans", [])]})
