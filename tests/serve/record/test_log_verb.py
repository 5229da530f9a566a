"""``residency log``: verify, export and show, on a record that a service wrote."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from residency import auditing
from residency.core.errors import UserError
from residency.serve.access.users import new_row
from residency.serve.record.head import FILE
from residency.serve.store.tables import USERS
from serve.record.record_case import Case


def log(*arguments: str) -> tuple[Any, str]:
    parser = argparse.ArgumentParser()
    auditing.add_arguments(parser)
    return auditing.log(parser.parse_args(arguments))


@pytest.fixture
def place(case: Case) -> list[str]:
    """Return the options that name a record with five entries."""
    case.wrote(5, keep_text=True)
    return ["--folder", str(case.folder), *(["--database", case.url] if case.url else [])]


def test_a_good_record_is_said_to_be(place: list[str]) -> None:
    document, words = log("verify", *place)
    assert (document["ok"], document["exit_code"], document["entries"], document["marks"]) == (True, 0, 5, True)
    assert "5 entries, the last is 5" in words and "every one is as it was written" in words


def test_what_the_tables_hold_beside_the_record_ends_with_1_and_is_named(case: Case, place: list[str]) -> None:
    document, words = log("verify", *place)
    assert document["tables"] == [] and "are what the record says of them" in words
    with case.database.begin() as connection:
        connection.execute(USERS.insert().values(new_row("eve", "administrator")))
    document, words = log("verify", *place)
    assert (document["ok"], document["exit_code"], document["tables"]) == (False, 1, ["user eve: not on record"])
    assert "WHAT THE TABLES HOLD IS NOT WHAT THE RECORD SAYS" in words and "every one is as it was written" in words
    public, _ = log("verify", *place, "--public-key", document["key"])
    assert public["tables"] is None


def test_a_record_that_was_touched_ends_with_1_and_names_the_entry(case: Case, place: list[str]) -> None:
    from dataclasses import replace

    from serve.record.record_case import put

    with case.tampering() as connection:
        put(connection, replace(case.rows()[2], actor="user:berta"))
    document, words = log("verify", *place)
    assert (document["ok"], document["exit_code"], document["first_bad"]) == (False, 1, 3)
    assert "IS NOT AS IT WAS WRITTEN" in words and "entry 3: was changed" in words
    json.dumps(document)


def test_an_export_is_verified_without_database_and_keys(case: Case, place: list[str], tmp_path: Path) -> None:
    out = tmp_path / "all.jsonl"
    document, words = log("export", *place, "--out", str(out), "--actor", "user:anna")
    assert document["entries"] == 5 and str(out) in words
    known, shown = log("verify", str(out), "--public-key", case.seal.public, "--folder", "/nowhere")
    assert known["ok"] and "as the file says" not in shown
    assert "as the file says" in log("verify", str(out))[1]
    assert not log("verify", str(out), "--public-key", "00" * 32)[0]["ok"]


def test_a_head_that_was_kept_is_held_against_the_record(case: Case, place: list[str], tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes(case.head.read_bytes())
    log("export", *place, "--out", str(tmp_path / "early.jsonl"))
    for one in (kept, tmp_path / "early.jsonl"):
        assert log("verify", *place, "--head", str(one))[0]["ok"]
    case.wrote(2)
    assert log("verify", *place, "--head", str(kept))[0]["ok"]
    kept.write_text("nothing\n")
    with pytest.raises(UserError, match="holds no head"):
        log("verify", *place, "--head", str(kept))


def test_the_newest_are_shown_and_texts_only_where_they_are_asked_for(place: list[str]) -> None:
    document, words = log("show", *place, "--last", "2")
    assert [one["seq"] for one in document["entries"]] == [4, 5] and document["entries"][0]["sealed"]
    assert "made-up" not in words + json.dumps(document) and '{"n":5}' in words.replace(" ", "")
    document, words = log("show", *place, "--request", "r3", "--texts")
    assert document["entries"][0]["texts"] == {"prompt": "made-up text 3"} and "made-up text 3" in words


def test_who_reads_texts_is_on_record_with_which_and_when(case: Case, place: list[str]) -> None:
    log("show", *place, "--last", "2", "--texts")
    (read,) = log("show", *place, "--kind", "texts-read")[0]["entries"]
    assert (read["seq"], read["body"]["entries"]) == (6, [4, 5]) and read["at"] and read["actor"].startswith("console:")
    log("show", *place, "--kind", "texts-read", "--texts")  # no texts among these: nothing more is read
    assert log("verify", *place)[0]["entries"] == 6


def test_texts_are_not_shown_where_that_cannot_be_put_on_record(case: Case, place: list[str]) -> None:
    with case.opened(), pytest.raises(UserError, match="stop it first"):
        log("show", *place, "--texts")


def test_nothing_is_made_where_there_is_no_record(tmp_path: Path) -> None:
    for what in ("verify", "show"):
        with pytest.raises(UserError):
            log(what, "--folder", str(tmp_path / "none"))
    assert not list(tmp_path.iterdir())


def test_a_database_without_a_record_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "service.sqlite").touch()
    with pytest.raises(UserError, match="holds no record"):
        log("show", "--folder", str(tmp_path))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["export"], "--out FILE"),
        (["show", "x.jsonl"], "FILE goes with verify alone"),
        (["verify", "--actor", "x"], "--actor goes with export and show alone"),
        (["show", "--public-key", "aa"], "--public-key goes with verify alone"),
        (["verify", "--texts"], "--texts goes with show alone"),
        (["verify", "/nowhere/x.jsonl"], "cannot be read"),
    ],
)
def test_what_does_not_go_together_is_said(given: list[str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        log(*given)


def test_the_verb_is_instant_until_it_runs() -> None:
    import subprocess
    import sys

    asked = "import sys, residency.auditing; print([m for m in sys.modules if m in ('sqlalchemy', 'cryptography')])"
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True).stdout.strip() == "[]"


def test_the_head_has_the_name_that_is_documented() -> None:
    assert FILE == "record.head"
