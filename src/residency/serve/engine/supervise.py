"""A process that is kept alive: started, waited for, started again when it dies or hangs, and ended with its keeper.

A thread of its own waits for the process, so it works with an event loop and without one. Every few seconds it looks
whether the process still works; one that hangs is killed, which is a death like others: those who wait for it are told
at once. Between a death and the next start there is a growing pause; who asks meanwhile is told in how many seconds to
come back.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import shutil
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

from residency.core.errors import ModelError
from residency.models.llama import socket_folder
from residency.serve.engine.process import Load
from residency.serve.engine.pulse import HUNG_S, Pulse
from residency.serve.types import Down

LOG = logging.getLogger("residency.serve")
PAUSES = (0.1, 0.5, 2.0, 5.0, 15.0, 30.0)
"""Seconds before the first, second … start after deaths that came soon after one another."""
STEADY = 60.0
"""Seconds of life after which a death counts as a first one."""
LOOKS = 5.0
"""Seconds between two looks at a process."""


class Kept:
    """The process of one model. ``restarts`` counts the starts after the first; ``socket`` raises Down between them.

    ``hung`` seconds without a sign of work are too many; ``hangs`` counts how often that was so.
    """

    def __init__(self, load: Load, *, pauses: tuple[float, ...] = PAUSES, hung: float = HUNG_S) -> None:
        """Start it and wait until it is ready; ModelError where it cannot load the file."""
        self.load, self.pauses, self.hung = load, pauses, hung
        self.restarts, self.hangs, self.took = 0, 0, 5.0
        self._folder, self._number = socket_folder(), 0
        self._socket: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._back = 0.0
        self._ended = threading.Event()
        self._up = threading.Event()
        weakref.finalize(self, shutil.rmtree, self._folder, True)
        if not self._start():
            self.stop()
            raise ModelError(f"llama.cpp cannot load {load.path}: is it a whole GGUF, and is there memory enough?")
        threading.Thread(target=self._keep, name="engine", daemon=True).start()

    @property
    def socket(self) -> str:
        """Return the socket file of the process; Down while there is none."""
        if self._socket is None:
            raise Down(max(1, math.ceil(self._back - time.monotonic())))
        return self._socket

    @property
    def alive(self) -> bool:
        """Return whether it answers."""
        return self._socket is not None

    @property
    def pid(self) -> int | None:
        """Return the number of the process."""
        return self._process.pid if self._process else None

    def wait(self, seconds: float) -> bool:
        """Return whether it answers, after waiting so long for that."""
        return self._up.wait(seconds)

    def stop(self) -> None:
        """End the process and keep it ended."""
        self._ended.set()
        self._down()
        process = self._process
        if process and process.poll() is None:
            process.kill()
            process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _keep(self) -> None:
        deaths = 0
        while not self._ended.is_set() and self._process:
            began = time.monotonic()
            hung = self._watch(self._process)
            self._down()
            if not self._ended.is_set():
                LOG.warning("the engine of %s %s; it is started again", self.load.name, "hung" if hung else "ended")
            deaths = 1 if time.monotonic() - began > STEADY else deaths + 1
            pause = self.pauses[min(deaths, len(self.pauses)) - 1]
            self._back = time.monotonic() + pause + self.took
            if self._ended.wait(pause):
                return
            self.restarts += 1
            self._start()

    def _watch(self, process: subprocess.Popen[bytes]) -> bool:
        """Return when a process has ended, and whether that was because it hung."""
        hung = False
        pulse = Pulse(self._socket or "", hung=self.hung, pid=process.pid)
        while True:
            try:
                process.wait(min(LOOKS, self.hung / 2))
                return hung
            except subprocess.TimeoutExpired:
                if self._ended.is_set() or pulse.beats():
                    continue
            if process.poll() is None and not self._ended.is_set():
                hung = True
                self.hangs += 1
                process.kill()

    def _start(self) -> bool:
        """Return whether a new process came up; it has a socket file of its own."""
        began = time.monotonic()
        self._number += 1
        socket = self._folder / f"{self._number}.sock"
        self._process = process = _spawn(self.load, socket)
        if self._ended.is_set():  # stop came while it was started
            process.kill()
        ready = bool(_said(process).get("ready"))
        if ready and not self._ended.is_set():
            self.took = time.monotonic() - began
            self._socket = str(socket)
            self._up.set()
        return ready

    def _down(self) -> None:
        self._socket = None
        self._up.clear()


def _spawn(load: Load, socket: Path) -> subprocess.Popen[bytes]:
    """Start a process; its threads wait for one another as llama.cpp means them to, and not as is best for training.

    Put to sleep after each step (``OMP_WAIT_POLICY=passive``, cli.py), two of them wrote 0.78 times as fast.
    """
    command = [sys.executable, "-m", "residency.serve.engine.process"]
    places = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0, env=places
    )
    assert process.stdin
    with contextlib.suppress(BrokenPipeError):  # it died at once: the reader of its answer finds none
        process.stdin.write(load.line(str(socket)))
    return process


def _said(process: subprocess.Popen[bytes]) -> dict[str, object]:
    """Return what a process says once it has loaded, or has not; nothing where it died before."""
    assert process.stdout
    line = process.stdout.readline()
    return dict(json.loads(line)) if line else {}
