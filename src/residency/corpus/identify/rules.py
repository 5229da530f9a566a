"""Rules: patterns that are looked for all at once, each with what must stand before it and what proves it.

Hyperscan reads a text once for all patterns and says where one may end; Python's own ``re`` then says what stands there
exactly, and a checksum or a calendar may refute it. Without Hyperscan ``re`` looks for each pattern by itself, with the
same result, only slower.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import yaml

from residency.core.errors import UserError
from residency.corpus.identify import proofs
from residency.corpus.identify.found import Found
from residency.corpus.identify.kinds import KINDS
from residency.corpus.identify.view import MIXED, View

MISREAD = 0.75
"""How sure a rule is of a number with letters that look like digits."""
PIECE = re.compile(r"\{([a-z][a-z-]*)\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern with a name, the kind of what it finds, and how sure it is.

    Found is the group ``id`` of the pattern, or all of it. ``proof`` is a function of ``proofs`` that the found
    bytes must satisfy. ``glued``: a letter may stand right before it. ``scanned``: it is also looked for where digits
    are misread. ``trim``: ordinary words at its beginning are none of it, and so many words must be left. ``room`` is
    the most bytes that the pattern matches.
    """

    name: str
    kind: str
    pattern: re.Pattern[bytes]
    score: float
    why: str
    group: str | int = 0
    proof: Callable[[str], bool] | None = None
    glued: bool = False
    scanned: bool = False
    trim: int = 0
    room: int = 0

    def found(self, view: View, match: re.Match[bytes]) -> Found | None:
        """Return what a match finds, in characters of the text; None where it is refuted."""
        start, end = match.span(self.group)
        if start < 0 or (self.glued and view.data[max(0, start - 1) : start].isdigit()):
            return None
        if self.proof and not self.proof(match[self.group].decode("ascii")):
            return None
        if self.trim:
            first, last = proofs.ordinary(match[self.group].decode("ascii"), self.trim)
            if first < 0:
                return None
            start, end = start + first, start + last
        if view.places is not None:
            start, end = view.span(start, end)
        return Found(start, end, self.kind, self.score, self.why)


@functools.cache
def rules_for(language: str) -> tuple[Rule, ...]:
    """Return the rules of a language (``en``, ``es``), those of all languages among them."""
    made = []
    for part in ("any", language):
        text = resources.files(__package__).joinpath(f"rules.{part}.yaml").read_text(encoding="utf-8")
        about = yaml.safe_load(text)
        made += [_rule(name, row, about.get("pieces") or {}) for name, row in about["rules"].items()]
    return tuple(made)


def _rule(name: str, row: Mapping[str, Any], pieces: Mapping[str, str]) -> Rule:
    written = row["pattern"]
    while PIECE.search(written):
        written = PIECE.sub(lambda found: f"(?:{pieces[found[1]]})", written)
    if row.get("lines"):
        written = written.replace(" ", r"\s")
    if row.get("glued"):
        written = written.replace(r"\b", "", 1)
    pattern = re.compile(written.encode("ascii"), re.IGNORECASE if row.get("any_case") else 0)
    proof = row.get("proof", "")
    if row["kind"] not in KINDS or (proof and not hasattr(proofs, proof)):
        raise UserError(f"rule {name}: no kind {row['kind']}, or no proof {proof or 'asked for'}")
    return Rule(
        name,
        row["kind"],
        pattern,
        float(row.get("score", 0.9)),
        f"rule:{name}",
        "id" if "id" in pattern.groupindex else 0,
        getattr(proofs, proof) if proof else None,
        bool(row.get("glued")),
        bool(row.get("scanned")),
        int(row.get("trim", 0)),
        _parser.parse(pattern.pattern).getwidth()[1],
    )


class Rules:
    """Rules that are looked for together."""

    def __init__(self, rules: Sequence[Rule], *, compiled: bool = True, scanned: bool = False) -> None:
        self.rules = tuple(rules)
        self.database = _compiled(self.rules) if compiled else None
        misread = [rule for rule in self.rules if rule.scanned] if scanned else []
        self.misread = Rules(misread, compiled=compiled) if misread else None

    def find(self, view: View) -> list[Found]:
        """Return what the rules find in a text, in its order; what several find is there several times.

        With ``scanned`` numbers are also read as a scanner may have misread them; that is less sure.
        """
        ends, mixed = self._scanned(view.data)
        made = self._found(view, ends)
        if self.misread and mixed and (other := view.misread()):
            again = self.misread._found(other, self.misread._scanned(other.data)[0])
            made += [f._replace(score=MISREAD, why=f"{f.why}:misread") for f in again if f.score > MISREAD]
        return sorted(set(made), key=lambda f: (f.start, f.end, f.why))

    def _found(self, view: View, ends: Mapping[int, Sequence[int]] | None) -> list[Found]:
        made, data = [], view.data
        for number, start, end in self._regions(len(data), ends):
            rule = self.rules[number]
            made += [f for m in rule.pattern.finditer(data, start, end) if (f := rule.found(view, m))]
        return made

    def _scanned(self, data: bytes) -> tuple[dict[int, list[int]] | None, bool]:
        """Return (where each rule's pattern may end, whether there may be misread digits); (None, True): not known."""
        if self.database is None:
            return None, True
        ends: dict[int, list[int]] = {}

        def told(number: int, start: int, end: int, flags: int, context: Any) -> None:
            if number in ends:
                ends[number].append(end)
            else:
                ends[number] = [end]

        self.database.scan(data, match_event_handler=told)
        return ends, ends.pop(len(self.rules), None) is not None

    def _regions(self, size: int, ends: Mapping[int, Sequence[int]] | None) -> Iterator[tuple[int, int, int]]:
        """Yield (rule, first byte, the byte behind the last) of the regions in which a rule may find something."""
        if ends is None:
            yield from ((number, 0, size) for number in range(len(self.rules)))
            return
        for number, each in sorted(ends.items()):
            start, last, room = -1, -1, self.rules[number].room
            for end in sorted(each):
                if last >= 0 and end - room > last:
                    yield number, start, min(last + 1, size)
                    start = -1
                if start < 0:
                    start = max(0, end - room)
                last = end
            yield number, start, min(last + 1, size)


def _compiled(rules: Sequence[Rule]) -> Any:
    """Return Hyperscan's automaton of the patterns, and behind them of misread digits; None where it is missing."""
    with suppress(ImportError):
        import hyperscan

        database = hyperscan.Database()
        patterns = [rule.pattern for rule in rules]
        flags = [hyperscan.HS_FLAG_CASELESS if p.flags & re.IGNORECASE else 0 for p in patterns]
        database.compile(
            expressions=[*(re.sub(rb"\(\?P<\w+>", b"(?:", p.pattern) for p in patterns), MIXED.pattern],
            ids=list(range(len(rules) + 1)),
            elements=len(rules) + 1,
            flags=[*flags, hyperscan.HS_FLAG_SINGLEMATCH],
        )
        return database
    return None
