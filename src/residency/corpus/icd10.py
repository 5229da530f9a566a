"""ICD-10-CM as documents: chapters, blocks and codes with their inclusion and exclusion notes, read from
the tabular XML that the simple-icd-10-cm package ships (with line numbers, which its own API does not give).

Seventh-character extensions (right eye, initial encounter) are not spelt out: they add 50 000 codes and no fact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from xml.parsers import expat

from residency.core.errors import SourceError
from residency.core.legal import Rule
from residency.core.types import Document
from residency.corpus.records import Bad, Source, only_file, package_folder

REQUIREMENT = "simple-icd-10-cm==1.5.0"
LICENCE = "US government work (NCHS, CMS), adapted from the WHO's ICD-10"
ACKNOWLEDGEMENT = (
    "ICD-10-CM is maintained by the US National Center for Health Statistics and the Centers for Medicare "
    "& Medicaid Services; it is read from the package simple-icd-10-cm (MIT licence)."
)
_NODES = {"chapter": "chapter", "section": "block", "diag": "code"}
_NOTES = {
    "inclusionTerm": "inclusion_terms",
    "includes": "includes",
    "excludes1": "excludes1",
    "excludes2": "excludes2",
}


def _no_file(path: Path | str) -> str | None:
    there = Path(path).expanduser().is_file()
    return None if there else f"{path} is not a file; it must be an ICD-10-CM tabular XML file"


Tabular = Annotated[Path, Rule("an ICD-10-CM tabular XML file", _no_file)]


def read_icd10(
    *,
    # The tabular XML file; null: that of the installed package.
    path: Tabular | None = None,
) -> Source:
    """Return the classification as a source, in the order of the tabular list."""
    if path is None:
        folder = package_folder("simple_icd_10_cm", requirement=REQUIREMENT) / "data"
        path = only_file(folder, "icd10c-tabular-*.xml")
    elif problem := _no_file(path):
        raise SourceError(problem)
    tree = _parse(path)
    version = f"{tree.version} ({path.stem})"
    return Source("icd10", version, LICENCE, ACKNOWLEDGEMENT, (path,), (partial(_records, path),))


@dataclass(slots=True)
class _Node:
    kind: str
    line: int
    parent: _Node | None
    name: str = ""
    description: str = ""
    children: int = 0
    notes: dict[str, list[str]] = field(default_factory=lambda: {key: [] for key in _NOTES.values()})


@dataclass(slots=True)
class _Tree:
    """The parse in progress: the open nodes and tags, and the text of the innermost element."""

    parser: Any
    version: str = ""
    nodes: list[_Node] = field(default_factory=list)
    open: list[_Node] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.tags.append(tag)
        self.text.clear()
        if tag in _NODES:
            parent = self.open[-1] if self.open else None
            node = _Node(_NODES[tag], self.parser.CurrentLineNumber, parent, attributes.get("id", ""))
            if parent:
                parent.children += 1
            self.nodes.append(node)
            self.open.append(node)

    def end(self, tag: str) -> None:
        self.tags.pop()
        text = " ".join("".join(self.text).split())
        self.text.clear()
        around = self.tags[-1] if self.tags else ""
        if tag in _NODES:
            self.open.pop()
        elif tag == "version":
            self.version = text
        elif tag == "note" and around in _NOTES and self.open and text:
            self.open[-1].notes[_NOTES[around]].append(text)
        elif around in _NODES and tag == "name":
            self.open[-1].name = text
        elif around in _NODES and tag == "desc":
            self.open[-1].description = text


def _parse(path: Path) -> _Tree:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    tree = _Tree(parser)
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.text.append
    try:
        with path.open("rb") as stream:
            parser.ParseFile(stream)
    except expat.ExpatError as error:
        raise SourceError(f"{path.name}, line {error.lineno}: not well-formed XML; install it again") from None
    if not any(node.kind == "code" for node in tree.nodes):
        raise SourceError(f"{path.name} holds no code; is it an ICD-10-CM tabular XML file?")
    return tree


def _records(path: Path) -> Iterator[Document | Bad]:
    seen: set[str] = set()
    for node in _parse(path).nodes:
        key = _key(node)
        if not node.name or not node.description:
            yield Bad(path.name, node.line, f"a {node.kind} without a name or a description")
        elif key in seen:
            yield Bad(path.name, node.line, f"the {node.kind} {node.name} stands here a second time")
        else:
            seen.add(key)
            yield _document(node, key)


def _key(node: _Node) -> str:
    """Return the document id: the code itself; chapters and blocks say what they are, for a block may be named
    like its one category.
    """
    return node.name if node.kind == "code" else f"{node.kind} {node.name}"


def _document(node: _Node, key: str) -> Document:
    chapter = node
    while chapter.parent:
        chapter = chapter.parent
    meta: dict[str, Any] = {"kind": node.kind, "code": node.name, "description": node.description}
    meta["parent"] = _key(node.parent) if node.parent else None
    meta |= {"chapter": chapter.name, "is_leaf": not node.children, **node.notes}
    return Document(key, node.description, "icd10", LICENCE, meta=meta)
