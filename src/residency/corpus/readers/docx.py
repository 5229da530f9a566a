"""DOCX as text: headings, paragraphs, items and tables in their order, and the author's title.

The container is measured before it is unpacked. Text is walked in the XML itself: python-docx passes over what stands
in content controls, in tracked insertions and in text boxes, and hospital forms are made of those.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from residency.core.types import Document
from residency.corpus.readers.guard import Given, Limits, OutOfTime, TooMuch, parse_xml, whole_bytes
from residency.corpus.readers.text import iso_language
from residency.corpus.records import Bad

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_BREAKS = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
_PASSED = {_FALLBACK, f"{_W}del", f"{_W}moveFrom", f"{_W}instrText"}
_MARKED_UP = re.compile(rb"[\xef\xbb\xbf\xff\xfe\0\s]*+<|\x4c\x6f\xa7\x94")  # the last is "<?xm" in EBCDIC
_ENTRIES = 10_000


def read_docx(given: Given) -> Iterator[Document | Bad]:
    """Yield a DOCX file's one document; old and encrypted Word files are bad records that say so."""
    content = whole_bytes(given)
    if content.startswith(_OLE):
        yield given.bad(_old_or_locked(content))
        return
    _check_container(content, given.limits)
    try:
        document = _document(content)
        lines = list(_lines(document.element.body, _style_names(document)))
    except OutOfTime:
        raise
    except Exception as error:
        yield given.bad(f"malformed DOCX ({type(error).__name__})")
        return
    text = "\n".join(line for line, _ in lines)
    if not text:
        yield given.bad("no text in it (is it a scan?)")
        return
    heading = next((line for line, style in lines if style == "title" or style.startswith("heading")), "")
    meta, fields = _about(document)
    meta = {"kind": given.options.get("kind", "note"), "format": "docx", "title": heading, **meta}
    yield given.document(given.key, text, meta={name: value for name, value in meta.items() if value}, **fields)


def _document(content: bytes) -> Any:
    import docx

    return docx.Document(io.BytesIO(content))


# --- the container ---------------------------------------------------------------------------------------------------


def _old_or_locked(content: bytes) -> str:
    if "EncryptedPackage".encode("utf-16-le") in content:
        return "encrypted; save it without a password"
    if "WordDocument".encode("utf-16-le") in content:
        return "an old Word file (.doc); save it as .docx"
    return "an old Office file, and no text document"


def _check_container(content: bytes, limits: Limits) -> None:
    """Raise TooMuch for a container that unpacks to too much, is encrypted, or whose XML is not what Word writes."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            entries = file.infolist()
            _check_sizes(entries, len(content), limits)
            for entry in entries:
                _check_part(file.read(entry), limits)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, KeyError, ValueError) as error:
        raise TooMuch(f"its packing (zip) is broken or cut short ({type(error).__name__})") from None


def _check_sizes(entries: list[zipfile.ZipInfo], packed: int, limits: Limits) -> None:
    size = sum(entry.file_size for entry in entries)  # zipfile never unpacks more of an entry than it declares
    if len(entries) > _ENTRIES:
        raise TooMuch(f"it is a container of more than {_ENTRIES} files")
    if size > limits.whole_mb * 1e6:
        raise TooMuch(f"it unpacks to more than {limits.whole_mb:g} MB (limits: whole_mb)")
    if size > limits.expand * max(packed, 4096):
        raise TooMuch(f"it unpacks to more than {limits.expand:g} times its size (limits: expand)")
    if any(entry.flag_bits & 1 for entry in entries):
        raise TooMuch("encrypted; save it without a password")


def _check_part(content: bytes, limits: Limits) -> None:
    """Raise TooMuch for XML with a DOCTYPE, entities or great depth, whatever the part calls itself."""
    from lxml import etree

    if not _MARKED_UP.match(content):
        return
    try:
        root = parse_xml(content, limits)
    except etree.XMLSyntaxError:
        return  # python-docx says whether this part is needed
    if root.getroottree().docinfo.doctype:
        raise TooMuch("its XML has a DOCTYPE, which no DOCX has")


# --- the text --------------------------------------------------------------------------------------------------------


def _style_names(document: Any) -> dict[str, str]:
    return {style.style_id: (style.name or "").lower() for style in document.styles if style.style_id}


def _lines(body: Any, styles: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each line with the name of its style: a paragraph, an item after "- ", or a row with " | "."""
    waiting = list(reversed(body))
    while waiting:
        element = waiting.pop()
        if element.tag == f"{_W}p":
            yield from _paragraph(element, styles)
        elif element.tag == f"{_W}tbl":
            for row in element.iter(f"{_W}tr"):
                if next(row.iterancestors(f"{_W}tr"), None) is None and (line := _row(row)):
                    yield line, ""
        elif element.tag not in _PASSED:
            waiting += reversed(element)  # a content control, or a tracked insertion: what is in it


def _paragraph(element: Any, styles: dict[str, str]) -> Iterator[tuple[str, str]]:
    style, numbered = "", False
    about = element.find(f"{_W}pPr")
    if about is not None:
        named = about.find(f"{_W}pStyle")
        style = styles.get(named.get(f"{_W}val"), "") if named is not None else ""
        numbered = about.find(f"{_W}numPr") is not None
    item = (numbered and not style.startswith("heading")) or style.startswith("list")
    for line in _text(element).split("\n"):
        if line := " ".join(line.split()):
            yield (f"- {line}" if item else line), style
            item = False


def _row(row: Any) -> str:
    cells = [cell for cell in row.iter(f"{_W}tc") if next(cell.iterancestors(f"{_W}tr"), None) is row]
    return " | ".join(" ".join(_text(cell).split()) for cell in cells).strip(" |")


def _text(element: Any) -> str:
    """Return the words of an element, with a line end after each paragraph in it; deleted words are not among them."""
    pieces: list[str] = []
    waiting = [element]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            pieces.append(part)
        elif part.tag == f"{_W}t":
            pieces.append(part.text or "")
        elif part.tag in _BREAKS:
            pieces.append(_BREAKS[part.tag])
        elif part.tag not in _PASSED and part.tag != f"{_W}pPr":
            waiting += ["\n"] if part.tag in (f"{_W}p", f"{_W}tc") and part is not element else []
            waiting += reversed(part)
    return "".join(pieces)


def _about(document: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return title, author and the file's date, and the language, of the core properties where they can be read.

    The file's date is that of its template or of its export as often as that of the note, so it is not the document's.
    """
    try:
        about = document.core_properties
        title = "" if about.title == "Word Document" else about.title  # what python-docx puts where there is none
        meta = {name: value for name, value in (("title", title), ("author", about.author)) if value}
        meta |= {"file_date": about.created.date().isoformat()} if about.created else {}
        fields: dict[str, Any] = {}
        if language := iso_language(about.language or ""):
            fields["language"] = language
        return meta, fields
    except (AttributeError, KeyError, ValueError, TypeError, OverflowError):
        return {}, {}
