"""Ontologies in OBO as documents: one a term, its name and definition as text, read line by line.

The format is OBO 1.2 and 1.4. ``stanzas`` and ``frame`` serve whoever wants the terms themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from residency.core.types import Document
from residency.corpus.readers.guard import Given, in_utf8, lines, reason
from residency.corpus.records import Bad, Left

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(.*)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "W": " "}
_COMMENT = re.compile(r" !(?: |$)")
_SCOPES = ("EXACT", "BROAD", "NARROW", "RELATED")
_LISTS = {"is_a": "is_a", "alt_id": "alt_ids", "xref": "xrefs", "subset": "subsets"}
_TAGS = {*_LISTS, *"id namespace name comment is_obsolete relationship def synonym".split()}
_KINDS = {"Term": "term", "Typedef": "relation"}
Pair = tuple[str, str]


def read_obo(given: Given) -> Iterator[Document | Bad | Left]:
    """Yield a term or a relation each, in file order; ``id`` as in the file, obsolete ones left out.

    A stanza that cannot be read costs only itself. ``meta["stanza"]`` is "term" or "relation".
    """
    header: dict[str, str] = {}
    empty = True
    for line, kind, pairs in stanzas(lines(given), "utf-8" if in_utf8(given) else given.encoding):
        empty = empty and isinstance(pairs, list) and not kind
        if isinstance(pairs, Bad | str):
            yield pairs if isinstance(pairs, Bad) else given.bad(pairs, line)
        elif not kind:
            header = dict(pairs)
        elif kind not in _KINDS:
            yield Left("stanza that is no term and no relation")
        else:
            yield _record(given, line, kind, pairs, header.get("default-namespace", ""))
    if empty:
        yield given.bad("no term in it")


def stanzas(
    numbered: Iterable[tuple[int, bytes | Bad]], encoding: str = "utf-8"
) -> Iterator[tuple[int, str, list[Pair] | Bad | str]]:
    """Yield (first line, kind, tag-value pairs) of each stanza; the header comes first, its kind is "".

    Instead of the pairs stands a Bad for a line that could not be had, or the reason why one cannot be read.
    """
    start, kind = 1, ""
    wrong: Bad | str | None = None
    pairs: list[Pair] = []
    for number, raw in numbered:
        if isinstance(raw, Bad):
            wrong = raw
            continue
        try:
            line = raw.decode(encoding).strip()
        except UnicodeDecodeError as error:
            wrong = wrong or f"line {number} is {reason(error)}"
            continue
        line = line.removeprefix("\ufeff")  # UTF-16 comes with a mark on each
        if line[:1] == "[" and (name := line.partition("!")[0].strip())[-1:] == "]":
            if kind or pairs or wrong:
                yield start, kind, wrong or pairs
            start, kind, pairs, wrong = number, name[1:-1], [], None
        elif line and line[0] != "!":
            tag, colon, value = line.partition(":")
            if colon:
                pairs.append((tag, value.strip()))
            else:
                wrong = wrong or f"line {number} is no tag with a value"
    if kind or pairs or wrong:
        yield start, kind, wrong or pairs


def _record(given: Given, line: int, kind: str, pairs: list[Pair], namespace: str) -> Document | Bad | Left:
    term = frame(pairs)
    if isinstance(term, str):
        return given.bad(term, line)
    if term.pop("obsolete", False):
        return Left(f"obsolete {_KINDS[kind]}")
    key, name = term.pop("id", ""), term.get("name", "")
    if not key:
        return given.bad(f"the {_KINDS[kind]} has no id", line)
    if not name:
        return Left(f"{_KINDS[kind]} without a name")
    if namespace:
        term.setdefault("namespace", namespace)
    text = "\n\n".join(filter(None, (name, term.get("definition", ""))))
    return given.document(key, text, line, meta={"kind": "term", "stanza": _KINDS[kind], **term})


def frame(pairs: Iterable[Pair]) -> dict[str, Any] | str:
    """Return what a stanza says, or the reason why it cannot be read; only what it has is in it.

    ``id``, ``name``, ``definition``, ``comment``, ``namespace`` are texts; ``is_a``, ``alt_ids``, ``xrefs``,
    ``subsets`` lists of ids; ``relationships`` lists of [relation, id]; ``synonyms`` have text, scope and type.
    """
    term: dict[str, Any] = {}
    for tag, value in pairs:
        if tag not in _TAGS:
            continue
        if tag in ("id", "namespace"):
            term[tag] = unescape(_plain(value).split(" {", 1)[0])
        elif tag in ("name", "comment"):
            term[tag] = unescape(_plain(value))
        elif tag == "is_obsolete":
            term["obsolete"] = value.startswith("true")
        elif tag in _LISTS:
            if first := value.split(None, 1)[:1]:
                term.setdefault(_LISTS[tag], []).append(unescape(first[0]))
        elif tag == "relationship":
            if len(parts := value.split(None, 2)) > 1:
                term.setdefault("relationships", []).append(parts[:2])
        elif tag in ("def", "synonym"):
            quoted = _QUOTED.match(value)
            if not quoted:
                return f"the {'definition' if tag == 'def' else 'synonym'} is not in quotes"
            if tag == "def":
                term["definition"] = unescape(quoted[1])
            else:
                term.setdefault("synonyms", []).append(_synonym(quoted[1], quoted[2]))
    return term


def _synonym(text: str, rest: str) -> dict[str, str]:
    words = rest.partition("[")[0].split()
    scope = words.pop(0) if words and words[0] in _SCOPES else "RELATED"  # what OBO 1.4 takes a missing one for
    return {"text": unescape(text), "scope": scope, **({"type": words[0]} if words else {})}


def _plain(value: str) -> str:
    """Return an unquoted value without the comment after it."""
    found = _COMMENT.search(value) if " !" in value else None
    return value[: found.start()].rstrip() if found else value


def unescape(text: str) -> str:
    r"""Return a value with its escapes resolved: ``\n``, ``\t``, ``\W`` (a space), and any other character itself."""
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), text) if "\\" in text else text
