"""How often one may ask, and how often one may guess: token buckets in memory, and growing waits after wrong passwords.

A bucket holds as many requests as a minute allows and fills evenly; whoever finds it empty is told when to come back.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from residency.core.errors import ResidencyError

MOST_KEPT = 10_000
FREE_GUESSES = 5
FIRST_LOCK, LONGEST_LOCK = 60, 900


class TooMany(ResidencyError):
    """More than the limit; ``after`` is in how many seconds to come back."""

    def __init__(self, after: float) -> None:
        self.after = max(1, math.ceil(after))
        super().__init__(f"too many requests: come back in {self.after} s")


@dataclass(slots=True)
class Buckets:
    """Token buckets by name. The least used are forgotten beyond ``MOST_KEPT``: a flood of names costs no memory."""

    levels: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, name: str, per_minute: float, *, burst: float | None = None, amount: float = 1.0) -> float:
        """Return 0 and take one, or return in how many seconds there will be one; ``amount`` 0 only looks."""
        most = per_minute if burst is None else burst
        with self.lock:
            now = time.monotonic()
            level, then = self.levels.get(name, (most, now))
            level = min(most, level + (now - then) * per_minute / 60)
            wait = max(0.0, (max(amount, 1.0) - level) * 60 / per_minute)
            self.levels[name] = (level if wait else level - amount, now)
            self.levels.move_to_end(name)
            if len(self.levels) > MOST_KEPT:
                self.levels.popitem(last=False)
            return wait


@dataclass(slots=True)
class Guesses:
    """Wrong passwords for names that no user has: locked as a user's would be, so that nobody can tell them apart."""

    counts: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict)

    def wait(self, name: str) -> float:
        """Return for how many seconds a name is still locked."""
        return max(0.0, self.counts.get(name, (0, 0.0))[1] - time.monotonic())

    def wrong(self, name: str) -> int:
        """Count a wrong password; return for how many seconds the name is locked now."""
        failed = self.counts.get(name, (0, 0.0))[0] + 1
        seconds = lock_seconds(failed)
        self.counts[name] = (failed, time.monotonic() + seconds)
        self.counts.move_to_end(name)
        if len(self.counts) > MOST_KEPT:
            self.counts.popitem(last=False)
        return seconds


def lock_seconds(failed: int) -> int:
    """Return for how long a user is locked after so many wrong passwords in a row: from the fifth on, ever longer."""
    if failed < FREE_GUESSES:
        return 0
    return int(min(FIRST_LOCK * 2.0 ** min(failed - FREE_GUESSES, 10), LONGEST_LOCK))


def place(address: str) -> str:
    """Return what counts as one address: of IPv6 the network of 64 bits, which one subscriber has whole."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "elsewhere"
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
