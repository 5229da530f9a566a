"""The triples of an RDF file of any size, one at a time, with what is broken in it placed by its line.

pyoxigraph parses. Of RDF/XML, expat goes before it over the same bytes: it knows the line of an error, and the prologue
is read with it, where only plain entities such as those for namespaces are taken; nothing is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any
from xml.parsers import expat

from residency.corpus.readers.guard import Given, OutOfTime, TooMuch, opened, reason

RELATIVE = "http://relative.invalid/"
_ENTITY_LENGTH, _ENTITIES, _PROLOGUE, _ERRORS = 1000, 1000, 1 << 20, 100
_PIECE = 1 << 16
_XML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:[?!]|(?:[\w.-]+:)?(?:RDF|Ontology)\b)")
_LINE = re.compile(rb"(?:<[^<>\s]+>|_:\w+)\s+<[^<>\s]+>\s")
_ENDINGS = {".nq": "nq", ".trig": "trig", ".nt": "nt", ".n3": "n3"}


def triples(given: Given) -> Iterator[Any]:
    """Yield a file's triples (or quads), Bads where it is broken; reading goes on after one where the format allows.

    The last thing yielded is a Bad where the file ends broken: the subject before it may be incomplete.
    """
    import pyoxigraph

    with opened(given) as handle:
        head = handle.read(_PIECE)
        form = _form(head, given.name)
        stream: Any = _Xml(head, handle) if form == "rdf" else _Plain(head, handle)
        if form == "rdf" and stream.root.rpartition(":")[2] != "RDF":
            yield given.bad("XML that is not RDF/XML (OWL/XML is not read; save it as RDF/XML or Turtle)", 1)
            return
        parser = pyoxigraph.parse(stream, pyoxigraph.RdfFormat.from_extension(form), base_iri=RELATIVE)
        line, errors = 0, 0
        while errors < _ERRORS:
            try:
                yield next(parser)
            except OutOfTime:
                raise
            except (StopIteration, SyntaxError) as error:
                if stream.error is not None:
                    yield given.bad("not well-formed XML; what follows was not read", stream.error.lineno)
                if stream.error is not None or isinstance(error, StopIteration):
                    return
                if (at := error.lineno or stream.line) != line:
                    yield given.bad("a statement that is not what RDF allows", at)
                line, errors = at, errors + 1
            except Exception as error:
                yield given.bad(f"{reason(error)}; what follows was not read", stream.line)
                return
        yield given.bad(f"more than {_ERRORS} errors; what follows was not read", line)


def _form(head: bytes, name: str) -> str:
    """Return the ending that the serialization goes by: rdf (XML), nt, nq, trig, n3 or ttl."""
    if _XML.match(head):
        return "rdf"
    name = name.lower().removesuffix(".gz")
    ending = next((form for end, form in _ENDINGS.items() if name.endswith(end)), None)
    return ending or ("nt" if _LINE.match(head) else "ttl")


class _Plain:
    """A stream that begins with bytes that were looked at, and counts its lines."""

    error: expat.ExpatError | None = None

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head, self._rest, self.line = head, rest, 1

    def read(self, size: int = _PIECE) -> bytes:
        piece, self._head = self._head[:size], self._head[size:]
        piece = piece or self._rest.read(size)
        self.line += piece.count(b"\n")
        return piece


class _Xml:
    """A stream of XML behind a prologue of our own making, checked by expat before anyone reads it."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self.root, entities, start, head = _prologue(head, rest)
        said = "".join(f'<!ENTITY {name} "{value}">' for name, value in entities.items())
        self._ours = f"<!DOCTYPE root [{said}]>".encode() if said else b""
        self._expat = expat.ParserCreate()
        self._source = _Plain(head, rest)
        self._skip = start
        self.error: expat.ExpatError | None = None

    @property
    def line(self) -> int:
        return self._expat.CurrentLineNumber

    def read(self, size: int = _PIECE) -> bytes:
        """Return the next bytes; the first ones are the prologue, the file's own is passed over."""
        if self._ours:
            piece, self._ours = self._ours[:size], self._ours[size:]
            return piece
        if self.error is not None:
            return b""
        piece = self._source.read(self._skip or size)
        try:
            self._expat.Parse(piece, not piece)
        except expat.ExpatError as error:
            self.error = error
        if self._skip:
            self._skip -= len(piece)
            return self.read(size)
        return piece


def _prologue(head: bytes, rest: IO[bytes]) -> tuple[str, dict[str, str], int, bytes]:
    """Return the root's name, the entities declared, the offset of the root, and all bytes read so far.

    Raises TooMuch for entities that refer to others, to files, or are long; a prologue that is broken has no root.
    """
    parser = expat.ParserCreate()
    entities: dict[str, str] = {}
    root: list[tuple[str, int]] = []

    def declared(name: str, parameter: bool, value: str | None, _: Any, system: Any, *__: Any) -> None:
        if parameter or value is None or system or "&" in value or len(value) > _ENTITY_LENGTH:
            raise TooMuch("it declares entities that refer to others or to files, or are long: they are not read")
        entities[name] = value.replace("<", "&#60;").replace('"', "&#34;")
        if len(entities) > _ENTITIES:
            raise TooMuch(f"it declares more than {_ENTITIES} entities")

    def started(name: str, _: Any) -> None:
        if not root:
            root.append((name, parser.CurrentByteIndex))

    parser.EntityDeclHandler = declared
    parser.StartElementHandler = started
    read, piece = head, head
    while piece and not root:
        try:
            parser.Parse(piece)
        except expat.ExpatError:
            break
        if root or len(read) > _PROLOGUE:
            break
        piece = rest.read(_PIECE)
        read += piece
    if not root:
        raise TooMuch("no element in its first megabyte, or one that is not well-formed")
    return root[0][0], entities, root[0][1], read
