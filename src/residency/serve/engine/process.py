"""The process that llama.cpp's server lives in: a crash of it takes nothing else along.

It reads what to load from its standard input, says on its standard output when it is ready, and ends when its input
does: when whoever started it is gone, however that ended. It listens on a socket file alone and writes no log.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Load:
    """What to load: ``context`` tokens for each of ``parallel`` requests.

    ``share`` keeps what was read for one user for all others, beside the slots up to ``cache`` MiB of it; without, a
    slot is chosen for each request (slots.py), and nothing is kept beside them.
    """

    path: str
    name: str
    context: int
    parallel: int
    threads: int
    share: bool = False
    cache: int = 256
    embedding: bool = False

    def line(self, socket: str) -> bytes:
        """Return the line that a process is told this by."""
        return json.dumps({**asdict(self), "socket": socket}).encode() + b"\n"


def server(load: Load, socket: str) -> Any:
    """Return llama.cpp's server, running; RuntimeError where it cannot load the file."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = load.path
    settings.model_alias = {load.name}  # else its answers name the file
    settings.hostnames = [socket]
    settings.n_parallel, settings.n_ctx = load.parallel, load.context * load.parallel
    settings.n_threads_http = load.parallel + 8  # beside those who wait for tokens: health, templates, tokenizing
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = load.threads
    settings.verbosity, settings.warmup, settings.ui, settings.offline = 0, True, False, True
    settings.endpoint_slots = settings.endpoint_props = False  # slots hold prompts
    settings.endpoint_metrics = True  # whether it moves on (pulse.py)
    settings.fit_params = False  # what does not fit is an error, not a smaller context
    settings.cache_ram_mib = load.cache if load.share else 0
    settings.embedding = load.embedding
    if load.embedding:
        settings.n_batch = settings.n_ubatch = load.context  # a text is read in one pass
    return xllamacpp.Server(settings)


def main() -> None:
    """Load what the first line says, tell how that went, and serve until the input ends."""
    for one in (signal.SIGINT, signal.SIGTERM):  # they reach the whole group: whoever started this one decides
        signal.signal(one, signal.SIG_IGN)
    told = json.loads(sys.stdin.buffer.readline())
    socket = told.pop("socket")
    answers = os.fdopen(os.dup(1), "w")
    _silence()
    try:
        running = server(Load(**told), socket)
    except (RuntimeError, OSError) as error:
        print(json.dumps({"error": type(error).__name__}), file=answers, flush=True)
        os._exit(1)
    print(json.dumps({"ready": running is not None}), file=answers, flush=True)
    sys.stdin.buffer.read()
    os._exit(0)  # without waiting for what is being generated


def _silence() -> None:
    """Send what C++ prints nowhere: its warnings can quote what was asked."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


if __name__ == "__main__":
    main()
