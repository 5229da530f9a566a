"""Whether a process of llama.cpp still works: it answers, and what it has begun moves on.

Its web threads answer ``/health`` though the model may be stuck; ``/metrics`` is answered by the loop that runs the
model, between two batches. A process that is stopped answers neither. A batch of 2,048 tokens may take long: while the
process uses the processor for it, it is given ``PATIENCE`` times ``hung``.
"""

from __future__ import annotations

import http.client
import os
import socket
import time
from pathlib import Path

HUNG_S = 300.0
SILENT_S = 30.0
"""Seconds in which a web thread answers, whatever the model does."""
PATIENCE = 10
"""How many times as long a process may take that does not move on and uses the processor."""
AT_WORK = 0.2
"""The share of a processor that one uses at least that works."""
RUNNING, BATCHES = "llamacpp:requests_processing", "llamacpp:n_decode_total"


class Pulse:
    """What was last seen of a process; ``hung`` seconds without a sign of work are too many."""

    def __init__(self, socket: str, *, hung: float = HUNG_S, pid: int | None = None) -> None:
        self.socket, self.hung, self.silent, self.pid = socket, hung, min(SILENT_S, hung), pid
        self._seen = self._moved = time.monotonic()
        self._batches, self._looked, self._used = -1.0, self._seen, processor_time(pid)

    def beats(self) -> bool:
        """Return whether the process works or may yet; takes as long as it is silent."""
        told = self._ask("/metrics")
        if told is None:
            return self._ask("/health") is not None and self._within()
        numbers = dict(line.rsplit(" ", 1) for line in told.splitlines() if line.startswith((RUNNING, BATCHES)))
        batches = float(numbers.get(BATCHES, 0))
        if batches != self._batches or not float(numbers.get(RUNNING, 0)):
            self._batches = batches
            self._seen = self._moved = time.monotonic()
        return self._within()

    def _within(self) -> bool:
        """Return whether it moved on not long ago, or works at something long."""
        now, used = time.monotonic(), processor_time(self.pid)
        if used - self._used > AT_WORK * (now - self._looked):
            self._seen = now
        self._looked, self._used = now, used
        return now - self._seen < self.hung and now - self._moved < PATIENCE * self.hung

    def _ask(self, path: str) -> str | None:
        """Return what is answered, None where nothing is in time."""
        connection = http.client.HTTPConnection("engine")
        with socket.socket(socket.AF_UNIX) as connection.sock:
            connection.sock.settimeout(self.silent)
            try:
                connection.sock.connect(self.socket)
                connection.request("GET", path, headers={"Connection": "close"})
                return connection.getresponse().read().decode()
            except (OSError, http.client.HTTPException):
                return None


def processor_time(pid: int | None) -> float:
    """Return the seconds of processor time that a process has used; 0 where that cannot be told."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0
