"""Review, comparison and audit in the whole service, as it is started: its own door, guard, flow and record."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from residency.serve.app import create
from residency.serve.review import drafts
from residency.serve.types import Principal
from serve.scripted_engine import ScriptedEngine
from serve.service import made
from serve.workspace.signed import Signed, signed

ROLES = ("clinician", "reviewer", "administrator", "auditor")
PAGES = {
    "/review": ("clinician", "reviewer"),
    "/compare": ("clinician", "reviewer"),
    "/catalog": ("administrator", "auditor"),
    "/runs": ("administrator", "auditor"),
    "/audit": ("auditor",),
    "/users": ("administrator",),
    "/keys": ("administrator",),
}
ODD = ("skip=-1", "skip=x", "own=maybe", "before=9999999999999999999999", "before=-1", "verify=2", "of=%00", "task=%00",
       "since=%F0%9F%99%82", "show=%00", "kind=" + "x" * 3000, "language=%00", "done=%3Cb%3E")  # fmt: skip


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Signed]]:
    folder: Path = tmp_path_factory.mktemp("whole")
    both = (ScriptedEngine("Rest and drink.", name="modest"), ScriptedEngine("Drink warm tea.", name="ample"))
    with made(folder, *both) as service:
        app = create(service)
        yield {role: signed(service, app, role) for role in ROLES}


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_to_its_roles_alone(people: dict[str, Signed], path: str) -> None:
    found = {role: people[role].get(path).status_code for role in ROLES}
    assert found == {role: 200 if role in PAGES[path] else 403 for role in ROLES}


@pytest.mark.parametrize("path", PAGES)
def test_no_address_brings_a_page_down(people: dict[str, Signed], path: str) -> None:
    who = people[PAGES[path][0]]
    for query in ODD:
        reply = who.get(f"{path}?{query}")
        assert reply.status_code < 500, query
        assert "<b>" not in reply.text


def test_a_draft_is_signed_and_the_record_holds(people: dict[str, Signed]) -> None:
    service: Any = people["auditor"].client.app.state.service  # type: ignore[attr-defined]
    with service.database.connect() as connection:
        from residency.serve.store.tables import USERS

        id = connection.scalar(USERS.select().with_only_columns(USERS.c.id).where(USERS.c.name == "clinician"))
    about = {"application": "structure", "input": "Fell.", "output": "Wrist injury.", "model": "modest"}
    who = Principal(id, "clinician", "clinician")
    draft = asyncio.run(drafts.make(service, who, **about, model_hash="h", request="r1"))
    for number, step in enumerate(("accepted", "signed"), start=1):
        reply = people["reviewer"].post(f"/review/{draft.id}", {"decision": step, "version": number, "sure": "yes"})
        assert reply.status_code == 303
    page = people["clinician"].get(f"/review/{draft.id}").text
    assert "Signed by reviewer" in page
    assert "Note structured" in page or "structure" in page.lower()
    assert "The record is whole" in people["auditor"].get("/audit?verify=1").text


def test_a_comparison_goes_through_the_services_own_guard(people: dict[str, Signed]) -> None:
    reply = people["clinician"].post("/compare", {"question": "How much does a cold matter to a healthy adult?"})
    assert reply.status_code == 303
    address = reply.headers["location"]
    assert not re.search("modest|ample", people["clinician"].get(address).text)
    assert people["clinician"].post(address, {"choice": "first"}).status_code == 303
    assert re.search("modest|ample", people["clinician"].get(address).text)
