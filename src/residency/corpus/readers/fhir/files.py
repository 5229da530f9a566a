"""FHIR files as entries: Bundles, single resources and bulk data, whole or one resource a line, packed or not.

Lines are parsed only where their type is wanted; a file of one JSON value is in memory whole, within the limits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from residency.corpus.readers.fhir.values import Resource, id_of
from residency.corpus.readers.guard import Given, OutOfTime, decoded, lines, load_json, opened, reason, whole_text
from residency.corpus.records import Bad

_TYPE = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]{1,60})"')
_NAME = re.compile(r"[A-Za-z]{1,60}")
_START = re.compile(rb'\{"resourceType":"([A-Za-z]{1,60})"')
_HEAD = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource and its place; ``resource`` is None where its type was not asked for.

    ``key`` is what references call it; ``entry`` its number in its Bundle (from 0, as in Bundle.entry[0]);
    ``near`` the resources of the same Bundle by key.
    """

    kind: str
    resource: Resource | None = None
    key: str = ""
    line: int | None = None
    entry: int | None = None
    near: dict[str, Resource] = field(default_factory=dict)

    def bad(self, given: Given, why: str) -> Bad:
        """Return a bad record at this entry's place."""
        return given.bad(why if self.entry is None else f"entry {self.entry}: {why}", self.line)


def entries(given: Given, kinds: frozenset[str], first_line: int = 1) -> Iterator[Entry | Bad]:
    """Yield every resource of a file as an entry, parsed where it is of the kinds; what is broken as a bad record.

    ``first_line`` is the number of the first line of the given span.
    """
    if not is_lines(given):
        yield from _whole(given, kinds)
        return
    for number, line in lines(given):
        number += first_line - 1
        if isinstance(line, Bad):
            yield replace(line, line=number)
        elif line.strip():
            yield from _line(given, kinds, number, line)


def is_lines(given: Given) -> bool:
    """Return whether a file has one resource a line: by its ending, else by how its first two lines look."""
    if given.name.lower().removesuffix(".gz").endswith((".ndjson", ".jsonl")) or given.span:
        return True
    try:
        with opened(given) as handle:
            first, second = handle.readline(_HEAD).strip(), handle.readline(_HEAD).strip()
    except Exception:
        return False  # reading it will say why
    return first[:1] == b"{" and first[-1:] == b"}" and second[:1] == b"{"


def _line(given: Given, kinds: frozenset[str], number: int, line: bytes) -> Iterator[Entry | Bad]:
    kind = _kind(line)
    if kind and kind not in kinds and kind != "Bundle":
        yield Entry(kind, line=number)
        return
    try:
        content = load_json(decoded(line, given.encoding), given.limits)
    except json.JSONDecodeError as error:
        yield given.bad(f"not JSON at character {error.pos}: {error.msg.partition(':')[0]}", number)
    except Exception as error:
        yield given.bad(reason(error), number)
    else:
        yield from _resource(given, kinds, content, number)


def _kind(line: bytes) -> str:
    """Return the type that a line says it is, "" where only parsing tells (it holds several, or none)."""
    start = _START.match(line)
    if start:
        return start[1].decode()
    found = set(_TYPE.findall(line))
    return found.pop().decode() if len(found) == 1 else ""


def _whole(given: Given, kinds: frozenset[str]) -> Iterator[Entry | Bad]:
    try:
        content = load_json(whole_text(given), given.limits)
    except json.JSONDecodeError as error:
        yield given.bad(f"not JSON at column {error.colno}: {error.msg.partition(':')[0]}", error.lineno)
        return
    except OutOfTime:
        raise
    except Exception as error:
        yield given.bad(reason(error))
        return
    yield from _resource(given, kinds, content, None)


def _resource(given: Given, kinds: frozenset[str], content: Any, line: int | None) -> Iterator[Entry | Bad]:
    kind = content.get("resourceType") if isinstance(content, dict) else None
    if not isinstance(kind, str) or not _NAME.fullmatch(kind):
        there = isinstance(content, dict) and "resourceType" in content
        yield given.bad(f"no FHIR resource: resourceType is {'no type of FHIR' if there else 'missing'}", line)
    elif kind == "Bundle":
        yield from _bundle(given, kinds, content, line)
    else:
        yield Entry(kind, content if kind in kinds else None, str(content.get("id") or ""), line)


def _bundle(given: Given, kinds: frozenset[str], bundle: Resource, line: int | None) -> Iterator[Entry | Bad]:
    rows = bundle.get("entry") or []
    if not isinstance(rows, list):
        yield given.bad("a Bundle whose entry is no list", line)
        return
    if not rows:
        yield Entry("Bundle", line=line)
    near = {_key(row): row["resource"] for row in rows if isinstance(row, dict) and _is_resource(row.get("resource"))}
    for number, row in enumerate(rows):
        resource: Any = row.get("resource") if isinstance(row, dict) else None
        if _is_resource(resource) and resource["resourceType"] == "Bundle":
            yield from _bundle(given, kinds, resource, line)
        elif _is_resource(resource):
            kind = resource["resourceType"]
            yield Entry(kind, resource if kind in kinds else None, _key(row), line, number, near)
        elif resource is None and isinstance(row, dict) and ("request" in row or "response" in row):
            yield Entry("OperationOutcome", None, "", line, number)  # a deletion, or an answer
        else:
            yield given.bad(f"entry {number} has no resource", line)


def _is_resource(value: Any) -> bool:
    kind = value.get("resourceType") if isinstance(value, dict) else None
    return isinstance(kind, str) and bool(_NAME.fullmatch(kind))


def _key(row: Resource) -> str:
    """Return what the Bundle's references call an entry: the end of its address, else its resource's id."""
    address = str(row.get("fullUrl") or "")
    return id_of(address) if address.startswith("urn:") else str(row["resource"].get("id") or "") or id_of(address)
