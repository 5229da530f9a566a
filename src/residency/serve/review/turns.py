"""One decision about one thing at a time: the second finds what the first has made of it.

A record has one process (a second is refused), so that a lock of this process is enough.
"""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

_LOCKS: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


def turn(id: str) -> asyncio.Lock:
    """Return the lock of a draft or comparison; it is gone when no one holds it or waits for it."""
    return _LOCKS.setdefault(id, asyncio.Lock())
