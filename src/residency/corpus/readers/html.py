"""HTML as text: the main part of a page without its furniture, one line a block, tables as rows.

lxml reads it; nothing is fetched. ``fragment_text`` is the same for the small pieces that stand in FHIR and C-CDA.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any

from residency.core.types import Document
from residency.corpus.readers.guard import Given, TooMuch, decoded, whole_bytes
from residency.corpus.readers.text import iso_date, iso_language
from residency.corpus.records import Bad

_FURNITURE = (
    "script style noscript template nav header footer aside form button select textarea input svg iframe object "
    "dialog canvas video audio head".split()
)
_BLOCKS = frozenset(
    "p div br li tr ul ol dl dt dd table caption thead tbody tfoot h1 h2 h3 h4 h5 h6 section article main header "
    "blockquote pre hr figure figcaption address details summary body form fieldset".split()
)
_PIECES = ("p", "div", "br", "li", "tr", "ul", "ol", "table", "h1", "h2", "h3", "h4")
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_HIDDEN = "//*[@hidden or @aria-hidden='true' or contains(@style, 'display:none') or contains(@style, 'display: none')]"
_DATES = (
    "article:published_time citation_publication_date citation_date dcterms.issued dcterms.date dc.date.issued dc.date "
    "datepublished publishdate pubdate date dcterms.created last-modified article:modified_time".split()
)
_AUTHORS = "citation_author author dc.creator dcterms.creator article:author".split()


def read_html(given: Given) -> Iterator[Document | Bad]:
    """Yield a page's main text as one document; ``meta`` has title, authors and address where the page says them."""
    content = whole_bytes(given)
    root = _tree(decoded(content, _charset(content) or given.encoding))
    if root is None:
        yield given.bad("no text in the page")
        return
    about = _about(root)
    text = "\n".join(_lines(_main(root)))
    if not text:
        yield given.bad("no text in the page (is it made by a script?)")
        return
    fields = {name: about.pop(name) for name in ("language", "date") if name in about}
    meta = {"kind": given.options.get("kind", "page"), "format": "html", **about}
    yield given.document(given.key, text, meta=meta, **fields)


def fragment_text(html: str) -> str:
    """Return the text of a piece of HTML: entities resolved, one line a block, no empty lines."""
    if "<" in html or "&" in html:
        root = _tree(html)
        if root is None:
            return ""
        for element in root.iter(*_PIECES):
            element.text = "\n" + (element.text or "")
            element.tail = "\n" + (element.tail or "")
        html = "".join(root.itertext())
    lines = (" ".join(line.split()) for line in html.split("\n"))
    return "\n".join(line for line in lines if line)


def _tree(html: str) -> Any:
    """Return the root of what a browser would make of a text, or None where there is nothing in it."""
    from lxml import etree

    parser = etree.HTMLParser(
        encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, recover=True, huge_tree=False
    )
    root = etree.fromstring(html.encode(), parser) if html.strip() else None
    if any(entry.level_name == "FATAL" for entry in parser.error_log):
        raise TooMuch("it nests deeper than 256, or has a text of more than 10 MB")
    return root


def _charset(content: bytes) -> str | None:
    """Return the encoding that a page names for itself, where there is such a one."""
    found = _CHARSET.search(content[:4096])
    try:
        name = codecs.lookup(found[1].decode("ascii")).name if found else None
    except LookupError:
        return None
    return "cp1252" if name in ("iso8859-1", "ascii") else name  # what browsers take these names to mean


# --- what a page says about itself -----------------------------------------------------------------------------------


def _about(root: Any) -> dict[str, Any]:
    """Return title, language, date, author and url, each only where the page says it."""
    said: dict[str, list[str]] = {}
    for element in root.iter("meta"):
        name = element.get("name") or element.get("property") or element.get("itemprop") or element.get("http-equiv")
        if name and (content := (element.get("content") or "").strip()):
            said.setdefault(name.lower(), []).append(content)
    heading = next((" ".join("".join(h.itertext()).split()) for h in root.iter("title", "h1")), "")
    dates = (iso_date(value) for name in _DATES for value in said.get(name, ()))
    language = root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or root.get("xml:lang")
    about = {
        "title": said.get("og:title", [""])[0] or heading,
        "language": iso_language(language or said.get("content-language", [""])[0]),
        "date": next((day for day in dates if day), None),
        "author": "; ".join(next((said[name] for name in _AUTHORS if name in said), [])),
        "url": _canonical(root) or said.get("og:url", [""])[0],
    }
    return {name: value for name, value in about.items() if value}


def _canonical(root: Any) -> str:
    links = (link.get("href", "") for link in root.iter("link") if (link.get("rel") or "").lower() == "canonical")
    return next(links, "")


# --- the main part and its lines -------------------------------------------------------------------------------------


def _main(root: Any) -> Any:
    """Return the element that holds the page's own text, its furniture taken out.

    A ``header`` inside an article stays, for its headline, and so does a ``form`` that wraps whole paragraphs.
    """
    for element in root.xpath(_HIDDEN):
        _remove(element)
    for element in list(root.iter(*_FURNITURE)):
        if element.tag == "header" and next(element.iterancestors("article", "main"), None) is not None:
            continue
        if element.tag == "form" and next(element.iter("p", "h1", "article", "main"), None) is not None:
            continue
        _remove(element)
    body = root.find("body") if root.find("body") is not None else root
    mains = [*root.iter("main"), *root.xpath("//*[@role='main']")]
    articles = list(root.iter("article"))
    chosen = mains[:1] or (articles if len(articles) == 1 else [])
    return chosen[0] if chosen and 4 * _length(chosen[0]) >= _length(body) else body


def _remove(element: Any) -> None:
    parent = element.getparent()
    if parent is None:
        return
    before = element.getprevious()
    kept = " " + (element.tail or "")
    if before is not None:
        before.tail = (before.tail or "") + kept
    else:
        parent.text = (parent.text or "") + kept
    parent.remove(element)


def _length(element: Any) -> int:
    return sum(len(piece.strip()) for piece in element.itertext())


def _lines(root: Any) -> Iterator[str]:
    """Yield the lines of an element: a block each, "- " before an item, " | " between the cells of a row."""
    text = "".join(_pieces(root))
    for line in text.split("\n"):
        if (line := " ".join(line.split()).removesuffix(" |").removeprefix("| ")) and line not in ("-", "|"):
            yield line


def _pieces(root: Any) -> Iterator[str]:
    from lxml import etree

    cells = pre = 0
    item = False  # an item's mark waits for its first word
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag, start = element.tag, event == "start"
        cell = tag in ("td", "th") and not _is_layout(element)
        pre += (tag == "pre") * (1 if start else -1)
        if cell:
            cells += 1 if start else -1
            yield " | " if start and element.getprevious() is not None else ""
        elif tag in _BLOCKS or tag in ("td", "th"):
            yield " " if cells else "\n"
            if tag == "li":
                item = start and not cells
        piece = (element.text if start else element.tail if element is not root else "") or ""
        if item and piece.strip():
            yield "- "
            item = False
        yield piece if pre and not cells else piece.replace("\n", " ").replace("\r", " ")


def _is_layout(cell: Any) -> bool:
    """Return whether a cell holds a piece of a page and not a value: such tables are furniture of old pages."""
    blocks = sum(1 for _ in cell.iter("p", "h1", "h2", "h3", "ul", "ol"))
    return blocks > 2 or next(cell.iter("table"), None) is not None
