"""Six people who need something, as the files that they have and the command that they give; all of it made up."""

from __future__ import annotations

import json
import random
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from residency import cli
from residency.advise import case as cases
from residency.advise.advice import Advice, advise
from residency.advise.case import Case, case_of
from residency.catalog.entries import Catalog, load
from residency.corpus.benchmarks import SETS

DRUGS = (
    "aspirin metformin ramipril warfarin heparin insulin digoxin lisinopril amoxicillin prednisone furosemide codeine "
    "atenolol morphine ibuprofen simvastatin"
).split()
SIGNS = (
    "cough",
    "fever",
    "chest pain",
    "nausea",
    "a rash",
    "back pain",
    "dizziness",
    "headache",
    "fatigue",
    "swelling",
)
URGENT = ("crushing chest pain", "sudden weakness of one arm", "vomiting blood", "a fit just now", "cannot breathe")
ROUTINE = ("a new prescription", "an itchy toe", "a certificate", "a question on diet", "a date for a check")
PEOPLE = ("A carpenter", "A teacher", "A nurse", "A student", "A driver", "A cook", "A farmer", "A pensioner")
PLACES = ("at home", "at work", "on the bus", "in the garden", "after lunch", "last night", "this morning", "on Sunday")


def extraction(count: int, seed: int, words: Sequence[str] = DRUGS) -> Iterator[dict[str, Any]]:
    """Yield notes with the drugs and signs that they name."""
    draw = random.Random(seed)
    for number in range(count):
        drug, other, sign = draw.choice(words), draw.choice(words), draw.choice(SIGNS)
        where = f"{draw.choice(PEOPLE)} aged {draw.randint(20, 80)} had {{sign}} {draw.choice(PLACES)}"
        forms = (
            f"{where}; {{drug}} {draw.randint(5, 500)} mg was begun.",
            f"{{drug}} was stopped for {{sign}}, and {{other}} given {draw.choice(PLACES)}.",
            f"Takes {{drug}} and {{other}}. Reports {{sign}} {draw.choice(PLACES)}.",
        )
        yield _note(f"n{seed}-{number}", draw.choice(forms), {"drug": drug, "other": other, "sign": sign})


def _note(name: str, form: str, said: dict[str, str]) -> dict[str, Any]:
    """Return a note in which the fields of a form are filled in, and where they stand."""
    text, entities = "", []
    for piece in form.split("{"):
        key, closed, rest = piece.partition("}")
        if closed:
            label = "Sign" if key == "sign" else "Drug"
            entities.append({"start": len(text), "end": len(text) + len(said[key]), "label": label})
        text += said[key] + rest if closed else piece
    return {"id": name, "text": text, "entities": entities}


def triage(count: int, seed: int) -> Iterator[dict[str, str]]:
    """Yield calls, each urgent or routine."""
    draw = random.Random(seed)
    for number in range(count):
        label = draw.choice(("urgent", "routine"))
        why = draw.choice(URGENT if label == "urgent" else ROUTINE)
        text = f"{draw.choice(PEOPLE)} calls {draw.choice(PLACES)}: {why}, {draw.randint(2, 99)} minutes ago."
        yield {"id": f"c{seed}-{number}", "text": text, "label": label}


def write_task(folder: Path, name: str, made: Callable[[int, int], Any], parts: Sequence[int], **fields: Any) -> None:
    """Write a task's file and the items that it names: those to learn, to watch and to examine."""
    files = {"train": f"{name}-train.jsonl", "dev": f"{name}-dev.jsonl", "items": f"{name}-test.jsonl"}
    for seed, (file, count) in enumerate(zip(files.values(), parts, strict=True)):
        lines = (json.dumps(item) + "\n" for item in made(count, seed))
        (folder / file).write_text("".join(lines), encoding="utf-8")
    declared = {"task": name, **files, "waiver": "made up for a test", **fields}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(declared, sort_keys=False), encoding="utf-8")


def write_all(folder: Path) -> None:
    """Write what the six have."""
    for name, text in (("notes", "Seen for a cough."), ("notas", "Acude por tos.")):
        (folder / name).mkdir()
        for number in range(3):
            (folder / name / f"{number}.txt").write_text(f"{text} {number}.\n", encoding="utf-8")
    labels = {"kind": "extract", "labels": ["Drug", "Sign"]}
    write_task(folder, "findings", extraction, (375, 50, 75), **labels)
    write_task(folder, "hallazgos", extraction, (375, 50, 75), **labels, language="es")
    write_task(folder, "drugs", extraction, (160, 24, 60), **labels, instruction="Find all drugs and signs.")
    instruction = "How soon must this caller be seen?"
    write_task(folder, "triage", triage, (160, 24, 60), kind="classify", labels=["urgent", "routine"],
               instruction=instruction)  # fmt: skip


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The catalog as it comes."""
    return load()


@pytest.fixture(scope="session")
def belongings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what the six have, and the public sets, though they are empty."""
    folder = tmp_path_factory.mktemp("belongings")
    for about in SETS.values():
        (folder / "sets" / about.folder).mkdir(parents=True, exist_ok=True)
    write_all(folder)
    return folder


@pytest.fixture
def ward(tmp_path: Path, belongings: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that we are in, with what the six have; every public set is there, though an empty one."""
    shutil.copytree(belongings, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("RESIDENCY_DATA", str(tmp_path / "sets"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    cases.counts_of.cache_clear()
    return tmp_path


def options(command: str) -> dict[str, Any]:
    """Return what a command asks for."""
    return vars(cli.make_parser().parse_args(shlex.split(command)[1:]))


@pytest.fixture
def advised(ward: Path, catalog: Catalog) -> Callable[[str], Advice]:
    """Return what makes the advice of a command (without "residency advise")."""
    return lambda command: advise(case_of(options(f"residency advise {command}"), catalog))


@pytest.fixture
def case(ward: Path, catalog: Catalog) -> Callable[[str], Case]:
    """Return what makes the case of a command."""
    return lambda command: case_of(options(f"residency advise {command}"), catalog)
