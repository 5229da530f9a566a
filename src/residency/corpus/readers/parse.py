"""JSON and XML from strangers: parsed with bounds on depth and size, without entities, files or network.

XML comes from lxml, whose libxml2 refuses by itself what nests deeper than 256, or has a text of more than 10 MB.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import accumulate
from typing import IO, Any

from residency.corpus.readers.limits import Limits, TooMuch

_SAFE: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "attribute_defaults": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
_BRACKETS = b"[]{}"
_OTHERS = bytes(set(range(256)) - set(_BRACKETS))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_PIECE = 1 << 16
_PROLOG = re.compile(rb"(?:\s++|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)
_DOCTYPE = re.compile(rb"<!DOCTYPE\b(?:[^\[<>\"']++|\"[^\"]*+\"|'[^']*+')*+")
_FIRST = re.compile(rb"<[^\s!?/<>=]")
_MARKS = re.compile(rb"\xef\xbb\xbf|\xff\xfe|\xfe\xff")


def load_json(content: str, limits: Limits) -> Any:
    """Return what a JSON text says; a repeated key keeps its last value, and NaN is a number.

    Raises json.JSONDecodeError, and TooMuch where it nests deeper than ``depth`` or holds half a surrogate pair, which
    no file could keep.
    """
    if content.count("[") + content.count("{") > limits.depth and _json_depth(content) > limits.depth:
        raise TooMuch(f"it nests deeper than {limits.depth} (limits: depth)")
    value = json.loads(content)
    if "\\ud" in content or "\\uD" in content:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise TooMuch("it holds half a character (a lone surrogate)") from None
    return value


def _json_depth(content: str) -> int:
    """Return how deep brackets nest outside strings; of broken JSON at least as far as a parser would get."""
    bare = content.replace("\\\\", "").replace('\\"', "")
    outside = "".join(bare.split('"')[::2]).encode("ascii", "replace")
    return max(accumulate(map(_STEP.__getitem__, outside.translate(None, _OTHERS))), default=0)


def safe_parser() -> Any:
    """Return an lxml parser that opens nothing, expands nothing and gives up on what is too deep or too long."""
    from lxml import etree

    return etree.XMLParser(**_SAFE)


def parse_xml(content: bytes, limits: Limits) -> Any:
    """Return the root of an XML file, without comments and processing instructions.

    A DOCTYPE is allowed; it is not loaded, and an entity of it stands in the tree as an entity node. Raises
    lxml.etree.XMLSyntaxError, and TooMuch where entities are declared or it nests deeper than ``depth``.
    """
    from lxml import etree

    _check_prolog(content[:_PIECE])
    root = etree.fromstring(content, safe_parser())
    _refuse(root, limits)
    return root


def iterparse_xml(stream: IO[bytes], tags: Iterable[str], limits: Limits) -> Iterator[Any]:
    """Yield the outermost elements of some tags (``{*}name``: any namespace); each is emptied when the next is asked.

    Elements before and around it are let go as well, so that memory stays flat. What is broken, or an element of more
    than ``record_mb``, raises as ``parse_xml`` does, after the elements that stand before it.
    """
    from lxml import etree

    parser = etree.XMLPullParser(events=("start", "end"), tag=list(tags), **_SAFE)
    open_, held, most, error, begun = 0, 0, limits.record_mb * 1e6, None, False
    while not error:
        try:
            piece = stream.read1(_PIECE) if begun else _start(stream)  # type: ignore[attr-defined]
            begun, held = True, held + len(piece)
            if held > most:
                raise TooMuch(f"a record of more than {limits.record_mb:g} MB (limits: record_mb)")
            parser.feed(piece) if piece else _refuse(parser.close(), limits)
        except Exception as raised:
            error = raised
        for event, element in parser.read_events():
            open_ += 1 if event == "start" else -1
            if not open_:
                held = 0
                _refuse(element, limits)
                yield element
                _let_go(element)
        if not error and not piece:
            return
    raise error


def _start(stream: IO[bytes]) -> bytes:
    """Return the first bytes of an XML file whose prolog is as ``_check_prolog`` allows it."""
    start = b""
    try:
        while len(start) < _PIECE and (piece := stream.read1(_PIECE - len(start))):  # type: ignore[attr-defined]
            start += piece
    except Exception:
        if not start:
            raise  # else the next read says it again, after what came before it is read
    _check_prolog(start)
    return start


def _check_prolog(start: bytes) -> None:
    """Raise TooMuch where a DOCTYPE declares things, or the first element does not come soon.

    It is done before libxml2 sees the file, which takes minutes over many declarations and cannot be interrupted.
    """
    bare = _MARKS.sub(b"", start[:4], count=1) + start[4:]
    bare = bare.replace(b"\0", b"") if b"\0" in start[:4] else bare  # UTF-16 and UTF-32
    place = _PROLOG.match(bare).end()  # type: ignore[union-attr]
    if doctype := _DOCTYPE.match(bare, place):
        if b"[" in bare[doctype.end() : doctype.end() + 1]:
            entities = b"<!ENTITY" in bare
            raise TooMuch(f"it declares {'entities' if entities else 'things in its DOCTYPE'}, which are not read")
        place = _PROLOG.match(bare, doctype.end() + 1).end()  # type: ignore[union-attr]
    if not _FIRST.match(bare, place) and (len(start) >= _PIECE or bare[place : place + 1] != b"<"):
        raise TooMuch("it does not begin as XML does")


def _let_go(element: Any) -> None:
    element.clear(keep_tail=True)
    while (parent := element.getparent()) is not None:
        del parent[: parent.index(element)]
        element = parent


def _refuse(element: Any, limits: Limits) -> None:
    """Raise TooMuch for an element whose file declares entities, or that nests too deeply."""
    declared = element.getroottree().docinfo.internalDTD
    if declared is not None and any(True for _ in declared.iterentities()):
        raise TooMuch("it declares entities, which are not read")
    if _deeper(limits.depth)(element):
        raise TooMuch(f"it nests deeper than {limits.depth} (limits: depth)")


@cache
def _deeper(depth: int) -> Any:
    from lxml import etree

    return etree.XPath("boolean(" + "/".join("*" * depth) + ")")
