"""llama.cpp's server inside this process, on a socket file in a private folder: no port is opened."""

from __future__ import annotations

import http.client
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

from residency.core.errors import ModelError


class SocketConnection(http.client.HTTPConnection):
    """HTTP over a socket file: nothing leaves the machine, and only this user can open the file."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def start(path: Path, socket_file: Path, context: int, parallel: int, threads: int | None, exact: bool) -> Any:
    """Return a running server for a GGUF, which listens on a socket file; ModelError where it cannot be loaded."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.hostnames = [str(socket_file)]
    settings.n_parallel = parallel
    settings.n_ctx = context * parallel
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads or usual_threads()
    settings.verbosity, settings.warmup, settings.ui, settings.offline = 0, False, False, True
    settings.cache_ram_mib = 0  # it would keep the prompts of finished requests, up to 8 GB of them
    if exact:
        settings.cache_type_k = settings.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    try:
        return xllamacpp.Server(settings)
    except RuntimeError as error:
        raise ModelError(f"llama.cpp cannot load {path}: is it a whole GGUF of a text model? ({error})") from None


def usual_threads() -> int:
    """Return OMP_NUM_THREADS, as torch does, or the cores this process may use: two busy threads a core stall."""
    named = os.environ.get("OMP_NUM_THREADS", "")
    return int(named) if named.isdecimal() and int(named) else len(os.sched_getaffinity(0))


def check_magic(path: Path) -> None:
    """Raise ModelError where a file is no GGUF."""
    if not path.is_file():
        raise ModelError(f"no GGUF file at {path}")
    with path.open("rb") as handle:
        if handle.read(4) != b"GGUF":
            raise ModelError(f"{path} is not a GGUF file (its first four bytes are not 'GGUF')")


def socket_folder() -> Path:
    """Return a new folder only this user can enter, with a path short enough for a socket (about 100 bytes)."""
    folder = Path(tempfile.mkdtemp(prefix="residency-"))
    if len(str(folder)) > 80:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="residency-", dir="/tmp"))
    return folder
