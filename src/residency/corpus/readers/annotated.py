"""Annotated texts: brat's standoff files beside their text, and CoNLL's columns of words and labels.

Labels stay as they were published. An annotation whose text is not what stands at its offsets is bad, with its id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from residency.core.types import Document, Span
from residency.corpus.readers.guard import Given, decoded, reason, whole_bytes, whole_text
from residency.corpus.records import Bad

Fragments = list[tuple[int, int]]
_BOUND = re.compile(r"(\S+) (\d{1,9} \d{1,9}(?:;\d{1,9} \d{1,9})*)")
_KINDS = {"R": "relations", "*": "relations", "E": "events", "A": "attributes", "M": "attributes", "N": "references"}


def read_brat(given: Given) -> Iterator[Document | Bad]:
    """Yield the text of a ``.txt`` file, the annotations of the ``.ann`` beside it as spans, and those that are bad.

    ``meta["span_ids"]`` names the annotation of each span (a discontinuous one has several spans); relations, events,
    attributes, references and notes stand in ``meta`` under these names. Offsets count characters of the file as it is:
    line ends of two characters count twice, and whether a byte order mark or such line ends were counted is found out
    by what fits more annotations. Raises as ``whole_text`` does for the text.
    """
    content = whole_bytes(given)
    text = decoded(content, given.encoding)
    name = given.name.removesuffix(given.path.suffix) + ".ann"
    beside = replace(given, path=given.path.with_suffix(".ann"), name=name)
    try:
        lines = whole_text(beside).split("\n")
    except Exception as error:
        yield beside.bad(reason(error))
        return
    if not text.strip():
        yield given.bad("it is empty")
        return
    bound, meta, bad = _annotations(lines, beside)
    text, shift = _as_counted(text, bound, marked=content.startswith(b"\xef\xbb\xbf"))
    spans: list[tuple[Span, str]] = []
    for key, (line, label, fragments, words) in bound.items():
        moved = [(start - shift, end - shift) for start, end in fragments]
        if _fits(text, moved, words):
            spans += [(Span(start, end, label), key) for start, end in moved]
        else:
            bad.append(beside.bad(f"{key}: its text is not what stands at its offsets", line))
    spans.sort(key=lambda pair: (pair[0].start, pair[0].end))
    meta |= {"span_ids": [key for _, key in spans], **({"bad_annotations": len(bad)} if bad else {})}
    about = {"kind": given.options.get("kind", "note"), "format": "brat", **meta}
    yield given.document(given.key, text, spans=[span for span, _ in spans], meta=about)
    yield from bad


def _annotations(
    lines: list[str], given: Given
) -> tuple[dict[str, tuple[int, str, Fragments, str]], dict[str, Any], list[Bad]]:
    """Return text-bound annotations by id, what else an .ann file says, and its lines that say nothing legal."""
    bound: dict[str, tuple[int, str, Fragments, str]] = {}
    meta: dict[str, Any] = {}
    bad: list[Bad] = []
    for number, line in enumerate(lines, 1):
        key, _, rest = line.rstrip("\r").partition("\t")
        said, _, words = rest.partition("\t")
        found = _BOUND.fullmatch(said)
        if key.startswith("T") and found and key not in bound:
            pairs = (pair.split(" ") for pair in found[2].split(";"))
            bound[key] = number, found[1], [(int(start), int(end)) for start, end in pairs], words
        elif key.startswith("#") and len(parts := said.split()) == 2:
            meta.setdefault("notes", []).append({"type": parts[0], "target": parts[1], "text": words})
        elif key[:1] in _KINDS and len(said.split()) > 1:
            meta.setdefault(_KINDS[key[0]], []).append(_other(key, said.split(), words))
        elif line.strip():
            known = key if re.fullmatch(r"[A-Z#*]\d{0,9}", key) else "a line"
            again = "its id was there before" if key in bound else "not an annotation in brat's form"
            bad.append(given.bad(f"{known}: {again}", number))
    return bound, meta, bad


def _other(key: str, parts: list[str], words: str) -> dict[str, Any]:
    """Return a relation, an event, an attribute or a reference to a knowledge base."""
    if key[0] == "*":
        return {"id": key, "type": parts[0], "members": parts[1:]}
    if key[0] in "RE":
        kind, _, trigger = parts[0].partition(":")
        args = [part.split(":", 1) if ":" in part else ["", part] for part in parts[1:]]
        return {"id": key, "type": kind, "args": args, **({"trigger": trigger} if trigger else {})}
    said = {"id": key, "type": parts[0], "target": parts[1], **({"value": " ".join(parts[2:])} if parts[2:] else {})}
    return {**said, "text": words} if words else said


def _as_counted(text: str, bound: dict[str, Any], *, marked: bool) -> tuple[str, int]:
    """Return the text, and by how much offsets are too large, as most annotations fit."""
    ways = [(text, 1), (text, 0)] if marked else [(text, 0)]
    if "\r\n" in text:
        ways += [(text.replace("\r\n", "\n"), shift) for _, shift in tuple(ways)]

    def fitting(way: tuple[str, int]) -> int:
        said, shift = way
        return sum(
            _fits(said, [(start - shift, end - shift) for start, end in fragments], words)
            for _, _, fragments, words in bound.values()
        )

    return max(ways, key=fitting) if len(ways) > 1 else ways[0]


def _fits(text: str, fragments: Fragments, words: str) -> bool:
    if not all(0 <= start < end <= len(text) for start, end in fragments):
        return False
    return " ".join(text[start:end] for start, end in fragments).split() == words.split()
