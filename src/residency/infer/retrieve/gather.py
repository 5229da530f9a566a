"""What is indexed, in units that are read again only when they changed: a file each, or a source that is no folder.

A folder or a file is read with the readers of the corpus, whatever formats are in it; an entry of a recipe
(``{hpo: {}}``) with its own; documents that are made already are taken as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from residency.core.errors import SourceError
from residency.core.store import sha256_file, sha256_json
from residency.core.types import Document
from residency.corpus.formats import OWN
from residency.corpus.readers import read_part
from residency.corpus.readers.folder import files_under
from residency.corpus.readers.guard import Given
from residency.corpus.records import Bad, Left, Source
from residency.infer.retrieve.said import BESIDE, beside, read_beside, with_more

Record = Document | Bad | Left
Given_ = Path | str | Mapping[str, Any] | Source | Document


@dataclass(frozen=True, slots=True)
class Unit:
    """What is read in one piece: its name, the source it belongs to, the hash of all that it is made from.

    ``read`` yields its records; ``pdf`` is the file whose pages are known.
    """

    key: str
    source: str
    hash: str
    read: Callable[[], Iterable[Record]]
    pdf: Path | None = None


def units_of(sources: Sequence[Given_], scratch: Path) -> tuple[list[Unit], set[str], Counter[str]]:
    """Return the units of all sources by their names, the sources that are given whole, and what was passed over,
    counted by the reason. SourceError says what is absent.

    Two sources of one name are refused: by it an update knows which of its files are gone.
    """
    if isinstance(sources, str | Path | Mapping | Source | Document):
        sources = [sources]
    units: list[Unit] = []
    passed: Counter[str] = Counter()
    names: set[str] = set()
    made = [one for one in sources if isinstance(one, Document)]
    for one in sources:
        if isinstance(one, Document):
            continue
        name, found, left = _opened(one, scratch)
        if name in names:
            raise SourceError(f"two sources are called {name}; rename one, or give the folder above them")
        names.add(name)
        units += found
        for some in left:
            passed[some.reason] += some.count
    units += _of_documents(made)
    return sorted(units, key=lambda unit: unit.key), names, passed


def _opened(one: Any, scratch: Path) -> tuple[str, list[Unit], Sequence[Left]]:
    if isinstance(one, str | Path):
        return _of_path(Path(one).expanduser())
    if isinstance(one, Mapping):
        from residency.corpus.sources import open_source

        source = open_source(one, scratch=scratch)
        made = sha256_json([one, [sha256_file(file) for file in source.files]])
        return source.name, [_of_source(source, made)], ()
    if isinstance(one, Source):
        documents = [record for record in one.records if isinstance(record, Document)] if not one.files else []
        made = sha256_json([[sha256_file(file) for file in one.files], [_plain(document) for document in documents]])
        return one.name, [_of_source(one, made)], ()
    raise SourceError(f"a {type(one).__name__} is no source; give a folder, a file, an entry such as {{hpo: {{}}}}")


def _of_source(source: Source, made: str) -> Unit:
    def read() -> Iterator[Record]:
        for record in source.records:
            if isinstance(record, Document) and not record.licence:
                record.licence = source.licence
            yield record

    return Unit(source.name, source.name, made, read)


def _of_documents(documents: Sequence[Document]) -> list[Unit]:
    """Return documents that are made already as units, those of one source and id together."""
    found: dict[str, list[Document]] = {}
    for document in documents:
        found.setdefault(f"{document.source}:{document.id}", []).append(document)
    return [
        Unit(key, some[0].source, sha256_json([_plain(one) for one in some]), partial(list, some))
        for key, some in found.items()
    ]


def _plain(document: Document) -> list[Any]:
    one = document
    return [one.id, one.text, one.source, one.licence, one.language, one.patient, one.date, one.meta]


# --- folders and files -----------------------------------------------------------------------------------------------


def _of_path(path: Path) -> tuple[str, list[Unit], Sequence[Left]]:
    """Return the units of a folder or of one file; its name is the source's, and begins its documents' ids."""
    root, files, passed = files_under(path)
    name = root.resolve().name
    wanted = [file for file in files if not file.name.endswith(BESIDE)]
    if not wanted:
        raise SourceError(f"{path} holds no file but what is said of others")
    return name, [_of_file(file, root, name) for file in wanted], passed


def _of_file(file: Path, root: Path, source: str) -> Unit:
    key = source if file == root else f"{source}/{file.relative_to(root).as_posix()}"
    more = beside(file)
    made = sha256_json([sha256_file(file), sha256_file(more) if more.is_file() else ""])
    pdf = file if file.suffix.lower() == ".pdf" else None
    return Unit(key, source, made, partial(_read, file, key, source, read_beside(file)), pdf)


def _read(file: Path, key: str, source: str, more: dict[str, str]) -> Iterator[Record]:
    """Yield a file's records. A document that is the whole file is called as the file is."""
    given = Given(file, key, source, OWN, "und")
    for record in read_part([given]):
        if isinstance(record, Document):
            record = with_more(record, more)
            record.id = key if record.id == given.key else record.id
        yield record
