"""The page for a note: pasted or opened, it becomes a structured note, plain words, codes, a discharge summary.

Each of them is an application and a draft of its own, which waits for review. They are worked on side by side, and one
that fails says so while the others stand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from residency.core.errors import ResidencyError
from residency.serve.apps.listed import application, listed
from residency.serve.types import Refused
from residency.serve.workspace import routes
from residency.serve.workspace.filters import number
from residency.serve.workspace.kept import keep
from residency.serve.workspace.opened import text_of
from residency.serve.workspace.render import page, spoken, status_of
from residency.serve.workspace.used import Used, use
from residency.serve.workspace.words import Words

router = routes.router()
STEPS = {"structure": "note", "explanation": "text", "coding": "note", "discharge": "notes"}
"""What a note may become (the ids of applications), and the field of each that it goes into."""
MOST = 40_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form asks: the note, what to make of it, with which model, and whether unproven ones are known.

    ``wrong`` says why it cannot be done, in the reader's words, and ``status`` is that of the reply then. ``opened``
    is what a file held beside a note that was typed: only one of the two can be meant.
    """

    note: str = ""
    make: tuple[str, ...] = ("structure",)
    engine: str = ""
    unproven: bool = False
    wrong: str = ""
    status: int = 200
    opened: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """What came of one step: the application used, or in words why not."""

    id: str
    used: Used | None = None
    wrong: str = ""


@router.get("/note")
async def blank(request: Request) -> Response:
    """Return the page with an empty form."""
    return await _page(request, Asked())


@router.post("/note")
async def make(request: Request) -> Response:
    """Return what the note became, each part a draft."""
    asked = await _asked(request)
    if asked.wrong:
        return await _page(request, asked)
    found = await asyncio.gather(*(_made(request, asked, step) for step in asked.make))
    return await _page(request, asked, made=found)


async def _asked(request: Request) -> Asked:
    """Return what the form asks, with what is wrong in it; of a note and a file, one alone is taken."""
    async with request.form(max_files=1, max_fields=50) as form:
        file, note, opened, error = form.get("file"), _lines(str(form.get("note", ""))), "", None
        if isinstance(file, UploadFile) and file.filename:
            try:
                content, ending = await file.read(), PurePath(file.filename).suffix.lower()
                opened = _lines(await asyncio.to_thread(text_of, content, ending))
            except Refused as refused:
                error = refused
        steps = tuple(one for one in STEPS if one in form.getlist("make"))
        asked = Asked(note or opened, steps, str(form.get("model", "")), form.get("unproven") == "yes")
    if error:
        status, wrong = status_of(request, error)
    else:
        asked = replace(asked, opened=opened if note and note != opened else "")
        status, wrong = 422, _wrong(asked, spoken(request))
    return replace(asked, note=asked.note.replace("\0", ""), wrong=wrong, status=status) if wrong else asked


def _lines(note: str) -> str:
    """Return a note with one sign a line end: a form sends two, and its field counts one."""
    return note.replace("\r\n", "\n").strip()


def _wrong(asked: Asked, t: Words) -> str:
    """Return what is wrong with what the form asks, in words; "" where nothing is."""
    if asked.opened:
        return t("note.wrong.both")
    if not asked.note:
        return t("note.wrong.none")
    if len(asked.note) > MOST:
        return t("note.wrong.long", count=number(len(asked.note)), most=number(MOST))
    if "\0" in asked.note:
        return t("note.wrong.signs")
    return "" if asked.make else t("note.wrong.make")


async def _made(request: Request, asked: Asked, step: str) -> Made:
    """Return what one step made; what went wrong in it stays its own."""
    service, t = request.app.state.service, spoken(request)
    try:
        one = await asyncio.to_thread(application, service, step)
        how: dict[str, Any] = {"unproven": asked.unproven, "engine": asked.engine, "route": "/note"}
        return Made(step, await use(service, request.state.principal, one, {STEPS[step]: asked.note}, t, **how))
    except ResidencyError as error:
        status, detail = status_of(request, error)
        return Made(step, wrong=detail or t(f"problem.{status}.text"))


async def _page(request: Request, asked: Asked, *, made: Sequence[Made] = ()) -> Response:
    service, t = request.app.state.service, spoken(request)
    engine = asked.engine if asked.engine in service.engines else ""
    known = await asyncio.to_thread(listed, service, language=t.language, engine=engine)
    steps = [one for one in known if one["id"] in STEPS]
    steps.sort(key=lambda one: list(STEPS).index(one["id"]))
    values: dict[str, Any] = {
        "asked": asked,
        "steps": steps,
        "engines": list(service.engines),
        "most": MOST,
        "made": made,
        "keep": keep(t),
    }
    titles = {one["id"]: one["title"] for one in steps}
    return page(request, "note", status=asked.status, titles=titles, **values)
