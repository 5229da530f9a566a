"""The comparison with lm-evaluation-harness: run for real on a few items, and what it would call a difference."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from residency.core.errors import SourceError
from residency.corpus import benchmarks
from residency.models.weights import packaged_base

BENCH = Path(__file__).parents[2] / "bench"
SETS = ("medmcqa", "apollo_es", "apollo_zh", "apollo_fr", "pubmedqa", "medquad", "aci_bench", "meqsum")


@pytest.fixture
def agree(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    import agree

    return agree


def test_a_count_must_be_the_same_and_a_mean_of_likelihoods_within_rounding(agree):
    assert agree.same("acc,none", 0.25, 0.25) == "exact" and agree.same("acc,none", 0.25, 0.25 + 1e-9) == "no"
    assert agree.same("word_perplexity,none", 100.0, 100.001) == "close"
    assert agree.same("perplexity_stderr,none", 100.0, 100.001) == "close"
    assert agree.same("perplexity,none", 100.0, 100.02) == "no" and agree.same("perplexity,none", "N/A", 1.0) == "no"


def test_answers_are_compared_by_what_a_kind_answers(agree):
    def pair(first, second):
        return [{"doc_id": 0, "filtered_resps": first}], [{"doc_id": 0, "filtered_resps": second}]

    choice = pair([["-1.0", "False"], ["-2.0", "False"]], [["-2.5", "False"], ["-2.0", "False"]])
    assert agree.answers("multiple_choice", *choice) == (1, 1.5)
    assert agree.answers("loglikelihood", *pair([["-1.0", "True"]], [["-1.25", "False"]])) == (1, 0.25)
    assert agree.answers("loglikelihood_rolling", *pair(["-7.5"], ["-7.0"])) == (0, 0.5)
    assert agree.answers("generate_until", *pair(["a"], ["b"])) == (1, None)


@pytest.mark.slow
def test_every_number_of_the_harness_is_the_same_with_our_scorer():
    packaged_base()  # comes with the environment: without it this fails
    try:
        for name in SETS:
            benchmarks.folder_of(name)
    except SourceError as error:
        pytest.skip(str(error))
    command = [sys.executable, str(BENCH / "agree.py"), "--items", "3", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stderr[-3000:]
    rows = json.loads(done.stdout)["rows"]
    assert len({row["task"] for row in rows}) == 10 and {row["same"] for row in rows} <= {"exact", "close"}
    assert all(row["differ"] == 0 for row in rows) and max(row["nats"] or 0 for row in rows) < 1e-2
    assert all(row["same"] == "exact" for row in rows if row["metric"].startswith(("acc", "exact_match")))
