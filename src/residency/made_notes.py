"""Made-up notes whose identifiers are marked, as examples: what an encoder learns to find them from.

The same notes as those that the tagger of identifiers practises on; nobody in them is real.
"""

from __future__ import annotations

from typing import Any

from residency import __version__
from residency.core.errors import UserError
from residency.core.types import Example
from residency.corpus.identify.finder import NEEDS
from residency.evaluate.tasks.form import Ask, example_of

NAME = "identifiers"
"""Of the task, and of the source."""


def notes_of(count: int, language: str) -> tuple[list[Example], dict[str, Any]]:
    """Return so many notes of a language, and what is said of them as a source; UserError where a part is missing."""
    try:
        from residency.corpus.identify.practice import practice

        notes = practice(count, language=language)
    except ImportError as error:
        raise UserError(f"{error.name} is not installed: {NEEDS}") from error
    ask = Ask("Find what identifies somebody.", tuple(sorted({label for _, marks in notes for *_, label in marks})))
    made = []
    for number, (text, marks) in enumerate(notes):
        entities = [{"start": start, "end": end, "label": label} for start, end, label in marks]
        item = {"id": f"{NAME}/{number:06d}", "text": text, "entities": entities, "meta": {"use": "instruct"}}
        made.append(example_of("extract", ask, item, task=NAME, source=NAME, split="train"))
    words = f"{NAME}: {count:,} notes made up by Residency {__version__} ({language}); nobody in them is real."
    about = {"name": NAME, "version": __version__, "licence": "Apache-2.0", "documents": count, "bad": 0}
    return made, {**about, "acknowledgement": words, "public": True}
