"""The pulse of a process: one that answers and moves on lives, one that is silent or stands still does not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from residency.models.llama import socket_folder
from residency.serve.engine.pulse import Pulse


@contextmanager
def process(told: dict[str, Any], pid: int | None = None) -> Iterator[Pulse]:
    """Yield the pulse (a third of a second) of what answers as ``told`` says; a path that is not in it is silent."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path not in told:
                time.sleep(0.6)
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(str(told[self.path]).encode())

        def log_message(self, *_: Any) -> None:
            pass

        def address_string(self) -> str:
            return ""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_UNIX

        def server_bind(self) -> None:
            self.socket.bind(self.server_address)

    folder: Path = socket_folder()
    server = Server(str(folder / "s"), Handler)  # type: ignore[arg-type]
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield Pulse(str(folder / "s"), hung=0.3, pid=pid)
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def at_work() -> Iterator[int]:
    """Yield the number of a process that uses a processor all the time."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield busy.pid
    finally:
        busy.kill()
        busy.wait()


def metrics(running: int, batches: int) -> str:
    return f"# TYPE a gauge\nllamacpp:n_decode_total {batches}\nllamacpp:requests_processing {running}\n"


def test_one_that_stands_still_lives_while_nothing_is_asked_of_it():
    with process({"/metrics": metrics(0, 5), "/health": "ok"}) as pulse:
        assert pulse.beats()
        time.sleep(0.4)
        assert pulse.beats()


def test_one_that_answers_and_does_not_move_on_with_a_request_hangs_after_a_while():
    told = {"/metrics": metrics(1, 5), "/health": "ok"}
    with process(told) as pulse:
        assert pulse.beats() and pulse.beats()
        time.sleep(0.4)
        assert not pulse.beats()
        told["/metrics"] = metrics(1, 6)
        assert pulse.beats()


def test_one_whose_model_is_busy_with_a_long_batch_lives_as_long_as_that_may_take():
    with process({"/health": "ok"}) as pulse:
        pulse.hung = 1.5  # of silence, a third of a second is waited for
        assert pulse.beats()
        time.sleep(1.0)
        assert not pulse.beats()


def test_one_that_uses_the_processor_for_a_long_batch_lives_ten_times_as_long_and_no_longer():
    with at_work() as pid, process({"/health": "ok"}, pid) as pulse:
        pulse.silent = 1.0
        began = time.monotonic()
        while pulse.beats():
            assert time.monotonic() - began < 20, "it is never given up"
        assert time.monotonic() - began > 2.9  # ten times 0.3
    with process({"/health": "ok"}, os.getpid()) as pulse:  # this one only waits
        pulse.silent = 1.0
        assert not pulse.beats()


def test_one_that_says_nothing_at_all_hangs_and_so_does_one_that_is_not_there():
    with process({}) as pulse:
        pulse.hung = 60
        assert not pulse.beats()
    assert not Pulse("/nowhere/s", hung=60).beats()
