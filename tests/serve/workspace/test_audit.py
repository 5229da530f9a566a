"""The record as an auditor sees it: found, verified, exported, and without a word of a patient."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from residency.serve.record.export import verify_export
from residency.serve.review import drafts
from residency.serve.store.tables import DRAFTS, RECORD, USERS
from residency.serve.types import Entry
from serve.workspace.desk_app import Ward, on_record, ward, words_of


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Ward]:
    with ward(tmp_path) as one:
        yield one


def noted(clinic: Ward, kind: str = "request", actor: str = "user:ana", request: str = "", **body: str) -> None:
    clinic.service.recorder.write_now(Entry(kind, actor, body, request=request))


def a_draft(clinic: Ward) -> None:
    about = {"application": "structure-1", "input": "Fell.", "output": "Wrist.", "model": "m", "model_hash": "h"}
    asyncio.run(drafts.make(clinic.service, clinic.people["ana"], **about, request="r1"))


def rows(page: str) -> list[str]:
    return re.findall(r'<td class="number">(\d+)</td>', page)


def test_entries_stand_newest_first(clinic: Ward) -> None:
    for _ in range(3):
        noted(clinic, model="tiny", decision="answered")
    page = clinic.see("otto", "/audit")
    assert rows(page.text) == ["3", "2", "1"]
    assert "answered, tiny" in words_of(page)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("kind=key", ["2"]), ("actor=user:ben", ["3"]), ("request=r9", ["1"]), ("since=2999-01-01", []),
     ("until=2001-01-01", []), ("kind=request&actor=user:ana", ["1"]), ("kind=%27+OR+1%3D1", [])],
)  # fmt: skip
def test_the_record_is_searched(clinic: Ward, wanted: str, found: list[str]) -> None:
    noted(clinic, request="r9")
    noted(clinic, "key", "user:adam")
    noted(clinic, "request", "user:ben")
    assert rows(clinic.see("otto", f"/audit?{wanted}").text) == found


def test_a_time_that_is_none_is_explained(clinic: Ward) -> None:
    page = clinic.see("otto", "/audit?since=yesterday")
    assert page.status_code == 422
    assert "A time is written as" in words_of(page)
    assert "Una hora se escribe" in words_of(clinic.see("otto", "/audit?since=yesterday&language=es"))


def test_a_filter_that_there_is_not_is_said_and_nothing_is_passed_off_as_found(clinic: Ward) -> None:
    noted(clinic)
    page = clinic.see("otto", "/audit?from=2026-11-01&kind=request")
    assert page.status_code == 422 and not rows(page.text)
    assert "There is no such filter: from. There are: kind, actor, request, since, until." in words_of(page)
    odd = clinic.see("otto", "/audit?%3Cb%3Ex=1&%00=1")
    assert odd.status_code == 422 and "<b>x" not in odd.text and "\0" not in odd.text
    assert clinic.see("otto", "/audit?language=es&done=x&verify=1&before=9").status_code == 200


def test_a_line_calls_an_application_by_its_title_and_keeps_hashes_short(clinic: Ward) -> None:
    a_draft(clinic)
    noted(clinic, "comparison", first=f"tiny {'ab' * 32}")
    page = clinic.see("otto", "/audit").text
    summaries = re.findall(r"<summary>([^<]*)</summary>", page)
    assert "draft, Structured note, m" in summaries and "tiny abababab…" in summaries
    assert "ab" * 32 in page  # whole in the body


def test_signs_of_control_are_refused(clinic: Ward) -> None:
    assert clinic.see("otto", "/audit?actor=%00").status_code == 400


def test_a_long_record_is_paged(clinic: Ward) -> None:
    for _ in range(52):
        noted(clinic, "request")
    first = clinic.see("otto", "/audit?kind=request")
    older = re.search(r'href="(/audit\?kind=request&amp;before=3)"', first.text)
    assert older
    assert rows(clinic.see("otto", older[1].replace("&amp;", "&")).text) == ["2", "1"]


def test_a_record_that_holds_is_said_to(clinic: Ward) -> None:
    on_record(clinic)
    a_draft(clinic)
    noted(clinic)
    said = words_of(clinic.see("otto", "/audit?verify=1"))
    assert "The record is whole" in said
    assert "Every user, every key, every comparison and every version of every draft is what the record says" in said


def test_a_user_who_made_themselves_an_administrator_is_named(clinic: Ward) -> None:
    on_record(clinic)
    clinic.house.change(USERS.update().where(USERS.c.name == "ben").values(role="administrator"))
    said = words_of(clinic.see("otto", "/audit?verify=1"))
    assert "The record is whole, but what the tables hold is not what it says" in said
    assert "user ben: their role is administrator, on record clinician" in said


def test_an_entry_that_cannot_be_read_is_told_of_and_nothing_breaks(clinic: Ward) -> None:
    on_record(clinic)
    a_draft(clinic)
    for text in (
        "{",
        "[]",
        "{}",
        '{"draft":[1],"version":[2],"decision":3,"digest":4,"did":"made","user":[5]}',
        '{"user":{"a":1},"did":"made"}',
    ):
        clinic.house.change(RECORD.update().where(RECORD.c.kind.in_(("user", "draft"))).values(body=text))
        said = words_of(clinic.see("otto", "/audit?verify=1"))
        assert "tampered" in said


def test_a_record_that_was_changed_is_said_to_be(clinic: Ward) -> None:
    for _ in range(3):
        noted(clinic)
    clinic.house.change(RECORD.update().where(RECORD.c.seq == 2).values(actor="user:nobody"))
    said = words_of(clinic.see("otto", "/audit?verify=1"))
    assert "The record was tampered with" in said
    assert "First entry that does not fit 2" in said


def test_a_signature_that_nobody_gave_is_shown(clinic: Ward) -> None:
    a_draft(clinic)
    clinic.house.change(DRAFTS.update().values(status="signed"))
    said = words_of(clinic.see("otto", "/audit?verify=1"))
    assert "The record is whole, but what the tables hold is not what it says" in said
    assert "its state is not what was decided last" in said


def test_no_words_of_a_draft_are_on_the_page_or_in_the_export(clinic: Ward) -> None:
    a_draft(clinic)
    assert "Wrist" not in clinic.see("otto", "/audit?verify=1").text
    assert "Wrist" not in clinic.send("otto", "/audit/export").text


def test_an_export_can_be_checked_without_the_service(clinic: Ward, tmp_path: Path) -> None:
    for _ in range(3):
        noted(clinic)
    reply = clinic.send("otto", "/audit/export")
    assert re.fullmatch(r'attachment; filename="record-\d{8}-\d{6}\.jsonl"', reply.headers["content-disposition"])
    file = tmp_path / "record.jsonl"
    file.write_bytes(reply.content)
    report = verify_export(file, clinic.service.seal.public)
    assert report.ok
    assert report.entries == 4
    file.write_bytes(reply.content.replace(b"user:ana", b"user:ben", 1))
    assert not verify_export(file, clinic.service.seal.public).ok


def test_that_something_was_exported_is_on_record(clinic: Ward) -> None:
    noted(clinic, "key", "user:adam")
    reply = clinic.send("otto", "/audit/export", kind="key")
    assert len(reply.text.splitlines()) == 3
    (entry,) = clinic.house.record("export")
    assert entry["actor"] == "user:otto"
    assert json.loads(entry["body"])["wanted"] == {"kind": "key"}


def test_nothing_leaves_for_a_time_that_is_none(clinic: Ward) -> None:
    assert clinic.send("otto", "/audit/export", since="yesterday").status_code == 422
    assert not clinic.house.record("export")


def test_markup_in_an_entry_stays_words(clinic: Ward) -> None:
    noted(clinic, "request", "<b>x</b>", decision="<script>alert(1)</script>")
    page = clinic.see("otto", "/audit").text
    assert "<script>alert" not in page
    assert "<b>x" not in page


@pytest.mark.parametrize("who", ["ana", "rosa", "adam"])
def test_the_record_is_for_auditors(clinic: Ward, who: str) -> None:
    assert clinic.see(who, "/audit").status_code == 403
    assert clinic.send(who, "/audit/export").status_code == 403
