"""Independent passes side by side, each on its share of the processor's threads.

A pass that has all threads waits for the slowest of them at every product and every walk through memory; two passes
with half of the threads each do not wait for one another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Found = TypeVar("Found")
_FREE = threading.Lock()
_most: int | None = None


def one_lane() -> None:
    """Have all work of this process done one piece after the other from here on."""
    global _most
    _most = 1


def lanes(items: int, device: torch.device) -> int:
    """Return how many lanes that many pieces of work have on a device: as many as the threads, and one off the CPU."""
    return min(_most or torch.get_num_threads(), items) if device.type == "cpu" else 1


def side_by_side(
    work: Callable[[Item], Found], items: Sequence[Item], device: torch.device, *, threads: int = 0
) -> list[Found]:
    """Return what ``work`` finds of each item, in order; a lane has its share of the threads, or ``threads``.

    Work that is begun inside other work, or beside it, has no lanes of its own (with ``threads``, whose bits must not
    depend on that, it waits). Grad modes are a thread's own: ``work`` sets them.
    """
    count, all_threads = lanes(len(items), device), torch.get_num_threads()
    if count < 2 or not _FREE.acquire(blocking=bool(threads)):
        return [work(item) for item in items]
    each = threads or all_threads // count
    try:
        with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(each,)) as pool:
            return list(pool.map(work, items))
    finally:
        torch.set_num_threads(all_threads)  # what a lane sets is partly everyone's (MKL)
        _FREE.release()
