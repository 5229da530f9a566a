"""Full articles as documents: JATS, as PubMed Central and publishers give it, one or many articles a file.

Read are title, abstract and body in their order, with tables and captions; references, acknowledgements, authors and
reviews are not part of the text. ``jatsbody.py`` renders the body. The format is ANSI/NISO Z39.96.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from residency.core.types import Document
from residency.corpus.readers.guard import Given
from residency.corpus.readers.jatsbody import blocks
from residency.corpus.readers.markup import bare, day_of, elements, flat
from residency.corpus.readers.text import iso_language
from residency.corpus.records import Bad, Left

_LINK = "{http://www.w3.org/1999/xlink}href"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_CREATIVE = re.compile(r"creativecommons\.org/(licenses|publicdomain)/([a-z-]{1,20})(?:/(\d\.\d))?", re.IGNORECASE)
_SIDE = frozenset("graphical teaser toc web-summary executive-summary editor-summary".split())
_DATES = ("epub", "ppub", "epub-ppub", "collection", "pub", "pmc-release")


def read_jats(given: Given) -> Iterator[Document | Bad | Left]:
    """Yield an article each, in file order; ``id`` is PMC and its number, else its DOI, else the file's name.

    The licence is the article's own where it names a Creative Commons one. The date is that of the electronic issue,
    else the printed one, else the collection's. The option ``tables: false`` leaves the rows of tables out.
    """
    for element in elements(given, ("{*}record", "{*}article"), "no article in it"):
        yield element if isinstance(element, Bad) else _record(given, bare(element))


def _record(given: Given, element: Any) -> Document | Bad | Left:
    """Return what an article, or a record of an archive (OAI-PMH) that holds one, says."""
    article = next(element.iter("article"), None)
    header = element.find("header")
    if article is None and header is not None and header.get("status") == "deleted":
        return Left("deleted records")
    front = article.find("front/article-meta") if article is not None else None
    if article is None or front is None:
        return given.bad("no article, or one without its front (article-meta)", element.sourceline)
    title, text = _text(article, front, bool(given.options.get("tables", True)))
    if not text:
        return Left("no abstract and no body")
    line = None if element.getparent() is None else element.sourceline
    meta = {"kind": "article", "title": title, **_meta(article, front)}
    fields = {"date": _date(front), "licence": _licence(front) or given.licence, "meta": meta}
    if language := iso_language(article.get(_LANGUAGE) or ""):
        fields["language"] = language
    return given.document(_key(given, front, line), "\n\n".join(filter(None, (title, text))), line, **fields)


def _text(article: Any, front: Any, tables: bool) -> tuple[str, str]:
    """Return the title, and what follows it: abstracts, body, and what floats beside them."""
    title = flat(front.find("title-group/article-title"))
    subtitle = flat(front.find("title-group/subtitle"))
    parts = []
    for abstract in front.iterfind("abstract"):
        if abstract.get("abstract-type") not in _SIDE and (lines := "\n".join(blocks(abstract, tables))):
            parts.append(lines if abstract.find("title") is not None else f"Abstract\n{lines}")
    for place in ("body", "floats-group", "back/app-group"):
        if (found := article.find(place)) is not None:
            parts.append("\n".join(blocks(found, tables)))
    return ": ".join(filter(None, (title, subtitle))), "\n\n".join(filter(None, parts))


def _key(given: Given, front: Any, line: int | None) -> str:
    codes = {item.get("pub-id-type"): flat(item) for item in front.iterfind("article-id")}
    for name in ("pmcid", "pmc", "pmcaid"):
        if digits := codes.get(name, "").upper().removeprefix("PMC").partition(".")[0]:
            return f"PMC{digits}"
    return codes.get("doi") or (given.key if line is None else f"{given.name}:{line}")


def _date(front: Any) -> str | None:
    """Return the date of publication that is preferred among those given."""
    found: dict[str, str] = {}
    for item in front.iterfind("pub-date"):
        kind = item.get("pub-type") or item.get("date-type") or "pub"
        if kind == "pub":
            kind = {"electronic": "epub", "print": "ppub"}.get(item.get("publication-format", ""), kind)
        day = day_of(*(item.findtext(part) for part in ("year", "month", "day")))
        if day:
            found.setdefault(kind, day)
    return next((found[kind] for kind in _DATES if kind in found), next(iter(found.values()), None))


def _licence(front: Any) -> str | None:
    """Return the name of the Creative Commons licence that an article links to, such as "CC BY 4.0"."""
    for licence in front.iterfind("permissions/license"):
        links = [licence.get(_LINK), *(item.get(_LINK) for item in licence.iter("ext-link", "uri"))]
        links[1:1] = [flat(item) for item in licence.iter("license_ref")]
        for text in (*links, flat(licence)):
            if found := _CREATIVE.search(text or ""):
                return _creative(*found.groups())
    for item in front.iterfind("permissions/license_ref"):
        if found := _CREATIVE.search(flat(item)):
            return _creative(*found.groups())
    return None


def _creative(place: str, name: str, version: str | None) -> str:
    name = name.lower().strip("-")
    if place.lower() == "publicdomain":
        name = {"zero": "CC0", "mark": "Public Domain Mark"}.get(name, f"CC public domain ({name})")
    else:
        name = f"CC {name.upper()}"
    return f"{name} {version}" if version else name


def _meta(article: Any, front: Any) -> dict[str, Any]:
    """Return what else is known of an article; only what it has."""
    codes = {item.get("pub-id-type"): flat(item) for item in front.iterfind("article-id")}
    related = {item.get("related-article-type", "") for item in front.iterfind("related-article")}
    authors = front.iterfind("contrib-group/contrib")
    journal = article.find("front/journal-meta")
    title = next(journal.iter("journal-title"), None) if journal is not None else None
    meta = {
        "journal": flat(title),
        "article_type": article.get("article-type"),
        "keywords": [word for item in front.iterfind("kwd-group//kwd") if (word := flat(item))],
        "doi": codes.get("doi"),
        "pmid": codes.get("pmid"),
        "authors": sum(1 for item in authors if item.get("contrib-type", "author") == "author"),
        "retracted": bool(related & {"retraction-forward", "retracted", "retraction"}),
        "copyright": flat(front.find("permissions/copyright-statement")),
        "permissions": "" if _licence(front) else flat(front.find("permissions/license"))[:500],
    }
    return {name: value for name, value in meta.items() if value}
