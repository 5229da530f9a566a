"""Which entry a name stands for that somebody else wrote: "mistralai/Mistral-7B-Instruct-v0.2" is made of Mistral.

An entry is taken only where the rest of the name says nothing but a size, a version or a format; of several names the
longest wins, so a Llama 3.2 of which the catalog has no entry is not taken for the first LLaMA.
"""

from __future__ import annotations

import re
from functools import lru_cache

from residency.catalog.entries import Catalog, Entry

_REST = re.compile(
    r"\d+x\d+(\.\d+)?b|\d+(\.\d+)?[bmk]|v\d+(\.\d+)*|a\d+b|instruct|chat|it|hf|base|large|small|mini|medium|tiny|preview|"
    r"gguf|awq|gptq|exl2|bnb|q\d\w*|int[48]|[48]bit|fp16|fp32|bf16|uncased|cased|merged|lora|adapter|sft|dpo|final|"
    r"test|train|dev|validation|options|\d"
)
_CUT = re.compile(r"[^\w.+]+|_+")


def resolve(catalog: Catalog, kind: str, *texts: str) -> str:
    """Return the id of the entry that one of some names stands for, tried in order; an empty text where none does."""
    return next((found for text in texts if text and (found := _one(catalog, kind, text))), "")


def _one(catalog: Catalog, kind: str, text: str) -> str:
    entries = catalog.entries[kind]
    asked = text.strip().casefold()
    for entry in entries.values():
        if asked in (entry.id, *entry.here) or ("/" in asked and _linked(entry, asked)):
            return entry.id
    names = {joined(name): entry.id for entry in entries.values() for name in (entry.id, *reversed(entry.names))}
    parts = [part for part in _CUT.split(asked.rpartition("/")[2]) if part]
    for start in range(2 if parts[:1] == ["meta"] else 1):
        for end in range(len(parts), start, -1):
            found = names.get("".join(parts[start:end]))
            if found and all(_REST.fullmatch(part) for part in parts[end:]):
                return found
    return ""


def _linked(entry: Entry, name: str) -> bool:
    return any(re.search(rf"/{re.escape(name)}/?$", link.casefold()) for link in entry.links)


@lru_cache(maxsize=4096)
def joined(name: str) -> str:
    """Return a name without what people leave out or put in: "Llama 2" and "llama-2" are one."""
    return _CUT.sub("", name.strip().casefold())


def size_in(name: str) -> str:
    """Return the size that a model's name gives, "7B"; an empty text where it gives none."""
    found = re.search(r"(?<![\w.])(\d+x)?(\d+(?:\.\d+)?)\s?([mb])(?![a-z0-9])", name.rpartition("/")[2].casefold())
    return f"{found[1] or ''}{found[2]}{found[3].upper()}" if found else ""
