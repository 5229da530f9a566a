"""Two of the recipes, run to the end: the line holds, and triage stays under the gigabyte that was asked for (slow)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from residency import cli
from residency.advise.page import SCENARIOS
from residency.core.runs import runs_root

pytestmark = pytest.mark.slow


def ran(name: str, capsys: pytest.CaptureFixture[str]) -> tuple[dict, dict[str, float]]:
    """Return the run's summary, and its models' scores on the task that it learned."""
    command = SCENARIOS[name].split()
    assert cli.main(["advise", *command]) == 0
    capsys.readouterr()
    run = [sys.executable, "-m", "residency", "run", command[-1], "--json"]  # by itself: its memory is measured
    summary = json.loads(subprocess.run(run, capture_output=True, text=True, check=True).stdout)
    ledger = json.loads((runs_root() / "latest" / "ledger.json").read_text(encoding="utf-8"))
    return summary, {row["model"]: row["value"] for row in ledger["rows"] if row["metric"] in ("entity_f1", "macro_f1")}


def test_extraction_runs_to_the_end(ward: Path, capsys) -> None:
    _, scores = ran("extraction", capsys)
    assert min(scores["encoded"], scores["blended"], scores["baseline:crf"]) > 0.8


def test_triage_runs_to_the_end_in_less_than_a_gigabyte(ward: Path, capsys) -> None:
    _, scores = ran("triage under 1 GB", capsys)
    assert scores["encoded"] > scores["rule:majority"] + 0.3
    costs = [json.loads(path.read_text())["cost"] for path in (runs_root() / "latest").glob("*/manifest.json")]
    assert max(cost["peak_rss_mb"] for cost in costs) < 1000
