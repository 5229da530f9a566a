"""The main job from end to end on a tiny model, by the command a newcomer types: every stage real, and no network."""

from __future__ import annotations

import json
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from journey import network_attempts, residency, small_base, small_recipe
from residency import cli
from residency.core.store import read_examples, read_json, read_jsonl, read_manifest, sha256_file
from residency.evaluate.tasks import TASKS

FOLDERS = ["base", "corpus", "examples", "pretrain", "instruct", "prefer", "export", "evaluate", "report", "card"]
MODELS = {"base-0shot", "base-3shot", "pretrained", "tuned", "aligned", "gguf"}
RENEWED = ("run.json", "recipe.yaml", "passed.yaml", ".lock")
FAMILIES = ("qa", "nli", "ie", "gen")


@dataclass(frozen=True)
class Journey:
    """A finished run: the recipe, the runs folder, the run's own, and how its command ended."""

    recipe: Path
    root: Path
    folder: Path
    ended: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """The run, made once for all tests of this file."""
    folder = tmp_path_factory.mktemp("journey")
    recipe = small_recipe(folder, small_base(folder / "tiny"))
    ended = residency("run", recipe, root=folder / "runs")
    assert ended.returncode == 0, ended.stderr
    return Journey(recipe, folder / "runs", (folder / "runs" / "latest").resolve(), ended)


@pytest.fixture(autouse=True)
def here(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of these tests find the run as runs/latest."""
    monkeypatch.setenv("RESIDENCY_RUNS", str(journey.root))


@pytest.fixture
def ledger(journey: Journey) -> dict[str, Any]:
    return read_json(journey.folder / "ledger.json")


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    """Return (exit code, the JSON document, standard error) of a command in this process."""
    capsys.readouterr()
    code = cli.main([*arguments, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out), err


def test_it_ends_with_the_table_the_paths_and_two_commands_to_try(journey: Journey) -> None:
    out = journey.ended.stdout
    for family in ("Med-QA", "Med-NLI", "Med-IE", "Med-Gen"):
        assert re.search(rf"^{family} +\w+ +\d\.\d{{3}} +\d\.\d{{3}} +[+-]\d\.\d{{3}} \[", out, re.M), family
    assert "report.html" in out and 'latest "What is microcephaly?"' in out and "It took" in out


def test_every_stage_tells_how_long_it_took_and_nothing_else_breaks_in(journey: Journey) -> None:
    err = journey.ended.stderr
    done = re.findall(r"^(\w+): done in ", err, re.M)
    assert done == FOLDERS
    assert "Traceback" not in err and "Warning" not in err and "Loading weights" not in err


def test_nothing_tried_the_network(journey: Journey) -> None:
    assert network_attempts(journey.root) == ""


def test_the_ledger_holds_every_model_and_the_trivial_rules_on_the_four_families(ledger: dict[str, Any]) -> None:
    found = defaultdict(set)
    for row in ledger["rows"]:
        found[row["task"]].add(row["model"])
    for task in FAMILIES:
        expected = MODELS if task in ("qa", "nli") else MODELS - {"pretrained"}
        assert found[task] >= expected | {"rule:majority"}, task
    assert {"rule:dictionary_train", "rule:dictionary_hpo"} <= found["ie"] and "rule:copy" in found["gen"]
    assert found["general_text"] >= {"base-0shot", "aligned", "gguf"} <= found["general_instructions"]


def test_every_number_has_its_interval_and_its_protocol(ledger: dict[str, Any]) -> None:
    for row in ledger["rows"]:
        place = (row["model"], row["task"], row["metric"])
        assert row["n"] > 0 and row["value"] is not None, place
        if row["low"] is None:  # one group tells nothing of the spread between groups
            assert row["high"] is None and row["task"] not in FAMILIES, place
        else:
            assert row["low"] <= row["value"] <= row["high"], place
        assert row["protocol"]["method"] and row["protocol"]["n"] >= row["n"] + row["not_scored"]
        if row["model"] == "baseline:crf":
            assert row["protocol"]["engine"] == "CRFsuite" and row["task"] == "ie"
        elif not row["model"].startswith("rule:"):
            assert row["protocol"]["engine"] == ("llama.cpp" if row["protocol"]["note"] == "llama.cpp" else "torch")
            assert row["protocol"]["precision"] in ("fp32", "bf16", "q8_0 (llama.cpp)"), "which, not how it was chosen"
            assert len(row["protocol"]["model_hash"]) == 64
    by_gguf = {row["task"]: row["protocol"]["note"] for row in ledger["rows"] if row["model"] == "gguf"}
    assert by_gguf["ie"] == by_gguf["gen"] == "llama.cpp"
    assert by_gguf["qa"] == by_gguf["nli"] == "Q8_0 weights dequantised in torch"


def test_aligned_is_compared_to_the_better_base_on_each_family_and_corrected_for_four(ledger: dict[str, Any]) -> None:
    base = [row for row in ledger["comparisons"] if row["kind"] == "base"]
    assert sorted(row["task"] for row in base) == sorted(FAMILIES)
    value = {(r["task"], r["model"]): r["value"] for r in ledger["rows"] if r["metric"] == TASKS[r["task"]].metric}
    for row in base:
        assert row["to"] == "aligned" and row["low"] <= row["difference"] <= row["high"]
        assert row["from_value"] == max(value[row["task"], f"base-{n}shot"] for n in (0, 3))
        assert row["p_holm"] >= row["p"]


def test_the_cost_of_every_stage_is_kept(ledger: dict[str, Any]) -> None:
    cost = ledger["cost"]
    assert set(cost["stages"]) == set(FOLDERS)
    assert cost["wall_s"] >= sum(stage["wall_s"] for stage in cost["stages"].values()) > 5
    assert 100 < cost["peak_rss_mb"] < 6000


def test_all_models_answered_the_same_items(journey: Journey) -> None:
    tests = {e.id: e for e in read_examples(journey.folder / "examples" / "examples.jsonl", split="test")}
    for task in FAMILIES:
        rows = {p.stem: list(read_jsonl(p)) for p in sorted((journey.folder / "items" / task).glob("*.jsonl"))}
        whole = [(r["id"], r["hash"]) for r in rows["base-0shot"]]
        assert whole and all(tests[i].meta["task"] == task for i, _ in whole)
        for model, items in rows.items():
            assert [(r["id"], r["hash"]) for r in items] == whole[: len(items)], (task, model)
            assert len(items) == len(whole) or model in ("gguf", "tuned")


def test_no_test_item_is_in_the_training_data(journey: Journey) -> None:
    card = read_json(journey.folder / "examples" / "card.json")
    assert card["decontamination"]["left"] == 0
    groups = defaultdict(set)
    for example in read_examples(journey.folder / "examples" / "examples.jsonl"):
        groups[example.split].add(example.group)
    assert groups["train"] and not groups["train"] & groups["test"]


def test_the_sources_are_named_with_version_licence_and_acknowledgement(journey: Journey) -> None:
    sources = {row["name"]: row for row in read_manifest(journey.folder / "corpus")["sources"]}
    page = (journey.folder / "report.html").read_text(encoding="utf-8")
    for name in ("hpo", "icd10", "simulated_hospital"):
        assert sources[name]["documents"] > 0 and sources[name]["bad"] == 0 and sources[name]["licence"]
        assert sources[name]["version"] in page
    assert "Human Phenotype Ontology" in page


def test_the_export_is_held_against_torch(journey: Journey) -> None:
    parity = read_json(journey.folder / "export" / "parity.json")
    assert parity["template"]["checked"] == parity["template"]["same"] > 0
    assert parity["stop"]["gguf"] == parity["stop"]["torch"]
    assert parity["next_token"]["torch_fp32"]["of"] == 24 and parity["next_token"]["torch_fp32"]["share"] > 0.5
    [gguf] = (journey.folder / "gguf").iterdir()
    assert sha256_file(gguf) == read_manifest(journey.folder / "export")["sha256"]


def test_the_report_is_one_page_without_anything_from_elsewhere(journey: Journey) -> None:
    page = (journey.folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//(?!hpo|human)""", re.sub(r"<a [^>]*>", "", page))
    assert "url(http" not in page and "@import" not in page
    for family in ("Med-QA", "Med-NLI", "Med-IE", "Med-Gen"):
        assert family in page


def test_the_card_carries_the_measured_rows(journey: Journey, ledger: dict[str, Any]) -> None:
    text = (journey.folder / "card" / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---\n")[1])
    [model] = front["model-index"]
    accuracy = [m["value"] for r in model["results"] for m in r["metrics"] if m["type"] == "accuracy"]
    [row] = [r for r in ledger["rows"] if (r["model"], r["task"], r["metric"]) == ("aligned", "qa", "accuracy")]
    assert round(row["value"], 4) in accuracy


def test_the_same_command_skips_all_that_is_done(journey: Journey, capsys: pytest.CaptureFixture[str]) -> None:
    files = [path for path in sorted(journey.folder.rglob("*")) if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in files if path.name not in RENEWED}
    code, document, err = answer(capsys, "run", str(journey.recipe))
    assert code == 0 and document["run"] == journey.folder.name
    assert [line for line in err.splitlines() if "done before" in line] == [f"{name}: done before" for name in FOLDERS]
    assert "starts" not in err and "goes on" not in err
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_the_run_is_listed_as_done(journey: Journey, capsys: pytest.CaptureFixture[str]) -> None:
    _, document, _ = answer(capsys, "runs")
    assert [(row["id"], row["status"]) for row in document["runs"]] == [(journey.folder.name, "done")]


@pytest.mark.parametrize("model", ["runs/latest", "runs/latest:tuned", "runs/latest:base"])
def test_its_models_answer_by_name(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, document, err = answer(capsys, "ask", model, "What is microcephaly?", "--max-tokens", "4")
    assert code == 0 and document["answer"] and "not for decisions about patients" in err


def test_a_model_is_examined_again_with_the_scores_of_the_run(
    journey: Journey, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document, _ = answer(capsys, "evaluate", "runs/latest:aligned", "--tasks", "qa,ie", "--limit", "5")
    assert code == 0 and {row["task"] for row in document["rows"]} == {"qa", "ie"}
    assert all(row["n"] == 5 for row in document["rows"])
    for task in ("qa", "ie"):
        again = list(read_jsonl(Path(document["out"]) / "items" / task / "aligned.jsonl"))
        first = list(read_jsonl(journey.folder / "items" / task / "aligned.jsonl"))[:5]
        assert [(r["id"], r["prediction"], r["score"]) for r in again] == [
            (r["id"], r["prediction"], r["score"]) for r in first
        ]


def test_the_gguf_of_a_run_is_examined_as_in_the_run(journey: Journey, capsys: pytest.CaptureFixture[str]) -> None:
    code, document, err = answer(capsys, "evaluate", "runs/latest", "--tasks", "qa,ie", "--limit", "2")
    assert code == 0 and {row["task"] for row in document["rows"]} == {"qa", "ie"} and document["taken"] == ["gguf"]
    assert "stands for" in err and "latest:gguf; others are :base, :pretrained, :tuned, :aligned" in err
    again = list(read_jsonl(Path(document["out"]) / "items" / "qa" / "gguf.jsonl"))
    first = list(read_jsonl(journey.folder / "items" / "qa" / "gguf.jsonl"))[:2]
    assert [(r["id"], r["prediction"], r["score"]) for r in again] == [
        (r["id"], r["prediction"], r["score"]) for r in first
    ]


def test_a_gguf_alone_is_examined_by_what_it_writes(
    tmp_path: Path, journey: Journey, capsys: pytest.CaptureFixture[str]
) -> None:
    [made] = (journey.folder / "export").glob("*.gguf")
    alone = tmp_path / "alone.gguf"
    alone.write_bytes(made.read_bytes())
    code, document, err = answer(capsys, "evaluate", str(alone), "--tasks", "qa,ie", "--limit", "2")
    assert code == 0 and {row["task"] for row in document["rows"]} == {"ie"}
    assert "left out for a GGUF that lies in no run, which gives no fast likelihoods: qa" in err
    code, document, _ = answer(capsys, "evaluate", str(alone), "--tasks", "qa")
    told = document["error"]
    assert code == 2 and told["kind"] == "Unsupported" and "runs/latest:aligned" in told["message"]


def test_an_unknown_task_is_refused_naming_the_legal_ones(capsys: pytest.CaptureFixture[str]) -> None:
    code, document, _ = answer(capsys, "evaluate", "runs/latest", "--tasks", "qa,poetry")
    assert code == 2 and "no task is called poetry; legal are qa, nli" in document["error"]["message"]


def test_without_a_run_there_is_nothing_to_examine_on(
    tmp_path: Path, journey: Journey, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RESIDENCY_RUNS", str(tmp_path / "none"))
    code, document, _ = answer(capsys, "evaluate", str(journey.root.parent / "tiny"), "--tasks", "qa")
    assert code == 2 and "residency run" in document["error"]["message"]
