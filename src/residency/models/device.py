"""Where to compute and how precisely: the device, and bf16 only where the processor multiplies it in hardware."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import torch

from residency.core.errors import UserError

Precision = Literal["auto", "fp32", "bf16"]
PRECISIONS = get_args(Precision)


def device() -> torch.device:
    """Return the first CUDA device, else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read at the first product: without it bits may vary
    torch.backends.cuda.enable_cudnn_sdp(False)  # suspected of planning anew for every token written; not measured yet
    return torch.device("cuda")


@contextlib.contextmanager
def in_order(where: torch.device) -> Iterator[None]:
    """Inside, a GPU adds up in a fixed order: the same work gives the same bits, as it does on a CPU."""
    if where.type == "cpu":
        yield
        return
    before, fill = torch.get_deterministic_debug_mode(), torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before)
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[assignment]


def precision(name: str = "auto") -> torch.dtype:
    """Return the torch type for "fp32", "bf16", or "auto" (bf16 where the hardware has it). UserError otherwise."""
    if name not in PRECISIONS:
        raise UserError(f"precision {name!r} is not known; legal are {', '.join(PRECISIONS)}")
    if name == "auto":
        return torch.bfloat16 if has_bf16() else torch.float32
    return torch.bfloat16 if name == "bf16" else torch.float32


def precision_name(name: str = "auto") -> str:
    """Return "fp32" or "bf16": what a precision comes to on this machine."""
    return "bf16" if precision(name) is torch.bfloat16 else "fp32"


@functools.cache
def has_bf16() -> bool:
    """Return whether matrix products in bf16 run in hardware here (AVX512_BF16, AMX, Arm BF16, or CUDA)."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return False
    flags = set(cpuinfo.read_text().split())
    return bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})
