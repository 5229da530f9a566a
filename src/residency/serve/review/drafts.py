"""Drafts: what a model wrote for a note, until someone accepts, edits, rejects or signs it.

All of it is async, and takes the service (or any ``Desk``: database, seal, recorder) and who asks::

    draft = await make(service, principal, application="discharge-summary", input=note, output=text,
                       citations=[{"id": …, "text": …}], model=engine.name, model_hash=engine.hash,
                       request=told.request, urgency=None, warnings=[…]) -> Draft, status "draft", version 1
    draft = await get(service, principal, draft_id)                    -> Draft with its content (input, output, …)
    found = await listed(service, principal, status=("draft",), own=False, most=100, skip=0)  -> [Draft] without words
    draft = await decide(service, principal, draft_id, version=1, decision="accepted")
            decide(…, decision="edited", output="the new words"); decide(…, decision="rejected", reason="unsafe",
            comment="free words, sealed"); decide(…, decision="signed")
    draft = await amend(service, principal, draft_id)                  -> a new draft that goes on from a signed one
    steps = await history(service, principal, draft_id)                -> [Version], the oldest first

A clinician has their own drafts, a reviewer all; who may not see one is told that there is none (Refused, 404). A
decision names the version that was seen: where another was faster it is Refused (409). A row and its entry of the
record commit together, and the entry holds the keyed hash of the words, never the words. Raises Unrecorded where the
record cannot be written; then nothing has changed.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, case, select

from residency.serve.review.content import (
    NEXT,
    Content,
    Desk,
    Draft,
    Version,
    context,
    decided,
    is_id,
    opened,
    pack,
    unpack,
)
from residency.serve.review.turns import turn
from residency.serve.store.tables import DRAFTS, USERS, VERSIONS
from residency.serve.types import Entry, Principal, Refused

READERS = ("clinician", "reviewer")


def now() -> str:
    """Return the time, ISO 8601 in UTC with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


async def make(
    desk: Desk,
    principal: Principal,
    *,
    application: str,
    input: str,
    output: str,
    citations: Sequence[Mapping[str, Any]] = (),
    model: str,
    model_hash: str,
    request: str,
    urgency: str | None = None,
    amends: str = "",
    warnings: Sequence[Mapping[str, Any]] = (),
) -> Draft:
    """Return a new draft of what a model wrote, on record; ``warnings`` as ``review/warnings.py: of`` returns them."""
    _reads(principal)
    at, id = now(), secrets.token_hex(16)
    cited, warned = (tuple(dict(one) for one in many) for many in (citations, warnings))
    content = Content(input, output, cited, amends=amends, warnings=warned)
    row: dict[str, Any] = {"id": id, "application": application, "status": "draft", "by": principal.user}
    row |= {"made": at, "changed": at}
    row |= {"version": 1, "model": model, "model_hash": model_hash, "request": request, "urgency": urgency}
    version, digest = _version(desk, id, 1, principal, at, "draft", None, content)
    await desk.recorder.write_with(
        _entry("draft", principal, row, digest, amends=amends), [DRAFTS.insert().values(row), version]
    )
    return Draft(**row, author=principal.name, content=content)


async def get(desk: Desk, principal: Principal, id: str) -> Draft:
    """Return a draft with its words as they stand; Refused (404) where there is none that they may see."""
    return await asyncio.to_thread(_get, desk, principal, id)


async def listed(
    desk: Desk,
    principal: Principal,
    *,
    status: Sequence[str] = (),
    own: bool = False,
    most: int = 100,
    skip: int = 0,
) -> list[Draft]:
    """Return the drafts that they may see, what is most urgent first, then the oldest, without their words."""
    chosen = _seen(principal, own)
    if status:
        chosen = chosen.where(DRAFTS.c.status.in_(status))
    chosen = chosen.order_by(_URGENT, DRAFTS.c.made, DRAFTS.c.id).limit(most).offset(skip)
    return [Draft(**row) for row in await asyncio.to_thread(_rows, desk, chosen)]


async def decide(
    desk: Desk,
    principal: Principal,
    id: str,
    *,
    version: int,
    decision: str,
    output: str | None = None,
    reason: str | None = None,
    comment: str = "",
) -> Draft:
    """Return the draft after a decision about the version that was seen; Refused (409) where it has moved on."""
    async with turn(id):
        draft = await get(desk, principal, id)
        if draft.content is None or draft.version != version:
            raise Refused("someone was faster: look at the draft as it now stands", status=409, code="changed")
        content = decided(draft.content, decision, output, reason or None, comment)
        if decision not in NEXT[draft.status]:
            raise Refused(f"what is {draft.status} cannot become {decision}", status=409, code="decided")
        at, seen = now(), (DRAFTS.c.id == id) & (DRAFTS.c.version == version)
        step, digest = _version(desk, id, version + 1, principal, at, decision, reason or None, content)
        change = {"status": decision, "changed": at, "version": version + 1}
        entry = _entry("decision", principal, {**_fields(draft), **change}, digest, reason=reason or None)
        await desk.recorder.write_with(entry, [step, DRAFTS.update().where(seen).values(change)])
        return Draft(**{**_fields(draft), **change, "content": content})


async def amend(desk: Desk, principal: Principal, id: str) -> Draft:
    """Return a new draft with the words of a signed one, which itself never changes."""
    draft = await get(desk, principal, id)
    if draft.status != "signed" or draft.content is None:
        raise Refused("only what is signed is amended: edit the draft itself", status=409, code="not_signed")
    named = {name: getattr(draft, name) for name in ("application", "model", "model_hash", "request", "urgency")}
    words = {name: getattr(draft.content, name) for name in ("input", "output", "citations", "warnings")}
    return await make(desk, principal, **words, amends=id, **named)


async def history(desk: Desk, principal: Principal, id: str) -> list[Version]:
    """Return every step of a draft, the oldest first."""
    await get(desk, principal, id)
    steps = (
        select(VERSIONS, USERS.c.name)
        .join(USERS, USERS.c.id == VERSIONS.c.by)
        .where(VERSIONS.c.draft == id)
        .order_by(VERSIONS.c.version)
    )
    return await asyncio.to_thread(lambda: [_opened(desk, row) for row in _rows(desk, steps)])


# --- rows and words --------------------------------------------------------------------------------------------------

_URGENT = case({"emergency": 0, "urgent": 1, "soon": 2, "routine": 3}, value=DRAFTS.c.urgency, else_=4)


def _reads(principal: Principal) -> None:
    if principal.role not in READERS:
        raise Refused("drafts are for clinicians and reviewers", status=403, code="forbidden")


def _seen(principal: Principal, own: bool = False) -> Select[Any]:
    """Return a query for the drafts that someone may see."""
    _reads(principal)
    chosen = select(DRAFTS, USERS.c.name.label("author")).join(USERS, USERS.c.id == DRAFTS.c.by)
    return chosen.where(DRAFTS.c.by == principal.user) if own or principal.role != "reviewer" else chosen


def _rows(desk: Desk, chosen: Select[Any]) -> list[dict[str, Any]]:
    with desk.database.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(chosen)]


def _get(desk: Desk, principal: Principal, id: str) -> Draft:
    seen = _seen(principal)
    rows = _rows(desk, seen.where(DRAFTS.c.id == id)) if is_id(id) else []
    if not rows:
        raise Refused("there is no such draft", status=404, code="not_found")
    words = select(VERSIONS.c.sealed).where(VERSIONS.c.draft == id, VERSIONS.c.version == rows[0]["version"])
    (sealed,) = _rows(desk, words)
    return Draft(**rows[0], content=unpack(opened(desk, sealed["sealed"], context(id, rows[0]["version"]))))


def _fields(draft: Draft) -> dict[str, Any]:
    return {name: getattr(draft, name) for name in Draft.__slots__}


def _version(
    desk: Desk, id: str, number: int, by: Principal, at: str, decision: str, reason: str | None, content: Content
) -> tuple[Any, str]:
    """Return the statement that adds a version, and the keyed hash of its words."""
    packed = pack(content)
    digest = desk.seal.digest(packed)
    row = {"draft": id, "version": number, "by": by.user, "at": at, "decision": decision, "reason": reason}
    row |= {"sealed": desk.seal.seal(packed.encode(), context(id, number)), "digest": digest}
    return VERSIONS.insert().values(row), digest


def _opened(desk: Desk, row: Mapping[str, Any]) -> Version:
    content = unpack(opened(desk, row["sealed"], context(row["draft"], row["version"])))
    return Version(row["version"], row["name"], row["at"], row["decision"], row["reason"], row["digest"], content)


_ON_RECORD = ("application", "version", "model", "model_hash", "urgency")


def _entry(kind: str, principal: Principal, row: Mapping[str, Any], digest: str, **more: Any) -> Entry:
    body = {"draft": row["id"], "decision": row["status"], **{name: row[name] for name in _ON_RECORD}}
    return Entry(kind, principal.actor, {**body, "digest": digest, **more}, request=row["request"])
