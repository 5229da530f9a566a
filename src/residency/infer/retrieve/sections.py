"""Which lines of a text are headings: those of Markdown by their marks, others by how they look.

Readers hand over lines, not styles, so a heading of a page or a letter is told by being short, unfinished and followed
by something longer; a label in capitals ("METHODS: …") opens a section on its own line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#*[ \t]*)?$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_LABEL = re.compile(r"\s*([A-Z][A-Z]+(?:[ /&,-]+[A-Z]+){0,5}): +(?=\S)")
_FIRST = re.compile(r"[\d.)\s]*[A-Z0-9À-Þ]")
_LONGEST, _MOST, _LIKE = 90, 12, 5


@dataclass(frozen=True, slots=True)
class Heading:
    """What a section is called; ``alone``: its name has the line for itself."""

    name: str
    alone: bool = True


def headings(text: str, form: str = "") -> dict[int, Heading]:
    """Return the headings of a text by the offset of their line; of Markdown with those above them ("A > B")."""
    return _marked(text) if form == "markdown" else _looked_at(text)


def _marked(text: str) -> dict[int, Heading]:
    found: dict[int, Heading] = {}
    above: dict[int, str] = {}
    fence, at = "", 0
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence or mark:
            fence = "" if fence and mark and mark[1].startswith(fence) else fence or (mark[1] if mark else "")
        elif head := _ATX.match(line):
            level = len(head[1])
            above = {depth: name for depth, name in above.items() if depth < level} | {level: head[2].strip()}
            named = [name for depth, name in sorted(above.items()) if name and (depth > 1 or level == 1)]
            found[at] = Heading(" > ".join(named))
        at += len(line) + 1
    return found


def _looked_at(text: str) -> dict[int, Heading]:
    found: dict[int, Heading] = {}
    lines = text.split("\n")
    at = 0
    for number, line in enumerate(lines):
        if label := _LABEL.match(line):
            found[at] = Heading(label[1], alone=False)
        elif _looks(line) and _followed(lines, number):
            found[at] = Heading(line.strip().rstrip(": "))
        at += len(line) + 1
    return found


def _looks(line: str) -> bool:
    """Return whether a line is short and unfinished, and begins as a heading does."""
    bare = line.strip()
    count = len(bare.split())
    if not bare or len(bare) > _LONGEST or count > _MOST or not any(map(str.isalpha, bare)):
        return False
    if bare.endswith(":"):
        return count <= _LIKE and bool(_FIRST.match(bare))
    return bare[-1] not in ".,;?!" and " | " not in bare and bool(_FIRST.match(bare))


def _followed(lines: list[str], number: int) -> bool:
    """Return whether the next line with words is longer, or a whole sentence: lists and tables have no headings."""
    after = next((line.strip() for line in lines[number + 1 : number + 4] if line.strip()), "")
    bare = lines[number].strip()
    return len(after.split()) > max(_LIKE, len(bare.split())) and (len(after) > _LONGEST or after[-1] in ".:;")
