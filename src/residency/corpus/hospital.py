"""A simulated hospital as documents: clinosim simulates a year of patients, and its notes are read with the coded
Condition and Medication rows behind them. No patient is real; seed and end date fix every byte.

clinosim runs in a process of its own: it prints, and its order must not hang on this process's hash seed.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from residency.core.errors import SourceError
from residency.core.legal import AtLeastOne, Date, Seed
from residency.core.store import storage_error
from residency.core.types import Document
from residency.corpus.fhir import fhir_notes
from residency.corpus.records import Bad, Source, package_folder

REQUIREMENT = "clinosim==0.6.5"
LICENCE = "MIT (clinosim); codes under the licences of ICD-10-CM, RxNorm and LOINC"
ACKNOWLEDGEMENT = (
    "Simulated patients, none of them real, by clinosim (MIT licence). Note types are named by LOINC "
    "(http://loinc.org, copyright Regenstrief Institute), medications by RxNorm (US National Library of Medicine)."
)
_KEPT = ("HOME", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "SYSTEMROOT", "TMPDIR")
"""What the simulation sees of our environment: enough to start, nothing that could change what it makes."""
_FILES = ("Composition", "Condition", "DocumentReference", "Medication", "MedicationRequest")


def read_hospital(
    *,
    scratch: Path,
    population: AtLeastOne = 100,
    seed: Seed = 1,
    end_date: Date = "2024-12-31",
    country: Literal["US", "JP"] = "US",
) -> Source:
    """Return the notes of the year up to ``end_date`` (ISO) among ``population`` people.

    The simulation runs when the records are first asked for, in a folder under ``scratch`` that is removed
    after reading: about 0.1 s a person.
    """
    package_folder("clinosim", requirement=REQUIREMENT)
    try:
        end = date.fromisoformat(str(end_date))
    except ValueError:
        raise SourceError(f"end_date is {end_date!r}; it must be a date such as 2024-12-31") from None
    if population < 1:
        raise SourceError(f"population is {population}; it must be at least 1")
    skipped: Counter[str] = Counter()
    asked = ["--population", str(population), "--seed", str(seed), "--country", country]
    asked += ["--start", str(end - timedelta(days=365)), "--end", str(end)]
    version = importlib.metadata.version("clinosim")
    return Source(
        "simulated_hospital", version, LICENCE, ACKNOWLEDGEMENT, (), _records(scratch, asked, skipped), skipped
    )


def _records(scratch: Path, asked: list[str], skipped: Counter[str]) -> Iterator[Document | Bad]:
    for left in scratch.glob(".hospital-*"):  # by a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    # Absolute, since clinosim works inside it: a runs folder named relatively, as by default, would be sought there.
    with tempfile.TemporaryDirectory(dir=scratch.resolve(), prefix=".hospital-") as folder:
        _simulate(Path(folder), asked)
        found = ((Path(folder) / "fhir_r4" / f"{name}.ndjson") for name in _FILES)
        files = tuple(file for file in found if file.is_file())
        yield from fhir_notes(files, "simulated_hospital", LICENCE, "en", skipped)


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
