"""No network: every Python process that a test starts finds this file first, and so does the test process itself.

An attempt raises, and is noted in a file as well, because many libraries swallow the error and go on.
"""

import os
import socket

_LOCAL = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "", None}


class NetworkBlocked(OSError):
    """Something tried to reach the network."""


def _refuse(host: object) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in _LOCAL or str(name).startswith("127."):
        return
    if log := os.environ.get("RESIDENCY_TEST_NETWORK_LOG"):
        with open(log, "a", encoding="utf-8") as handle:
            handle.write(f"{name}\n")
    raise NetworkBlocked(f"the network is blocked in tests: {name}")


def _guarded(original):  # type: ignore[no-untyped-def]
    def call(self, *args):  # type: ignore[no-untyped-def]
        if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(args[-1], tuple):
            _refuse(args[-1][0])
        return original(self, *args)

    return call


def block() -> None:
    """Put the guard before every way out that Python's socket module knows."""
    if getattr(socket, "_residency_blocked", False):
        return
    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
    look_up = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):  # type: ignore[no-untyped-def]
        _refuse(host)
        return look_up(host, *args, **kwargs)

    socket.getaddrinfo = getaddrinfo
    socket._residency_blocked = True  # type: ignore[attr-defined]


block()
