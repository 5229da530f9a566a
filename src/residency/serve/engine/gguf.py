"""The head of a GGUF file: what kind of model it holds, before anything is loaded.

Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

ENCODERS = frozenset(
    {"bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3", "modern-bert", "eurobert"}
    | {"t5encoder", "gemma-embedding"}
)
"""Architectures of llama.cpp that read and do not write."""
NUMBERS = dict(enumerate("BbHhIif?", 0)) | {10: "Q", 11: "q", 12: "d"}
"""The types of numbers, as ``struct`` names them."""
STRING, ARRAY = 8, 9


def is_encoder(path: Path) -> bool:
    """Return whether a GGUF gives vectors and no text: by its architecture, or because it says how to pool.

    False where its head cannot be read: loading it will say more.
    """
    found: dict[str, Any] = {}
    try:
        with path.open("rb") as handle:
            for key, value in _fields(handle):
                found[key] = value
                if key.startswith("tokenizer."):  # what the model is stands before
                    break
    except (struct.error, KeyError, UnicodeDecodeError, MemoryError, OverflowError):
        return False
    kind = found.get("general.architecture")
    return kind in ENCODERS or f"{kind}.pooling_type" in found


def _fields(handle: BinaryIO) -> Iterator[tuple[str, Any]]:
    """Yield the keys and values of the head, in the order of the file."""
    _magic, _version, _tensors, count = struct.unpack("<4sIQQ", handle.read(24))
    for _ in range(count):
        key = _string(handle)
        yield key, _value(handle, *struct.unpack("<I", handle.read(4)))


def _value(handle: BinaryIO, kind: int) -> Any:
    if kind == STRING:
        return _string(handle)
    if kind == ARRAY:
        inner, count = struct.unpack("<IQ", handle.read(12))
        return [_value(handle, inner) for _ in range(count)]
    form = "<" + NUMBERS[kind]
    return struct.unpack(form, handle.read(struct.calcsize(form)))[0]


def _string(handle: BinaryIO) -> str:
    (size,) = struct.unpack("<Q", handle.read(8))
    return handle.read(size).decode()
