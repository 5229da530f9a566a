"""Users and keys of a stopped service from its own machine: made, reset, revoked, and each on record."""

import json

import pytest

from residency.cli import main
from residency.serve.record.writer import Writer
from residency.serve.settings import Settings
from residency.serve.store.database import open_database, upgrade
from residency.serve.store.keys import Seal


@pytest.fixture
def folder(tmp_path):
    Seal(tmp_path / "service")
    database = open_database(Settings(folder=tmp_path / "service"))
    upgrade(database)
    database.dispose()
    return tmp_path / "service"


def told(capsys, *given, code=0):
    assert main(["users", *map(str, given), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_user_is_added_and_gets_a_one_time_key_and_an_api_key(folder, capsys):
    made = told(capsys, "add", "anna", "--role", "clinician", "--folder", folder)
    assert made["one_time_key"].startswith("once_") and made["role"] == "clinician"
    key = told(capsys, "key", "anna", "--scopes", "chat,embed", "--days", 3, "--folder", folder)
    assert key["token"].startswith("rsd_") and key["scopes"] == ["chat", "embed"]
    told(capsys, "revoke", key["key"], "--folder", folder)
    listed = told(capsys, "list", "--folder", folder)
    assert [one["name"] for one in listed["users"]] == ["anna"] and listed["keys"][0]["revoked"]
    assert "password" not in json.dumps(listed) and key["token"] not in json.dumps(listed)
    again = told(capsys, "reset", "anna", "--folder", folder)
    assert again["one_time_key"] != made["one_time_key"]


def test_each_change_is_on_record_as_the_consoles(folder, capsys):
    told(capsys, "add", "anna", "--role", "auditor", "--folder", folder)
    assert main(["log", "verify", "--folder", str(folder)]) == 0
    assert "1 entry" in capsys.readouterr().out
    assert main(["log", "show", "--folder", str(folder), "--json"]) == 0
    assert "user:console" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["add", "anna"], "needs --role"),
        (["add"], "needs a name"),
        (["key", "anna"], "needs --scopes, of: chat,embed,"),
        (["key", "anna", "--scopes", "audit"], "there is no user anna"),
        (["revoke", "none"], "no such key"),
    ],
)
def test_what_is_missing_is_said(folder, capsys, given, says):
    assert says in told(capsys, *given, "--folder", folder, code=2)["error"]["message"]


def test_no_database_is_made_where_one_is_gone(folder, capsys):
    (folder / "service.sqlite").rename(folder / "moved")
    assert "there is no database" in told(capsys, "list", "--folder", folder, code=2)["error"]["message"]
    assert not (folder / "service.sqlite").exists()


def test_a_scope_beyond_the_role_and_a_folder_without_a_service_are_refused(folder, capsys, tmp_path):
    told(capsys, "add", "anna", "--role", "clinician", "--folder", folder)
    found = told(capsys, "key", "anna", "--scopes", "audit", "--folder", folder, code=2)
    assert "cannot have the scope audit" in found["error"]["message"]
    assert "there is no service" in told(capsys, "list", "--folder", tmp_path / "none", code=2)["error"]["message"]
    assert not (tmp_path / "none").exists()


def test_a_service_that_runs_holds_its_record(folder, capsys):
    database = open_database(Settings(folder=folder))
    running = Writer(database, Seal(folder))
    try:
        message = told(capsys, "list", "--folder", folder, code=2)["error"]["message"]
        assert "another process" in message
    finally:
        running.close()
        database.dispose()
