"""Clean documents: each check returns a stable reason to drop one, or nothing; front and back matter is cut out.

``batch_cleaner`` is built once a process and called on many documents at a time. Which checks apply goes by the
document's kind: terms and codes pass untouched, conversations are not held to the rules of running text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, TypeVar

from residency.core.legal import AtLeastOne, Language, Range, agree
from residency.core.types import Document
from residency.corpus.clean.books import Matter, trim
from residency.corpus.clean.language import language_of
from residency.corpus.clean.quality import Quality, quality_check
from residency.corpus.clean.relevance import Relevance, relevance_check
from residency.corpus.clean.safety import Safety, safety_check
from residency.corpus.clean.screen import screen
from residency.corpus.clean.words import read
from residency.corpus.compare.hashing import Words, words
from residency.corpus.records import KNOWLEDGE_KINDS

KNOWLEDGE = KNOWLEDGE_KINDS | {"label"}
Setting = TypeVar("Setting")
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


_PASSED = Outcome()


def cleaner(settings: Clean) -> Callable[[Document], Outcome]:
    """Return the function that checks a document; it may set its language, and cut its text."""
    clean = batch_cleaner(settings)
    return lambda document: clean([document])[0][0]


def batch_cleaner(settings: Clean) -> Callable[[Sequence[Document]], tuple[list[Outcome], Words]]:
    """Return the function that checks documents, many at a time, and returns their words beside the outcomes.

    Each outcome is what the document alone would get: the words of all spare most of them the slow rules (``screen``).
    """
    before, texts = _first_checks(settings), _text_checks(settings)
    quality, safety = _on(settings.quality, Quality), _on(settings.safety, Safety)
    surely = screen(quality, safety)

    def clean(documents: Sequence[Document]) -> tuple[list[Outcome], Words]:
        outcomes = [before(document) for document in documents]
        found = words([document.text for document in documents], unspaced=True)
        sure = surely(found, documents)
        for place, document in enumerate(documents):
            kind = document.meta.get("kind")
            if outcomes[place].reason is None and kind not in KNOWLEDGE:
                reason = texts(document, kind in CONVERSATION, bool(sure[place]))
                outcomes[place] = replace(outcomes[place], reason=reason) if reason else outcomes[place]
        return outcomes, found

    return clean


def _first_checks(settings: Clean) -> Callable[[Document], Outcome]:
    """Return the checks that need no words, after what is cut out of a document."""
    matter = _on(settings.matter, Matter)

    def check(document: Document) -> Outcome:
        kind = document.meta.get("kind")
        if kind in KNOWLEDGE:
            return _PASSED
        trimmed: dict[str, int] = {}
        if matter and kind in BOUND and not document.spans:
            document.text, trimmed = trim(document.text, matter)
        reason = _length(document, settings) or _votes(document, settings) or _language(document, settings)
        return Outcome(reason, trimmed) if reason or trimmed else _PASSED

    return check


def _text_checks(settings: Clean) -> Callable[[Document, bool, bool], str | None]:
    """Return the checks that look at words, which are cut once for all of them."""
    quality = _made(settings.quality, Quality, quality_check)
    safety = _made(settings.safety, Safety, safety_check)
    relevance = _made(settings.relevance, Relevance, relevance_check)
    nothing = not (quality or safety or relevance)

    def check(document: Document, conversation: bool, sure: bool) -> str | None:
        if nothing or (sure and not relevance):
            return None
        reading = read(document.text)
        reason = quality(reading, document.language) if quality and not conversation and not sure else None
        if reason is None and safety and not sure:
            reason = safety(reading)
        if reason is None and relevance:
            reason = relevance(reading, document.language)
        return reason

    return check


def _on(setting: Any, kind: type[Setting]) -> Setting | None:
    """Return the settings of a check that is on; ``true`` is those by default."""
    return kind() if setting is True else setting or None


def _made(setting: object, kind: type, make: Callable) -> Callable[..., str | None] | None:
    settings = _on(setting, kind)
    return make(settings) if settings else None


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
