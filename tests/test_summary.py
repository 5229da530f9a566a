"""What a finished run says last: an export that did not pass cannot be overlooked, and is no failure of the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixture_run import SMALL, make_run
from residency.core.store import read_json, write_json, write_manifest
from residency.evaluate.report import report
from residency.summary import first_step, summary, table


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = make_run(tmp_path / "runs" / "made-up", sizes=SMALL)
    report(folder, out=folder / "report")
    return folder


def test_a_failed_parity_is_said_with_its_number_its_bar_and_where_to_read_more(run: Path) -> None:
    path = run / "export" / "parity.json"
    found = read_json(path)
    found["next_token"]["torch_fp32"] |= {"share": 0.976, "low": 0.9585, "high": 0.9863}
    write_json(path, found | {"passed": False, "findings": ["replies end elsewhere: at the same place in 60 of 62"]})
    document, words = summary(run)
    assert (
        "WARNING: the exported GGUF did NOT pass its parity check: the same next token as the model in 97.6% of 500 "
        "positions [95.9, 98.6]; the bar is 98%."
    ) in words
    assert "- replies end elsewhere: at the same place in 60 of 62" in words
    assert f"More: {run.parent / 'latest' / 'report.html'}, under Export." in words
    assert document["parity"]["passed"] is False
    assert (document["parity"]["share"], document["parity"]["bar"]) == (0.976, 0.98)
    assert "exit_code" not in document  # a result, as a family that got worse is: the command has done its work


def test_a_parity_that_passed_gives_no_warning(run: Path) -> None:
    document, words = summary(run)
    assert "WARNING" not in words and document["parity"]["passed"] is True


def test_a_run_without_an_export_has_no_parity(tmp_path: Path) -> None:
    document, words = summary(make_run(tmp_path / "run", sizes=SMALL, drop=("export", "gguf")))
    assert document["parity"] is None and "parity" not in words


def test_a_value_that_rounds_to_nothing_has_no_sign() -> None:
    assert table(["value"], [[-0.0001], [-0.25]]).split() == ["value", "0.000", "-0.250"]


def test_a_run_of_an_encoder_shows_what_was_measured_and_how_to_examine_it(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "reads"
    row = {"task": "ncbi_disease", "model": "encoded", "metric": "entity_f1", "value": 0.8, "low": 0.7, "high": 0.9}
    write_json(run / "ledger.json", {"rows": [row | {"n": 100}, row | {"metric": "relaxed_f1"}], "comparisons": []})
    write_manifest(run / "encode", stage="encode")
    write_manifest(run / "evaluate", stage="evaluate", tasks=["ncbi_disease"])
    document, words = summary(run)
    assert "ncbi_disease  encoded  entity_f1  0.800     0.700  0.900    100" in words and "relaxed_f1" not in words
    assert [found["value"] for found in document["measured"]] == [0.8]
    assert first_step(run, "runs/latest") == "residency evaluate runs/latest:encoded --tasks ncbi_disease"
    assert first_step(tmp_path, "runs/latest").startswith("residency ask runs/latest ")
