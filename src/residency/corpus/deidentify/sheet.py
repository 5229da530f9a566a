"""The labelling sheet: documents drawn at random from a source by note type, to be marked blindly by a person.

A document's place in the draw is the SHA-256 of the seed and its id, and each stratum keeps those with the least: the
same documents for the same seed in any order of reading, in one pass, with no more held than may be drawn. Each stratum
gets its share of the sheet; types too rare for two documents are drawn together, so that every weight is near 1.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from residency.core.errors import SourceError, UserError
from residency.core.store import atomic_path, dumps, sha256_text
from residency.core.types import Document
from residency.corpus.deidentify.content import Content, content_of
from residency.corpus.deidentify.labels import VERSION, Labelled, Labels, Sheet, write_labels
from residency.corpus.identify.found import Found
from residency.corpus.identify.kinds import KINDS

Find = Callable[[Document], list[Found]]
RARE = "(other types)"
TYPES = 64
"""So many note types are told apart; a column that holds more is no type, and kinds of documents are taken instead."""
_LONGEST = 60
_PAGE = Path(__file__).with_name("page")
_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
Place = tuple[int, str]


@dataclass(slots=True)
class _Stratum:
    """The documents of a stratum that may be drawn, those with the least places, and how many there are."""

    count: int = 0
    kept: list[tuple[int, str, Document]] = field(default_factory=list)

    def add(self, place: Place, document: Document, most: int) -> None:
        self.count += 1
        self._keep((-place[0], place[1], document), most)

    def join(self, other: _Stratum, most: int) -> None:
        self.count += other.count
        for entry in other.kept:
            self._keep(entry, most)

    def _keep(self, entry: tuple[int, str, Document], most: int) -> None:
        if len(self.kept) == most and entry[:2] < self.kept[0][:2]:
            return
        _check_ids([entry[1], *(key for _, key, _ in self.kept if key == entry[1])])
        (heapq.heappush if len(self.kept) < most else heapq.heapreplace)(self.kept, entry)

    def first(self, count: int) -> list[tuple[int, str, Document]]:
        return sorted(self.kept, key=lambda entry: (-entry[0], entry[1]))[:count]


def write_sheet(
    documents: Iterable[Document], count: int, out: Path, *, seed: int = 0, found: Find | None = None
) -> dict[str, Any]:
    """Return what was drawn after writing ``sheet.html`` and ``labels.csv`` to the folder ``out``.

    ``labels.csv`` holds no word of the texts, ``sheet.html`` holds those that were drawn. ``found`` lets the page show
    what the engine finds, but only of a document that has been checked: who sees it first misses what it missed. Raises
    SourceError where there is no document, and UserError for a count below 1.
    """
    labels, drawn = draw(documents, count, seed=seed)
    write_labels(out / "labels.csv", labels)
    shown = {document.id: found(document) for document in drawn} if found else {}
    with atomic_path(out / "sheet.html") as temporary:
        temporary.touch(mode=0o600)  # it holds the texts: nobody else on the machine may read them
        temporary.write_text(page(labels, drawn, shown), encoding="utf-8")
    sheet = labels.sheet
    return {
        "documents": sheet.documents,
        "content": sheet.content,
        "drawn": len(drawn),
        "seed": sheet.seed,
        "strata": {name: {"source": of, "sheet": n} for name, (of, n) in sorted(sheet.strata.items())},
        "files": [str(out / "sheet.html"), str(out / "labels.csv")],
    }


def draw(documents: Iterable[Document], count: int, *, seed: int = 0) -> tuple[Labels, list[Document]]:
    """Return an empty sheet of ``count`` documents (or all, where there are fewer), and these in a random order."""
    if count < 1:
        raise UserError(f"a sheet of {count} documents measures nothing; legal: 1 or more, and 100 is a fair start")
    strata, content = _sifted(documents, count, seed)
    if not content.documents:
        raise SourceError("there is no document to draw a sheet from")
    shares = allotted({name: stratum.count for name, stratum in strata.items()}, count)
    chosen = [(*entry, name) for name, stratum in strata.items() for entry in stratum.first(shares[name])]
    _check_ids([entry[1] for entry in chosen])
    chosen.sort(key=lambda entry: (-entry[0], entry[1]))
    rows = tuple(Labelled(document.id, sha256_text(document.text), name) for _, _, document, name in chosen)
    taken = {name: (stratum.count, shares[name]) for name, stratum in strata.items()}
    return Labels(Sheet(seed, content.hash, content.documents, taken), rows), [entry[2] for entry in chosen]


def _check_ids(ids: list[str]) -> None:
    """Raise SourceError where two documents that may be drawn have the same id."""
    if len(set(ids)) < len(ids):
        twice = next(key for key in ids if ids.count(key) > 1)
        raise SourceError(f"two documents have the id {twice}: their labels could not be told apart; give each its own")


def allotted(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """Return how many documents of each stratum are drawn: its share, by largest remainder (Hamilton), never more than
    it has.
    """
    total = sum(sizes.values())
    count = min(count, total)
    exact = {name: size * count / total for name, size in sizes.items()}
    given = {name: math.floor(share) for name, share in exact.items()}
    rest = sorted(sizes, key=lambda name: (given[name] - exact[name], name))
    for name in rest[: count - sum(given.values())]:
        given[name] += 1
    return given


def note_type(document: Document) -> str:
    """Return the type of a note as its reader tells it, else what kind of document it is."""
    for key in ("note_type", "type"):
        name = document.meta.get(key)
        if isinstance(name, str) and 0 < len(name.strip()) <= _LONGEST:
            return name.strip()
    return _kind(document)


def _kind(document: Document) -> str:
    kind = document.meta.get("kind")
    return kind if isinstance(kind, str) and 0 < len(kind) <= _LONGEST else "document"


def _sifted(documents: Iterable[Document], count: int, seed: int) -> tuple[dict[str, _Stratum], Content]:
    """Return the strata with what may be drawn of each, and the content of all documents."""
    strata: dict[tuple[str, str], _Stratum] = {}
    level, content = 2, Content()  # parts of (kind, type) that are told apart
    for document in documents:
        content += content_of([(document.id, document.text)])
        key = hashlib.sha256(f"{seed}:sheet:{document.id}".encode("utf-8", "surrogatepass")).digest()
        stratum = strata.setdefault(_fitting((_kind(document), note_type(document)), level), _Stratum())
        stratum.add((int.from_bytes(key, "big"), document.id), document, count)
        while len(strata) > TYPES:
            level -= 1
            strata = _joined(strata, {name: _fitting(name, level) for name in strata}, count)
    plain = _joined(strata, {name: name[1] or name[0] or "document" for name in strata}, count)
    rare = _rare({name: stratum.count for name, stratum in plain.items()}, count)
    return _joined(plain, {name: RARE if name in rare else name for name in plain}, count), content


def _fitting(name: tuple[str, str], level: int) -> tuple[str, str]:
    return (name[0] if level > 0 else "", name[1] if level > 1 else "")


def _rare(sizes: Mapping[str, int], count: int) -> set[str]:
    """Return the strata that are drawn from together: those whose share is under two documents, and where that is so of
    all of them together, the next smallest as well.
    """
    total, found = sum(sizes.values()), set[str]()
    for name, size in sorted(sizes.items(), key=lambda item: (item[1], item[0])):
        if size * count >= 2 * total and (not found or sum(sizes[n] for n in found) * count >= 2 * total):
            break
        found.add(name)
    return found if len(found) > 1 else set()


def _joined(strata: Mapping[Any, _Stratum], named: Mapping[Any, Any], count: int) -> dict[Any, _Stratum]:
    """Return strata put together under new names."""
    found: dict[Any, _Stratum] = {}
    for name, stratum in strata.items():
        found.setdefault(named[name], _Stratum()).join(stratum, count)
    return found


def page(labels: Labels, drawn: Iterable[Document], shown: Mapping[str, list[Found]]) -> str:
    """Return the page on which the drawn documents are marked: one file that needs and reaches nothing else."""
    by_id = {row.id: row for row in labels.documents}
    sheet = labels.sheet
    data = {
        "sheet": {
            "residency_sheet": VERSION,
            "seed": sheet.seed,
            "content": sheet.content,
            "documents": sheet.documents,
            "strata": {name: list(pair) for name, pair in sorted(sheet.strata.items())},
        },
        "kinds": [[kind.name, kind.direct] for kind in KINDS.values()],
        "documents": [
            {
                "id": document.id,
                "text": document.text,
                "text_sha256": by_id[document.id].text_sha256,
                "stratum": by_id[document.id].stratum,
                "found": [[f.start, f.end, f.entity_type] for f in shown.get(document.id, ())] if shown else None,
            }
            for document in drawn
        ],
    }
    parts = {name: (_PAGE / f"sheet.{name}").read_text(encoding="utf-8") for name in ("html", "css", "js")}
    made = parts["html"].replace("/*CSS*/", parts["css"]).replace("/*JS*/", parts["js"])
    return made.replace("/*DATA*/", dumps(data).translate(_UNSAFE))
