"""For all tests: the network is blocked in every process, and runs go to a temporary folder."""

from __future__ import annotations

import gc
import itertools
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


# --- what keeps some thousand tests quick -----------------------------------------------------------------------------

os.fsync = lambda handle: None  # no power fails during a test, and each write would wait for the disk
_NUMBERS = itertools.count()


_MORE_CASES: set[str] = set()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Note the tests that are a further case of one before them, or draw their cases (Hypothesis)."""
    seen: set[tuple[str, str]] = set()
    for item in items:
        test = (str(item.path), getattr(item, "originalname", item.name))
        if test in seen or getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            _MORE_CASES.add(item.nodeid)
        seen.add(test)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[object]:
    """Measure no coverage of further cases: they go the ways of the first, and tracing takes up to twice their time.

    (pytest-cov's own ``no_cover`` stops one of two measurements that a worker has, and the other then goes on.)
    """
    tracer = sys.gettrace() if item.nodeid in _MORE_CASES else None
    if tracer:
        sys.settrace(None)
    try:
        return (yield)
    finally:
        if tracer:
            sys.settrace(tracer)


@pytest.fixture(scope="module", autouse=True)
def small_heap() -> None:
    """Spare the garbage collector what was imported so far: it would look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the one folder for what every test gets: for each numbered one pytest looks through all there are."""
    return tmp_path_factory.mktemp("each")


# --- what every test gets ---------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_network(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield the file where attempts to reach the network are noted; the test fails where there was one."""
    log = own_folders / f"network-{next(_NUMBERS)}"
    monkeypatch.setenv("RESIDENCY_TEST_NETWORK_LOG", str(log))
    yield log
    attempts = log.read_text(encoding="utf-8").split() if log.exists() else []
    assert not attempts, f"something tried to reach the network: {attempts}"


@pytest.fixture(autouse=True)
def own_runs_folder(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the temporary folder that this test's runs go to."""
    root = own_folders / f"residency-{next(_NUMBERS)}" / "runs"
    root.parent.mkdir()
    monkeypatch.setenv("RESIDENCY_RUNS", str(root))
    monkeypatch.delenv("RESIDENCY_DB", raising=False)
    return root
