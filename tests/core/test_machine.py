"""A run's record names what its numbers stood on, and not the machine's own name."""

from __future__ import annotations

import json
import socket
import sys
import types

import pytest

from residency import __version__
from residency.core.machine import give_back_memory, installed, machine, versions


def test_versions_are_found_without_importing() -> None:
    found = versions()
    assert found["residency"] == __version__ and found["python"]
    assert found["numpy"] == installed("numpy") is not None
    assert installed("no-such-package") is None


def test_the_machine_is_described_and_not_named() -> None:
    found = machine()
    assert found["cores"] >= 1 and found["memory_gb"] > 0.1 and found["processor"]
    assert socket.gethostname() not in json.dumps(found)


def test_memory_is_given_back_while_another_thread_imports_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", types.ModuleType("pyarrow"))  # as it is half way through its import
    give_back_memory()
