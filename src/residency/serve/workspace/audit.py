"""The record as a page: searched by kind, actor, request and time; verified from end to end; exported with a signature.

No text of a patient is shown or leaves by this way, also where the hospital keeps texts: an entry is its line alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from residency.core.errors import UserError
from residency.serve.agreed import disagreeing
from residency.serve.record import head as heads
from residency.serve.record.chain import Row
from residency.serve.record.export import export as exported
from residency.serve.record.search import Wanted, newest
from residency.serve.record.verify import verify
from residency.serve.service import Service
from residency.serve.store.tables import RECORD
from residency.serve.types import Entry, Refused
from residency.serve.workspace.given import Form, given
from residency.serve.workspace.render import page, spoken
from residency.serve.workspace.titles import title_of
from residency.serve.workspace.words import Words

router = APIRouter(include_in_schema=False)
FIELDS = ("kind", "actor", "request", "since", "until")
_OTHERS = ("before", "verify", "language", "done")
"""What else an address of the page may hold."""
A_PAGE = 50
_SAID = ("decision", "did", "choice", "application", "kind", "user", "first", "second", "model", "urgency")
"""What of an entry's body stands in its line of the table."""
_HASH = re.compile(r"\b[0-9a-f]{32,}\b")


@dataclass(frozen=True, slots=True)
class Verified:
    """What the page says of a verification: whether all holds, numbers, and what does not fit."""

    holds: bool
    told: tuple[tuple[str, Any], ...]
    faults: tuple[str, ...]
    tables: tuple[str, ...]


@router.get("/audit")
def audit(request: Request, before: int | None = None, verify: bool = False) -> Response:
    """Return the entries that are wanted, the newest first; with ``verify``, whether the record holds."""
    service: Service = request.app.state.service
    report = verified(service) if verify else None
    asked, below = _asked(request.query_params), before if before is None or 0 < before < 2**31 else 0
    found, error = [], _unknown(request)
    if not error:
        try:
            found = newest(service.database, Wanted(**asked), most=A_PAGE + 1, below=below)
        except UserError:  # the one thing that can be wrong with what is wanted
            error = spoken(request)("audit.time_wrong")
    lines = [_line(row, spoken(request)) for row in found[:A_PAGE]]
    values: dict[str, Any] = {"entries": lines, "kinds": _kinds(service)}
    values["older"] = found[A_PAGE - 1].seq if len(found) > A_PAGE else None
    return page(request, "audit", status=422 if error else 200, **values, asked=asked, report=report, error=error)


@router.post("/audit/export")
async def export(request: Request) -> Response:
    """Return the entries that are wanted as JSON lines with a signature; that they left is on record first."""
    service: Service = request.app.state.service
    wanted = Wanted(**_asked(await given(request)))
    try:
        await run_in_threadpool(newest, service.database, wanted, most=1)
    except UserError as error:
        raise Refused(str(error), status=422, code="invalid_time") from None
    await service.recorder.write(Entry("export", request.state.principal.actor, {"wanted": wanted.asked}))
    name = f"record-{datetime.now(UTC):%Y%m%d-%H%M%S}.jsonl"
    lines = exported(service.database, service.seal, wanted)
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)


def verified(service: Service) -> Verified:
    """Return what is wrong with the record, and with users, keys and drafts that do not fit it."""
    report = verify(service.database, service.seal, service.seal.folder / heads.FILE)
    tables = tuple(disagreeing(service))
    names = ("entries", "last", "after_head", "sealed", "first_bad", "fingerprint")
    told = {name: value for name, value in report.told().items() if name in names and value is not None}
    faults = [f"{one.seq}: {one.what}" if one.seq is not None else one.what for one in report.faults]
    if report.more:
        faults.append(f"+ {report.more}")
    return Verified(report.ok and not tables, tuple(told.items()), tuple(faults), tables)


def _unknown(request: Request) -> str:
    """Return which filters of the address there are not, and which there are; "" where all are known.

    A filter that is passed over without a word would show entries that nobody asked for as if they were all there is.
    """
    unknown = sorted({name[:40] for name in request.query_params if name not in (*FIELDS, *_OTHERS)})
    names = ", ".join(name if name.isprintable() else "?" for name in unknown)
    return spoken(request)("audit.filter_wrong", names=names, known=", ".join(FIELDS)) if unknown else ""


def _asked(given: Mapping[str, str]) -> Form:
    """Return what is wanted of the record; Refused (400) where it holds signs of control."""
    asked = Form(str, {name: value for name in FIELDS if (value := given.get(name, "").strip()[:80])})
    if not all(value.isprintable() for value in asked.values()):
        raise Refused("what is looked for holds signs that no entry has", code="invalid_form")
    return asked


def _line(row: Row, t: Words) -> dict[str, Any]:
    """Return an entry as a line of the table: its hashes short there, and whole in its body."""
    body = row.content
    told = {name: body[name] for name in _SAID if isinstance(body.get(name), str) and body[name]}
    if "application" in told:
        told["application"] = title_of(told["application"], t)
    said = _HASH.sub(lambda found: f"{found[0][:8]}…", ", ".join(told.values()))
    found = {name: getattr(row, name) for name in ("seq", "at", "kind", "request", "actor", "hash")}
    return {**found, "summary": said, "body": json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True)}


def _kinds(service: Service) -> list[str]:
    with service.database.connect() as connection:
        return sorted(kind for (kind,) in connection.execute(select(RECORD.c.kind).distinct()))
