"""The limits of a run come from its measurements: they change with it, and no number in them stands in the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from fixture_run import SMALL, make_run, write_items
from residency.core.store import read_json, read_jsonl, write_json
from residency.evaluate import ledger, limits
from residency.evaluate.facts import gather


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", sizes=SMALL)


def told(run: Path) -> str:
    return "\n".join(limits.limits(gather(run), ledger.build(run), ledger.read_items(run)[0]))


def test_no_number_is_written_into_the_code() -> None:
    tree = ast.parse(Path(limits.__file__).read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert len(texts) > 50
    formats = r"[.,]?\d?[fg]"
    assert not [text for text in texts if re.search(r"(?<![\w-])\d", text) and not re.fullmatch(formats, text)]
    words = r"\b(two|three|four hundred|ten|hundred|thousand|percent)\b"
    assert not [text for text in texts if re.search(words, text)]


def test_every_decimal_in_the_limits_stands_in_the_ledger_or_the_items(run: Path) -> None:
    book = ledger.build(run)
    known = {f"{scale * value:.{digits}f}" for row in (*book["rows"], *book["comparisons"]) for value in row.values()
             if isinstance(value, float) for scale, digits in ((100, 1), (1, 2))}  # fmt: skip
    measured = [line for line in told(run).splitlines() if not re.search("kind|parity", line)]
    found = {number for line in measured for number in re.findall(r"\d+\.\d+", line)}
    assert len(found) > 8
    assert found <= {number.lstrip("-") for number in known}


def test_general_ability_that_fell_is_told_with_what_it_fell_from_and_to(run: Path) -> None:
    for model, right in (("base-0shot", 20), ("aligned", 12)):
        rows = list(read_jsonl(run / "items" / "general_instructions" / f"{model}.jsonl"))
        write_items(
            run, "general_instructions", model, [row | {"score": float(i < right)} for i, row in enumerate(rows)]
        )
    assert "General, instructions followed: fell from 50.0 (the base (no example)) to 30.0 (the aligned model)" in told(
        run
    )
    for model in ("base-0shot", "aligned"):
        write_items(run, "general_instructions", model, [row | {"score": 1.0} for row in rows])
    assert "instructions followed" not in told(run)


def test_a_rule_as_good_as_the_model_and_one_that_solves_a_kind_are_told(run: Path) -> None:
    assert "scores 100.0" not in told(run) and "solves them" not in told(run)
    rows = [row | {"score": 1.0} for row in read_jsonl(run / "items" / "qa" / "rule_majority.jsonl")]
    write_items(run, "qa", "rule:majority", rows)
    text = told(run)
    assert "Med-QA: a rule, always the commonest answer, scores 100.0" in text
    assert "items of the kind pattern0: a rule, always the commonest answer, solves them (100.0 on 12 items)" in text


def test_kinds_of_item_on_which_nothing_was_gained_are_named(run: Path) -> None:
    rows = [
        row | {"score": float(row["pattern"] != "pattern1")}
        for row in read_jsonl(run / "items" / "qa" / "aligned.jsonl")
    ]
    write_items(run, "qa", "aligned", rows)
    assert re.search(r"Med-QA: on 1 of 3 kinds of item .* is not above .*: pattern1 \([\d.]+ → 0\.0\)", told(run))


def test_tasks_that_were_never_trained_are_named(run: Path) -> None:
    assert "Disease and finding pairs (ie_relations): no training example was made" in told(run)
    card = run / "examples" / "card.json"
    counts = read_json(card)["counts"]
    write_json(card, read_json(card) | {"counts": counts | {"ie_relations": {"instruct": {"one": 5}}}})
    assert "no training example was made" not in told(run)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"passed": False}, "The exported GGUF did not pass its parity check: the same next token"),
        ({"bar": 0.99}, "passed its parity check, but its interval crosses the bar"),
    ],
)
def test_an_export_at_or_below_the_bar_is_told(run: Path, change: dict[str, Any], words: str) -> None:
    path = run / "export" / "parity.json"
    assert "parity" not in told(run)
    write_json(path, read_json(path) | change)
    assert words in told(run)


def test_few_concepts_and_parts_of_the_items_are_counted(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", sizes={**SMALL, "ie": 120})
    text = told(run)
    assert "Med-IE, disease and finding pairs (20 items of 7)" in text
    assert "Med-IE, findings in a text: not every model answered all 120 items" in text
    assert "the tuned model 100" in text and "the compressed model 100" in text


def test_a_run_with_nothing_in_it_claims_nothing_that_was_measured(tmp_path: Path) -> None:
    assert told(tmp_path / "empty").splitlines() == [limits.EXERCISES, *limits.ALWAYS]
