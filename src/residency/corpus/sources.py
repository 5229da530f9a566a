"""The sources that a recipe may name, each a function that opens it without reading it."""

from __future__ import annotations

import difflib
import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from residency.core.errors import SourceError
from residency.core.legal import Rule
from residency.core.settings import OneOf
from residency.core.types import Document
from residency.corpus.formats import read_files, read_jsonl_source, read_notes
from residency.corpus.hospital import read_hospital
from residency.corpus.hpo import read_hpo
from residency.corpus.icd10 import read_icd10
from residency.corpus.named import read_set
from residency.corpus.readers.fhir import read_fhir
from residency.corpus.records import Bad, Left, Part, Source, no_name

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


def _wrong(sources: Sequence[Any]) -> str | None:
    if not sources:
        return f"no source is given; legal: one or more of {', '.join(READERS)}"
    try:
        names_of(sources)
    except SourceError as error:
        return str(error)
    return None


Sources = Annotated[Sequence[Mapping[str, Any]], OneOf(READERS), Rule("one source or more", _wrong)]


def names_of(sources: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the name of each source, no two the same: its own, else that of its set or kind, numbered from the second
    one on (files, files-2). Raises SourceError where two are given the same name.
    """
    entries = [_entry(source) for source in sources]
    own = [str(settings.get(_naming(kind)) or "") for kind, settings in entries]
    plain = [str(settings.get("name", kind)) if kind == "set" else kind for kind, settings in entries]
    unnamed = [name for name, given in zip(plain, own, strict=True) if not given]
    for name, times in Counter(filter(None, own)).items():
        if problem := no_name(name):
            raise SourceError(problem)
        if times > 1 or name in unnamed:
            raise SourceError(f"two sources are called {name}; give each a name of its own (of a set: called: NAME)")
    left = numbered(unnamed, own)
    return [given or next(left) for given in own]


def numbered(names: Iterable[str], taken: Iterable[str] = ()) -> Iterator[str]:
    """Yield names that no other has, nor ``taken`` holds: jsonl, jsonl-2, jsonl-3."""
    used, times = set(taken), Counter[str]()
    for name in names:
        times[name] += 1
        made = name if times[name] == 1 else f"{name}-{times[name]}"
        while made in used:
            times[name] += 1
            made = f"{name}-{times[name]}"
        used.add(made)
        yield made


def trains(source: Mapping[str, Any]) -> bool:
    """Return whether documents of a source may be trained on: not those of a set's test part."""
    kind, settings = _entry(source)
    return kind != "set" or settings.get("split", "train") == "train"


def _naming(kind: str) -> str:
    """Return the setting that names a source: the ``name`` of a set says which set it is."""
    return "called" if kind == "set" else "name"


def named(part: Part, name: str) -> Iterator[Document | Bad | Left]:
    """Yield the records of a part; documents are of the source of that name."""
    for record in part():
        if isinstance(record, Document):
            record.source = name
        yield record


def open_source(source: Mapping[str, Any], *, scratch: Path, seed: int = 0, name: str = "") -> Source:
    """Return one entry of a recipe's ``sources`` as a source, not yet read; SourceError says what is legal.

    ``name`` is what it is called among the others.
    """
    kind, settings = _entry(source)
    found = _opened(kind, settings, scratch, seed)
    if name in ("", found.name):
        return found
    return replace(found, name=name, parts=tuple(partial(named, part, name) for part in found.parts))


def _opened(name: str, settings: dict[str, Any], scratch: Path, seed: int) -> Source:
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
