"""What must be known before the first text is treated: the secret key, and every word that occurs in the originals.

Surrogates are drawn with the key and never occur in the originals, so these are read twice: the first time only for
hashes of their words, made with the key, which say whether a word is there and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from residency.core.progress import track
from residency.core.types import Document
from residency.corpus.deidentify.stage import Deidentify, Treating
from residency.corpus.deidentify.taken import hashes_of, load_hashes, merged, save_hashes
from residency.corpus.deidentify.vault import Vault, gather, lock_of_file, new_key, save_vault
from residency.corpus.engine import Engine
from residency.corpus.named import is_public
from residency.corpus.records import Part, Source

KEY, TAKEN, REPLACED = "key", "taken.npy", "replaced"


def begin(settings: Deidentify, opened: Sequence[Source], run: Engine, work: Path, *, seed: int = 0) -> Treating:
    """Return what workers need to treat the texts of opened sources; its files are in ``work``."""
    key = _key(settings, opened, work, seed)
    replaced = work / REPLACED if settings.vault else None
    if replaced:
        replaced.mkdir(exist_ok=True)
    if settings.operator != "surrogate":
        return Treating(settings, key, None, replaced)
    path = work / TAKEN
    if not path.exists():
        tasks = [Counting(part, work / f"words-{number:06d}.npy", key) for number, part in enumerate(_parts(opened))]
        found = list(track(run.each(words_of, tasks), "look which words occur", len(tasks), unit="parts"))
        save_hashes(path, merged(load_hashes(each) for each in found))
        for each in found:
            each.unlink()
    return Treating(settings, key, path, replaced)


def end(treating: Treating) -> None:
    """Put what was replaced into the vault, where one is kept."""
    if treating.replaced:
        lock, path = lock_of_file(treating.settings.key), Path(treating.settings.vault)
        if not path.exists():
            save_vault(path, Vault(treating.key), lock)
        gather(path, lock, treating.replaced)


def _parts(opened: Sequence[Source]) -> list[Part]:
    """Return the parts that may hold notes."""
    return [part for source in opened if source.own or source.waiver for part in source.parts]


def _key(settings: Deidentify, opened: Sequence[Source], work: Path, seed: int) -> bytes:
    """Return the secret key: that of the settings, or a new one that is kept only until the work is done.

    Where nobody is real, nothing is secret: the key follows from the seed, so that the same run gives the same texts.
    """
    if settings.key:
        return hmac.digest(lock_of_file(settings.key).secret, b"surrogates", "sha256")
    if not any(source.own and not source.waiver for source in opened):
        return hashlib.sha256(f"residency: nobody is real here: {seed}".encode()).digest()
    path = work / KEY
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(new_key())
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
        save_hashes(task.path, hashes_of((record.text for record in records if not is_public(record)), task.key))
    return task.path
