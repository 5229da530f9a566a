"""For all tests: the network is blocked in every process, and runs go to a temporary folder."""

from __future__ import annotations

import os
import runpy
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

OFFLINE = Path(__file__).parent / "offline"
SOURCE = Path(__file__).parent.parent / "src"

# Subprocesses find the guard (and the package, installed or not) by this path.
os.environ["PYTHONPATH"] = os.pathsep.join([str(OFFLINE), str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])])
if str(SOURCE) not in sys.path:
    sys.path.insert(0, str(SOURCE))
runpy.run_path(str(OFFLINE / "sitecustomize.py"))


# A shell starts background jobs deaf to Ctrl-C, and what they start inherits it: the commands under test must hear it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_network(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield the file where attempts to reach the network are noted; the test fails where there was one."""
    log = tmp_path_factory.mktemp("network") / "attempts"
    monkeypatch.setenv("RESIDENCY_TEST_NETWORK_LOG", str(log))
    yield log
    attempts = log.read_text(encoding="utf-8").split() if log.exists() else []
    assert not attempts, f"something tried to reach the network: {attempts}"


@pytest.fixture(autouse=True)
def own_runs_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the temporary folder that this test's runs go to."""
    root = tmp_path_factory.mktemp("residency") / "runs"
    monkeypatch.setenv("RESIDENCY_RUNS", str(root))
    monkeypatch.delenv("RESIDENCY_DB", raising=False)
    return root
