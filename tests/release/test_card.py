"""The model card as the hub reads it: parsed by huggingface_hub, with the ledger's own values and their protocols."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard

from fixture_run import SMALL, make_run
from residency.core.store import read_json, read_manifest, write_json
from residency.evaluate.report import report
from residency.release.card import pipeline_tag, ways, write_card

FIELDS = {"language", "license", "library_name", "pipeline_tag", "base_model", "base_model_relation", "tags", "metrics",
          "model-index"}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_run(tmp_path_factory.mktemp("runs") / "made-up", sizes=SMALL)
    report(folder, out=folder / "report")
    write_card(folder, out=folder / "card")
    return folder


@pytest.fixture(scope="module")
def text(run: Path) -> str:
    return (run / "card" / "README.md").read_text(encoding="utf-8")


def head_of(text: str) -> dict[str, Any]:
    return yaml.safe_load(text.split("---\n")[1])


def test_the_card_is_a_finished_stage(run: Path) -> None:
    assert (read_manifest(run / "card") or {})["stage"] == "card"


def test_the_front_matter_uses_the_hubs_field_names(text: str) -> None:
    head = head_of(text)
    assert set(head) == FIELDS
    assert head["base_model"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert head["license"] == "apache-2.0"
    assert "dpo" in head["tags"]


def test_the_hubs_own_reader_finds_the_measured_values(run: Path, text: str) -> None:
    rows = read_json(run / "ledger.json")["rows"]
    found = ModelCard(text).data.eval_results
    assert found is not None
    values = {(result.dataset_type, result.metric_name): result.metric_value for result in found}
    measured = [row for row in rows if row["model"] == "aligned" and row["value"] is not None]
    assert len(found) == len(measured) >= 10
    (accuracy,) = [row for row in measured if (row["task"], row["metric"]) == ("qa", "accuracy")]
    assert values["residency-qa", "accuracy"] == round(accuracy["value"], 4)
    assert {result.task_type for result in found} >= {"multiple-choice", "text-classification", "text-generation"}


def test_every_indexed_value_has_interval_items_and_protocol(text: str) -> None:
    for result in head_of(text)["model-index"][0]["results"]:
        assert result["dataset"]["split"] == "test"
        for metric in result["metrics"]:
            assert metric["args"]["low"] <= metric["args"]["high"]
            assert metric["args"]["n"] > 0 and metric["args"]["method"]


def test_the_card_says_what_it_must(text: str) -> None:
    for words in (
        "Not a medical device",
        "rounded these weights to 4 bits (Q4_1)",
        "This work uses the Human Phenotype Ontology",
        "hp/releases/2025-01-16",
        "What speaks against it",
        "dequantised in torch",
        "all-MiniLM-L6-v2",
        "(estimated)",
        "greedy generation",
        "23 were dropped",
    ):
        assert words in text, words


def test_no_prompt_or_answer_of_an_item_stands_in_the_card(text: str) -> None:
    assert "made-up question" not in text and "something about finding" not in text


def test_every_table_of_the_card_has_as_many_cells_in_each_row(text: str) -> None:
    tables = [block for block in text.split("\n\n") if block.startswith("| ")]
    assert len(tables) == 3
    for table in tables:
        lines = table.strip().split("\n")
        assert len(lines) > 2 and len({line.count("|") for line in lines}) == 1


def test_a_card_of_an_unfinished_run_lists_nothing_that_was_not_measured(tmp_path: Path) -> None:
    write_card(tmp_path / "run", out=tmp_path / "run" / "card")
    text = (tmp_path / "run" / "card" / "README.md").read_text(encoding="utf-8")
    head = head_of(text)
    assert "model-index" not in head and "base_model" not in head and head["license"] == "other"
    assert "has not been evaluated" in text and "Nothing was measured." in text


def test_a_run_that_stopped_after_tuning_has_the_card_of_the_tuned_model(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", sizes=SMALL, drop=("aligned", "gguf", "prefer", "export"))
    write_card(run, out=run / "card")
    text = (run / "card" / "README.md").read_text(encoding="utf-8")
    assert "| tuned |" in text and "Compressed (GGUF" not in text
    assert "dpo" not in head_of(text)["tags"]


def test_the_card_tells_of_rules_that_do_not_gate_with_their_value_and_the_reason(text: str) -> None:
    found = [line for line in text.split("\n") if "is shown and is no bar to beat" in line]
    assert [line.split(" (")[0] for line in found] == [
        "- A hand-made reader of clauses",
        "- A dictionary of all HPO terms",
    ]
    assert all(re.search(r"[\d.]+ \[[\d.]+, [\d.]+\]", line) and line.endswith(".") for line in found)


def test_the_card_says_that_an_export_did_not_pass(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", sizes=SMALL)
    path = run / "export" / "parity.json"
    write_json(path, read_json(path) | {"passed": False})
    write_card(run, out=run / "card")
    text = (run / "card" / "README.md").read_text(encoding="utf-8")
    told = "the same next token as the model in 99.4% of 500 positions [98.2, 99.8]; the bar is 98%"
    assert f"**The exported GGUF did not pass its parity check**: {told}." in text
    assert text.count("did not pass its parity check") == 3  # among what speaks against it, at the file, in the limits


def test_the_card_lists_every_setting_the_loss_by_phase_and_the_runs_own_limits(text: str) -> None:
    for words in ("contrast 1, first nli/status 2000", "nll 0.2", "in the first 60 steps, on 2000 of nli/status alone",
                  "412 documents of a simulated hospital", "(20 items of 7)"):  # fmt: skip
        assert words in text, words


def test_the_tags_say_how_it_was_trained_and_the_pipeline_what_an_encoder_is_for() -> None:
    def stage(name: str, **settings: str) -> dict[str, Any]:
        return {"stage": name, "settings": settings}

    aligned = [stage("pretrain", method="dora"), stage("instruct", method="dora"), stage("prefer", loss="simpo")]
    assert ways(aligned) == ["dora", "lora", "simpo"] and pipeline_tag(aligned) == "text-generation"
    read = [stage("encode", task="mlm"), stage("encode-2", task="tag")]
    assert ways(read) == [] and pipeline_tag(read) == "token-classification"
    assert pipeline_tag(read[:1]) == "fill-mask"
