"""The official client gets from the service what it gets from llama.cpp's own server, field by field."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from residency.models.weights import SMOLLM2, packaged_file

BENCH = Path(__file__).parents[3] / "bench"


@pytest.fixture
def parity(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    import parity_api

    return parity_api


def test_what_differs_counts_unless_there_is_a_reason(parity):
    same = list(parity.rows_of("chat", {"a": 1.001, "b": "x"}, {"a": 1.002, "b": "x"}))
    other = list(parity.rows_of("chat", {"a": 1, "b": "x"}, {"a": 1.0, "b": "y"}))
    meant = list(parity.rows_of("unknown-model", {"status": 404}, {"status": 200}))
    assert [row["verdict"] for row in same] == ["same"]
    assert [(row["field"], row["verdict"]) for row in other] == [("a", "differs"), ("b", "differs")]
    assert [row["verdict"] for row in meant] == ["purpose", "same"]


def test_a_reply_is_laid_flat_without_names_and_nulls(parity):
    reply = {"id": "x", "choices": [{"index": 0, "text": "a", "logprobs": None}], "usage": {"total_tokens": 3}}
    found = dict(parity.flat(reply))
    assert found == {"choices.0.index": 0, "choices.0.text": "a", "usage.total_tokens": 3}


@pytest.mark.slow
def test_the_service_answers_as_llama_cpp_does():
    command = [sys.executable, str(BENCH / "parity_api.py"), "--model", str(packaged_file(SMOLLM2)), "--json"]
    places = {**os.environ, "PYTHONPATH": os.pathsep.join([str(BENCH), os.environ["PYTHONPATH"]])}
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, env=places)
    rows = json.loads(done.stdout)
    assert [row for row in rows if row["verdict"] == "differs"] == []
    assert len([row for row in rows if row["verdict"] == "same"]) >= 20
