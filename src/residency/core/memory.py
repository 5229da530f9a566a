"""How much memory this process may take and has taken, and a limit inside which asking for more fails at once.

Without the limit a system that runs out of memory kills a process, which can then say nothing.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

CONTROL_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
"""The limit of this process's group, as containers have one, and what the group uses: of either version."""
STATUS = Path("/proc/self/status")
ARENAS = -8
"""M_ARENA_MAX of glibc's malloc.h."""


def memory_left(*, own: bool = True) -> int:
    """Return the bytes of memory that are free, with this process's ``own`` what one in its place could take."""
    left = psutil.virtual_memory().available
    for limit, used in CONTROL_GROUPS:
        with suppress(OSError, ValueError):  # "max" where there is no limit
            most = int(Path(limit).read_text())
            left = min(left, most - int(Path(used).read_text()) + _cached(Path(limit).parent / "memory.stat"))
    return max(0, left) + (psutil.Process().memory_info().rss if own else 0)


def _cached(stat: Path) -> int:
    """Return the bytes of files that a group keeps in memory, and would give back."""
    rows = (line.split() for line in stat.read_text().splitlines())
    return next((int(value) for name, value in rows if name in ("inactive_file", "total_inactive_file")), 0)


@contextmanager
def at_most(memory: int) -> Iterator[None]:
    """Inside, the system gives this process ``memory`` more bytes and no more. Only Linux has such a limit.

    What the process has freed and not given back is still its own, and comes on top.
    """
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    with suppress(OSError, ValueError, StopIteration):  # it may be held to less already
        resource.setrlimit(resource.RLIMIT_DATA, (_status("VmData") + memory, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def share_heap() -> None:
    """Have the threads of this process take their memory from one heap (glibc; elsewhere it stays as it is).

    By default each has its own, and what one has freed no other can use: threads that train side by side on rows of
    changing lengths then hold twice what they need. To be called before any thread has asked for memory.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(ARENAS, 1)


def peak_memory() -> int:
    """Return the bytes of this process's largest memory, since ``forget_peak`` where the system can tell."""
    with suppress(OSError, StopIteration):
        return _status("VmHWM")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def forget_peak() -> None:
    """Let this process's largest memory be what it is now; elsewhere than on Linux it stays the largest so far."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _status(name: str) -> int:
    """Return a number of bytes out of what the kernel says of this process."""
    return int(next(line.split()[1] for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))) * 1024
