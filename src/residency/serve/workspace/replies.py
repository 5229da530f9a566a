"""A reply of an application for people: its JSON as headings and lists with their marks, and as the text of a draft.

A key's words are in ``words/`` (reply.<key>); one of a hospital's own application without words stands as it is
written there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residency.serve.workspace.words import Words

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One text of a reply, at its path there, and what a check says of it."""

    text: str
    at: str
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A heading of a reply and its lines; ``listed``: they are items of a list. ``marks`` are of the whole part."""

    title: str
    lines: tuple[Line, ...]
    listed: bool
    marks: tuple[str, ...] = ()


def parts_of(reply: Mapping[str, Any], marks: Sequence[Mapping[str, Any]], t: Words) -> list[Part]:
    """Return a reply's parts in its own order, each mark with the text that it is about."""
    return [_part(key, value, marks, t) for key, value in reply.items()]


def loose(reply: Mapping[str, Any] | None, marks: Sequence[Mapping[str, Any]], t: Words) -> list[str]:
    """Return what is said of the reply as a whole: marks that stand at none of its keys."""
    keys = set(reply or ())
    return [_whole(one, t) for one in marks if _top(one["at"]) not in keys]


def written(reply: Mapping[str, Any], t: Words, *, blanks: bool = True) -> str:
    """Return a reply as the text of a draft, which a person goes on from; ``blanks``: with headings that lack words."""
    blocks = []
    for part in parts_of(reply, (), t):
        lines = [f"- {line.text}" if part.listed else line.text for line in part.lines]
        if lines or blanks:
            blocks.append("\n".join([f"{part.title}:", *(lines or [t("reply.empty")])]))
    return "\n\n".join(blocks)


def title(key: str, t: Words) -> str:
    """Return what a key of a reply is called."""
    return t.or_else(f"reply.{key}", key.replace("_", " ").capitalize())


def _part(key: str, value: Any, marks: Sequence[Mapping[str, Any]], t: Words) -> Part:
    values = value if isinstance(value, list) else [value]
    places = [f"{key}[{number}]" if isinstance(value, list) else key for number in range(len(values))]
    said = [_said(one, t) for one in values]
    lines = tuple(
        Line(text, place, _marks(place, marks)) for text, place in zip(said, places, strict=True) if text.strip()
    )
    there = {line.at for line in lines}
    whole = [
        _whole(one, t) for one in marks if _top(one["at"]) == key and not any(_within(one["at"], at) for at in there)
    ]
    return Part(title(key, t), lines, isinstance(value, list), tuple(dict.fromkeys(whole)))


def _marks(place: str, marks: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one["says"] for one in marks if _within(one["at"], place)))


def _whole(mark: Mapping[str, Any], t: Words) -> str:
    """Return what a mark says where its sentence does not stand beside it; what was taken out is not said again."""
    says, text = str(mark["says"]), mark.get("text") or ""
    if mark.get("removed"):
        return t("reply.removed", says=says)
    return f"{text} ({says})" if text and text not in says else says


def _within(at: str, place: str) -> bool:
    return at == place or at.startswith((f"{place}.", f"{place}["))


def _top(at: str) -> str:
    return at.partition(".")[0].partition("[")[0]


def _said(value: Any, t: Words) -> str:
    """Return a value as one line: of an object its texts, the first of them plain, the others with their names."""
    if isinstance(value, Mapping):
        return "; ".join(_named(value, t))
    if isinstance(value, list):
        return ", ".join(_said(one, t) for one in value)
    if isinstance(value, bool):
        return t("reply.yes") if value else t("reply.no")
    return "" if value is None else str(value)


def _named(value: Mapping[str, Any], t: Words) -> Iterator[str]:
    for number, (key, one) in enumerate(value.items()):
        said = _said(one, t)
        if said.strip():
            yield said if number == 0 else f"{title(key, t)}: {said}"
