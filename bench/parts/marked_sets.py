"""Texts in which every identifier is known, as the bench of de-identification reads them: one form for three sets.

Labels become kinds of ours. What intervals keep whole: of the English gold the template that a document was written
from (its number modulo the count of templates), of presidio_synth the template, of MEDDOCAN the document.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gold.english import Part, english, loaded
from residency.corpus.benchmarks import folder_of
from residency.corpus.benchmarks.annotated import meddocan, presidio
from residency.corpus.identify.kinds import KINDS, kind_of

FOLDS = 5
MERGED = {"COUNTRY": "LOCATION", "HOSPITAL": "ORGANIZATION", "FAX": "PHONE"}
"""Kinds that presidio_synth, and Presidio, do not tell apart."""
Spans = list[tuple[int, int, str]]


@dataclass(frozen=True, slots=True)
class Text:
    """A text, its spans by kind, the mess that each is in ("" where the set tells none), and its group.

    ``merged`` says which kinds of ours are one in the set.
    """

    id: str
    text: str
    spans: Spans
    group: str
    messes: list[str] = field(default_factory=list)
    patient: dict[str, Any] | None = None
    merged: dict[str, str] = field(default_factory=dict)

    @property
    def direct(self) -> list[bool]:
        """Return which spans tell who somebody is: by kind, and of MEDDOCAN's subject ids those that hold a digit.

        (MEDDOCAN marks words such as "lactante" as ids; they tell nobody from another.)
        """
        found = []
        for start, end, kind in self.spans:
            worded = kind == "MRN" and not any(c.isdigit() for c in self.text[start:end]) and not self.messes
            found.append(KINDS[kind].direct and not worded)
        return found


def gold(part: Part, most: int = 0) -> list[Text]:
    """Return the documents of a part of the English gold."""
    templates = len(loaded(part)["documents"])
    made = []
    for number, row in enumerate(english(folder_of("mts_dialog").parent, part)):
        spans = [(start, end, kind) for start, end, kind, _ in row.spans]
        made.append(Text(row.id, row.text, spans, str(number % templates), [s[3] for s in row.spans], row.patient))
    return some(made, most)


def spanish(split: str, most: int = 0) -> list[Text]:
    """Return the documents of a part of MEDDOCAN (train; test is its dev part)."""
    rows = [row for row in meddocan(folder_of("meddocan")) if row["split"] == split]
    return some([_text(row, row["id"]) for row in rows], most)


def synthetic(most: int = 0) -> list[Text]:
    """Return the sentences of presidio_synth."""
    rows = presidio(folder_of("presidio_synth"))
    return some([replace(_text(row, row["group"]), merged=MERGED) for row in rows], most)


def folds(texts: Sequence[Text], count: int = FOLDS) -> list[list[Text]]:
    """Return the texts in folds that share no group."""
    groups = sorted({text.group for text in texts})
    random.Random(0).shuffle(groups)
    place = {group: number % count for number, group in enumerate(groups)}
    return [[text for text in texts if place[text.group] == number] for number in range(count)]


def some(texts: list[Text], most: int) -> list[Text]:
    """Return at most so many, drawn at random; 0: all."""
    return texts if not most or most >= len(texts) else random.Random(1).sample(texts, most)


def _text(row: dict[str, Any], group: str) -> Text:
    spans = sorted({(e["start"], e["end"], kind_of(e["label"])) for e in row["entities"]})
    return Text(row["id"], row["text"], spans, group)


def labelled(texts: Sequence[Text]) -> list[tuple[str, Spans]]:
    """Return texts as a tagger learns from them."""
    return [(text.text, text.spans) for text in texts]


def size(texts: Sequence[Text]) -> float:
    """Return the size of texts in MB of UTF-8."""
    return sum(len(text.text.encode()) for text in texts) / 1e6


def up_to(texts: Sequence[Text], megabytes: float) -> list[Text]:
    """Return the first texts, drawn at random, that come to a size."""
    drawn, made, total = random.Random(2).sample(list(texts), len(texts)), [], 0.0
    for text in drawn:
        made.append(text)
        total += len(text.text.encode()) / 1e6
        if total >= megabytes:
            break
    return made


def folder(root: Path, name: str) -> Path:
    """Return a folder for a trained tagger under a scratch folder."""
    return root / name
