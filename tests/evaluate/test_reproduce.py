"""Published rows: checked whole, measured where they can be, and said where they cannot."""

from __future__ import annotations

import pytest
import yaml

from residency.core.errors import RecipeError, SourceError
from residency.corpus import benchmarks
from residency.evaluate.reproduce import read_rows, reproduce
from residency.examine import published_file

ROW = {
    "name": "n", "task": "pubmedqa", "model": "rule:majority", "metric": "accuracy", "published": 55.2,
    "source": "s", "protocol": "p",
}  # fmt: skip


def written(tmp_path, rows):
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump({"rows": rows}))
    return path


def test_every_mistake_is_told_at_once(tmp_path):
    rows = [{k: v for k, v in ROW.items() if k != "source"}, {**ROW, "task": "pubmed"}, {**ROW, "published": 552}, 7]
    with pytest.raises(RecipeError) as found:
        read_rows(written(tmp_path, rows))
    for words in ("row 1: source is missing", "row 2: no task is called pubmed", "row 3: published is 552", "row 4"):
        assert words in str(found.value)
    with pytest.raises(RecipeError, match="holds no `rows:` list"):
        read_rows(written(tmp_path, []))


def test_the_file_that_comes_with_us_is_legal():
    rows = read_rows(published_file(""))
    assert len(rows) >= 5 and any("not_yet" in row for row in rows)


def test_what_cannot_be_measured_is_said_and_never_filled_in(tmp_path, monkeypatch):
    monkeypatch.setenv("RESIDENCY_DATA", str(tmp_path))
    later, absent, odd = reproduce([{**ROW, "not_yet": "no encoder"}, ROW, {**ROW, "model": "rule:luck"}], tmp_path)
    assert later["status"] == "not yet run: no encoder" and "value" not in later
    assert absent["status"].startswith("cannot be measured here: the data set pubmedqa is not here")
    assert "cannot be measured here" in odd["status"]


def test_the_majority_of_pubmedqa_is_the_published_one(tmp_path):
    try:
        benchmarks.folder_of("pubmedqa")
    except SourceError:
        pytest.skip("the data set pubmedqa is not here (RESIDENCY_DATA)")
    (row,) = reproduce([ROW], tmp_path)
    assert row["status"] == "measured" and row["value"] == pytest.approx(0.552) and abs(row["difference"]) < 0.05
    assert row["low"] < 0.552 < row["high"] and row["n"] == 500


def test_what_does_not_suit_the_task_is_told_all_at_once_with_the_nearest_name(tmp_path):
    rows = [
        {**ROW, "metric": "acuracy"}, {**ROW, "metric": "rouge_l"}, {**ROW, "model": 3}, {**ROW, "task": "qa"},
        {**ROW, "task": "aci_bench", "metric": "rouge_l", "model": "rule:random"}, {**ROW, "parts": "test"},
    ]  # fmt: skip
    with pytest.raises(RecipeError) as found:
        read_rows(written(tmp_path, rows))
    for words in (
        "row 1: pubmedqa has no metric acuracy; did you mean accuracy? legal are",
        "row 2: pubmedqa has no metric rouge_l; legal are",
        "row 3: model is no text",
        "row 4: task qa is made anew by every run",
        "row 5: rule:random draws one of the options, and aci_bench has none",
        "row 6: parts is no list of names",
    ):
        assert words in str(found.value)


def test_a_file_in_another_encoding_is_an_error_of_the_user(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_bytes("rows:\n  [Müller]".encode("latin-1"))
    with pytest.raises(RecipeError, match="p.yaml, line 2: not UTF-8"):
        read_rows(path)


def test_a_metric_that_nothing_speaks_to_is_not_measured(tmp_path):
    try:
        benchmarks.folder_of("pubmedqa")
    except SourceError:
        pytest.skip("the data set pubmedqa is not here (RESIDENCY_DATA)")
    (row,) = reproduce([{**ROW, "metric": "ece"}], tmp_path)
    assert row["status"].startswith("cannot be measured here: rule:majority gives nothing") and "value" not in row
