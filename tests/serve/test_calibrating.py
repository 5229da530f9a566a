"""`residency calibrate` fits on development items; the service then says how sure it is, or abstains."""

from __future__ import annotations

import json

import httpx
import pytest

from residency import calibrating
from residency.cli import main
from residency.core.store import read_jsonl
from residency.models.load import find
from residency.serve.guard import calibration
from serve.service import key, made, served

COLOURS = ("red", "green", "blue")


@pytest.fixture
def quiz(tmp_path, monkeypatch):
    """Return a task of colours with sixty items to develop on; what is measured goes to the test's own folder."""
    monkeypatch.setenv("RESIDENCY_RUNS", str(tmp_path / "runs"))
    for part, count in {"items": 4, "dev": 60}.items():
        rows = [{"id": f"{part}{n}", "text": f"sky {part} {n}", "label": COLOURS[n % 3]} for n in range(count)]
        (tmp_path / f"{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    head = f"task: quiz\nkind: classify\nlabels: [{', '.join(COLOURS)}]\n"
    (tmp_path / "quiz.yaml").write_text(f"{head}items: items.jsonl\ndev: dev.jsonl\n")
    return str(tmp_path / "quiz.yaml")


def asked(address, token):
    body = {"text": "sky of today", "labels": list(COLOURS)}
    reply = httpx.post(f"{address}/v1/medical/classify", json=body, headers={"Authorization": f"Bearer {token}"})
    assert reply.status_code == 200
    return reply.json()


def test_a_service_abstains_where_the_target_is_out_of_reach_and_says_how_sure_it_would_be(
    quiz, tiny_gguf, tmp_path, capsys
):
    folder = tmp_path / "service"
    how = ["calibrate", str(tiny_gguf), "--task", quiz, "--out", str(folder)]
    assert main([*how, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["n"], document["kind"], document["hash"]) == (60, "classify", find(str(tiny_gguf)).hash)
    assert document["threshold"] is None and sum(one["n"] for one in document["bands"]) == 60
    assert main([*how, "--target", "0.99"]) == 0  # chance is a third
    assert "a service abstains from all of them" in capsys.readouterr().out
    with made(folder, names=[str(tiny_gguf)]) as service, served(service) as address:
        reply = asked(address, key(service))
        body = {"text": "sky of today", "labels": ["yes", "no"]}
        other = httpx.post(
            f"{address}/v1/medical/classify", json=body, headers={"Authorization": f"Bearer {key(service)}"}
        )
    assert other.json()["residency"]["calibrated"] is False, "fitted on other options"
    told = reply["residency"]
    assert told["calibrated"] is True and 1 / 3 <= told["confidence"] <= 1 and "(quiz)" in told["measured"]
    assert told["abstained"] is True and reply["label"] is None


def test_development_items_alone_are_asked_and_none_of_their_words_is_kept(quiz, tiny_gguf, tmp_path):
    assert main(["calibrate", str(tiny_gguf), "--task", quiz, "--out", str(tmp_path / "out")]) == 0
    (file,) = (tmp_path / "runs" / "calibrations").rglob("classify.jsonl")
    rows = list(read_jsonl(file))
    assert len(rows) == 60 and all(row["id"].startswith("dev") for row in rows) and "sky" not in file.read_text()
    (made_one,) = calibration.beside(tmp_path / "out")
    assert made_one.part == "development" and made_one.threshold is None


def test_what_cannot_be_calibrated_is_refused_with_what_can(quiz, tiny_gguf, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["calibrate", str(tiny_gguf), "--task", quiz, "--target", "1"])
    assert "at most 0.999" in capsys.readouterr().err
    assert main(["calibrate", str(tiny_gguf), "--task", "nosuch"]) == 2
    assert "there is no task nosuch" in capsys.readouterr().err
    assert main(["calibrate", str(tiny_gguf), "--task", "ncbi_disease"]) == 2
    assert "is of kind extract, without options" in capsys.readouterr().err
    (tmp_path / "dev.jsonl").write_text('{"id": "dev1", "text": "sky", "label": "red"}\n')
    assert main(["calibrate", str(tiny_gguf), "--task", quiz]) == 2
    assert "1 development items; 50 are needed" in capsys.readouterr().err
    assert main(["calibrate", "smollm2-135m", "--task", quiz]) == 2
    assert "say where to" in capsys.readouterr().err


def test_a_runs_calibration_lies_in_the_run_whatever_stage_is_named(tmp_path, monkeypatch):
    run = tmp_path / "runs" / "one"
    run.mkdir(parents=True)
    (run / "recipe.yaml").write_text("name: one\n")
    monkeypatch.setenv("RESIDENCY_RUNS", str(tmp_path / "runs"))
    source = find("smollm2-135m")
    assert calibrating._beside("runs/one:aligned", source) == calibrating._beside("runs/one", source) == run.resolve()
