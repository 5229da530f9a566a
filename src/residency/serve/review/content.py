"""What a draft says, and who decided what about it: the words are sealed, and the record holds their keyed hash."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from residency.serve.store.keys import Unopened
from residency.serve.types import Entry, Refused

DECISIONS = ("accepted", "edited", "rejected", "signed")
STATUSES = ("draft", *DECISIONS)
NEXT = {
    "draft": ("accepted", "edited", "rejected"),
    "accepted": ("edited", "rejected", "signed"),
    "edited": ("edited", "rejected", "signed"),
    "rejected": (),
    "signed": (),
}
"""What may become of a draft: no one signs what nobody accepted or edited, and what is signed or rejected stays so."""
REASONS = ("wrong", "unsupported", "incomplete", "unsafe", "identifying", "unclear", "not needed")
"""Why a draft is rejected: a closed list, so that it may stand in the record; free words are sealed."""
MOST = 200_000
"""The most characters of one text."""


class Seals(Protocol):
    """What seals texts and hashes them with a key (``store/keys.py: Seal``)."""

    def seal(self, data: bytes, context: str) -> bytes: ...

    def open(self, data: bytes, context: str) -> bytes: ...

    def digest(self, text: str) -> str: ...


class Writes(Protocol):
    """What puts an entry on record and runs statements in the same transaction (``record/writer.py: Writer``)."""

    async def write_with(self, entry: Entry, statements: Sequence[Any]) -> int: ...


class Desk(Protocol):
    """The parts of a service that reviewing needs; a ``Service`` is one."""

    @property
    def database(self) -> Any: ...

    @property
    def seal(self) -> Any: ...

    @property
    def recorder(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Content:
    """The words of one version: what went in, what came out, the passages cited, what the reviewer remarked.

    ``amends`` is the signed draft that this one goes on from; ``warnings`` are what was warned of when the model wrote
    it (``review/warnings.py``).
    """

    input: str = ""
    output: str = ""
    citations: tuple[dict[str, Any], ...] = ()
    comment: str = ""
    amends: str = ""
    warnings: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as it stands; ``content`` is None in a list. ``author`` is the name of who asked for it."""

    id: str
    application: str
    status: str
    by: str
    author: str
    made: str
    changed: str
    version: int
    model: str
    model_hash: str
    request: str
    urgency: str | None
    content: Content | None = None

    @property
    def next(self) -> tuple[str, ...]:
        """Return what may be decided about it now."""
        return NEXT[self.status]


@dataclass(frozen=True, slots=True)
class Version:
    """One step of a draft: who, when, what was decided and why, and the words as they then stood."""

    version: int
    by: str
    at: str
    decision: str
    reason: str | None
    digest: str
    content: Content


def pack(content: Content) -> str:
    """Return a content's canonical JSON: what is sealed and hashed. Refused (413) where a text is too long."""
    if max(len(content.input), len(content.output), len(content.comment)) > MOST:
        raise Refused(f"a text has more than {MOST:,} characters", status=413, code="too_long")
    return json.dumps(asdict(content), ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def unpack(data: bytes) -> Content:
    """Return the content that was packed; one of before there were warnings has none."""
    fields = json.loads(data)
    listed = {name: tuple(fields.get(name, ())) for name in ("citations", "warnings")}
    return Content(**{**fields, **listed})


def opened(desk: Desk, sealed: bytes, context: str) -> bytes:
    """Return sealed words; Refused (409) where somebody changed them, or they were damaged."""
    try:
        return bytes(desk.seal.open(sealed, context))
    except Unopened:
        raise Refused(
            "its words were changed or damaged: have the record verified", status=409, code="damaged"
        ) from None


def is_id(text: str) -> bool:
    """Return whether a text has the form of an id of ours."""
    return bool(re.fullmatch(r"[0-9a-f]{32}", text))


def context(draft: str, version: int) -> str:
    """Return what ties sealed words to their place, so that no version can stand in for another."""
    return f"draft:{draft}:{version}"


def decided(content: Content, decision: str, output: str | None, reason: str | None, comment: str) -> Content:
    """Return the content after a decision; Refused says what the decision lacks."""
    if decision not in DECISIONS:
        raise Refused(f"a decision is one of: {', '.join(DECISIONS)}", param="decision")
    if (decision == "rejected") != bool(reason) or (reason and reason not in REASONS):
        raise Refused(f"a rejection, and nothing else, has a reason, one of: {', '.join(REASONS)}", param="reason")
    if decision == "edited":
        if output is None or not output.strip():
            raise Refused("an edit gives the new words", param="output")
        content = replace(content, output=output)
    elif output is not None and output != content.output:
        raise Refused("only an edit changes the words: edit first, then sign", status=409, param="output")
    return replace(content, comment=comment)
