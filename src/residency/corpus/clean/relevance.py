"""Whether a text is medical, by listed terms: how many different ones it has, and how dense they stand.

Lists: general clinical words written for seven languages (``medical_terms.json``), for English the names of the user's
own HPO and ICD-10, and the user's files. After Wang et al. 2024 (Apollo), arXiv 2403.03640, and Qiu et al. 2024
(MMedC), arXiv 2402.13963, section on filtering by keyword count and density.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from residency.core.errors import UserError
from residency.core.legal import Count, ExistingFile, Share
from residency.core.types import Document
from residency.corpus.clean.words import Reading, Terms
from residency.corpus.hpo import read_hpo
from residency.corpus.icd10 import read_icd10

_LONGEST_NAME = 4
"""Names of more words hardly ever stand in a text as they stand in a classification."""


@dataclass(frozen=True, slots=True)
class Relevance:
    """How medical a text has to be; a language without a list of terms is not judged."""

    # The fewest different medical terms that a text must have.
    distinct: Count = 2
    # The fewest medical terms to a word (to a character, in writing without spaces).
    density: Share = 0.02
    # Whether the names of the installed HPO and ICD-10 count as terms, for English.
    ontologies: bool = True
    # Your own lists of terms, one a line; cardi* is a stem.
    lists: tuple[ExistingFile, ...] = ()


def relevance_check(settings: Relevance) -> Callable[[Reading, str], str | None]:
    """Return a function of a text and its language that returns the reason to drop it."""
    own = [term for path in settings.lists for term in lines_of(path)]
    lists = {language: [*terms, *own] for language, terms in general_terms().items()}
    if settings.ontologies:
        lists["en"] += ontology_names()
    made: dict[str, Terms] = {}

    def check(reading: Reading, language: str) -> str | None:
        if language not in lists:
            return None
        terms = made.get(language) or made.setdefault(language, Terms(lists[language]))
        times, distinct = terms.count(reading)
        if distinct < settings.distinct:
            return "relevance: few medical terms"
        size = len(reading.text) if reading.unspaced else len(reading.words)
        return "relevance: medical terms are thin" if times < settings.density * size else None

    return check


@cache
def general_terms() -> dict[str, list[str]]:
    """Return the terms that come with this package, by language."""
    content = files("residency.corpus.clean").joinpath("medical_terms.json").read_text(encoding="utf-8")
    return {language: terms for language, terms in json.loads(content).items() if language != "origin"}


def lines_of(path: Path) -> list[str]:
    """Return a user's list: one entry a line; empty lines and those that start with # are passed over."""
    try:
        content = Path(path).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: the list cannot be read as UTF-8 text ({type(error).__name__})") from None
    return [line.strip() for line in content.splitlines() if line.strip() and not line.startswith("#")]


@cache
def ontology_names() -> tuple[str, ...]:
    """Return the short names of findings and diagnoses in the user's own HPO and ICD-10.

    Names of one word are taken as they are, so that general ones (``Pain``, ``Other``) count as little as they say.
    """
    return tuple(dict.fromkeys(name for name in _names() if len(name.split()) <= _LONGEST_NAME and len(name) > 3))


def _names() -> Iterator[str]:
    for source in (read_hpo(), read_icd10()):
        for part in source.parts:
            for record in part():
                if isinstance(record, Document):
                    yield str(record.meta.get("description") or record.meta.get("name") or "")
                    yield from (entry["text"] for entry in record.meta.get("synonyms", ()) if entry["scope"] == "EXACT")
