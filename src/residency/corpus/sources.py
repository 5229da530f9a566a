"""The sources that a recipe may name, each a function that opens it without reading it."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from residency.core.errors import SourceError
from residency.core.legal import Rule
from residency.core.settings import OneOf
from residency.corpus.formats import read_files, read_jsonl_source, read_notes
from residency.corpus.hospital import read_hospital
from residency.corpus.hpo import read_hpo
from residency.corpus.icd10 import read_icd10
from residency.corpus.named import read_set
from residency.corpus.readers.fhir import read_fhir
from residency.corpus.records import Source

READERS: dict[str, Callable[..., Source]] = {
    "hpo": read_hpo,
    "icd10": read_icd10,
    "simulated_hospital": read_hospital,
    "set": read_set,
    "files": read_files,
    "notes": read_notes,
    "jsonl": read_jsonl_source,
    "fhir": read_fhir,
}
"""A source's name in a recipe, and the function whose keyword arguments are its settings."""


def _none(sources: Sequence[Any]) -> str | None:
    return None if sources else f"no source is given; legal: one or more of {', '.join(READERS)}"


Sources = Annotated[Sequence[Mapping[str, Any]], OneOf(READERS), Rule("one source or more", _none)]


def open_source(source: Mapping[str, Any], *, scratch: Path, seed: int = 0) -> Source:
    """Return one entry of a recipe's ``sources`` as a source, not yet read; SourceError says what is legal."""
    name, settings = _entry(source)
    reader = READERS[name]
    legal = set(inspect.signature(reader).parameters) - {"scratch"}
    for key in settings:
        if key not in legal:
            raise SourceError(f"source {name} has no setting {key!r}{_nearest(key, sorted(legal))}")
    given = inspect.signature(reader).parameters
    settings = {**({"seed": seed} if "seed" in given else {}), **settings}
    settings |= {"scratch": scratch} if "scratch" in given else {}
    needed = (key for key, value in given.items() if value.default is value.empty)
    if missing := [key for key in needed if key not in settings]:
        raise SourceError(f"source {name} needs {', '.join(missing)}, for instance {{{name}: PATH}}")
    return reader(**settings)


def _entry(source: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if not isinstance(source, Mapping) or len(source) != 1:
        raise SourceError(f"a source is one key with its settings, such as {{hpo: {{}}}}; found {source!r}")
    name, value = next(iter(source.items()))
    if name not in READERS:
        raise SourceError(f"there is no source {name!r}{_nearest(str(name), list(READERS))}")
    if value is None:
        return name, {}
    first = "name" if name == "set" else "path"
    return name, dict(value) if isinstance(value, Mapping) else {first: value}


def _nearest(word: str, legal: list[str]) -> str:
    close = difflib.get_close_matches(word, legal, 1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"{hint}; legal: {', '.join(legal)}"
