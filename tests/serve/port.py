"""An app that a real server serves on a free port of loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


@contextmanager
def on_port(app: Any, **settings: Any) -> Iterator[str]:
    """Yield the address of an app; its server ends with the block."""
    how = {"log_level": "critical", "access_log": False, "ws": "none", **settings}
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, **how))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive() and time.monotonic() < until, "the server did not start"
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
