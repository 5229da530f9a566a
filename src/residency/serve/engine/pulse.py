"""Whether a process of llama.cpp still works: it answers, and what it has begun moves on.

Its web threads answer ``/health`` though the model may be stuck; ``/metrics`` is answered by the loop that runs the
model, between two batches. A process that is stopped answers neither. Only a batch may take long: one of 2,048 tokens
is read at a time, so ``hung`` is to be longer than a model takes for that.
"""

from __future__ import annotations

import http.client
import socket
import time

HUNG_S = 300.0
SILENT_S = 30.0
"""Seconds in which a web thread answers, whatever the model does."""
RUNNING, BATCHES = "llamacpp:requests_processing", "llamacpp:n_decode_total"


class Pulse:
    """What was last seen of a process; ``hung`` seconds without a sign of work are too many."""

    def __init__(self, socket: str, *, hung: float = HUNG_S) -> None:
        self.socket, self.hung, self.silent = socket, hung, min(SILENT_S, hung)
        self._seen, self._batches = time.monotonic(), -1.0

    def beats(self) -> bool:
        """Return whether the process works or may yet; takes as long as it is silent."""
        told = self._ask("/metrics")
        if told is None:
            return self._ask("/health") is not None and self._within()
        numbers = dict(line.rsplit(" ", 1) for line in told.splitlines() if line.startswith((RUNNING, BATCHES)))
        batches = float(numbers.get(BATCHES, 0))
        if batches != self._batches or not float(numbers.get(RUNNING, 0)):
            self._seen, self._batches = time.monotonic(), batches
        return self._within()

    def _within(self) -> bool:
        return time.monotonic() - self._seen < self.hung

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
