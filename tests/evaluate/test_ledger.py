"""The ledger of a made-up run: the contract's fields, honest pairings, and findings that say what is so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import f1_score

from fixture_run import SKILL, SMALL, make_run, write_items
from residency.core.store import read_json, read_jsonl, write_json, write_jsonl
from residency.evaluate import findings, ledger
from residency.evaluate.tasks import TASKS

ROW = {"model", "stage", "task", "family", "stakeholder", "care", "metric", "value", "low", "high", "n", "groups",
       "detectable",
       "unparsed", "not_scored", "contaminated", "protocol"}  # fmt: skip
COMPARISON = {"task", "family", "metric", "from", "to", "difference", "low", "high", "p", "p_holm"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "made-up")


@pytest.fixture(scope="module")
def book(run: Path) -> dict[str, Any]:
    return ledger.build(run)


def row_of(book: dict[str, Any], model: str, task: str, metric: str) -> dict[str, Any]:
    (row,) = [r for r in book["rows"] if (r["model"], r["task"], r["metric"]) == (model, task, metric)]
    return row


def compared(book: dict[str, Any], kind: str, task: str) -> dict[str, Any]:
    (row,) = [r for r in book["comparisons"] if (r["kind"], r["task"]) == (kind, task)]
    return row


def texts(book: dict[str, Any], level: str) -> str:
    return "\n".join(finding["text"] for finding in book["findings"] if finding["level"] == level)


def test_the_ledger_has_the_fields_of_the_contract(book: dict[str, Any]) -> None:
    assert set(book) == {"run", "lineage", "cost", "rows", "comparisons", "findings"}
    assert book["run"] == "made-up"
    assert {"wall_s", "peak_rss_mb", "energy_wh_estimated", "stages"} == set(book["cost"])
    assert all(set(row) == ROW for row in book["rows"])
    assert all(set(row) >= COMPARISON for row in book["comparisons"])
    assert all(row["protocol"]["method"] and row["protocol"]["n"] >= row["n"] for row in book["rows"])


def test_there_is_a_row_for_every_model_and_rule_and_metric(book: dict[str, Any]) -> None:
    for task, models in SKILL.items():
        for model in models:
            assert row_of(book, model, task, TASKS[task].metric)["value"] is not None
    assert row_of(book, "aligned", "gen", "bertscore")["n"] == 160
    assert row_of(book, "aligned", "qa", "ece")["stage"] == "prefer"
    assert row_of(book, "rule:dictionary_hpo", "ie", "entity_f1")["stage"] == "rule"
    assert not [row for row in book["rows"] if row["model"] == "rule:majority" and row["metric"] == "bertscore"]


def test_macro_f1_in_the_ledger_is_scikit_learns_on_the_kept_items(run: Path, book: dict[str, Any]) -> None:
    items = list(read_jsonl(run / "items" / "nli" / "aligned.jsonl"))
    expected = f1_score([row["wanted"][0] for row in items], [row["prediction"] for row in items], average="macro")
    found = row_of(book, "aligned", "nli", "macro_f1")
    assert found["value"] == pytest.approx(expected)
    assert found["low"] < found["value"] < found["high"]


def test_unread_answers_are_counted(run: Path, book: dict[str, Any]) -> None:
    unread = sum(not row["parsed"] for row in read_jsonl(run / "items" / "ie" / "aligned.jsonl"))
    assert unread > 0
    assert row_of(book, "aligned", "ie", "entity_f1")["unparsed"] == unread


def test_the_baseline_is_the_better_base_and_the_rule_is_the_best_gating_one(book: dict[str, Any]) -> None:
    for task in ledger.GATED:
        primary = TASKS[task].metric
        values = {model: row_of(book, model, task, primary)["value"] for model in ("base-0shot", "base-3shot")}
        assert compared(book, "base", task)["from"] == max(values, key=lambda model: values[model])
    assert compared(book, "rule", "ie")["from"] == "rule:dictionary_train"
    assert compared(book, "rule", "nli")["from"] == "rule:negation_pattern"


def test_a_model_with_fewer_items_is_compared_on_those_items(book: dict[str, Any]) -> None:
    assert compared(book, "gguf", "ie")["n"] == 100
    assert compared(book, "gguf", "qa")["n"] == 300
    assert compared(book, "base", "ie")["n"] == 160


def test_p_values_are_corrected_over_the_four_families_of_a_kind(book: dict[str, Any]) -> None:
    family = sorted(row["p"] for row in book["comparisons"] if row["kind"] == "tuned")
    corrected = sorted(row["p_holm"] for row in book["comparisons"] if row["kind"] == "tuned")
    assert len(family) == 4
    assert corrected[0] == pytest.approx(min(1.0, 4 * family[0]))
    assert all(after >= before > 0 for before, after in zip(family, corrected, strict=True))


def test_findings_say_what_improved_and_what_does_not_beat_a_trivial_rule(book: dict[str, Any]) -> None:
    assert texts(book, "good").count("is better than the base") == 4
    assert "does not beat the best trivial rule, looking at the negations only" in texts(book, "caution")
    assert "does worse than the base on language of a general text" in texts(book, "red")


def test_cost_sums_time_and_takes_the_largest_memory(book: dict[str, Any]) -> None:
    stages = book["cost"]["stages"]
    assert book["cost"]["wall_s"] == pytest.approx(sum(stage["wall_s"] for stage in stages.values()))
    assert book["cost"]["peak_rss_mb"] == max(stage["peak_rss_mb"] for stage in stages.values())


def test_the_ledger_is_the_same_after_json(book: dict[str, Any], tmp_path: Path) -> None:
    write_json(tmp_path / "ledger.json", book)
    assert read_json(tmp_path / "ledger.json") == book


def test_a_control_is_compared_where_it_was_evaluated(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", sizes=SMALL)
    rows = [row | {"score": 0.0} for row in read_jsonl(run / "items" / "qa" / "base-0shot.jsonl")]
    write_items(run, "qa", "control", rows)
    book = ledger.build(run)
    assert compared(book, "control", "qa")["difference"] > 0.1
    assert "it learned content, not only format" in texts(book, "good")


def test_a_family_that_got_worse_is_red(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", sizes=SMALL)
    for name, other in (("aligned", "base-0shot"), ("base-3shot", "tuned")):
        rows = [
            row | {"score": 1.0 - (name == "aligned")} for row in read_jsonl(run / "items" / "qa" / f"{other}.jsonl")
        ]
        write_items(run, "qa", name, rows)
    book = ledger.build(run)
    assert findings.verdict(compared(book, "base", "qa")) == "worse"
    assert "the aligned model is worse than the base (three examples)" in texts(book, "red")
    assert "alignment made the tuned model worse" in texts(book, "red")


def test_items_that_changed_are_not_compared_and_it_is_said(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", sizes=SMALL)
    rows = [row | {"hash": "other"} for row in read_jsonl(run / "items" / "qa" / "aligned.jsonl")]
    write_items(run, "qa", "aligned", rows)
    book = ledger.build(run)
    base = ledger.best(book["rows"], "qa", ledger.is_base)
    assert not [row for row in book["comparisons"] if row["task"] == "qa" and row["kind"] == "base"]
    assert f"aligned could not be compared with {base}: 36 items" in texts(book, "red")


def test_not_scored_stays_null_and_is_counted(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", sizes=SMALL)
    rows = [row | {"score": None} for row in read_jsonl(run / "items" / "qa" / "aligned.jsonl")]
    write_items(run, "qa", "aligned", rows)
    row = row_of(ledger.build(run), "aligned", "qa", "accuracy")
    assert (row["value"], row["low"], row["n"], row["not_scored"]) == (None, None, 0, 36)


def test_an_empty_run_gives_an_empty_ledger_that_says_so(tmp_path: Path) -> None:
    book = ledger.build(tmp_path)
    assert book["rows"] == [] and book["comparisons"] == []
    assert texts(book, "caution").count("the aligned model was not scored") == 4
    assert "was not checked" in texts(book, "caution")


def test_contamination_is_red(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", sizes=SMALL, drop=("pretrained",))
    card = run / "examples" / "card.json"
    write_json(card, read_json(card) | {"decontamination": {"left": 2}})
    book = ledger.build(run)
    assert all(row["contaminated"] is True for row in book["rows"])
    assert "contaminated" in texts(book, "red")


def test_rules_keep_their_names_through_the_file_system(tmp_path: Path) -> None:
    assert ledger.model_name("rule_word_overlap", {}) == "rule:word_overlap"
    assert ledger.model_name("base-3shot", {}) == "base-3shot"
    assert ledger.stage_of("rule:copy") == "rule" and ledger.stage_of("gguf") == "export"
    write_jsonl(tmp_path / "items" / "qa" / "rule_copy.jsonl", [])
    assert list(ledger.read_items(tmp_path)[0]["qa"]) == ["rule:copy"]


def test_values_are_shown_on_a_scale_of_a_hundred_and_a_missing_one_in_words() -> None:
    assert findings.shown(0.4731, "accuracy") == "47.3"
    assert findings.shown(18.3, "perplexity") == "18.30"
    assert findings.shown(None, "accuracy") == "not scored"
    assert findings.p_text(1 / 10001) == "p < 0.0001"
    known = {"metric": "accuracy", "difference": 0.1444, "low": 0.08, "high": 0.209}
    assert findings.interval_text(known) == "+14.4 points [8.0, 20.9]"
    assert findings.interval_text(known | {"difference": None}) == "not scored"
    assert findings.interval_text(known | {"low": None}) == "+14.4 points [no interval]"


def test_each_row_names_its_own_metric_in_its_protocol(book: dict[str, Any]) -> None:
    assert {row["metric"] for row in book["rows"]} >= {"accuracy", "macro_f1", "ece", "bertscore", "perplexity"}
    assert all(row["protocol"]["metric"] == row["metric"] for row in book["rows"])


def test_a_base_that_was_shown_no_example_is_named_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", sizes=SMALL)
    rows = list(read_jsonl(run / "items" / "ie_relations" / "base-0shot.jsonl"))
    for task in ("ie_relations", "ie_coded"):  # the first has its base without examples already, the second has not
        write_items(run, task, "base-3shot", rows)
        path = run / "items" / task / "base-3shot.protocol.json"
        write_json(path, read_json(path) | {"shots": 0})
    book = ledger.build(run)
    for task in ("ie_relations", "ie_coded"):
        (row,) = [row for row in book["rows"] if row["task"] == task and ledger.is_base(row["model"])]
        assert row["model"] == row["protocol"]["model"] == "base-0shot" and row["protocol"]["shots"] == 0


def test_intervals_of_few_concepts_are_told_apart(book: dict[str, Any]) -> None:
    assert row_of(book, "aligned", "qa", "accuracy")["groups"] == 100 == compared(book, "base", "qa")["groups"]
    assert row_of(book, "aligned", "ie_relations", "entity_f1")["groups"] == 7


def test_six_right_answers_of_six_are_no_certainty(tmp_path: Path) -> None:
    rows = list(read_jsonl(make_run(tmp_path / "run", sizes=SMALL) / "items" / "qa" / "aligned.jsonl"))[:6]
    six = [row | {"score": 1.0, "group": str(i)} for i, row in enumerate(rows)]
    (accuracy, *_) = ledger.rows("qa", "aligned", six, {}, None)
    assert (accuracy["value"], accuracy["high"]) == (1.0, 1.0)
    assert accuracy["low"] == pytest.approx(0.025 ** (1 / 6)) and accuracy["groups"] == 6
