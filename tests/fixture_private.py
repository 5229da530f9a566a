"""Notes with identifiers that are planted in them, and a trained tagger that is small enough for a test."""

import json
from functools import cache
from pathlib import Path

from residency.corpus.identify.practice import practice
from residency.corpus.identify.tagger import train

PLANTED = ("Okonjovic", "Adaezeline", "48-22911", "Larchwood Terrace", "217-555-0143")
NOTES = {
    "a": "Patient: Okonjovic, Adaezeline   MRN: 48-22911\nMrs. Okonjovic was seen on 03/05/2024 by Dr. Vandermeer "
    "at 14 Larchwood Terrace, Springfield, IL 62704. She has type 2 diabetes mellitus. Phone 217-555-0143.\n",
    "b": "MRN: 48-22911\nMrs. Okonjovic came back on 03/19/2024. No tremor. Seen by Dr. Vandermeer.\n",
}


@cache
def small():
    """Return a tagger that learned from a little practice."""
    return train(practice(300, seed=5), epochs=4, bits=16)


def tagger(folder: Path) -> Path:
    """Return the folder of the small tagger, written there."""
    facts = {"language": "en", "practice": 300, "labelled": 0}
    (folder / "tagger").mkdir(parents=True, exist_ok=True)
    told = {**facts, "labels": small().labels, "hash": small().save(folder / "tagger", facts)}
    (folder / "tagger" / "facts.json").write_text(json.dumps(told))
    return folder / "tagger"


def notes(folder: Path, texts=NOTES, *, patient="P-1001") -> Path:
    """Return the folder of notes of one patient, written there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(f"---\npatient: {patient}\ndate: 2024-03-05\n---\n{text}")
    return folder
