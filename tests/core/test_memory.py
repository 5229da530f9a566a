"""What memory there is, what was taken, and a limit that refuses instead of letting the system kill."""

from __future__ import annotations

import platform
import subprocess
import sys

import psutil
import pytest

from residency.core import memory

MB = 1_000_000
linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own figures")


def test_what_is_left_is_no_more_than_the_machine_has() -> None:
    left, own = memory.memory_left(own=False), psutil.Process().memory_info().rss
    assert 0 < left <= psutil.virtual_memory().total
    assert memory.memory_left() == pytest.approx(left + own, rel=0.2)


def test_a_container_that_is_held_to_less_has_less(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("max", "500000000"), ("current", "400000000"), ("stat", "anon 7\ninactive_file 100000000\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    monkeypatch.setattr(
        memory, "CONTROL_GROUPS", [(str(tmp_path / "memory.max"), str(tmp_path / "memory.current")), ("no", "such")]
    )
    assert memory.memory_left(own=False) == 200 * MB
    (tmp_path / "memory.max").write_text("max")
    assert memory.memory_left(own=False) > 200 * MB


LIMIT = """
from residency.core import memory
MB = 1_000_000
with memory.at_most(100 * MB):
    bytearray(20 * MB)
    try:
        bytearray(400 * MB)
    except MemoryError:
        print("refused")
print(len(bytearray(400 * MB)))
"""

PEAK = """
from residency.core import memory
MB = 1_000_000
memory.forget_peak()
before = memory.peak_memory()
piece = bytearray(b"x") * (200 * MB)
print(memory.peak_memory() - before)
del piece
memory.forget_peak()
print(memory.peak_memory() - before)
"""


def said(program: str, *arguments: str) -> list[str]:
    """Return what a fresh process prints: one that has run other tests has freed memory in hand, and asks for none."""
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.split()


@linux
def test_inside_a_limit_more_is_refused_and_behind_it_not() -> None:
    assert said(LIMIT) == ["refused", str(400 * MB)]


@linux
def test_the_peak_is_that_since_it_was_forgotten() -> None:
    with_piece, without = map(int, said(PEAK))
    assert with_piece == pytest.approx(200 * MB, rel=0.1)
    assert without < 50 * MB


HEAPS = """
import ctypes, sys, threading
from residency.core.memory import share_heap
libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype, libc.open_memstream.restype = ctypes.c_void_p, ctypes.c_void_p
if sys.argv[1] == "shared":
    share_heap()
gate = threading.Barrier(4)
def work():
    libc.malloc(ctypes.c_size_t(100_000))
    gate.wait()
threads = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in threads], [t.join() for t in threads]
text, size = ctypes.c_char_p(), ctypes.c_size_t()
stream = ctypes.c_void_p(libc.open_memstream(ctypes.byref(text), ctypes.byref(size)))
libc.malloc_info(0, stream)
libc.fclose(stream)
print(text.value.count(b"<heap nr="))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the heaps are glibc's")
def test_threads_share_one_heap_once_they_are_told_to() -> None:
    found = [int(*said(HEAPS, how)) for how in ("shared", "own")]
    assert found[0] == 1 < found[1]
