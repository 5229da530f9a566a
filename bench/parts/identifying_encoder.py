"""An encoder that learned to find identifiers from texts of practice, as the bench of de-identification opens it."""

from __future__ import annotations

from pathlib import Path

from residency.core.store import write_examples, write_manifest
from residency.corpus.identify.finder import Finder, finder
from residency.made_notes import notes_of
from residency.models.load import load, prepare
from residency.train.encode import encode
from residency.train.schedule import Schedule

SCHEDULE = Schedule(learning_rate=4e-4, batch_tokens=1024, accumulate=2, epochs=2, evaluate=200)


def encoder(folder: Path, texts: int, *, mode: str) -> Finder:
    """Return MiniLM after so many texts of practice (a twentieth held out) as a finder; trained where it is not yet."""
    if not (folder / "encode" / "manifest.json").exists():
        (folder / "examples").mkdir(parents=True)
        write_examples(folder / "examples" / "examples.jsonl", notes_of(texts, "en")[0])
        write_manifest(folder / "examples", stage="examples")
        prepare(base="minilm", out=folder / "base")
        encode(folder / "base", folder / "examples", out=folder / "encode", schedule=SCHEDULE)
    return finder("encoder", mode=mode, tagger=folder / "encode" / "model", opened=load)
