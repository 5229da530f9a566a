"""A simulated hospital as documents: clinosim simulates a year of patients, and its notes are read with the coded
Condition and Medication rows behind them. No patient is real; seed and end date fix every byte.

clinosim runs in a process of its own: it prints, and its order must not hang on this process's hash seed. It holds its
whole population in memory, so that many people are simulated in blocks, each a part with a seed of its own.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

from residency.core.errors import SourceError
from residency.core.legal import AtLeastOne, Date, Seed
from residency.core.store import storage_error
from residency.core.types import Document
from residency.corpus.readers import Record
from residency.corpus.readers.fhir import joint_parts
from residency.corpus.readers.guard import Given
from residency.corpus.records import Source, package_folder

REQUIREMENT = "clinosim==0.6.5"
LICENCE = "MIT (clinosim); codes under the licences of ICD-10-CM, RxNorm and LOINC"
ACKNOWLEDGEMENT = (
    "Simulated patients, none of them real, by clinosim (MIT licence). Note types are named by LOINC "
    "(http://loinc.org, copyright Regenstrief Institute), medications by RxNorm (US National Library of Medicine)."
)
NOBODY = "synthetic: its people are simulated, none of them is real"
_KEPT = ("HOME", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "SYSTEMROOT", "TMPDIR")
"""What the simulation sees of our environment: enough to start, nothing that could change what it makes."""
BLOCK = 500
"""How many people are simulated at once."""
_FILES = ("Composition", "Condition", "DocumentReference", "Medication", "MedicationRequest")


def read_hospital(
    *,
    scratch: Path,
    # How many people live around the hospital; about 0.1 s each.
    population: AtLeastOne = 100,
    # What the people and their illnesses are drawn from.
    seed: Seed = 1,
    # The last day of the year that is simulated.
    end_date: Date = "2024-12-31",
    # Whose names, units and habits the hospital has.
    country: Literal["US", "JP"] = "US",
) -> Source:
    """Return the notes of the year up to ``end_date`` (ISO) among ``population`` people.

    A part of it, of up to ``BLOCK`` people, is simulated when it is read, in a folder under ``scratch`` that is removed
    after reading: about 0.1 s a person. From the second block on, ids begin with the number of the block.
    """
    package_folder("clinosim", requirement=REQUIREMENT)
    try:
        end = date.fromisoformat(str(end_date))
    except ValueError:
        raise SourceError(f"end_date is {end_date!r}; it must be a date such as 2024-12-31") from None
    if population < 1:
        raise SourceError(f"population is {population}; it must be at least 1")
    for left in scratch.glob(".hospital-*"):  # by a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    common = ["--country", country, "--start", str(end - timedelta(days=365)), "--end", str(end)]
    sizes = [min(BLOCK, population - start) for start in range(0, population, BLOCK)]
    parts = tuple(partial(_block, scratch, number, size, seed, common) for number, size in enumerate(sizes))
    version = importlib.metadata.version("clinosim")
    return Source("simulated_hospital", version, LICENCE, ACKNOWLEDGEMENT, (), parts, waiver=NOBODY)


def _block(scratch: Path, number: int, size: int, seed: int, common: list[str]) -> Iterator[Record]:
    """Yield what a block of people gives; the first block is that of a hospital of one."""
    if number:
        seed = int.from_bytes(hashlib.sha256(f"{seed}:{number}".encode()).digest()[:4])
    asked = ["--population", str(size), "--seed", str(seed), *common]
    # Absolute, since clinosim works inside it: a runs folder named relatively, as by default, would be sought there.
    with tempfile.TemporaryDirectory(dir=scratch.resolve(), prefix=".hospital-") as folder:
        _simulate(Path(folder), asked)
        found = ((Path(folder) / "fhir_r4" / f"{name}.ndjson") for name in _FILES)
        files = [Given(file, file.name, "simulated_hospital", LICENCE) for file in found if file.is_file()]
        for part in joint_parts(files, Path(folder) / "rows"):
            for record in part():
                yield _named(record, number)


def _named(record: Record, block: int) -> Record:
    """Return a record whose ids are its block's own: clinosim counts its people from 1 in each."""
    if block and isinstance(record, Document):
        record.id, record.patient = f"{block + 1}-{record.id}", f"{block + 1}-{record.patient}"
        record.meta["encounter"] = f"{block + 1}-{record.meta['encounter']}"
    return record


def _simulate(folder: Path, asked: list[str]) -> None:
    program = "from clinosim.simulator.cli import main; main()"
    command = [sys.executable, "-c", program, "simulate", *asked, "--output", str(folder), "--format", "fhir-r4"]
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise storage_error(RuntimeError(last), folder.parent) or SourceError(
            f"clinosim ended with code {done.returncode} ({last}); is {REQUIREMENT} installed?"
        )
