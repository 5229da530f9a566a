"""What a piece of work cost: time, memory of the whole process tree, and energy where it can be estimated.

A thread looks at the processes twice a second. Energy comes from codecarbon, offline, which guesses the
processor's power from its name and load unless the machine exposes a counter: hence "estimated" in the name.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psutil

SAMPLE_SECONDS = 0.5
ENERGY_AFTER_SECONDS = 3.0
"""Shorter work is not worth the two seconds that codecarbon takes to look at the machine."""


@dataclass
class Meter:
    """The cost so far; whole once its block has ended. Memory in MB (1e6 bytes), energy in watt-hours or None.

    The peak is the memory of the process and its children at one moment. Pages that they share, such as the code of
    libraries, count once where the system tells (Linux: proportional set size); elsewhere they count in each, and the
    sum is an upper bound.
    """

    label: str
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_rss_mb: float = 0.0
    energy_wh_estimated: float | None = None
    _ended: threading.Event = field(default_factory=threading.Event, repr=False)

    def row(self) -> dict[str, float | None]:
        """Return the four numbers, rounded, as a manifest keeps them."""
        energy = self.energy_wh_estimated
        return {
            "wall_s": round(self.wall_s, 3),
            "cpu_s": round(self.cpu_s, 3),
            "peak_rss_mb": round(self.peak_rss_mb, 1),
            "energy_wh_estimated": None if energy is None else round(energy, 4),
        }


@contextmanager
def meter(label: str = "", *, energy: bool = True) -> Iterator[Meter]:
    """Yield a meter that is whole when the block ends, also when it ends in an error. Meters may be nested."""
    cost = Meter(label)
    began, cpu = time.monotonic(), _cpu_seconds()
    watcher = threading.Thread(target=_watch, args=(cost, energy), name=f"meter {label}", daemon=True)
    watcher.start()
    try:
        yield cost
    finally:
        cost.wall_s, cost.cpu_s = time.monotonic() - began, _cpu_seconds() - cpu
        cost._ended.set()
        watcher.join()


def _cpu_seconds() -> float:
    now = os.times()  # children count once they have ended
    return now.user + now.system + now.children_user + now.children_system


def _watch(cost: Meter, energy: bool) -> None:
    process, began = psutil.Process(), time.monotonic()
    tracker, waits = None, energy
    while True:
        cost.peak_rss_mb = max(cost.peak_rss_mb, _tree_bytes(process) / 1e6)
        if cost._ended.wait(SAMPLE_SECONDS):
            break
        if waits and time.monotonic() - began > ENERGY_AFTER_SECONDS:
            tracker, waits = _energy_tracker(), False
    if tracker is not None:
        cost.energy_wh_estimated = _energy(tracker, cost.wall_s)


def _tree_bytes(process: psutil.Process) -> int:
    total = 0
    for member in [process, *process.children(recursive=True)]:
        try:
            found = member.memory_full_info()
            total += getattr(found, "pss", 0) or found.rss
        except psutil.Error:
            continue  # it ended between the listing and the look
    return total


def _energy_tracker() -> Any | None:
    try:
        from codecarbon import OfflineEmissionsTracker
    except ImportError:
        return None
    logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
    tracker = OfflineEmissionsTracker(
        country_iso_code="DEU",  # needed for grams of CO2, which are not used: energy does not depend on it
        save_to_file=False,
        log_level="critical",
        allow_multiple_runs=True,
    )
    tracker.start()
    return tracker


def _energy(tracker: Any, wall_s: float) -> float | None:
    """Return watt-hours for the whole block, from the part that the tracker saw."""
    tracker.stop()
    data = tracker.final_emissions_data
    if not data or data.duration < 1.0:
        return None  # too short a look to speak for the whole
    return float(data.energy_consumed) * 1000.0 * wall_s / data.duration
