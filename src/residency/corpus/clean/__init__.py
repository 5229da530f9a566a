"""Clean documents: each check returns a stable reason to drop one, or nothing; front and back matter is cut out.

``cleaner`` is built once a process and called on each document. Which checks apply goes by the document's kind: terms
and codes pass untouched, conversations are not held to the rules of running text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from residency.core.legal import AtLeastOne, Language, Range, agree
from residency.core.types import Document
from residency.corpus.clean.books import Matter, trim
from residency.corpus.clean.language import language_of
from residency.corpus.clean.quality import Quality, quality_check
from residency.corpus.clean.relevance import Relevance, relevance_check
from residency.corpus.clean.safety import Safety, safety_check
from residency.corpus.clean.words import read
from residency.corpus.records import KNOWLEDGE_KINDS

KNOWLEDGE = KNOWLEDGE_KINDS | {"label"}
Votes = Annotated[int, Range(least=-1_000_000, most=1_000_000)]
CONVERSATION = frozenset({"instruction", "dialogue", "preference"})
BOUND = frozenset({"book", "page"})


@dataclass(frozen=True, slots=True)
class Clean:
    """What documents are held to; ``false`` (for ``languages``: nothing) switches a check off."""

    # Codes of the languages to keep, as found in the text where that is sure, else as the source says; empty: all.
    languages: tuple[Language, ...] = ()
    # When documents are given the found language: never, where the source says none (missing), or always.
    set_language: Literal["never", "missing", "always"] = "missing"
    # Texts of fewer characters fall.
    shortest: AtLeastOne = 1
    # Texts of more characters fall.
    longest: AtLeastOne = 20_000_000
    # Forum answers with fewer votes fall; null: votes are not looked at.
    votes: Votes | None = None
    matter: Matter | bool = field(default_factory=Matter)
    quality: Quality | bool = field(default_factory=Quality)
    safety: Safety | bool = field(default_factory=Safety)
    relevance: Relevance | bool = False

    def __post_init__(self) -> None:
        """Hold the settings against each other."""
        if self.shortest > self.longest:
            agree(
                [(("shortest", "longest"), f"shortest {self.shortest} is more than longest {self.longest}: all fall")]
            )


@dataclass(frozen=True, slots=True)
class Outcome:
    """Why a document is dropped (None: it is kept), and how many characters were cut out of it, by reason."""

    reason: str | None = None
    trimmed: Mapping[str, int] = field(default_factory=dict)


def cleaner(settings: Clean) -> Callable[[Document], Outcome]:
    """Return the function that checks a document; it may set its language, and cut its text."""
    matter = Matter() if settings.matter is True else settings.matter
    texts = _text_checks(settings)

    def clean(document: Document) -> Outcome:
        kind = document.meta.get("kind")
        if kind in KNOWLEDGE:
            return Outcome()
        trimmed: dict[str, int] = {}
        if isinstance(matter, Matter) and kind in BOUND and not document.spans:
            document.text, trimmed = trim(document.text, matter)
        reason = _length(document, settings) or _votes(document, settings) or _language(document, settings)
        return Outcome(reason or texts(document, kind in CONVERSATION), trimmed)

    return clean


def _text_checks(settings: Clean) -> Callable[[Document, bool], str | None]:
    """Return the checks that look at words, which are cut once for all of them."""
    quality = _made(settings.quality, Quality, quality_check)
    safety = _made(settings.safety, Safety, safety_check)
    relevance = _made(settings.relevance, Relevance, relevance_check)
    if not (quality or safety or relevance):
        return lambda document, conversation: None

    def check(document: Document, conversation: bool) -> str | None:
        reading = read(document.text)
        reason = quality(reading, document.language) if quality and not conversation else None
        if reason is None and safety:
            reason = safety(reading)
        if reason is None and relevance:
            reason = relevance(reading, document.language)
        return reason

    return check


def _made(setting: object, kind: type, make: Callable) -> Callable[..., str | None] | None:
    if setting is True:
        return make(kind())
    return make(setting) if setting else None


def _length(document: Document, settings: Clean) -> str | None:
    length = len(document.text)
    if length < settings.shortest or not document.text.strip():
        return "length: too short"
    return "length: too long" if length > settings.longest else None


def _votes(document: Document, settings: Clean) -> str | None:
    votes = document.meta.get("votes")
    few = settings.votes is not None and isinstance(votes, int | float) and votes < settings.votes
    return "votes: too few" if few else None


def _language(document: Document, settings: Clean) -> str | None:
    """Return the reason where the language is not wanted; set the document's where that is asked for."""
    missing = document.language in ("", "und")
    sets = settings.set_language == "always" or (missing and settings.set_language == "missing")
    if not settings.languages and not sets:
        return None
    found = language_of(document.text)
    if sets and found:
        document.language = found
    language = found or _code(document.language)
    if not settings.languages or language in settings.languages or language in ("", "und"):
        return None
    return f"language: {language}"


def _code(said: str) -> str:
    """Return the code a source gives, without its country; "other" for what is none, since reasons are counted."""
    code = said.partition("-")[0].lower()
    return code if len(code) <= 3 and code.isalpha() or not code else "other"
