"""A service, or llama.cpp's own server, in a process of its own, on the same GGUF; and what the processes use."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SCOPES = ("chat", "embed", "medical", "models")


@dataclass(frozen=True, slots=True)
class Running:
    """Where it listens, a key that may ask, its process, and the process of the model."""

    url: str
    key: str
    pid: int
    engine: int


@contextmanager
def service(folder: Path, model: str, options: Sequence[str] = (), *, threads: int) -> Iterator[Running]:
    """Yield a service that runs until the block ends; its folder stays."""
    key = _key(folder)
    command = [sys.executable, "-m", "residency", "serve", model, "--folder", str(folder), "--port", "0", "--json"]
    paths = os.pathsep.join([str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    places = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": str(threads)}
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, env=places)
    assert process.stdout
    try:
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"the service did not start (exit {process.wait()})")
        url = json.loads(line)["url"]
        _await(url, process)
        yield Running(url, key, process.pid, _child(process.pid))
    finally:
        process.terminate()
        process.wait()


@contextmanager
def llama_server(model: str, *, parallel: int, context: int, threads: int) -> Iterator[str]:
    """Yield the address of llama.cpp's own server, set up as the service's engine is."""
    command = [sys.executable, str(ROOT / "bench" / "parts" / "llama_server.py"), model]
    sizes = [str(parallel), str(context), str(threads)]
    process = subprocess.Popen([*command, *sizes], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    try:
        yield process.stdout.readline().decode().strip()
    finally:
        process.kill()
        process.wait()


def packaged() -> str:
    """Return the packaged GGUF."""
    from residency.models.weights import SMOLLM2, packaged_file

    return str(packaged_file(SMOLLM2))


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return once the service answers."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=30):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"the service ended (exit {process.returncode})")


def seconds_used(pid: int) -> float:
    """Return the seconds that the threads of a process have been on a processor (to the nanosecond)."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:  # it has just ended
            continue
    return total / 1e9


def megabytes(pid: int) -> float:
    """Return the memory that a process holds for itself alone, in MB: files it reads and shares do not count.

    (Its proportional set grows without it doing anything, when others that read the same files end.)
    """
    rows = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith("RssAnon:")) / 1024


def _key(folder: Path) -> str:
    """Return a key of a new clinician of a service that does not run yet, made as the console makes it."""
    from residency.admitting import opened
    from residency.serve.access import keys, users
    from residency.serve.settings import Settings
    from residency.serve.store.database import open_database, upgrade
    from residency.serve.store.keys import Seal
    from residency.serve.types import Principal

    Seal(folder)
    database = open_database(Settings(folder))
    upgrade(database)
    database.dispose()
    console = Principal(user="", name="console", role="administrator")
    with opened(folder, "") as access:
        person, _ = users.make(access, console, name=f"bench-{secrets.token_hex(4)}", role="clinician")
        _, token = keys.make(access, console, person.id, name="bench", scopes=SCOPES, per_minute=1_000_000)
    return token


def _child(pid: int) -> int:
    """Return the process of the model, which the service started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else _child_of_any(pid)


def _child_of_any(pid: int) -> int:
    found = [task / "children" for task in Path(f"/proc/{pid}/task").iterdir()]
    return next(int(child) for path in found for child in path.read_text().split())
