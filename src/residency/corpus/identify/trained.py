"""The tagger of a language: trained at first use from practice (practice.py), and kept for the next time.

It is kept under ``$RESIDENCY_CACHE`` (or ``~/.cache/residency``) in a folder named by the hash of everything that
decides it: the templates, the lists, the code that learns, and the settings. Several processes may ask at once: one
trains, the others wait. Nothing of a patient goes in: practice is made up.
"""

from __future__ import annotations

import fcntl
import functools
import os
from collections.abc import Sequence
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

from residency.core.errors import UserError
from residency.core.progress import say
from residency.core.store import atomic_path, read_json, sha256_file, sha256_json, sha256_text, write_json
from residency.corpus.identify.kinds import kind_of
from residency.corpus.identify.lexicon import known_names, table_of
from residency.corpus.identify.marks import Marks
from residency.corpus.identify.practice import practice
from residency.corpus.identify.tagger import Marked, Tagger, load, train

TEXTS, EPOCHS, SEED = 20_000, 7, 1
"""How much practice: about a minute of one core (docs/lab.md)."""
DECIDES = ("words", "seen", "chain", "tagger", "lexicon", "practice", "slots", "invent", "messes", "medical", "trained")
"""Modules of this package whose code decides what is learned."""
OPEN = 4
"""So many taggers stay open in a process."""


def cache_folder() -> Path:
    """Return where trained taggers are kept."""
    named = os.environ.get("RESIDENCY_CACHE")
    return (Path(named).expanduser() if named else Path.home() / ".cache" / "residency") / "taggers"


def recipe(language: str, texts: int = TEXTS, epochs: int = EPOCHS) -> dict[str, Any]:
    """Return everything that decides the tagger of a language, as JSON."""
    here = resources.files(__package__)
    files = [*(f"{name}.py" for name in DECIDES), f"practice.{language}.yaml"]
    return {
        "language": language,
        "texts": texts,
        "epochs": epochs,
        "seed": SEED,
        "files": {name: sha256_file(Path(str(here.joinpath(name)))) for name in files},
        "lexicon": {"Faker": version("faker")},
        "numba": version("numba"),
    }


def trained(language: str, folder: Path | None = None) -> Marks:
    """Return the tagger of a folder; None: the language's own, trained now where it is not yet kept."""
    return _opened(str(folder or _kept(language)))


@functools.lru_cache(maxsize=OPEN)
def _opened(folder: str) -> Marks:
    return Marks(load(Path(folder)))


def is_kept(language: str) -> bool:
    """Return whether the tagger of a language has been trained here."""
    return (_folder(recipe(language)) / "facts.json").is_file()


def _folder(decided: dict[str, Any]) -> Path:
    return cache_folder() / f"{decided['language']}-{sha256_json(decided)[:16]}"


def _kept(language: str) -> Path:
    decided = recipe(language)
    folder = _folder(decided)
    if (folder / "facts.json").is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # released by the system when the process dies
        if not (folder / "facts.json").is_file():
            say(f"training the tagger of identifiers ({language}) on texts of practice: about a minute, once")
            made = train(practice(TEXTS, seed=SEED, language=language), lists=lists(), epochs=EPOCHS)
            _keep(made, folder, {"language": language, "practice": TEXTS, "labelled": 0, "recipe": decided})
    return folder


def retrained(
    labelled: Sequence[tuple[str, Sequence[Marked]]], *, language: str, out: Path, practice: int | None, seed: int
) -> dict[str, Any]:
    """Train on labelled texts and practice and keep the tagger in ``out``; see ``finder.learn``."""
    marked = [(text, [(start, end, kind_of(label)) for start, end, label in spans]) for text, spans in labelled]
    if not any(spans for _, spans in marked):
        raise UserError(f"none of {len(marked)} labelled texts has an identifier marked; nothing can be learned")
    count = TEXTS if practice is None else practice
    made = train(
        [*_practice(count, language), *marked], lists=lists(), epochs=EPOCHS if count else 2 * EPOCHS, seed=seed
    )
    facts = {"language": language, "practice": count, "labelled": len(marked), "seed": seed}
    return _keep(made, out, facts, learned=sorted({sha256_text(text) for text, _ in marked}))


def _practice(count: int, language: str) -> Sequence[tuple[str, Sequence[Marked]]]:
    return practice(count, seed=SEED, language=language) if count else []


@functools.cache
def lists() -> Any:
    """Return the open table of the names and places that are listed."""
    return table_of(known_names())


def _keep(made: Tagger, folder: Path, facts: dict[str, Any], learned: Sequence[str] = ()) -> dict[str, Any]:
    with atomic_path(folder) as building:
        told = {**facts, "labels": made.labels, "hash": made.save(building, facts)}
        write_json(building / "facts.json", {**told, "learned": list(learned)} if learned else told)
    return told


def facts_of(folder: Path) -> dict[str, Any]:
    """Return what stands beside a tagger that was kept: its hash, labels and counts."""
    found: dict[str, Any] = read_json(folder / "facts.json")
    return found
