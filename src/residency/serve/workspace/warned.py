"""What a draft's warnings are called on a page: a heading for each kind, below it the sentences that it is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residency.serve.apps.words import every as words_of_checks
from residency.serve.apps.words import words as said_by_checks
from residency.serve.review.warnings import PASSED
from residency.serve.workspace.filters import number
from residency.serve.workspace.words import Words


@dataclass(frozen=True, slots=True)
class Group:
    """One heading, and its lines: the words that are quoted ("" for none), and what is said of them."""

    kind: str
    title: str
    lines: tuple[tuple[str, str], ...] = ()


def warned(warnings: Sequence[Mapping[str, Any]], t: Words, *, first: str = "", now: str = "") -> list[Group]:
    """Return a draft's warnings in the reader's words, those of one kind together, in the order in which they came.

    Sentences that stood in the ``first`` words of a draft and no longer in those of ``now`` come by themselves.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in warnings:
        if one["values"].get("code") in PASSED:  # a draft of before such marks were left out
            continue
        kind = "removed" if one["values"].get("removed") else one["kind"]
        text = _flat(one["values"].get("text", ""))
        if kind == "mark" and text and text in _flat(first) and text not in _flat(now):
            kind = "edited"
        found.setdefault(kind, []).append(one["values"])
    groups = [_group(kind, values, t) for kind, values in found.items()]
    before = bool(first) and _flat(first) != _flat(now)
    return [_before_edit(one, t) if before and one.kind == "reading" else one for one in groups]


def _before_edit(group: Group, t: Words) -> Group:
    return Group(group.kind, t("review.warned.before_edit", what=group.title))


def _flat(text: str) -> str:
    return " ".join(text.split())


def _group(kind: str, several: Sequence[Mapping[str, Any]], t: Words) -> Group:
    if kind == "reading":
        told = {**several[0], "value": number(several[0]["value"], 1), "wanted": number(several[0]["wanted"], 0)}
        return Group(kind, t("review.warned.reading", **told))
    return Group(kind, t(f"review.warned.{kind}"), tuple(dict.fromkeys(_lines(kind, several, t))))


def _lines(kind: str, several: Sequence[Mapping[str, Any]], t: Words) -> Iterator[tuple[str, str]]:
    for one in several:
        if kind == "rule":
            yield "", t.or_else(f"rule.{one['id']}", one["id"])
        elif one:
            yield one.get("text", ""), _said(one, t)


def _said(values: Mapping[str, Any], t: Words) -> str:
    """Return the words of a check in the reader's language; those that were filled in stand as they were said."""
    code = values.get("code", "")
    if code in words_of_checks() and "{}" not in words_of_checks()[code]["en"]:
        return said_by_checks(code, t.language)
    return str(values.get("says", ""))
