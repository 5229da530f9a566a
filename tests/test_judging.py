"""The verb that judges: a passport opens it, lines are told by their number, and a pair is asked in both orders."""

from __future__ import annotations

import json

import pytest

from residency import cli
from residency.core.runs import runs_root
from residency.evaluate.judges import passport
from residency.models import load as loading
from residency.models.scripted import ScriptedModel

KIND = "answers to consumers' questions"


def says(text):
    if "Answer A:" in text:
        return "A" if "Answer A: take it" in text else "B"
    return "4" if "take it" in text else "no idea"


@pytest.fixture
def judging(monkeypatch, tmp_path, own_runs_folder):
    """Return what judges a file of rows with a model that holds a passport, as the command line does."""
    model = ScriptedModel(says)
    monkeypatch.setattr(loading, "load", lambda name, **how: model)
    made = {"judge_hash": model.hash, "axis": "relevance", "kind": KIND, "kappa": 0.6, "kappa_low": 0.5, "bar": 0.4}
    passport.issue(runs_root() / "judges", {**made, "earned": True})

    def judge(*rows):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return cli.main(["judge", "m", "--items", str(path)]), path.with_suffix(".relevance.jsonl")

    return judge


def test_answers_are_rated_and_what_is_no_rating_is_not_scored(judging, capsys):
    code, out = judging({"id": "x", "question": "q", "answer": "take it"}, {"question": "q", "answer": "leave it"})
    assert code == 0 and "2 judged, of these 1 not scored" in capsys.readouterr().out
    assert [json.loads(line) for line in out.read_text().splitlines()] == [
        {"id": "x", "axis": "relevance", "rating": 4.0, "expected": 4.0},
        {"id": 2, "axis": "relevance", "rating": None, "expected": None},
    ]


def test_pairs_are_compared(judging):
    code, out = judging(
        {"question": "q", "first": "take it", "second": "leave it"},
        {"question": "q", "first": "leave it", "second": "take it"},
        {"question": "q", "first": "this", "second": "that"},  # always the second: by its place alone
    )
    assert code == 0
    assert [json.loads(line)["prefers_first"] for line in out.read_text().splitlines()] == [1.0, 0.0, 0.5]


def test_lines_of_another_form_are_named_and_nothing_of_them_is_shown(judging, capsys):
    code, out = judging({"question": "q", "answer": "a"}, {"question": "q"}, {"question": "q", "answer": 7})
    assert code == 2 and not out.exists()
    assert "no question and answer (all texts) in line 2, 3" in capsys.readouterr().err
    code, _ = judging({"question": "q", "first": "a", "second": "b"}, {"question": "q", "answer": "a"})
    assert code == 2 and "no question, first and second (all texts) in line 2" in capsys.readouterr().err
