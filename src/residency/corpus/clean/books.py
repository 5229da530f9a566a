"""Front and back matter of books and pages, cut from the start and the end alone, never from the middle.

Each line is given a kind by how it looks; from the start (and from the end) sections of matter are taken off until the
first that is text. Where it is not sure, the text stays whole.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from residency.core.legal import Share


@dataclass(frozen=True, slots=True)
class Matter:
    """How much of a book or a page may be cut off as front and back matter."""

    # The largest share that may be cut from the start of a book or page as front matter; where more is found, nothing
    # is.
    front: Share = 0.3
    # The largest share that may be cut from its end as back matter; where more is found, nothing is.
    back: Share = 0.5


@dataclass(slots=True)
class _Line:
    start: int
    end: int
    kind: str
    text: str


def trim(text: str, limits: Matter) -> tuple[str, dict[str, int]]:
    """Return a text without its front and back matter, and the characters that were cut by what they were."""
    front, back = _front(text, limits.front), _back(text, limits.back)
    begin = max((end for _, _, end in front), default=0)
    stop = min((start for _, start, _ in back), default=len(text))
    if begin >= stop or not text[begin:stop].strip():
        return text, {}
    counts: Counter[str] = Counter()
    for kind, start, end in (*front, *back):
        counts[kind] += end - start
    if not counts:
        return text, {}
    kept = text[begin:stop].strip("\n\f")
    return kept, dict(counts)


# --- what a line looks like ------------------------------------------------------------------------------------------

_HEADINGS = {
    "contents": "(?:table of )?contents|list of (?:tables|figures|abbreviations|contributors)"
    "|índice(?: general)?|contenidos?"
    "|sumario|table des matières|sommaire|inhalt(?:sverzeichnis)?|indice generale|sommario|sumário|目\\s?录",
    "dedication": "dedication|dedicatoria|dédicace|widmung|dedica|dedicatória|献词",
    "acknowledgements": "acknowledge?ments?|agradecimientos|remerciements|danksagung(?:en)?|ringraziamenti"
    "|agradecimentos|致谢|鸣谢",
    "bibliography": "references(?: cited)?|bibliography|literature cited|works cited|further reading|bibliografía"
    "|referencias(?: bibliográficas)?|bibliographie|références|literatur(?:verzeichnis)?|bibliografia"
    "|riferimenti bibliografici|referências(?: bibliográficas)?|参考文献",
    "index": "(?:subject |author |general |alphabetical )?index|índice (?:alfabético|analítico)|sachregister|register"
    "|stichwortverzeichnis|indice analitico|índice remissivo|索引",
    "about the author": "about the (?:authors?|editors?|publisher)|sobre (?:el autor|o autor)|über den autor"
    "|à propos de l['’]auteur|作者简介",
    "text": "(?:chapter|part|section|capítulo|chapitre|kapitel|capitolo|appendix|annex|apéndice|anhang"
    "|appendice)\\b.{0,80}"
    "|introduction|preface|foreword|prologue|introducción|prefacio|prólogo|préface|avant-propos|einleitung|vorwort"
    "|introduzione|prefazione|introdução|prefácio|glossary|conclusions?|epilogue|abstract|summary|前言|引言|序言?"
    "|第.{1,4}[章篇部]",
}
_NUMBER = "(?:\\d{1,3}(?:\\.\\d{1,2}){0,2}\\.? |[ivx]{1,5}\\. )?"
_HEADING = re.compile(
    f"[#*\\W]{{0,4}}{_NUMBER}(?:{'|'.join(f'({words})' for words in _HEADINGS.values())})[:.*#\\s]{{0,4}}",
    re.IGNORECASE,
)
_ENTRY = re.compile(
    r"(?=.{0,200}$)(?:.{2,120}?(?:\. ?){4,}|.{2,100}?(?:…|·{3}|_{4})|.{2,100}?(?: {3}|\t))"
    r"[ .…·_\t]*(?:\d{1,4}|[ivxl]{1,6})$"
)
_LEGAL = re.compile(
    r"©|\(c\) ?\d{4}|copyright|\be?ISBN\b|\bISSN\b|all rights reserved|no part of this (?:book|publication|work)"
    r"|library of congress|cataloging|british library|printed (?:and bound )?in |first published|published by|reprinted"
    r"|(?:first|second|third|fourth|fifth|\d+(?:st|nd|rd|th)) edition|todos los derechos|tous droits|dépôt légal"
    r"|alle rechte vorbehalten|tutti i diritti|todos os direitos|depósito legal|版权|定价|印刷|出版社"
    r"|permission of the publisher",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"[\[(]?\d{1,4}[\]).]?\s.{15,400}\b(?:19|20)\d\d\b"
    r"|[A-Z][\w'’-]{1,25},? [A-Z]{1,3}\b.{10,400}\b(?:19|20)\d\d\b|.{0,300}\bdoi\b"
)
_INDEX = re.compile(r"[\w '’()/-]{2,60}(?:, | {2,})\d{1,4}(?:[-–]\d{1,4})?(?:, \d{1,4}(?:[-–]\d{1,4})?){0,30}[,.]?$")
_DEDICATED = re.compile(
    r"(?:to|for) my |dedicated to |in (?:loving )?memory of |para mi|a mis? |à m(?:a|on|es) |für mein", re.IGNORECASE
)
_KINDS = tuple(_HEADINGS)


def _kind(line: str) -> str:
    """Return what a line is: "# kind" of a heading, or "entry", "legal", "reference", "index", "prose", "short"."""
    if len(line) <= 100 and (match := _HEADING.fullmatch(line)):
        return f"# {_KINDS[(match.lastindex or 1) - 1]}"
    if _ENTRY.match(line):
        return "entry"
    if len(line) < 600 and _LEGAL.search(line):
        return "legal"
    if _INDEX.match(line):
        return "index"
    if _REFERENCE.match(line):
        return "reference"
    return "prose" if len(line) > 60 or (len(line) > 30 and line[-1] in ".!?。！？") else "short"


def _lines(text: str, start: int, end: int) -> Iterator[_Line]:
    at = start
    for raw in text[start:end].splitlines(keepends=True):
        if line := raw.strip():
            yield _Line(at, at + len(raw), _kind(line), line)
        at += len(raw)


# --- from the start --------------------------------------------------------------------------------------------------

_TITLE_LINES = 25
Section = tuple[str, int, int]
"""What it is, and the characters that it takes."""


def _front(text: str, share: float) -> list[Section]:
    """Return the sections of matter that a text starts with; none where they reach beyond ``share`` of it."""
    limit = int(len(text) * share)
    found: list[Section] = []
    active, waiting, done = "title page", 0, 0
    seen: set[str] = set()
    for line in _lines(text, 0, min(len(text), limit + 2000)):
        kind = _front_kind(line, active, line.text.lower() in seen)
        if kind is None:
            break
        if kind == "wait":
            waiting += 1
            if waiting > _TITLE_LINES:
                break
            active = "" if active in ("acknowledgements", "dedication") else active
            seen.add(line.text.lower())
            continue
        if done < line.start:  # the short lines before belong to the title page, or to what they stand in
            found.append((f"front matter: {active or kind}", done, line.start))
        found.append((f"front matter: {kind}", line.start, line.end))
        active, waiting, done = kind, 0, line.end
        seen.add(re.split(r"[.…·_]{2}|\s{3}|\t", line.text.lower())[0].strip())
    return found if done <= limit else []


def _front_kind(line: _Line, active: str, again: bool) -> str | None:
    """Return which matter a line is part of, "wait" where what follows will tell, None where the text begins."""
    kind = line.kind
    if kind.startswith("# "):
        name = kind[2:]
        if name == "text":
            return None if again or active != "contents" else "wait"
        return (
            name if name in ("contents", "dedication", "acknowledgements") else "wait" if active == "contents" else None
        )
    if kind == "entry" or (kind == "index" and active == "contents"):
        return "contents"
    if kind == "legal":
        return "copyright"
    if active in ("title page", "copyright") and _DEDICATED.match(line.text) and kind == "short":
        return "dedication"
    if kind == "prose" and active in ("acknowledgements", "dedication"):
        return active
    return None if again or kind in ("prose", "reference") else "wait"


# --- from the end ----------------------------------------------------------------------------------------------------

_LOOKS = {"bibliography": ("reference", "index"), "index": ("index", "short", "entry")}
_LEAST_LINES, _LEAST_SHARE, _LONGEST_THANKS = 5, 0.5, 4000


def _back(text: str, share: float) -> list[Section]:
    """Return the sections of matter that a text ends with, the last first."""
    begin = int(len(text) * (1 - share))
    begin = text.find("\n", begin) + 1 if begin and "\n" in text[begin:] else begin
    lines = list(_lines(text, begin, len(text)))
    found: list[Section] = []
    end = len(text)
    while heads := [at for at, line in enumerate(lines) if line.kind.startswith("# ")]:
        head = lines[heads[-1]]
        name, body = head.kind[2:], lines[heads[-1] + 1 :]
        if not _is_back(name, body):
            break
        found.append((f"back matter: {name}", head.start, end))
        end, lines = head.start, lines[: heads[-1]]
    return found + _tail(lines, end)


def _is_back(name: str, body: list[_Line]) -> bool:
    """Return whether what follows a heading to the end is what the heading says."""
    if name in ("acknowledgements", "about the author"):
        return 0 < sum(len(line.text) for line in body) <= _LONGEST_THANKS
    if name not in _LOOKS or not body:
        return False
    # A reference goes on over several lines, so its lines count up to the next that looks like one.
    alike = sum(line.kind in _LOOKS[name] for line in body)
    long = sum(len(line.text) > 400 for line in body)
    least = _LEAST_SHARE if name == "index" else _LEAST_SHARE / 2
    return alike >= least * len(body) and long <= 0.1 * len(body)


def _tail(lines: list[_Line], end: int) -> list[Section]:
    """Return the run of index lines or of references that a text ends with though no heading says so."""
    for kind, name in (("index", "index"), ("reference", "bibliography")):
        many = 0
        while many < len(lines) and lines[-1 - many].kind == kind:
            many += 1
        if many >= _LEAST_LINES:
            return [(f"back matter: {name}", lines[-many].start, end)]
    return []
