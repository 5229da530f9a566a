"""What the readers of XML share: elements one at a time with their errors placed, and an element's text on one line.

Superscripts of numbers stay apart from them ("10^6"), formulas of MathML keep their fractions and powers, and numbers
that point into a list of references are left out where they stand in brackets or above the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from html import unescape
from typing import Any

from residency.corpus.readers.guard import Given, OutOfTime, iterparse_xml, opened, reason

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_NUMBER = re.compile(r"[-+\u2212]?\d{1,4}")
_POINTERS = re.compile(r"[\[(]?[\d\s,;\u2010-\u2014-]{1,80}[a-z]?[\])]?")
_SKIPPED = frozenset("annotation annotation-xml supplementary-material index-term fn table-wrap-foot graphic".split())
_MARKS = {2: None, 3: None, 4: None}
_MARKED = re.compile("\x02[^\x03]*\x03")
_BRACKETS = re.compile("[\\[(](?:\x02[^\x02\x03]*\x03|[ ,;\u2010-\u2014-])+[\\])]")
_BRACKETED = re.compile("\x02[\\[(][^\x02\x03]*[\\])]\x03")


def elements(given: Given, tags: Iterable[str], missing: str) -> Iterator[Any]:
    """Yield the outermost elements of some tags of a file of any size, then a Bad for what is broken after them.

    The Bad has the line of the error or, where that is not known, of the last element; a file without any such
    element is a Bad whose reason is ``missing``.
    """
    line: int | None = None
    try:
        with opened(given) as stream:
            for element in iterparse_xml(stream, tags, given.limits):
                line = element.sourceline
                yield element
    except OutOfTime:
        raise
    except Exception as error:
        yield given.bad(f"{reason(error)}; what follows was not read", getattr(error, "lineno", None) or line)
    else:
        if line is None:
            yield given.bad(missing)


def bare(root: Any) -> Any:
    """Return a tree whose elements have lost their namespaces; attributes keep theirs."""
    for element in root.iter("{*}*"):
        if element.tag[0] == "{":
            element.tag = element.tag.rpartition("}")[2]
    return root


def flat(element: Any) -> str:
    """Return the text of an element and of all in it, on one line; "" for None."""
    if element is None:
        return ""
    if not len(element):
        return " ".join((element.text or "").split())
    out: list[str] = []
    gather(element, out)
    return tidy("".join(out))


def tidy(text: str) -> str:
    """Return gathered text on one line, without the pointers into a list of references that stand in brackets."""
    text = " ".join(text.split())
    if "\x02" in text:
        text = _BRACKETED.sub("\x04", _BRACKETS.sub(lambda m: "\x04" if "\x02" in m[0] else m[0], text))
        text = text.replace(" \x04", "").translate(_MARKS)
    return text


def gather(element: Any, out: list[str]) -> None:
    """Add the pieces of an element's text to ``out``."""
    if element.text:
        out.append(element.text)
    for child in element:
        inline(child, out)
        if child.tail:
            out.append(child.tail)


def inline(element: Any, out: list[str]) -> None:
    """Add the pieces of an element inside a line to ``out``, without what follows it."""
    tag = element.tag
    if isinstance(tag, str) and tag[0] == "{":
        tag = tag.rpartition("}")[2]
    if not isinstance(tag, str):
        out.append(unescape(element.text or ""))  # an entity that stands in a DTD which is not read
    elif tag == "sup":
        _raised(element, out)
    elif tag in ("mfrac", "msup") and len(element) == 2:
        out.append(("{}/{}" if tag == "mfrac" else "{}^{}").format(*map(_term, element)))
    elif tag == "xref" and element.get("ref-type") == "bibr":
        text = _text(element)
        if _POINTERS.fullmatch(text.strip()):
            raised = len(element) == 1 and element[0].tag == "sup"
            text = "" if raised else f"\x02{text.strip()}\x03"
        out.append(text)
    elif tag == "alternatives":
        chosen = next((child for child in element if child.tag in ("math", "tex-math", "textual-form")), None)
        if chosen is not None:
            inline(chosen, out)
    elif tag == "tex-math":
        text = _text(element)
        out.append(text.partition("\\begin{document}")[2].partition("\\end{document}")[0] or text)
    elif tag in ("break", "br"):
        out.append(" ")
    elif tag not in _SKIPPED:
        gather(element, out)


def _raised(element: Any, out: list[str]) -> None:
    text = _text(element).strip()
    if "\x02" in text and not _MARKED.sub("", text).strip(" ,;-[]()\u2010\u2011\u2012\u2013\u2014"):
        return
    before = next((piece for piece in reversed(out) if piece), "")
    out.append(f"^{text}" if before[-1:].isdigit() and _NUMBER.fullmatch(text) else text)


def _term(element: Any) -> str:
    """Return a part of a formula, in parentheses where it is made of several."""
    text = " ".join(_text(element).split())
    return f"({text})" if len(element) > 1 else text


def _text(element: Any) -> str:
    out: list[str] = []
    gather(element, out)
    return "".join(out)


def day_of(year: str | None, month: str | None = None, day: str | None = None) -> str | None:
    """Return ISO 8601 as precise as the parts allow, months as numbers or English names; None without a year."""
    year = (year or "").strip()
    if not (year.isascii() and year.isdigit() and len(year) == 4):
        return None
    month, day = (month or "").strip().lower(), (day or "").strip()
    number = int(month) if re.fullmatch("[0-9]{1,2}", month) else 0
    number = _MONTHS.index(month[:3]) + 1 if month[:3] in _MONTHS else number
    if not 1 <= number <= 12:
        return year
    try:
        return date(int(year), number, int(day)).isoformat()
    except ValueError:
        return f"{year}-{number:02d}"
