"""One stage's first steps at two lengths of row, and what they say of all of it: memory, time, disk.

Memory is a fixed part and a part for each token that is in memory at once, told apart by the two lengths: the stage's
own, whose peak is measured, and one of half as many tokens. The second step counts: the first one plans kernels.

A stage needs nothing for this that takes the folders of a model and of examples, has a ``schedule``, and trains by the
loop (``train/loop.py``); its ``tokens``, where it has that setting, is the most that it learns from. A module whose
stage comes to the loop by a long way may offer ``probe``, of the same arguments, for a shorter one. A stage that never
comes to the loop is timed whole on its sample.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from residency.core.errors import OutOfMemory, UserError
from residency.core.machine import give_back_memory
from residency.core.memory import at_most, memory_left
from residency.core.settings import call_settings, load
from residency.models.device import device
from residency.models.lanes import lanes
from residency.plan import Step
from residency.sample import Sample
from residency.train.loop import is_out_of_memory
from residency.train.probe import Seen, first_steps
from residency.train.schedule import Schedule

MANY = 1 << 20
"""More rows than any step has."""
STEPS, FEW = 3, 2
SPARE = 1.4
"""How many times the tokens of the steps a sample holds: rows are not full, and some examples do not fit."""
SHORT = 0.5
"""Seconds of preparation that differ by chance."""
Hands = Callable[[int, int], tuple[list[Path], Sample]]
"""(tokens to learn, tokens of a row) → (a stage's inputs, what stands in for the examples among them)."""


@dataclass(slots=True)
class Probe:
    """What the first steps showed at rows of ``size`` tokens and, where some example fits, at the ``shorter`` ones.

    ``refused``: rows of the schedule's own length did not fit in memory, and these are half as long, or a quarter.
    """

    seen: Seen
    sample: Sample
    size: int
    small: Seen | None
    shorter: int
    schedule: Schedule | None
    refused: bool = False

    @property
    def beside(self) -> int:
        """Return how many rows of a step are in memory at once."""
        return self.schedule.beside(lanes(MANY, device())) if self.schedule else 1

    @property
    def token_mb(self) -> float:
        """Return what each token that is in memory at once takes."""
        if not self.size:
            return 0.0
        if self.small is None:
            apart, taken = self.size, self.seen.peak_mb - self.seen.bare_mb
        else:
            apart, taken = self.size - self.shorter, self.seen.peak_mb - self.small.peak_mb
        return max(0.0, taken) / (apart * self.beside)

    @property
    def fixed_mb(self) -> float:
        """Return what is taken however short the rows: the network, what learns with its optimizer, the libraries."""
        return self.seen.peak_mb - self.token_mb * self.size * self.beside

    def memory_mb(self, row: int) -> float:
        """Return the peak at rows of so many tokens: in training, or before it, where that is more."""
        return max(self.seen.start_mb, self.fixed_mb + self.token_mb * row * self.beside)


def probed(step: Step, hands: Hands, scratch: Path) -> Probe:
    """Return the probe of a stage. Raises OutOfMemory where not even the shortest rows fit."""
    schedule, refused = schedule_of(step.settings), False
    size = schedule.batch_tokens if schedule else 0
    while True:
        try:
            small, shorter = _shorter(step, hands, scratch, size)
            seen, sample = _run(step, hands, scratch, size, STEPS)
        except OutOfMemory:
            if size < 32:
                raise
            size, refused = size // 2, True
            continue
        return Probe(seen, sample, size, small, shorter, schedule, refused)


def schedule_of(settings: Mapping[str, Any]) -> Schedule | None:
    """Return the schedule among a stage's settings; None where it has none."""
    given = settings.get("schedule")
    return Schedule(**call_settings(Schedule, given)) if given else None


def _shorter(step: Step, hands: Hands, scratch: Path, size: int) -> tuple[Seen | None, int]:
    """Return what rows of half the length showed, or of three quarters where nothing fits in those; (None, 0) else."""
    for row in (size // 2, size * 3 // 4):
        if row >= 8:
            try:
                return _run(step, hands, scratch, row, FEW)[0], row
            except OutOfMemory:
                raise
            except UserError:
                continue  # no example is so short
    return None, 0


def _run(step: Step, hands: Hands, scratch: Path, row: int, steps: int) -> tuple[Seen, Sample]:
    """Return what the first steps showed at rows of ``row`` tokens, on a sample that is large enough for them."""
    function = load(step.stage.function)
    work = getattr(sys.modules[function.__module__], "probe", function)
    settings = call_settings(function, _settings(step.settings, row, looks=steps > FEW))
    schedule, factor = schedule_of(step.settings), 1
    tokens = math.ceil(SPARE * steps * max(row, 64) * (schedule.accumulate if schedule else 1))
    while True:
        inputs, sample = hands(factor * tokens, row)
        out = scratch / f"{row}-{factor}"
        out.mkdir()
        last = sample.whole or not sample.built or factor > 64
        try:
            seen = _limited(partial(work, *inputs, out=out, **settings), step.name, steps)
            if last or seen.plan >= steps or not seen.plan:
                return seen, sample
        except OutOfMemory:
            raise
        except UserError:
            if last or steps == FEW:
                raise
        factor *= 4


def _settings(settings: Mapping[str, Any], row: int, *, looks: bool) -> dict[str, Any]:
    """Return a stage's settings with rows of another length, no trackers and, unless it ``looks``, nothing held out."""
    found = deepcopy(dict(settings))
    if found.get("schedule"):
        found["schedule"] |= {"batch_tokens": row, "track": []}
        found["schedule"]["evaluate"] *= looks
    return found


def _limited(work: Callable[[], None], name: str, steps: int) -> Seen:
    """Return what the first steps of some work show, inside what memory is left. Raises OutOfMemory."""
    give_back_memory()
    try:
        limit = at_most(memory_left(own=False)) if device().type == "cpu" else nullcontext()
        with limit, first_steps(steps) as seen:
            work()
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(f"{name}: the model alone does not fit in memory") from error
    return seen


# --- what a probe says of the whole stage ----------------------------------------------------------------------------


def figures(probe: Probe, settings: Mapping[str, Any], implied: int = 0) -> dict[str, Any]:
    """Return steps, tokens, seconds, MB of memory and of disk of a stage: None where they cannot be known.

    ``implied``: the number of examples that the recipe asks for, where they are not built and ``tokens`` says nothing.
    """
    tokens, known = tokens_of(probe, settings, implied)
    steps = steps_of(probe, tokens)
    learned = tokens * (probe.schedule.epochs if probe.schedule else 1) if tokens else None
    return {
        "steps": steps,
        "tokens": learned and round(learned),
        "seconds": seconds_of(probe, tokens, steps),
        "peak_mb": round(probe.memory_mb(probe.schedule.batch_tokens if probe.schedule else probe.size), 1),
        "fixed_mb": round(probe.fixed_mb, 1),
        "mb_per_1000_tokens": round(1000 * probe.token_mb, 1),
        "probed_rows": [row for row in (probe.shorter, probe.size) if row],
        **disk_of(probe, steps),
        "known": known,
    }


def tokens_of(probe: Probe, settings: Mapping[str, Any], implied: int) -> tuple[float | None, str]:
    """Return the useful tokens of an epoch, None where they cannot be known, and where they are known from."""
    seen, most = probe.seen, float(settings.get("tokens") or 0)
    mean = sum(seen.useful) / len(seen.useful) if seen.useful else 0.0
    there = mean * seen.rows * probe.sample.weight(seen.ids)
    if probe.sample.built:
        exact = probe.sample.whole and probe.size == (probe.schedule.batch_tokens if probe.schedule else 0)
        found = min(there, most) if most and not exact else there
        return found, "the examples, counted" if exact else "a sample of the examples"
    if most:
        return most, "its setting tokens (the examples are not built yet)"
    if implied:
        each = mean * seen.rows / max(1, len(seen.ids))
        return implied * each, f"the examples that the recipe asks for, at {each:.0f} tokens each, which is a guess"
    return None, "nothing: the examples are not built yet, and no setting says how many tokens there will be"


def steps_of(probe: Probe, tokens: float | None) -> int | None:
    """Return the steps that so many tokens an epoch make."""
    if probe.schedule is None or not tokens or not probe.seen.useful:
        return None
    if probe.sample.whole and probe.size == probe.schedule.batch_tokens:
        return probe.seen.plan
    row = median(probe.seen.useful) * probe.schedule.batch_tokens / probe.size  # a sample's last rows are not full
    return math.ceil(tokens / row / probe.schedule.accumulate) * probe.schedule.epochs


def seconds_of(probe: Probe, tokens: float | None, steps: int | None) -> float | None:
    """Return the time of the whole stage: getting ready, all steps, and what is held out measured on the way."""
    if not tokens and probe.seen.plan:
        return None
    if not probe.seen.plan:
        return round(probe.seen.before * probe.sample.weight(()), 3)
    longer = probe.schedule.batch_tokens / probe.size if probe.schedule else 1.0
    step = step_seconds(probe) * longer
    looks = 1 + math.ceil((steps or 0) / probe.schedule.evaluate) if probe.schedule and probe.schedule.evaluate else 0
    return round(_before(probe, tokens or 0.0) + (steps or probe.seen.plan) * step + looks * probe.seen.look, 3)


def step_seconds(probe: Probe) -> float:
    """Return the seconds of a step at the probed rows: the second and those after it, where there are any."""
    later = probe.seen.seconds[1:] or probe.seen.seconds
    return sum(later) / len(later)


def _before(probe: Probe, tokens: float) -> float:
    """Return the seconds before the first step: what grows with the tokens is told by the smaller sample."""
    seen, small = probe.seen, probe.small
    if small is None or seen.before - small.before < SHORT:
        return seen.before
    mine, other = (sum(each.useful) / len(each.useful) * each.rows for each in (seen, small))
    if mine < 1.2 * other:
        return seen.before
    each = (seen.before - small.before) / (mine - other)
    return max(0.0, seen.before - each * mine) + each * max(tokens, mine)


def disk_of(probe: Probe, steps: int | None) -> dict[str, float]:
    """Return MB that the stage leaves, and those that it takes at most: checkpoints are written beside the old ones."""
    learns, schedule = probe.seen.weights / 1e6, probe.schedule
    copies = 1.0
    if schedule and (steps is None or steps > schedule.checkpoint):
        copies += 2 * 3  # weights and the two moments of each, twice
    if schedule and schedule.evaluate:
        copies += 2
    return {"disk_mb": round(copies * learns, 1), "left_mb": round(learns, 1), "checkpoint_mb": round(6 * learns, 1)}
