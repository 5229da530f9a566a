"""No model is trained on texts of patients unless it is shown that they are de-identified: asked before a run begins,
where that is plain from the recipe, and before its first training stage, with what the corpus found in the texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from residency.core.errors import GateError
from residency.core.store import read_manifest
from residency.corpus.deidentify.admission import check
from residency.corpus.deidentify.gate import to_do
from residency.corpus.deidentify.receipt import RECEIPT
from residency.corpus.sources import names_of
from residency.evaluate.tasks import is_file, own, task_of

PATIENTS = ("notes", "fhir")
"""Kinds of sources that hold patients, whatever their files say."""
ABOUT_NOBODY = ("choice",)
"""Kinds of tasks of a user's own whose items are questions, and no texts of patients."""
WAIVE = (
    "it learns from texts of yours. If they identify nobody (they are de-identified, or made up), say so in the task's "
    "file, as in `waiver: de-identified by DIR/receipt.json`; else de-identify them first: "
    "`residency deidentify PATH --out DIR`"
)


def before(recipe: Mapping[str, Any], kinds: Sequence[str]) -> None:
    """Raise GateError where it is plain that the training of a recipe will be refused; ``kinds`` are its stages."""
    wrong = list(_unproven(recipe) if "corpus" in kinds else ())
    wrong += _unvouched(recipe) if "gather" in kinds else ()
    if wrong:
        head = "texts of patients may not train a model unless it is proven that they are de-identified:"
        raise GateError("\n".join([head, *wrong]), "missing")


def _unproven(recipe: Mapping[str, Any]) -> Iterator[str]:
    corpus = recipe["corpus"]
    hidden = corpus.get("deidentify")
    sources = corpus.get("sources", ())
    for name, entry in zip(names_of(sources), sources, strict=True):
        [(kind, given)] = entry.items()
        settings = given if isinstance(given, Mapping) else {"path": given}
        if kind not in PATIENTS or settings.get("waiver") or settings.get("receipt"):
            continue
        path = Path(str(settings.get("path", "")))
        if not hidden and not any((folder / RECEIPT).exists() for folder in (path, path.parent)):
            yield f"source {name} ({kind}): no receipt lies with it. {to_do('missing')}"
        elif hidden and not hidden.get("labels"):
            yield f"source {name} ({kind}): corpus.deidentify names no labels. {to_do('not_measured')}"


def _unvouched(recipe: Mapping[str, Any]) -> Iterator[str]:
    for name in recipe["gather"].get("tasks", ()):
        if is_file(name):
            declared = own.read_declaration(Path(task_of(name).own))
            if declared["kind"] not in ABOUT_NOBODY and not declared.get("waiver"):
                yield f"task {declared['task']}: {WAIVE}"


def admit(folder: Path) -> dict[str, Any]:
    """Return what a run's texts were let in on, by the stage that brought them; GateError where they were not."""
    corpus = check(folder / "corpus")
    labels = [source for source in (read_manifest(folder / "examples") or {}).get("sources", ()) if "vouched" in source]
    if wrong := [source["name"] for source in labels if source["vouched"] == ""]:
        raise GateError(f"task {', '.join(wrong)}: {WAIVE}", "missing")
    vouched = [{"source": source["name"], "waiver": source["vouched"]} for source in labels if source["vouched"]]
    return {name: found for name, found in (("corpus", corpus), ("labels", vouched)) if found}
