"""What is stored with a model on how far its confidence can be believed: a temperature, and below what to abstain.

``calibration/KIND-HASH.json`` lies in a run, beside the weights or in a service's folder, and is fitted on
development items, never on test items. It holds for the model with that hash and for that kind of task alone. The
temperature is that of Guo et al. (2017), On calibration of modern neural networks; the threshold that of Geifman and
El-Yaniv (2017), Selective classification for deep neural networks (algorithm 1, with a lower limit for accuracy in
place of an upper one for risk).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from residency.core.errors import UserError
from residency.core.store import read_json, read_jsonl, sha256_file, write_json
from residency.measure.calibration import calibration_error

FOLDER = "calibration"
DEVELOPMENT = ("validation", "dev", "development")
"""Parts of a data set that may be fitted on."""
LEAST = 50
"""Items to fit on, at least."""
BAND = 30
"""Items that one range of confidence stands on, at least."""
SURE = 0.95
"""How sure a limit is."""


@dataclass(frozen=True, slots=True)
class Band:
    """A range of confidence, ``low`` to ``high``, and how many of its ``n`` development items were right."""

    low: float
    high: float
    n: int
    right: int
    least: float
    most: float

    @property
    def share(self) -> float:
        """The share that was right."""
        return self.right / self.n


@dataclass(frozen=True, slots=True)
class Calibration:
    """What holds for one model and one kind of task; ``threshold`` None: no accuracy was asked for.

    ``options`` are those of all questions it was fitted on, where these had the same ones.
    """

    kind: str
    task: str
    model: str
    hash: str
    temperature: float
    threshold: float | None
    target: float | None
    answered: float | None
    n: int
    ece_before: float
    ece_after: float
    items: str
    part: str
    bands: tuple[Band, ...] = ()
    options: tuple[str, ...] = ()

    def holds_for(self, options: Sequence[str] | None) -> bool:
        """Return whether it was fitted on questions with these options; one of ever other ones holds for any."""
        return not self.options or options is None or sorted(options) == sorted(self.options)

    def band(self, value: float) -> Band | None:
        """Return the range that a confidence lies in; None outside all that was measured."""
        return next((one for one in self.bands if one.low <= value <= one.high), None)


def read(path: Path) -> Calibration:
    """Return the calibration of a file; UserError where it is none."""
    try:
        found = read_json(path)
        parts = {"bands": tuple(Band(**band) for band in found["bands"]), "options": tuple(found.get("options", ()))}
        made = Calibration(**{**found, **parts})
        sound = math.isfinite(made.temperature) and made.temperature > 0 and made.part in DEVELOPMENT
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is no calibration ({type(error).__name__}); fit it again") from None
    if not sound:
        raise UserError(f"{path}: a temperature above 0, fitted on {', '.join(DEVELOPMENT)}, is expected; fit it again")
    return made


def write(made: Calibration, folder: Path) -> Path:
    """Return the file that a calibration was written to, below a run or beside weights."""
    path = folder / FOLDER / f"{made.kind}-{made.hash[:12]}.json"  # a run holds several models
    write_json(path, asdict(made))
    return path


def beside(place: Path) -> list[Calibration]:
    """Return the calibrations that lie beside a model: in its folder, in the one above (a run's), by its file."""
    folder = place if place.is_dir() else place.parent
    found = [path for one in (folder, folder.parent) for path in sorted((one / FOLDER).glob("*.json"))]
    return [read(path) for path in found]


def fit(items: Path, *, kind: str, target: float | None = None) -> Calibration:
    """Return the calibration of a run's items file (``items/TASK/MODEL.jsonl``, its protocol beside it).

    ``target`` is the accuracy that answers should have: below the threshold that reaches it, with 95% certainty, the
    model abstains; where none does, the threshold is above 1 and it always does. UserError where the items are not
    development items, are too few, or say nothing of the likelihood of their options.
    """
    protocol = read_json(items.with_name(f"{items.stem}.protocol.json"))
    part = str(protocol.get("split", ""))
    if part not in DEVELOPMENT:
        words = f"{items} are items of {part or 'no named part'}"
        raise UserError(f"{words}; calibration is fitted on {', '.join(DEVELOPMENT)}")
    rows = [row for row in read_jsonl(items) if row.get("choice_logprobs") and row.get("score") is not None]
    if len(rows) < LEAST:
        raise UserError(f"{items} has {len(rows)} items with the likelihoods of their options; {LEAST} are needed")
    temperature, odds = fitted(rows), _odds(rows)
    sure, right = _shares(odds, temperature).max(axis=1), np.array([float(row["score"]) for row in rows])
    threshold = None if target is None else threshold_for(sure, right, target)
    return Calibration(
        kind=kind,
        task=str(protocol["task"]),
        model=str(protocol["model"]),
        hash=str(protocol["model_hash"]),
        temperature=temperature,
        threshold=threshold,
        target=target,
        answered=None if threshold is None else float((sure >= threshold).mean()),
        n=len(rows),
        ece_before=_ece(_shares(odds, 1.0).max(axis=1), right),
        ece_after=_ece(sure, right),
        items=sha256_file(items),
        part=part,
        bands=tuple(bands(sure, right)),
        options=tuple(protocol.get("options", ())),
    )


def _odds(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return the options' log-probabilities, ``[rows, options]``; -inf where a row has fewer options than another."""
    made = np.full((len(rows), max(len(row["choice_logprobs"]) for row in rows)), -np.inf)
    for place, row in enumerate(rows):
        made[place, : len(row["choice_logprobs"])] = row["choice_logprobs"]
    return made


def _shares(odds: np.ndarray, temperature: float) -> np.ndarray:
    """Return ``measure.calibration.confidences`` of every row."""
    scaled = odds / temperature
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def _ece(sure: np.ndarray, right: np.ndarray) -> float:
    metric = calibration_error()
    cells = [metric.stats({"confidence": float(c), "score": float(r)}) for c, r in zip(sure, right, strict=True)]
    return float(metric.value(np.sum([cell for cell in cells if cell is not None], axis=0)))


# --- temperature -----------------------------------------------------------------------------------------------------


def fitted(rows: Sequence[Mapping[str, Any]]) -> float:
    """Return the temperature with the least mean loss, from 0.05 to 50.

    Where the place of the right option is known (``right``) the loss is its negative log-likelihood, which is convex in
    1/T; else that of whether the chosen one was right.
    """
    odds, right = _odds(rows), np.array([-1 if row.get("right") is None else row["right"] for row in rows])
    hits = np.array([bool(row["score"]) for row in rows])
    low, high = math.log(0.05), math.log(50.0)
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(60):  # golden section
        one, two = high - ratio * (high - low), low + ratio * (high - low)
        if _loss(odds, right, hits, math.exp(one)) <= _loss(odds, right, hits, math.exp(two)):
            high = two
        else:
            low = one
    return math.exp((low + high) / 2)


def _loss(odds: np.ndarray, right: np.ndarray, hits: np.ndarray, temperature: float) -> float:
    shares = _shares(odds, temperature)
    chosen = shares.max(axis=1)
    known = shares[np.arange(len(odds)), np.maximum(right, 0)]
    chance = np.where(right >= 0, known, np.where(hits, chosen, 1 - chosen))
    return float(-np.log(np.maximum(chance, 1e-12)).mean())


# --- abstention ------------------------------------------------------------------------------------------------------


def threshold_for(sure: np.ndarray, right: np.ndarray, target: float) -> float:
    """Return the lowest confidence above which accuracy is at least ``target`` with 95% certainty; 1.01 if none is.

    The number of thresholds that are tried is allowed for (Bonferroni).
    """
    tried = np.unique(np.quantile(sure, np.linspace(0, 0.95, 20)))
    for one in tried:
        kept = right[sure >= one]
        if limits(int(kept.sum()), len(kept), 2 * (1 - SURE) / len(tried))[0] >= target:
            return float(one)
    return 1.01


def limits(right: int, n: int, miss: float = 1 - SURE) -> tuple[float, float]:
    """Return the limits of a share by Clopper and Pearson (1934), which miss it with probability ``miss`` at most."""
    from scipy.special import betaincinv

    low = float(betaincinv(right, n - right + 1, miss / 2)) if right else 0.0
    high = float(betaincinv(right + 1, n - right, 1 - miss / 2)) if right < n else 1.0
    return low, high


def bands(sure: np.ndarray, right: np.ndarray) -> Iterator[Band]:
    """Yield ranges of confidence with about as many items in each, ``BAND`` at least, which meet without a gap."""
    order = np.argsort(sure, kind="stable")
    parts = np.array_split(order, max(1, min(5, len(order) // BAND)))
    low = 0.0
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        high = 1.0 if last else float((sure[part[-1]] + sure[parts[number + 1][0]]) / 2)
        hits = int(round(float(right[part].sum())))
        least, most = limits(hits, len(part))
        yield Band(low, high, len(part), hits, least, most)
        low = high
