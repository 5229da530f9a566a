"""PubMed as documents: title and abstract of every article of an XML file of MEDLINE, read in flat memory.

Baseline and update files (PubmedArticleSet), MedlineCitationSet, book chapters and single articles; plain or gzip.
The format is NLM's PubMed DTD.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from residency.core.types import Document
from residency.corpus.readers.guard import Given
from residency.corpus.readers.markup import day_of, elements, flat
from residency.corpus.records import Bad, Left

_TAGS = ("PubmedArticle", "PubmedBookArticle", "MedlineCitation", "DeleteCitation", "DeleteDocument")
_RANGE = re.compile(r"\b(\d{4})\b[ -]?([A-Za-z]{3})?")
_PAIRS = (
    "eng en fre fr ger de spa es ita it por pt rus ru jpn ja chi zh pol pl dut nl cze cs dan da swe sv nor no fin fi "
    "hun hu rum ro bul bg scr hr hrv hr scc sr srp sr slo sk slv sl ukr uk gre el tur tr heb he ara ar per fa kor ko "
    "tha th vie vi ind id may ms hin hi ice is gle ga wel cy baq eu cat ca glg gl lit lt lav lv est et mac mk alb sq "
    "geo ka arm hy aze az afr af epo eo lat la bos bs mal ml san sa kin rw gla gd mao mi mlt mt ben bn tam ta tel te "
    "urd ur fra fr deu de zho zh nld nl ces cs ron ro slk sk ell el fas fa msa ms isl is cym cy eus eu mkd mk sqi sq "
    "kat ka hye hy swa sw kaz kk uzb uz bel be"
).split()
_CODES = dict(zip(_PAIRS[::2], _PAIRS[1::2], strict=True))
"""ISO 639-2 codes, as MEDLINE uses them, and their ISO 639-1 ones."""


def read_medline(given: Given) -> Iterator[Document | Bad | Left]:
    """Yield an article's title and abstract each, in file order; ``id`` is ``PMID:`` and its number.

    The text is in English, as NLM's abstracts are, also where the article is not (``meta["languages"]``); an abstract
    in another language stands only where there is no English one. An article without abstract is left out, unless the
    option ``titles`` is set. The date is the issue's, or the electronic one where the issue has none.
    """
    for element in elements(given, _TAGS, "no PubMed article in it"):
        if isinstance(element, Bad):
            yield element
        elif element.tag.startswith("Delete"):
            yield from (Left("deleted citations") for _ in range(len(element)))
        else:
            yield _article(given, element)


def _article(given: Given, element: Any) -> Document | Bad | Left:
    citation = next(element.iter("MedlineCitation", "BookDocument"), element)
    pmid = (citation.findtext("PMID") or "").strip()
    if not (pmid.isascii() and pmid.isdigit()):
        return given.bad("the article has no PMID", element.sourceline)
    article = citation.find("Article")
    article = citation if article is None else article
    title, abstract, language = _text(citation, article)
    if not abstract and not (title and given.options.get("titles")):
        return Left("no abstract" if title else "no title and no abstract")
    text = "\n\n".join(filter(None, (title, abstract)))
    meta = {"kind": "article", "title": title, **_meta(element, citation, article)}
    day = _date(article)
    return given.document(f"PMID:{pmid}", text, element.sourceline, language=language, date=day, meta=meta)


def _text(citation: Any, article: Any) -> tuple[str, str, str]:
    """Return title, abstract and language; the title in the article's own language where the abstract is."""
    title = flat(article.find("ArticleTitle")) or flat(article.find("VernacularTitle"))
    title = title or flat(article.find("Book/BookTitle"))
    abstract = _abstract(article.find("Abstract"))
    other = citation.find("OtherAbstract")
    if abstract or other is None:
        return title, abstract, "en"
    language = _language(other.get("Language", "eng"))
    own = flat(article.find("VernacularTitle")) if language != "en" else ""
    return own or title, _abstract(other), language


def _abstract(element: Any) -> str:
    """Return an abstract, a line each section, its label before it; "" for None."""
    if element is None:
        return ""
    lines = []
    for part in element.iterfind("AbstractText"):
        label, text = (part.get("Label") or "").strip(), flat(part)
        if text:
            lines.append(f"{label}: {text}" if label and label.upper() != "UNLABELLED" else text)
    return "\n".join(lines)


def _language(code: str) -> str:
    """Return the ISO 639-1 code of an ISO 639-2 one, or the latter where there is none."""
    code = code.strip().lower()
    return _CODES.get(code, code)


def _date(article: Any) -> str | None:
    issue = article.find("Journal/JournalIssue/PubDate")
    issue = article.find("Book/PubDate") if issue is None else issue
    for place in (issue, article.find("ArticleDate"), article.find("ContributionDate")):
        if place is None:
            continue
        if day := day_of(*(place.findtext(part) for part in ("Year", "Month", "Day"))):
            return day
        if found := _RANGE.search(place.findtext("MedlineDate") or ""):  # such as "1998 Dec-1999 Jan"
            return day_of(found[1], found[2])
    return None


def _meta(element: Any, citation: Any, article: Any) -> dict[str, Any]:
    """Return what else is known of an article; only what it has."""
    codes = {item.get("IdType"): flat(item) for item in element.iterfind("PubmedData/ArticleIdList/ArticleId")}
    places = {item.get("EIdType"): flat(item) for item in article.iterfind("ELocationID")}
    kinds = [flat(item) for item in article.iter("PublicationType")]
    corrections = {item.get("RefType") for item in citation.iterfind("CommentsCorrectionsList/CommentsCorrections")}
    languages = [_language(item.text or "") for item in article.iterfind("Language")]
    rights = article.find("Abstract/CopyrightInformation")
    meta = {
        "journal": flat(article.find("Journal/Title")) or flat(article.find("Book/BookTitle")),
        "mesh": _mesh(citation),
        "keywords": [flat(item) for item in citation.iterfind("KeywordList/Keyword")],
        "publication_types": kinds,
        "languages": languages if languages != ["en"] else [],
        "doi": places.get("doi") or codes.get("doi"),
        "pmc": codes.get("pmc"),
        "authors": sum(1 for _ in article.iterfind("AuthorList/Author")),
        "retracted": "RetractionIn" in corrections or "Retracted Publication" in kinds,
        "copyright": flat(rights if rights is not None else citation.find("OtherAbstract/CopyrightInformation")),
    }
    return {name: value for name, value in meta.items() if value}


def _mesh(citation: Any) -> list[str]:
    """Return the descriptors' names, those of major topics first."""
    major: list[str] = []
    others: list[str] = []
    for heading in citation.iterfind("MeshHeadingList/MeshHeading"):
        leading = any(part.get("MajorTopicYN") == "Y" for part in heading)
        (major if leading else others).append(flat(heading.find("DescriptorName")))
    return major + others
