"""The verb that judges: a passport opens it, lines are told by their number, and a pair is asked in both orders."""

from __future__ import annotations

import json

import pytest

from residency import cli
from residency import judging as verbs
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

    def judge(*rows, options=()):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return cli.main(["judge", "m", "--items", str(path), *options]), path.with_suffix(".relevance.jsonl")

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


def test_a_limit_holds_for_items_and_an_empty_file_is_refused(judging, capsys):
    rows = [{"question": "q", "answer": "take it"}] * 3
    code, out = judging(*rows, options=["--limit", "2"])
    assert code == 0 and len(out.read_text().splitlines()) == 2
    out.unlink()
    code, out = judging()
    assert code == 2 and not out.exists() and "rows.jsonl holds no line to judge" in capsys.readouterr().err


@pytest.fixture
def unloaded(monkeypatch, own_runs_folder):
    """Fail where a model is loaded."""
    monkeypatch.setattr(loading, "load", lambda name, **how: pytest.fail("a model was loaded"))


def test_mistakes_are_told_before_a_model_is_loaded(unloaded, tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    path.write_bytes('{"question": "Müller", "answer": "a"}\n'.encode("latin-1"))
    for options, words in (
        (["--measure", "--axis", "safe"], "nobody's ratings of safe are at hand"),
        (["--measure", "--items", str(path)], "--measure takes --items only with --axis rubric"),
        (["--items", str(path)], "rows.jsonl, line 1: not UTF-8"),
        (["--measure", "--axis", "rubric", "--items", str(path)], "rows.jsonl, line 1: not UTF-8"),
    ):
        assert cli.main(["judge", "m", *options]) == 2
        said = capsys.readouterr().err
        assert words in said and "ller" not in said


ITEMS = {"1": {"question": "q1?", "group": "1"}, "2": {"question": "q2?", "group": "2"},
         "3": {"question": "q3?", "group": "3"}}  # fmt: skip


@pytest.fixture
def forming(monkeypatch, tmp_path):
    """Return what writes a form of two models' rows, as the command line does."""
    monkeypatch.setattr(verbs, "_questions", lambda path, limit: ITEMS)

    def write(first, second, *options):
        for name, rows in (("a", first), ("b", second)):
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (tmp_path / f"{name}.jsonl").write_text(text)
        files = [str(tmp_path / f"{name}.jsonl") for name in "ab"]
        return cli.main(["form", str(tmp_path / "f.csv"), "--axes", "safe", "--answers", *files, *options])

    return write


def row(number, text):
    return {"id": str(number), "prediction": text}


def test_what_a_form_leaves_out_is_counted_and_said(forming, tmp_path, capsys):
    rows = [row(1, "x"), row(2, "y"), row(3, "z")], [row(1, "x"), row(2, " ")]
    assert forming(*rows) == 0
    said = capsys.readouterr().out
    assert "left out are 2 items, and with them 2 answers of others" in said
    assert "b gave an empty answer to 1; b holds no row of 1" in said
    for path in (tmp_path / "f.csv", tmp_path / "f.key.json"):
        path.unlink()
    assert forming(*rows, "--json") == 0
    left = json.loads(capsys.readouterr().out)["left_out"]
    assert left == {"items": 2, "empty": {"a": 0, "b": 1}, "absent": {"a": 0, "b": 1}, "answers_of_others": 2}


def test_lines_that_are_no_answers_are_named(forming, capsys):
    assert forming([row(1, "x")], [row(1, "Müller"), {"prediction": "Müller"}, 7]) == 2
    said = capsys.readouterr().err
    assert "b.jsonl: no id and prediction (both texts) in line 2, 3" in said and "Müller" not in said


def test_what_was_not_measured_is_null_in_json(forming, tmp_path, capsys):
    assert forming([row(1, "x"), row(2, "y")], [row(1, "x"), row(2, "y")]) == 0
    capsys.readouterr()
    lines = (tmp_path / "f.csv").read_text().splitlines()
    for name, rated in (("ann", 1), ("ben", 2)):  # no line has two ratings
        marked = [line.removesuffix(",") + "3," if n == rated else line for n, line in enumerate(lines)]
        (tmp_path / f"{name}.csv").write_text("\n".join(marked).replace(",,3,", ",3,"))
    filled = ["form", str(tmp_path / "f.csv"), "--filled", str(tmp_path / "ann.csv"), str(tmp_path / "ben.csv")]
    assert cli.main([*filled, "--json"]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert found["results"][0]["agreement"]["krippendorff_alpha"] is None
    assert cli.main(filled) == 0 and "safe: agreement cannot be measured" in capsys.readouterr().out
