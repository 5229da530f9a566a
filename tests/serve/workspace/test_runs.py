"""Runs and their ledgers as pages: numbers with their intervals, and nothing of a run that is markup."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from residency.core.runs import runs_root
from serve.workspace.desk_app import Ward, ward, words_of


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with ward(tmp_path_factory.mktemp("runs")) as one:
        yield one


def row(**changes: Any) -> dict[str, Any]:
    found = {"model": "tuned", "stage": "tuned", "task": "qa", "metric": "accuracy", "value": 0.4, "low": 0.31}
    found |= {"high": 0.52, "n": 90, "groups": 30, "unparsed": 2, "contaminated": False}
    return {**found, "protocol": {"method": "likelihood", "shots": 3}, **changes}


def a_run(name: str = "quick-1", *, rows: Any = None, place: str = "", record: Any = None, **more: Any) -> Path:
    folder = runs_root() / place / name
    folder.mkdir(parents=True)
    if record is not False:
        about = {"id": name, "recipe": "quick", "status": "done", "began": "2026-11-27T10:00:00+00:00", "seconds": 61.5}
        (folder / "run.json").write_text(json.dumps({**about, **(record or {})}), encoding="utf-8")
    if rows is not None:
        compared = {"task": "qa", "metric": "accuracy", "from": "base", "to": "tuned", "difference": 0.1}
        compared |= {"low": 0.02, "high": 0.18, "p": 0.012, "p_holm": 0.024}
        ledger = {"run": name, "cost": {"stages": {"pretrain": {"wall_s": 12.25, "peak_rss_mb": 900.0}}}, "rows": rows}
        ledger |= {"comparisons": [compared], "findings": [{"level": "good", "text": "Med-QA: better than the base."}]}
        (folder / "ledger.json").write_text(json.dumps({**ledger, **more}), encoding="utf-8")
    return folder


def test_runs_are_listed_with_their_ledgers(clinic: Ward) -> None:
    a_run(rows=[row()])
    a_run("quick-2", record={"status": "failed"})
    page = clinic.see("otto", "/runs")
    assert 'href="/ledger/quick-1"' in page.text
    assert 'href="/ledger/quick-2"' not in page.text
    assert "Failed" in words_of(page)


def test_without_runs_the_page_says_how_to_make_one(clinic: Ward) -> None:
    assert "residency run recipes/quickstart.yaml" in words_of(clinic.see("otto", "/runs"))


def test_evaluations_of_single_models_have_their_ledgers(clinic: Ward) -> None:
    a_run("small-1", rows=[row()], place="evaluations", record=False)
    assert 'href="/ledger/small-1"' in clinic.see("otto", "/runs").text
    assert clinic.see("otto", "/ledger/small-1").status_code == 200
    assert clinic.see("otto", "/runs/small-1").status_code == 200


def test_where_the_index_cannot_be_written_the_folders_are_read(clinic: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    a_run(rows=[row()])
    monkeypatch.setenv("RESIDENCY_DB", "nonsense://x")
    said = words_of(clinic.see("otto", "/runs"))
    assert "quick-1" in said
    assert "The index of runs could not be read" in said


def test_a_run_shows_its_stages_and_findings(clinic: Ward) -> None:
    (a_run(rows=[row()]) / "recipe.yaml").write_text("base: <b>small</b>\n", encoding="utf-8")
    page = clinic.see("otto", "/runs/quick-1")
    said = words_of(page)
    assert "pretrain 12.2 – 900" in said
    assert "Med-QA: better than the base." in said
    assert "base: &lt;b&gt;small" in page.text


def test_a_run_whose_process_is_gone_is_stopped(clinic: Ward) -> None:
    a_run(record={"status": "running"})
    assert "Stopped" in words_of(clinic.see("otto", "/runs/quick-1"))


def test_numbers_stand_with_their_intervals(clinic: Ward) -> None:
    a_run(rows=[row(), row(metric="ece", value=0.1, low=None, high=None)])
    said = words_of(clinic.see("otto", "/ledger/quick-1"))
    assert "0.400 (0.310 – 0.520)" in said
    assert "0.100 (0.020 – 0.180) 0.0120 0.0240" in said


def test_what_was_not_scored_is_no_zero(clinic: Ward) -> None:
    a_run(rows=[row(value=None, low=None, high=None)])
    said = words_of(clinic.see("otto", "/ledger/quick-1"))
    assert "not scored" in said
    assert "0.000" not in said


def test_what_was_in_the_training_data_is_marked(clinic: Ward) -> None:
    a_run(rows=[row(contaminated=True)])
    assert "in the training data" in words_of(clinic.see("otto", "/ledger/quick-1"))


def test_a_ledger_is_narrowed_to_a_task(clinic: Ward) -> None:
    a_run(rows=[row(), row(task="nli", value=0.77, low=0.7, high=0.8)])
    said = words_of(clinic.see("otto", "/ledger/quick-1?task=nli"))
    assert "0.770" in said
    assert "0.400" not in said


def test_tasks_metrics_and_models_are_called_by_their_titles(clinic: Ward) -> None:
    a_run(rows=[row(model="base-0shot", metric="rouge_l", task="gen")])
    said = words_of(clinic.see("otto", "/ledger/quick-1"))
    assert (
        "Plain words for a clinical term" in said and "ROUGE-L" in said and "Base, 0 solved examples before it" in said
    )
    assert "rouge_l" not in said and "base-0shot" not in said
    spanish = words_of(clinic.see("otto", "/ledger/quick-1?language=es"))
    assert "Palabras sencillas para un término clínico" in spanish and "Base, 0 ejemplos resueltos antes" in spanish
    a_run("quick-3", rows=[row()])
    assert "Ajustado, exactitud: 0.400" in words_of(clinic.see("otto", "/ledger/quick-3?language=es"))


def test_each_task_is_folded_under_its_own_number_with_a_mark_to_jump_to(clinic: Ward) -> None:
    rows = [row(model="base-0shot", value=0.1), row(model="tuned", metric="ece", value=0.9), row(value=0.4)]
    a_run(rows=[*rows, row(task="nli", metric="macro_f1", value=0.7)])
    page = clinic.see("otto", "/ledger/quick-1").text
    for mark in re.findall(r'<a href="#([a-z0-9-]+)"', page)[1:]:  # the first skips to the content
        assert f'id="{mark}"' in page
    summaries = [" ".join(re.sub("<[^>]+>", " ", one).split()) for one in re.findall(r"<summary>(.*?)</summary>", page)]
    assert "Questions with given options Tuned, accuracy: 0.400 (0.310 – 0.520)" in summaries
    assert not re.search(r'<details class="part" id="task-\d" open', page)
    assert '<details class="part" id="task-1" open' in clinic.see("otto", "/ledger/quick-1?task=nli").text


@pytest.mark.parametrize("path", ["/runs/quick-1", "/ledger/quick-1"])
def test_findings_stand_by_what_they_weigh_the_bad_ones_open(clinic: Ward, path: str) -> None:
    levels = ("good", "note", "red", "good", "strange")
    a_run(rows=[row()], findings=[{"level": one, "text": f"{one} {n}."} for n, one in enumerate(levels)])
    page = clinic.see("otto", path).text
    groups = re.findall(r'<details class="part"( open)?>\s*<summary>(.*?)</summary>(.*?)</details>', page, re.DOTALL)
    said = [(bool(open_), re.findall(r"<li>(.*?)</li>", inner)) for open_, _, inner in groups]
    assert said == [(True, ["strange 4."]), (True, ["red 2."]), (False, ["good 0.", "good 3."]), (False, ["note 1."])]


def test_a_run_that_is_linked_here_is_listed_once(clinic: Ward, tmp_path: Path) -> None:
    a_run(rows=[row()])
    (runs_root() / "latest").symlink_to("quick-1")
    shutil.move(a_run("far-1", rows=[row()]), tmp_path / "far-1")
    (runs_root() / "far-1").symlink_to(tmp_path / "far-1")
    listed = re.findall(r'href="/runs/([^"]+)"', clinic.see("otto", "/runs").text)
    assert sorted(listed) == ["far-1", "quick-1"]
    assert clinic.see("otto", "/ledger/far-1").status_code == 200


def test_markup_in_a_ledger_stays_words(clinic: Ward) -> None:
    bad = "<script>alert(1)</script>"
    a_run(rows=[row(model=bad, protocol={"method": bad})], findings=[{"level": bad, "text": bad}])
    for path in ("/ledger/quick-1", "/runs/quick-1"):
        page = clinic.see("otto", path)
        assert page.status_code == 200
        assert bad not in page.text


def test_a_ledger_that_is_broken_is_none(clinic: Ward) -> None:
    (a_run() / "ledger.json").write_text("{", encoding="utf-8")
    assert clinic.see("otto", "/ledger/quick-1").status_code == 404
    assert clinic.see("otto", "/runs/quick-1").status_code == 200


@pytest.mark.parametrize("id", ["none", "%2e%2e%2f", "..%2f..%2fetc", "%00", ".hidden", "evaluations", "a" * 300])
def test_no_name_leads_out_of_the_runs_folder(clinic: Ward, id: str) -> None:
    a_run(rows=[row()])
    (runs_root().parent / "run.json").write_text("{}", encoding="utf-8")
    for path in (f"/runs/{id}", f"/ledger/{id}"):
        assert clinic.see("otto", path).status_code == 404


@pytest.mark.parametrize(("who", "status"), [("ana", 403), ("rosa", 403), ("adam", 200), ("otto", 200)])
def test_runs_are_for_administrators_and_auditors(clinic: Ward, who: str, status: int) -> None:
    a_run(rows=[row()])
    for path in ("/runs", "/runs/quick-1", "/ledger/quick-1"):
        assert clinic.see(who, path).status_code == status
