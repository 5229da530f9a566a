"""Model cards and runs of ours are placed on the axes, each cell by the field that tells it, and nothing is guessed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from residency.catalog.beside import as_data, as_text, beside, differences, measured_data, measured_text, value_text
from residency.catalog.entries import Catalog, Result
from residency.catalog.hub import TAGS
from residency.catalog.place import Placed, place, place_card
from residency.catalog.place_run import place_run
from residency.catalog.resolve import resolve, size_in
from residency.core.errors import UserError

CARD = """\
---
license: cc-by-nc-4.0
language: [en, ES, multilingual]
base_model: example/Alpha-7B-Instruct
base_model_relation: adapter
library_name: peft
pipeline_tag: text-generation
datasets: [Notes, somebody/else]
tags: [medical, dpo, Question_Answering, 4-bit, triage]
model-index:
- name: Delta-7B
  results:
  - task: {type: question-answering}
    dataset: {type: the-exam, name: The Exam, split: test}
    metrics:
    - {type: accuracy, value: 0.66, args: {shots: 0, method: zero-shot, n: 100, low: 0.6, high: 0.7}}
    - {type: f1, value: 71.5}
    - {type: f1, value: missing}
  - dataset: nothing
---
# Delta
Trained with pruning on a million dialogues.
"""


@pytest.fixture
def card(tmp_path: Path, small: Catalog) -> Placed:
    (tmp_path / "README.md").write_text(CARD, encoding="utf-8")
    return place_card(tmp_path, small)


def protocol(**parts) -> dict:
    """Return a protocol of ours as the ledger holds it."""
    how = {"method": "likelihood", "template": "own", "shots": 0, "language": "en", "n": 50, "split": "test"}
    return how | {"items_sha256": "abc", "engine": "torch", "precision": "bf16"} | parts


def make_run(folder: Path, rows: list[dict] | None = None, **recipe) -> Path:
    """Return the folder of a run that a test has made up."""
    folder.mkdir(parents=True)
    made = {"name": "exam", "base": {"base": "alpha"}, "train": [{"instruct": {"method": "lora"}}], "compress": []}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(made | recipe), encoding="utf-8")
    (folder / "run.json").write_text(json.dumps({"id": folder.name, "began": "2026-01-02T03:04:05+00:00"}))
    ledger = {"rows": rows or [], "cost": {"peak_rss_mb": 4533.2}}
    (folder / "ledger.json").write_text(json.dumps(ledger))
    return folder


def row(model: str, value: float | None, metric: str = "accuracy", **how) -> dict:
    """Return a row of a ledger."""
    about = {"model": model, "task": "exam_task", "family": "Med-QA", "metric": metric, "value": value}
    about |= {"stakeholder": "healthcare professionals", "care": "diagnosis", "low": 0.5, "high": 0.8, "n": 50}
    return about | {"protocol": protocol(**how)}


# --- cards -----------------------------------------------------------------------------------------------------------


def test_a_card_is_placed_by_its_fields_and_each_cell_says_by_which(card):
    found = {name: (cell.is_, card.read_from[name]) for name, cell in card.entry.cells.items()}
    assert found["base"] == (["alpha"], "base_model")
    assert found["sizes"] == (["7B"], "model-index (name)")
    assert found["algorithm"] == (["peft"], "base_model_relation, library_name")
    assert found["data"] == (["notes", "somebody/else"], "datasets")
    assert found["paradigm"] == (["alignment"], "tags (dpo)")
    assert found["compression"] == (["quantization"], "tags (4-bit)")
    assert found["tasks"] == (["qa"], "tags (Question_Answering), model-index (The Exam)")
    assert found["care"] == (["triage"], "tags (triage)") and found["application"] == (["triage"], "tags (triage)")
    assert found["languages"] == (["en", "es"], "language")
    assert found["licence"] == ("CC-BY-NC-4.0", "license") and found["access"] == ("noncommercial", "license")
    assert all(cell.mark == "P" and cell.note.startswith("read from ") for cell in card.entry.cells.values())


def test_what_no_field_tells_is_left_out_and_said_to_be(card):
    assert card.untold == ("stakeholders", "release", "hardware")
    assert "pruning" not in card.entry.values("compression")  # the prose is not read


def test_a_cards_numbers_come_with_the_protocol_that_it_gives(card):
    first, second = card.measured
    assert (first.result.set, first.result.metric, first.result.value, first.result.scale) == (
        "exam",
        "accuracy",
        0.66,
        "share",
    )
    assert first.result.protocol == "method zero-shot; 0 shots; 100 items" and (first.low, first.n) == (0.6, 100)
    assert second.result.protocol == "not stated in the card" and not second.result.stated and second.result.scale == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# A card without fields\n", "has no fields at its head"),
        ("---\nlicense: [mit\n---\n", "README.md:"),
        ("---\n- mit\n---\n", "is a mapping of fields"),
        (None, "cannot be read as a model card"),
    ],
)
def test_a_card_that_cannot_be_read_says_why(tmp_path, small, text, says):
    if text is not None:
        (tmp_path / "README.md").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=says.replace("[", r"\[")):
        place_card(tmp_path / "README.md", small)


def test_a_card_with_odd_fields_is_placed_by_the_others(tmp_path, small):
    path = tmp_path / "README.md"
    path.write_text("---\ntags: medical\nlanguage: {en: 1}\nlicense: other\nlicense_name: mine\n"
                    "model-index: [1, {results: [2]}]\n"
                    "base_model: [{a: 1}]\nextra_gated_prompt: agree\n---\n", encoding="utf-8")  # fmt: skip
    found = place_card(path, small).entry.cells
    assert {name: cell.is_ for name, cell in found.items()} == {"licence": "mine", "access": "registration"}


def test_tags_lead_to_values_of_the_axes_alone(ours):
    wrong = [(tag, pair) for tag, pairs in TAGS.items() for pair in pairs if pair[1] not in ours.axes[pair[0]]]
    assert wrong == []


def test_a_name_stands_for_an_entry_only_where_the_rest_is_a_size_or_a_form(small):
    assert resolve(small, "models", "org/Alpha-7B-v0.1-GGUF") == "alpha"
    assert resolve(small, "models", "nobody/knows", "Alpha-Chat") == "alpha"
    assert resolve(small, "models", "meta-root/Meta-Root-3b-hf") == "root"
    assert resolve(small, "models", "x/beta2-500M") == "beta"
    assert resolve(small, "models", "Alpha-3.2-1B") == "" and resolve(small, "models", "Alphabet") == ""
    assert resolve(small, "datasets", "exam_task") == "exam" and resolve(small, "datasets", "") == ""


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("org/A-7b-hf", "7B"),
        ("B-1.5B", "1.5B"),
        ("Mixtral-8x7B-v1", "8x7B"),
        ("SmolLM2-135M-Instruct", "135M"),
        ("BERT-base", ""),
        ("v2.5beta", ""),
    ],
)
def test_a_size_is_read_from_a_name(name, size):
    assert size_in(name) == size


# --- runs ------------------------------------------------------------------------------------------------------------


def test_a_run_is_placed_by_recipe_ledger_and_card(tmp_path, small):
    rows = [row("tuned", 0.7), row("base-0shot", 0.4), row("rule:first", 0.3), row("gguf", None)]
    folder = make_run(
        tmp_path / "exam-1", rows, gather={"tasks": ["exam_task"]}, compress=[{"quantize": {"type": "q8_0"}}]
    )
    (folder / "card").mkdir()
    (folder / "card" / "README.md").write_text(
        "---\nlicense: apache-2.0\nbase_model: x/Alpha-7B\n---\n", encoding="utf-8"
    )
    found = place(folder, small)
    cells = {name: (cell.is_, found.read_from[name]) for name, cell in found.entry.cells.items()}
    assert found.what == "run" and found.entry.name == "exam-1" and "2026-01-02" in found.entry.about
    assert cells["base"] == (["alpha"], "card: base_model") and cells["sizes"] == (["7B"], "card: base_model")
    assert cells["paradigm"] == (["instruction_tuning"], "recipe: train.instruct")
    assert cells["algorithm"] == (["peft"], "recipe: train.instruct.method (lora)")
    assert cells["compression"] == (["quantization"], "recipe: compress.quantize (q8_0)")
    assert cells["data"] == (["exam"], "recipe: gather.tasks") and cells["tasks"] == (["qa"], "ledger: exam_task")
    assert cells["stakeholders"][0] == ["clinician"] and cells["care"][0] == ["diagnosis"]
    assert cells["licence"] == ("Apache-2.0", "card: license") and cells["hardware"][0] == {"memory": "4.5 GB"}
    assert [(one.role, one.result.of) for one in found.measured] == [
        ("trained", "tuned"),
        ("base", "base-0shot"),
        ("rule", "rule:first"),
    ]
    assert "access" in found.untold and "release" in found.untold
    assert found.entry.results == ()  # nobody published them
    assert measured_text(found, small).startswith("The Exam, accuracy: 70.0% [50.0, 80.0], 50 items, tuned (trained)")
    assert json.loads(json.dumps(measured_data(found)))[0]["how"]["items_sha256"] == "abc"


def test_a_run_that_has_only_begun_is_placed_by_its_recipe(tmp_path, small):
    folder = make_run(tmp_path / "young")
    (folder / "ledger.json").unlink()
    found = place_run(folder, small)
    assert found.measured == () and found.entry.values("base") == ("alpha",) and "tasks" in found.untold


def test_a_folder_that_is_no_run_says_so(tmp_path, small):
    with pytest.raises(UserError, match="no recipe.yaml"):
        place_run(tmp_path, small)
    folder = make_run(tmp_path / "broken")
    (folder / "ledger.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="ledger.json cannot be read"):
        place_run(folder, small)


# --- beside ----------------------------------------------------------------------------------------------------------


def test_numbers_are_ranked_inside_one_protocol_and_never_across(tmp_path, small):
    rows = [row("tuned", 0.7), row("base-0shot", 0.4), row("base-3shot", 0.9, shots=3), row("rule:first", 0.99)]
    found = beside(small, place_run(make_run(tmp_path / "exam-1", rows), small))
    assert [(one.set, one.metric) for one in found] == [("exam", "accuracy")]
    groups = {tuple((one.name, one.rank) for one in group.rows): group for group in found[0].groups}
    assert set(groups) == {
        (("exam-1, tuned", 1), ("exam-1, base-0shot", 2)),
        (("exam-1, base-3shot", None),),
        (("Beta 2", 1), ("Alpha", 2)),
        (("Alpha-Chat", None),),
        (("Beta 2", None),),
    }
    whys = [group.why for group in found[0].groups]
    assert whys.count("not ranked: the whole protocol is not known") == 1
    assert whys.count("not ranked with the other groups: measured by another protocol") == 4
    assert list(differences(found[0].groups)) == ["exam-1, tuned and exam-1, base-3shot differ in shots"]


def test_two_runs_are_ranked_together_only_where_everything_is_the_same(tmp_path, small):
    first = place_run(make_run(tmp_path / "a", [row("tuned", 0.6)]), small)
    second = place_run(make_run(tmp_path / "b", [row("tuned", 0.7)]), small)
    other = place_run(make_run(tmp_path / "c", [row("tuned", 0.8, items_sha256="other items")]), small)
    groups = beside(small, first, second, other)[0].groups
    assert [[(one.name, one.rank) for one in group.rows] for group in groups[:2]] == [
        [("b, tuned", 1), ("a, tuned", 2)],
        [("c, tuned", None)],
    ]


def test_where_nobody_says_what_is_better_nothing_is_ranked(tmp_path, small):
    metrics = {name: replace(one, facts={}) for name, one in small.entries["metrics"].items()}
    catalog = Catalog({**small.entries, "metrics": metrics}, small.axes)
    rows = [row("tuned", 0.7), row("base-0shot", 0.4)]
    group = beside(catalog, place_run(make_run(tmp_path / "a", rows), catalog))[0].groups[0]
    assert [one.rank for one in group.rows] == [None, None] and "whether more of it is better" in group.why


def test_lower_is_better_where_the_metric_says_so(tmp_path, small):
    accuracy = replace(small.entries["metrics"]["accuracy"], facts={"better": "lower"})
    catalog = Catalog({**small.entries, "metrics": {"accuracy": accuracy}}, small.axes)
    rows = [row("tuned", 0.7), row("base-0shot", 0.4)]
    group = beside(catalog, place_run(make_run(tmp_path / "a", rows), catalog))[0].groups[0]
    assert [(one.name, one.rank) for one in group.rows] == [("a, base-0shot", 1), ("a, tuned", 2)]


def test_what_stands_beside_is_told_as_text_and_as_data(card, small):
    found = beside(small, card)
    text = as_text(found, small)
    assert "The Exam, accuracy" in text and "Delta-7B: 66.0% [60.0, 70.0], 100 items" in text
    assert "(not ranked: the whole protocol is not known)" in text
    data = json.loads(json.dumps(as_data(found)))
    row = data[0]["groups"][0]["rows"][0]
    assert row == {"name": "Delta-7B", "value": 0.66, "scale": "share", "rank": None} | {
        "role": "reported", "low": 0.6, "high": 0.7, "n": 100
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "scale", "than", "text"),
    [
        (61.5, "percent", "", "61.5%"),
        (0.7, "share", "", "70%"),
        (17.3, "percent", "the base", "+17.3%"),
        (3.2, "points", "it", "+3.2 points"),
        (12, "times", "GPT", "12 times"),
        (1, "rank", "", "rank 1"),
        (16, "count", "", "16"),
    ],
)
def test_a_number_is_told_with_its_unit(value, scale, than, text):
    found = Result("m", "", "", "s", "", "x", value, scale, than, "p", "P", (), False, "")
    assert value_text(found) == text


def test_our_own_catalog_knows_the_data_set_that_a_run_was_measured_on(tmp_path, ours):
    rows = [row("tuned", 0.55) | {"task": "pubmedqa"}]
    found = place_run(make_run(tmp_path / "pubmedqa-1", rows), ours)
    assert found.measured[0].result.set == "pubmedqa" and "qa" in found.entry.values("tasks")
    groups = beside(ours, found)[0].groups
    assert (
        len(groups) > 1
        and groups[0].rows[0].measured
        and not any(one.measured for group in groups[1:] for one in group.rows)
    )
