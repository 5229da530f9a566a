"""What an application's task measured of the model at hand: its ledger row, and what a guess would have had.

A score is of one model: the row must have its hash. A hospital's own task that is called after the application counts
before ours. A row with items that were in the training data proves nothing, and neither does one that is not told
apart from its baseline: without proof an application needs a click.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from residency.core.runs import in_runs, runs_root
from residency.core.store import read_json, read_jsonl
from residency.evaluate.names import is_gating_rule, model_words
from residency.serve.apps.application import Application
from residency.serve.apps.words import words
from residency.serve.types import Refused

Row = dict[str, Any]
Ledger = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Proof:
    """A measured score with its 95% limits on ``n`` items; ``baseline`` is what a guess has there, None: not known.

    ``better``: its lower limit is above the baseline; None where there is none to compare with.
    """

    task: str
    metric: str
    value: float
    low: float
    high: float
    n: int
    baseline: float | None
    baseline_name: str
    better: bool | None
    contaminated: bool
    model: str
    shots: int | None = None

    @property
    def proves(self) -> bool:
        """Return whether it may stand for the application without a click."""
        return not self.contaminated and self.better is not False

    def told(self) -> Row:
        """Return it as JSON has it."""
        return {**asdict(self), "proves": self.proves}


def proof(application: Application, model_hash: str, ledgers: Sequence[Ledger]) -> Proof | None:
    """Return the newest measured score of the application's task for a model; None where nothing measured it."""
    for task in dict.fromkeys([application.id, *([application.task] if application.task != "none" else [])]):
        for ledger in reversed(ledgers):
            if row := _primary(task, model_hash, ledger):
                return _proof(row, ledger)
    return None


def _primary(task: str, model_hash: str, ledger: Ledger) -> Row | None:
    """Return the row of a task's own metric for a model that was shown no evidence: the first of its rows."""
    for row in ledger.get("rows", ()):
        of_task = row.get("task") == task and row.get("value") is not None and row.get("low") is not None
        asked = row.get("protocol") or {}
        if of_task and asked.get("model_hash") == model_hash and "+" not in row["model"] and not asked.get("variant"):
            return dict(row)
    return None


def _proof(row: Row, ledger: Ledger) -> Proof:
    baseline, name = _baseline(row, ledger)
    better = None if baseline is None else row["low"] > baseline
    return Proof(
        task=row["task"],
        metric=row["metric"],
        value=row["value"],
        low=row["low"],
        high=row["high"],
        n=row["n"],
        baseline=baseline,
        baseline_name=name,
        better=better,
        contaminated=bool(row.get("contaminated")),
        model=row["model"],
        shots=(row.get("protocol") or {}).get("shots"),
    )


def _baseline(row: Row, ledger: Ledger) -> tuple[float | None, str]:
    """Return what a model must beat: the best trivial rule of the ledger, else chance and the commonest answer."""
    rules = [
        (one["value"], one["model"])
        for one in ledger.get("rows", ())
        if (one["task"], one["metric"]) == (row["task"], row["metric"])
        and is_gating_rule(one["model"])
        and one["value"] is not None
    ]
    if rules:
        value, rule = max(rules)
        return value, model_words(rule)
    guessed = [one for one in guesses(row, ledger) if one[0] is not None]
    return max(guessed, default=(None, ""))  # type: ignore[return-value]


def guesses(row: Row, ledger: Ledger) -> Iterator[tuple[float | None, str]]:
    """Yield what guessing has on the very items: one option of as many as there are, and the commonest place."""
    if row["metric"] != "accuracy" or not ledger.get("folder"):
        return
    path = Path(ledger["folder"]) / "items" / row["task"] / f"{row['model']}.jsonl"
    items = [one for one in (read_jsonl(path) if path.is_file() else ()) if one.get("places")]
    if not items:
        return
    yield sum(1 / one["places"] for one in items) / len(items), "chance"
    places = [one.get("right") for one in items]
    yield max(map(places.count, set(places))) / len(places), "the commonest place"


# --- where ledgers lie -----------------------------------------------------------------------------------------------


def ledgers_of(name: str) -> list[Path]:
    """Return the files of ledgers that may hold a model's scores: its run's own, and those of evaluations.

    ``name`` is a model as on the command line.
    """
    folders = [*_of_run(name), *sorted(runs_root().glob("evaluations/*"))]
    return list(dict.fromkeys(path.resolve() for folder in folders if (path := folder / "ledger.json").is_file()))


def _of_run(name: str) -> Iterator[Path]:
    """Yield the folder of a run, or those around a file or folder within one."""
    if name.startswith(("http://", "https://")):
        return
    path = Path(in_runs(name.partition(":")[0])).expanduser()
    if path.exists():
        here = path.resolve()
        yield from [here, *here.parents][:4]


def read_ledgers(files: Iterable[Path]) -> list[Row]:
    """Return ledgers, the newest last, each with its ``folder`` beside what the file holds.

    One that cannot be read, or is none, is left out: it proves nothing.
    """
    known = [(path.stat().st_mtime_ns, path) for path in dict.fromkeys(files) if path.is_file()]
    return [found for stamp, path in sorted(known) if (found := _read(path, stamp))]


@lru_cache(maxsize=64)
def _read(path: Path, stamp: int) -> Row | None:
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("rows"), list):
        return None
    return {**found, "folder": str(path.parent)}


def admitted(application: Application, found: Proof | None, *, unproven: bool, language: str = "en") -> None:
    """Raise Refused (409) where nothing proves an application for this model, and nobody said that they know."""
    if unproven or (found and found.proves):
        return
    said = words("no_click", language).format(application.id)
    raise Refused(said, status=409, code="unproven", param="unproven")
