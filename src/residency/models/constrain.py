"""Replies that obey a JSON schema: before each token a grammar says which tokens may come next.

The masks are llguidance's, one matcher a row; a token that would break the schema gets no probability, all others keep
theirs in proportion (Willard and Louf 2023, Efficient Guided Generation for Large Language Models). What is written is
then as ``json.dumps`` writes it, and can only be cut short, by the end of its room.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from residency.core.errors import ResidencyError, Unsupported

SPACING: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""As ``json.dumps`` writes: where any white space is legal, a model may write white space for ever."""


class Guide:
    """What may come next in each row of a batch: all rows begin where ``start`` does; without it everything may."""

    def __init__(self, start: Any, rows: int) -> None:
        self.matchers = [] if start is None else [start.deep_copy() for _ in range(rows)]

    def allowed(self, rows: Sequence[int], width: int) -> torch.Tensor | None:
        """Return which of ``width`` tokens may come next in each of these rows, bool [rows, width]; None: all."""
        if not self.matchers:
            return None
        return torch.from_numpy(np.stack([_bits(self.matchers[row], width) for row in rows]))

    def take(self, rows: Sequence[int], tokens: Sequence[int]) -> None:
        """Go on in each of these rows by the token that was chosen there."""
        if self.matchers:
            for row, token in zip(rows, tokens, strict=True):
                if not self.matchers[row].consume_token(token):
                    raise ResidencyError("llguidance refused a token that it had allowed: the reply cannot go on")


def _bits(matcher: Any, width: int) -> np.ndarray:
    if matcher.is_error():  # its message quotes the text
        raise ResidencyError("llguidance cannot say what may come next: the schema is too large to follow")
    mask = np.frombuffer(matcher.compute_bitmask(), np.uint8)
    return np.unpackbits(mask, count=width, bitorder="little").astype(bool)


def start_of(schema: dict[str, Any] | None, tokenizer: PreTrainedTokenizerBase, width: int, end: int) -> Any:
    """Return the matcher of a schema before its first token, for a ``Guide``; None without a schema.

    ``width`` is the number of the model's logits, ``end`` the token that ends a turn. Raises Unsupported where
    llguidance is absent, or cannot read the schema or the tokenizer.
    """
    if schema is None:
        return None
    try:
        from llguidance import LLMatcher
    except ImportError:
        raise Unsupported(
            "a schema is followed by the package llguidance, which is not installed: pip install llguidance, or use a "
            ".gguf model, which follows one by itself"
        ) from None
    grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=SPACING)
    matcher = LLMatcher(_readable(tokenizer, width, end), grammar, log_level=0)
    if matcher.is_error():
        raise Unsupported("llguidance cannot follow this JSON schema; it knows type, enum, items, properties and more")
    return matcher


@lru_cache(maxsize=2)
def _readable(tokenizer: PreTrainedTokenizerBase, width: int, end: int) -> Any:
    """Return a tokenizer as llguidance reads it (a second of work for a large one)."""
    from llguidance.hf import from_tokenizer

    try:
        return from_tokenizer(tokenizer, n_vocab=max(width, len(tokenizer)), eos_token=end)
    except (ValueError, RuntimeError):
        raise Unsupported(
            "llguidance cannot read this model's tokenizer, only byte-level and byte-fallback ones of the tokenizers "
            "library; a .gguf model follows a schema by itself"
        ) from None
