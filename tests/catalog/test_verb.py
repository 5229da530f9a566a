"""`residency catalog` on the command line: words and JSON say the same, doubt is always shown, numbers keep apart."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from residency import catalog_docs, cli
from residency.catalog import entries, show
from residency.catalog.entries import Catalog, Cell, load
from residency.catalog.query import Query, find

DOCS = Path(__file__).parents[2] / "docs" / "catalog.md"
SLOW = ("torch", "transformers", "sqlalchemy", "jsonschema", "jinja2", "numpy")


@pytest.fixture
def asked(small: Catalog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return what asks the small catalog on the command line: the words (or the document) that it prints."""
    monkeypatch.setattr(entries, "load", lambda folder=None, more=None: small)

    def ask(*arguments: str, code: int = 0) -> Any:
        assert cli.main(["catalog", *arguments]) == code
        told = capsys.readouterr()
        if "--json" in arguments:
            return json.loads(told.out)
        return told.out if code == 0 else told.err

    return ask


def test_a_query_prints_a_table_and_what_was_left_out(asked: Any) -> None:
    lines = asked("models", "--task", "NER", "--licence", "open").splitlines()
    assert lines[0].split() == ["name", "sizes", "tasks", "access", "release", "surveys", "licence"]
    assert lines[1].split("  ")[0] == "Alpha" and "A (from memory, weak)" in lines[1] and "unknown" not in lines[1]
    assert lines[3] == "1 of 4 models."
    assert lines[4] == (
        "Left out because it is not known whether they fit: 2 (--task unknown: 1; --licence unknown: 2)."
    )


def test_what_is_from_memory_is_never_shown_as_plain_fact(asked: Any) -> None:
    line = next(line for line in asked("models", "--base", "root").splitlines() if line.startswith("Beta"))
    for value in ("500M (from memory)", "ner (from memory)", "2024 (from memory)", "Alpha (from memory)"):
        assert value in line
    said = asked("beta")
    assert "sizes        500M (from memory)  [M from memory]" in said and "0.4 (from memory, weak)\n" in said
    assert "placed by us" in asked("models", "--care", "diagnosis")


def test_every_doubtful_value_of_ours_is_marked_wherever_it_is_shown(ours: Catalog) -> None:
    for kind in ("models", "datasets", "methods", "metrics"):
        for entry in ours.entries[kind].values():
            for name, cell in entry.cells.items():
                shown = show.short(ours, entry, name)
                assert ("from memory" in shown) == (cell.mark == "M"), (entry.id, name)
                assert cell.firm or "weak" in shown or "from memory" in shown, (entry.id, name)


def test_an_entry_is_shown_with_marks_sources_notes_and_results(asked: Any) -> None:
    said = asked("Alpha-Chat")
    assert said.startswith("Alpha (models: alpha, also Alpha-Chat)\n\nIt marks diseases.\n")
    assert "data       Notes  [P from its paper, card or page: card1] a tenth of them" in said
    assert "named in   The first survey  [M from memory, weak]" in said
    assert "The Exam, accuracy, Alpha-Chat: 70.0 %\n  protocol: five-shot" in said
    assert "mine   Mine, 2024, https://example.org/mine; read: all of it" in said
    assert "size" in asked("exam") and "about 1,200 questions (from memory)" in asked("exam")
    assert "in Residency  exam_task" in asked("exam")


def test_results_stand_in_groups_of_one_protocol_and_only_one_source_is_ranked(asked: Any) -> None:
    said = asked("results", "--set", "exam")
    groups = said.split("\n\n")
    assert groups[0].startswith("The Exam, accuracy\n  protocol: five-shot\n  Alpha-Chat  70.0 %")
    assert groups[1].startswith("The Exam, accuracy\n  protocol: not stated") and "50.0 % (from memory)" in groups[1]
    assert groups[2].startswith("The Exam, accuracy (best first)\n  protocol: zero-shot\n  Beta 2  66.0 %")
    assert groups[3] == "4 of 5 results.\n"


@pytest.mark.parametrize(
    ("change", "ranked"),
    [
        ({}, True),
        ({"protocol": "zero-shot; prompts not stated in what was read"}, False),
        ({"sources": ("card1",)}, False),  # another paper may mean something else by the same words
        ({"sources": ()}, False),
        ({"than": "the base"}, False),
    ],
)
def test_what_cannot_be_compared_stands_by_name(small: Catalog, change: dict[str, Any], ranked: bool) -> None:
    from dataclasses import replace

    one, two = find(small, "results", Query(text="zero", metric=("accuracy",)))
    shared = {name: value for name, value in change.items() if name != "sources"}
    rows = [replace(one, value=1.0, **shared), replace(two, value=2.0, **change)]
    (group,) = show.groups(small, rows)
    assert group.ranked is ranked
    assert [row.value for row in group.results] == ([2.0, 1.0] if ranked else [1.0, 2.0])
    assert ("not to be ranked" in show.group_words(small, group)) is not ranked


def test_different_protocols_never_share_a_group(ours: Catalog) -> None:
    for group in show.groups(ours, ours.results):
        assert {one.protocol for one in group.results} == {group.protocol}
        assert not group.ranked or ("not stated" not in group.protocol and not group.than)


def test_json_says_what_the_words_say(asked: Any) -> None:
    document = asked("models", "--task", "ner", "--licence", "open", "--json")
    assert document["kind"] == "models" and document["asked"] == {"task": ["ner"], "licence": ["open"]}
    assert document["count"] == 1 and document["undecided"] == 2
    assert document["left_out"] == {"task": {"unknown": 1}, "licence": {"unknown": 2}}
    (alpha,) = document["entries"]
    assert alpha["id"] == "alpha" and alpha["licence"] == {"is": "Apache-2.0", "mark": "P", "from": ["card1"]}
    assert alpha["named"][1] == {"in": "garg2025", "mark": "M", "weak": True}
    assert "hardware" not in alpha  # unknown
    group = asked("results", "--metric", "f1", "--json")["groups"][0]
    assert group["protocol"] == "zero-shot" and group["ranked"] is False
    assert group["results"][0]["mark"] == "M" and group["results"][0]["name"] == "Beta 2"
    assert asked("beta", "--json")["entries"][0]["sizes"] == {"is": ["500M"], "mark": "M"}
    assert asked("--json")["counts"]["models"]["entries"] == 4


def test_an_entrys_document_is_its_file(ours: Catalog) -> None:
    for kind in ("models", "datasets", "methods", "metrics"):
        for entry in ours.entries[kind].values():
            raw = entries.read(entry.path)
            document = show.entry_document(entry)
            assert document["name"] == raw["name"] and document.get("also", []) == raw.get("also", [])
            assert {name: document[name] for name in entry.cells} == {name: raw[name] for name in entry.cells}
            assert [row["value"] for row in document.get("results", [])] == [
                row["value"] for row in raw.get("results", [])
            ]


def test_the_overview_counts_by_kind_and_mark_and_lists_the_axes(asked: Any) -> None:
    lines = asked().splitlines()
    assert lines[0].split() == ["entries", "V", "S", "P", "M", "O", "weak"]
    assert lines[1].split() == ["models", "4", "3", "0", "11", "7", "2", "1"]
    assert lines[5].split() == ["results", "5", "3", "0", "0", "2", "0", "1"]
    assert any(line.split()[:2] == ["care", "triage,"] for line in lines)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--task", "ner"], "--task: of what? residency catalog models|datasets|results|methods|metrics --task …"),
        (["alpha", "--task", "ner"], "--task: of what?"),
        (["models", "--form", "spans"], "--form says nothing about models"),
        (["models", "somewhere"], "path goes with check and place alone, not with models"),
        (["models", "--out", "x.html"], "--out goes with page and gaps alone"),
        (["gaps", "--runs", "runs/latest"], "--runs goes with page alone"),
        (["page"], "say where to write the page: residency catalog page --out FILE.html"),
        (["page", "--out", "."], "a page is NAME.html"),
        (["gaps", "--out", "notes.txt"], "a picture NAME.svg"),
        (["place"], "say what to place"),
        (["place", "nowhere"], "there is no nowhere; give a run's folder"),
        (["alhpa"], "there is no entry alhpa; did you mean Alpha?"),
    ],
)
def test_what_cannot_be_answered_says_what_can(asked: Any, arguments: list[str], words: str) -> None:
    assert words in asked(*arguments, code=2)


def test_a_word_that_no_entry_says_gives_advice(asked: Any) -> None:
    said = asked("models", "--text", "radiology reports")
    assert said.startswith("0 of 4 models.") and "Every word of --text must occur" in said


def test_entries_of_ones_own_are_added_with_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "models").mkdir()
    own = "name: Ours\nabout: Of our clinic.\nnamed: [{mark: O}]\nkind: domain\n"
    own += "base: {is: [biogpt], mark: O}\ntasks: {is: [ner], mark: O}\n"
    (tmp_path / "models/ours.yaml").write_text(own)
    assert cli.main(["catalog", "models", "--base", "biogpt", "--with", str(tmp_path)]) == 0
    assert "Ours  unknown  ner (placed by us)" in capsys.readouterr().out
    (tmp_path / "models/ours.yaml").write_text(own.replace("ner", "nerr"))
    assert cli.main(["catalog", "models", "--with", str(tmp_path)]) == 2
    assert "ours.yaml:6: tasks: there is no value nerr" in capsys.readouterr().err
    assert cli.main(["catalog", "models", "--with", str(tmp_path / "none")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_a_file_of_ours_that_is_spoilt_is_told_not_a_fault(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "axes.yaml").write_text(entries.DATA.joinpath("axes.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "models/new.yaml").write_text("name: New\nnamed: 3\n")
    monkeypatch.setattr(entries, "DATA", folder)
    entries._own.cache_clear()
    with pytest.raises(entries.UserError, match="new.yaml:1: about is missing"):
        load(folder)
    entries._own.cache_clear()


def test_a_query_loads_nothing_that_is_slow() -> None:
    code = "import sys; from residency import cli; cli.main(['catalog', 'models', '--task', 'ner']); "
    code += f"print(*({set(SLOW)!r} & sys.modules.keys()), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split() == [] and "of" in done.stdout


def test_a_cell_is_firm_unless_from_memory_or_weak() -> None:
    assert [Cell("x", mark).firm for mark in "VSPMO"] == [True, True, True, False, True]
    assert not Cell("x", "P", weak=True).firm


# --- the page in docs/ -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [arguments for _, arguments in catalog_docs.QUESTIONS])
def test_each_of_the_twelve_questions_is_answered_by_one_command(arguments: str) -> None:
    lines = catalog_docs.answer(arguments).splitlines()
    assert len(lines) >= 4 and not lines[0].startswith("0 of")


def test_the_page_of_the_catalog_is_current() -> None:
    assert len(catalog_docs.QUESTIONS) == 12
    made = catalog_docs.page()
    assert DOCS.read_text(encoding="utf-8") == made, "run: python -m residency.catalog_docs > docs/catalog.md"
