"""What must be known before the first text is treated: the secret key, and every word that occurs in the originals.

Surrogates are drawn with the key and never occur in the originals, so these are read twice: the first time only for
hashes of their words, made with the key, which say whether a word is there and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from residency.core.progress import track
from residency.core.types import Document
from residency.corpus.deidentify.stage import Deidentify, Treating, of_patients
from residency.corpus.deidentify.taken import Taken, merged
from residency.corpus.deidentify.vault import read_key
from residency.corpus.engine import Engine
from residency.corpus.records import Part, Source

KEY, TAKEN = "key", "taken.npy"
KEY_BYTES = 32


def begin(settings: Deidentify, opened: Sequence[Source], run: Engine, work: Path, *, seed: int = 0) -> Treating:
    """Return what workers need to treat the texts of opened sources; its files are in ``work``."""
    key = _key(settings, opened, work, seed)
    if settings.operator != "surrogate":
        return Treating(settings, key)
    path = work / TAKEN
    if not path.exists():
        tasks = [Counting(part, work / f"words-{number:06d}.npy", key) for number, part in enumerate(_parts(opened))]
        found = list(track(run.each(words_of, tasks), "look which words occur", len(tasks), unit="parts"))
        merged(found, path)
        for each in found:
            each.unlink()
    return Treating(settings, key, path)


def _parts(opened: Sequence[Source]) -> list[Part]:
    """Return the parts that may hold notes."""
    return [part for source in opened if source.own or source.waiver for part in source.parts]


def _key(settings: Deidentify, opened: Sequence[Source], work: Path, seed: int) -> bytes:
    """Return the secret key: that of the settings, or a new one that is kept only until the work is done.

    Where nobody is real, nothing is secret: the key follows from the seed, so that the same run gives the same texts.
    """
    if settings.key:
        return read_key(Path(settings.key))
    if not any(source.own and not source.waiver for source in opened):
        return hashlib.sha256(f"residency: nobody is real here: {seed}".encode()).digest()
    path = work / KEY
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
    return path.read_bytes()


@dataclass(frozen=True, slots=True)
class Counting:
    """A part whose words are looked at, and where their hashes go."""

    part: Part
    path: Path
    key: bytes = field(repr=False)


def words_of(task: Counting) -> Path:
    """Return the file of hashes of the words of a part's notes, after writing it."""
    if not task.path.exists():
        records = (record for record in task.part() if isinstance(record, Document))
        Taken.of((record.text for record in records if of_patients(record)), task.key).save(task.path)
    return task.path
