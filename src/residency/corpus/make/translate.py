"""Rows in another language by a model, each checked on the way back.

A translation is kept where its numbers, symbols of units and placeholders are the same, and its translation back is
near the original (chrF, Popović 2015, or a measure that is handed in). A round trip finds what was lost, not what reads
badly: a speaker of the language has to read a sample.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import islice
from typing import Annotated, Any

from residency.core.legal import Range, Rule, Seed
from residency.core.store import dumps
from residency.core.types import Document, Message, Model, Reply
from residency.corpus.make.measures import same_numbers
from residency.corpus.make.passages import Cut, passages
from residency.corpus.make.prompts import TRANSLATE, asked
from residency.corpus.make.rows import (
    STRING,
    Asking,
    Outcome,
    Refused,
    list_of,
    object_of,
    parsed,
    plain,
    replies,
    standing_on,
)

Similar = Callable[[Sequence[str], Sequence[str]], Sequence[float]]
"""A measure of two lists of texts, pair by pair, from 0 (nothing in common) to 100 (the same)."""
Percent = Annotated[float, Range(least=0, most=100)]
LARGE, ALL = Asking(max_tokens=1500), Cut(least=1)
NUMBERS, MARKS, FAR, SAME, EMPTY, NOTHING, BACK = (
    "a number or unit is not the same",
    "a placeholder is not the same",
    "the way back leads elsewhere",
    "it was not translated",
    "a part of it is empty",
    "there is nothing to translate",
    "the way back cannot be read",
)
COUNT = "more or fewer texts came back than were sent"
LANGUAGES = {
    "ar": "Arabic",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fi": "Finnish",
    "fr": "French",
    "hi": "Hindi",
    "hu": "Hungarian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "no": "Norwegian",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sv": "Swedish",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "vi": "Vietnamese",
    "zh": "Chinese",
}
Language = Annotated[str, Rule("a language of two letters, such as es", lambda v: None if re.fullmatch("[a-z]{2,3}", v)
                     else f"{v!r} is no language code; legal: two letters, such as es")]  # fmt: skip
_MARK = re.compile(r"\{[^{}\n]{0,60}\}|\[[^\[\]\n]{1,60}\]|<[^<>\n]{1,60}>|%[sd]\b|_{3,}|https?://[^\s)>\]]+")


def translated(
    documents: Iterable[Document],
    model: Model,
    *,
    # The language that is translated into.
    to: Language,
    # How like the original the way back must be, in chrF.
    least: Percent = 50.0,
    cut: Cut = ALL,
    similar: Similar | None = None,
    asking: Asking = LARGE,
    # What is drawn by; the seed of make, unless it is given here.
    seed: Seed = 0,
) -> Iterator[Outcome]:
    """Yield each row in the language ``to`` (ISO 639-1): its turns, or where it has none its text by passages.

    The way back must reach ``least`` in chrF (0 to 100), or in what ``similar`` measures.
    """
    jobs = (job for document in documents for job in _jobs(document, cut))
    for (document, key), found in _round_trips(jobs, model, to, least, similar or chrf, asking, seed):
        yield (
            Refused(found) if isinstance(found, str) else _translation(document, f"{key}:{to}", to, model.name, *found)
        )


# --- what is translated of a row -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Job:
    """A row with its key, its texts in their order, and the language that they are in."""

    row: tuple[Document, str]
    texts: list[str]
    language: str


def _jobs(document: Document, cut: Cut) -> Iterator[Job]:
    turns = [message["content"] for message in _turns(document.meta)]
    if turns or not document.text.strip():
        yield Job((document, document.id), turns, document.language)
    else:
        for passage in passages(document, cut):
            part = replace(document, text=passage.text)
            yield Job((part, f"{document.id}:{passage.number}"), [passage.text], document.language)


def _turns(meta: dict[str, Any]) -> list[Message]:
    """Return all turns of a row, in their order."""
    return [message for key in ("messages", "prompt", "chosen", "rejected") for message in meta.get(key) or []]


def _translation(document: Document, key: str, to: str, name: str, texts: list[str], way_back: float) -> Document:
    meta = deepcopy(document.meta)
    turns = _turns(meta)
    for message, text in zip(turns, texts if turns else [], strict=True):
        message["content"] = text
    shown = meta.get("messages") or [*(meta.get("prompt") or []), *(meta.get("chosen") or [])]
    meta |= {"translated_by": name, "way_back": way_back, "from": [document.id]}
    row = standing_on([document], key, plain(shown) if turns else texts[0], "translated", meta)
    return replace(row, language=to)


# --- there and back --------------------------------------------------------------------------------------------------


def _round_trips(
    jobs: Iterator[Job], model: Model, to: str, least: float, measure: Similar, asking: Asking, seed: int
) -> Iterator[tuple[Any, tuple[list[str], float] | str]]:
    """Yield each row with its texts translated and how near the way back came, or with the reason for refusal."""
    number = 0
    while part := list(islice(jobs, asking.batch)):
        asks = [(job.texts, job.language, to) for job in part]
        gone = _asked(model, asks, asking, seed + number)
        found = [
            _fault(j, texts) or texts if isinstance(texts, list) else texts for j, texts in zip(part, gone, strict=True)
        ]
        returns = [
            ([] if isinstance(texts, str) else texts, to, j.language) for j, texts in zip(part, found, strict=True)
        ]
        came = _asked(model, returns, asking, seed + number + 1)
        for job, texts, back in zip(part, found, came, strict=True):
            yield job.row, texts if isinstance(texts, str) else _returned(job, texts, back, least, measure)
        number += 2


def _asked(
    model: Model, parts: Sequence[tuple[list[str], str, str]], asking: Asking, seed: int
) -> list[list[str] | str]:
    """Return the translations of each list of texts from a language to another, or why there are none.

    Rows of equally many texts are asked together, so that the form can say how many must come back.
    """
    found: list[list[str] | str] = [NOTHING] * len(parts)
    for size in sorted({len(texts) for texts, _, _ in parts} - {0}):
        places = [place for place, part in enumerate(parts) if len(part[0]) == size]
        schema = object_of(texts=list_of(STRING, size, size))
        for place, reply in replies(model, places, lambda at: _prompt(parts[at]), asking, seed=seed, schema=schema):
            found[place] = _read(parts[place], reply)
    return found


def _prompt(part: tuple[list[str], str, str]) -> list[Message]:
    texts, source, target = part
    names = [LANGUAGES.get(code, code) for code in (source, target)]
    return asked(TRANSLATE, source=names[0], target=names[1], texts=dumps(texts))


def _read(part: tuple[list[str], str, str], reply: Reply) -> list[str] | str:
    found = parsed(reply, TRANSLATE.schema)
    if isinstance(found, str):
        return found
    return [text.strip() for text in found["texts"]] if len(found["texts"]) == len(part[0]) else COUNT


def _fault(job: Job, texts: list[str]) -> str | None:
    """Return the first thing that is wrong with a translation by itself."""
    if any(bool(before.strip()) != bool(after) for before, after in zip(job.texts, texts, strict=True)):
        return EMPTY
    if not all(same_numbers(before, after) for before, after in zip(job.texts, texts, strict=True)):
        return NUMBERS
    if any(Counter(_MARK.findall(a)) != Counter(_MARK.findall(b)) for a, b in zip(job.texts, texts, strict=True)):
        return MARKS
    whole = any(
        len(before.split()) > 5 and before.strip() == after for before, after in zip(job.texts, texts, strict=True)
    )
    return SAME if whole else None


def _returned(
    job: Job, texts: list[str], back: list[str] | str, least: float, measure: Similar
) -> tuple[list[str], float] | str:
    """Return a translation with the lowest likeness of its parts on the way back, or why it is refused."""
    if isinstance(back, str):
        return BACK
    long = [(a, b) for a, b in zip(back, job.texts, strict=True) if b.strip()]
    near = float(min(measure([a for a, _ in long], [b for _, b in long]), default=0.0))
    return FAR if near < least else (texts, round(near, 1))


def chrf(texts: Sequence[str], originals: Sequence[str]) -> list[float]:
    """Return chrF (0 to 100) of each text against its original: character n-grams to 6, recall weighing twice."""
    from sacrebleu.metrics import CHRF

    metric = CHRF()
    return [metric.sentence_score(text, [original]).score for text, original in zip(texts, originals, strict=True)]
