"""What of a model's own words is a sentence that a reader can compare with a passage, and which of them bring a number.

Headings, fences and the question said again are no sentences of an answer. A number in other words than the passage's
may be another number: "1 g in a day" has all the words of "1 g up to four times a day".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from residency.corpus.make.support import stems
from residency.infer.answer.parts import Sentence
from residency.infer.answer.sentences import HEADING, spans
from residency.infer.evidence import Evidence

_FENCE = re.compile(r"</?(?:evidence|passages?|sources?|documents?|context|answer)\b[^<>]*>", re.I)
_HEADING_LINE = re.compile(r"(?m)^[ \t]*#+[^\n]*\n?")
_ENDS = " \t\r\n.,:;!?¿¡\"'*_#-–()[]"
_FRAGMENT = re.compile(r"(?:when|where|which|what|who|why|how|whether|cuándo|dónde|cuál|cuáles|qué|quién|cómo)\b", re.I)
_YES_OR_NO = re.compile(
    r"[¿\s]*(?:is|are|was|were|do|does|did|can|could|may|might|must|shall|should|will|would|has|have|had"
    r"|es|son|está|están|puede|pueden|debe|deben|hay|tiene|tienen|se)\b|.*\s(?:or|o|u)\s",
    re.I,
)
"""A question that its own words answer: by yes or no, or by one of two."""
_NO = re.compile(r"\b(?:not?|never|none|nunca|sin)\b|n't\b", re.I)
_ONE = r"(?:tablets?|capsules?|puffs?|drops?|grams?|doses?|times?|hours?|days?|weeks?|months?|years?|daily|per|a)"
_NAMED = "".join(f"(?<!{word} )" for word in "type stage grade class phase tipo estadio grado clase fase".split())
_NUMBER = re.compile(
    rf"(?<!\w)(?<![^\W\d_]-){_NAMED}\d"
    r"|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|once|twice|half|daily|hourly"
    r"|double the|triple the"
    r"|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|mitad|diari[oa]s?)\b"
    rf"|\bone {_ONE}\b|\bun[ao]? (?:comprimido|cápsula|gramo|dosis|vez|hora|día|semana|mes|año)s?\b",
    re.I,
)
"""A number as figures or as a word, and none of a name (type 2, B12); "one" and "un" only of what is counted out."""


def unfenced(text: str) -> str:
    """Return a text without the fences that evidence is laid in, and without lines that are headings."""
    return _HEADING_LINE.sub("", _FENCE.sub("", text)).strip()


def says_something(sentence: str, question: str, evidence: Sequence[Evidence]) -> bool:
    """Return whether a sentence is one: no heading of a passage, and more than the question's own words again.

    A question that is answered by yes or no is answered by its own words too, where they are not asked back.
    """
    text = sentence.strip(_ENDS)
    if not text or sentence.lstrip().startswith("#") or _plain(text) in _headings(evidence):
        return False
    if sentence.rstrip().endswith("?"):
        return False
    words = stems(text)
    if not words or words - stems(question) or _brings(text, question):
        return True
    return bool(_YES_OR_NO.match(question)) and not _FRAGMENT.match(text)


def _brings(text: str, question: str) -> bool:
    """Return whether a text brings a number or a "no" that the question does not have."""
    return bool(_NO.search(text) and not _NO.search(question)) or bool(_figures(text) - _figures(question))


def _figures(text: str) -> set[str]:
    return {found[0].lower() for found in re.finditer(rf"\d+(?:[.,]\d+)*|{_NUMBER.pattern}", text, re.I)}


def reworded(found: Sentence, evidence: Sequence[Evidence]) -> bool:
    """Return whether a sentence brings a number, and does not stand as a whole one, word for word, where it cites."""
    if not _NUMBER.search(found.text):
        return False
    cited = {one.evidence for one in found.citations}
    wanted = _plain(found.text)
    return not any(wanted == one for passage in evidence if passage.id in cited for one in _sentences(passage.text))


def guards(sentence: str, ours: Iterable[str]) -> bool:
    """Return whether a sentence is one of the guard's texts, ``ours``: one of its sentences, and no mere word of it."""
    wanted = _plain(sentence)
    return any(wanted == one for text in ours for one in _sentences(text))


def _sentences(text: str) -> list[str]:
    return [_plain(text), *(_plain(text[start:end]) for start, end in spans(text))]


def _headings(evidence: Sequence[Evidence]) -> set[str]:
    """Return what stands over passages: titles, sections, and their lines that are marked as headings."""
    lines = (line for one in evidence for line in one.text.splitlines() if line.lstrip().startswith("#"))
    heads = {_plain(part) for one in evidence for part in (one.title, one.section) if part} | set(map(_plain, lines))
    return {one for one in heads if len(one.split()) <= HEADING}


def _plain(text: str) -> str:
    return " ".join(text.split()).strip(_ENDS).lower()
