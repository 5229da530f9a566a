"""The user's own data in the plainest forms: a folder of text files, and JSONL with one text a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from residency.core.errors import SourceError
from residency.core.legal import Rule
from residency.core.types import Document
from residency.corpus.records import Bad, Source

OWN = "not stated (your own data)"
_TEXTS = ("patient", "date")


def files_of(path: Path | str, suffixes: tuple[str, ...]) -> tuple[Path, ...]:
    """Return ``path`` itself, or the files under it with one of the suffixes, sorted; SourceError for none."""
    path = Path(path)
    if path.is_file():
        return (path,)
    if not path.exists():
        raise SourceError(f"{path} does not exist; give a file or a folder")
    found = tuple(sorted(file for file in path.rglob("*") if file.suffix.lower() in suffixes and file.is_file()))
    if not found:
        raise SourceError(f"{path} holds no file that ends in {' or '.join(suffixes)}")
    return found


def there_are(*suffixes: str) -> Rule:
    """Return the rule that a path leads to a file, or to a folder that holds such files."""

    def find(path: str) -> str | None:
        try:
            files_of(Path(path).expanduser(), suffixes)
        except SourceError as error:
            return str(error)
        return None

    return Rule(f"a file, or a folder of {' or '.join(suffixes)} files", find)


def read_notes(*, path: Annotated[Path, there_are(".txt")], licence: str = OWN, language: str = "en") -> Source:
    """Return a folder of ``.txt`` files (or one file) as a source; a document's id is its path in the folder."""
    files = files_of(path, (".txt",))
    root = Path(path) if Path(path).is_dir() else Path(path).parent

    def records() -> Iterator[Document | Bad]:
        for file in files:
            name = file.relative_to(root)
            text = _decoded(file, str(name))
            if isinstance(text, Bad):
                yield text
            else:
                note = Document(str(name.with_suffix("")), text, "notes", licence, language, meta={"kind": "note"})
                note.place = (str(name), None)
                yield note

    return Source("notes", "", licence, "", files, records())


def read_jsonl_source(
    *, path: Annotated[Path, there_are(".jsonl", ".ndjson")], licence: str = OWN, language: str = "en"
) -> Source:
    """Return JSONL (a file or a folder of them) as a source: ``text`` is needed; ``id``, ``patient``, ``date``,
    ``language`` and ``licence`` are known, and every other key goes to ``meta``.
    """
    files = files_of(path, (".jsonl", ".ndjson"))

    def records() -> Iterator[Document | Bad]:
        for file in files:
            for number, row in json_lines(file):
                yield row if isinstance(row, Bad) else _document(file, number, row, licence, language)

    return Source("jsonl", "", licence, "", files, records())


def json_lines(path: Path, *, containing: tuple[bytes, ...] = ()) -> Iterator[tuple[int | None, dict[str, Any] | Bad]]:
    """Yield each line's number with its object, or with the reason why it is none; empty lines are passed over.

    With ``containing``, only lines that hold one of these bytes are parsed and yielded.
    """
    try:
        lines = path.open("rb")
    except OSError as error:
        yield None, Bad(path.name, None, f"cannot be read ({error.strerror})")
        return
    with lines:
        for number, line in enumerate(lines, 1):
            if not line.strip() or (containing and not any(part in line for part in containing)):
                continue
            try:
                row = json.loads(line)
            except UnicodeDecodeError as error:
                yield number, Bad(path.name, number, f"not UTF-8 at byte {error.start}")
            except json.JSONDecodeError as error:
                yield number, Bad(path.name, number, f"not JSON at character {error.pos}: {error.msg}")
            else:
                wrong = Bad(path.name, number, "not a JSON object")
                yield number, row if isinstance(row, dict) else wrong


def _decoded(file: Path, name: str) -> str | Bad:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return Bad(name, None, f"cannot be read ({error.strerror})")
    except UnicodeDecodeError as error:
        return Bad(name, None, f"not UTF-8 at byte {error.start}")
    return text if text.strip() else Bad(name, None, "empty")


def _document(file: Path, number: int | None, row: dict[str, Any], licence: str, language: str) -> Document | Bad:
    text, key = row.pop("text", None), row.pop("id", f"{file.stem}:{number}")
    if not isinstance(text, str) or not text.strip():
        return Bad(file.name, number, 'no "text", or it is not a text')
    if not isinstance(key, str | int):
        return Bad(file.name, number, '"id" is neither a text nor a number')
    known = {name: row.pop(name, None) for name in _TEXTS}
    if any(value is not None and not isinstance(value, str | int) for value in known.values()):
        return Bad(file.name, number, '"patient" or "date" is not a text')
    document = Document(str(key), text, "jsonl", str(row.pop("licence", licence)), str(row.pop("language", language)))
    document.place = (file.name, number)
    document.patient, document.date = (None if value is None else str(value) for value in known.values())
    document.meta = {"kind": "note", **row.pop("meta", {}), **row} if isinstance(row.get("meta", {}), dict) else row
    return document
