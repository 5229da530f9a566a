"""The gap map counts what is open in each cell of task, stakeholder and care, and says what is not counted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from residency.catalog.entries import Catalog, entry
from residency.catalog.gap_picture import gap_picture
from residency.catalog.gaps import OPEN, Count, as_data, as_text, gap_map, summary, told


def placed(access: str | None, tasks: list[str], care: list[str], mark: str = "P") -> dict:
    """Return a file that is placed for clinicians."""
    cell = {"mark": mark, "from": ["mine"]}
    about = {"name": "X", "tasks": {"is": tasks, **cell}, "care": {"is": care, "mark": "O"}}
    about["stakeholders"] = {"is": ["clinician"], "mark": "O"}
    return about | ({"access": {"is": access, **cell}} if access else {})


@pytest.fixture
def catalog(small: Catalog) -> Catalog:
    """Return a catalog whose cells can be counted by hand."""
    models = {
        "free": placed("open", ["ner", "qa"], ["diagnosis"]),
        "form": placed("registration", ["ner"], ["diagnosis", "risk"], mark="M"),
        "shut": placed("none", ["ner"], ["diagnosis"]),
        "silent": placed(None, ["ner"], ["triage"]),
        "nowhere": {"name": "Y", "tasks": {"is": ["ner"], "mark": "M"}, "access": {"is": "open", "mark": "M"}},
    }
    sets = {"cards": placed("noncommercial", ["ner"], ["diagnosis"]), "gated": placed("gated", ["qa"], ["diagnosis"])}
    metrics = {"f1": {"name": "F1", "tasks": {"is": ["ner"], "mark": "V", "from": ["mine"]}}}
    made = {
        kind: {name: entry(kind, Path(f"{name}.yaml"), about) for name, about in found.items()}
        for kind, found in (("models", models), ("datasets", sets), ("metrics", metrics))
    }
    return Catalog({**small.entries, **made}, small.axes)


def test_a_cell_counts_what_is_open_and_names_what_is_not(catalog):
    cell = gap_map(catalog).cells["ner", "clinician", "diagnosis"]
    assert cell.models == Count(("free", "form"), ("shut",), ("form",))
    assert cell.datasets == Count(("cards",), (), ())
    assert cell.metrics == ("f1",) and cell.lacks == ()


def test_a_cell_says_which_of_the_three_it_lacks(catalog):
    cells = gap_map(catalog).cells
    assert cells["ner", "clinician", "triage"].lacks == ("models", "datasets")  # whose access nobody knows is not open
    assert cells["qa", "clinician", "diagnosis"].lacks == ("datasets", "metrics")
    assert cells["sum", "patient", "recovery"].lacks == ("models", "datasets", "metrics")


def test_the_summary_counts_cells_and_what_stands_in_none(catalog):
    found = gap_map(catalog)
    counts = summary(found)
    tasks = len(catalog.axes["tasks"]) - 1  # a base model is no task
    assert counts["cells"] == tasks * 3 * 6 == len(found.cells)
    assert counts["complete"] == 1 and counts["empty"] == counts["cells"] - 3
    assert counts["without_models"] == counts["cells"] - 3 and counts["without_datasets"] == counts["cells"] - 1
    assert counts["without_metrics"] == counts["cells"] - 18
    assert (counts["models_placed"], counts["models"], counts["datasets_placed"]) == (4, 5, 2)
    assert "4 of 5 models and 2 of 2 data sets" in told(found)[-1]


def test_the_table_of_text_has_a_row_for_each_task_and_stakeholder(catalog):
    found = gap_map(catalog)
    lines = as_text(found).splitlines()
    row = next(line for line in lines if re.match(r"NER +clinician ", line))
    assert re.split(r"  +", row) == ["NER", "clinician", "1", "- / -", "2 / 1", "- / -", "- / -", "1 / -", "- / -"]
    assert len([line for line in lines if "clinician" in line]) == len(found.tasks)


def test_as_data_it_is_json_that_lists_names(catalog):
    data = json.loads(json.dumps(as_data(gap_map(catalog))))
    cell = next(
        one
        for one in data["cells"]
        if (one["task"], one["care"], one["stakeholder"]) == ("ner", "diagnosis", "clinician")
    )
    assert cell["models"] == {"open": ["free", "form"], "other": ["shut"], "by_memory": ["form"]}
    assert data["open_means"] == list(OPEN) and cell["lacks"] == []


def test_the_picture_has_two_numbers_a_cell_and_tells_gaps_without_colour(catalog):
    found = gap_map(catalog)
    svg = gap_picture(found, catalog)
    where = r'data-tasks="(\w+)" data-stakeholders="(\w+)" data-care="(\w+)"'
    cells = re.findall(rf'<g class="(cell[^"]*)" {where}>(.*?)</g></g>', svg, flags=re.S)
    assert len(cells) == len(found.cells)
    looks = {(task, who, care): (look, body) for look, task, who, care, body in cells}
    full = looks["ner", "clinician", "diagnosis"]
    assert full[0] == "cell" and ">2<" in full[1] and "X (by memory)" in full[1]
    assert looks["sum", "patient", "recovery"][0] == "cell lacking" and ">–<" in looks["sum", "patient", "recovery"][1]
    assert ">(1)<" in looks["ner", "clinician", "triage"][1] and "closed" in looks["ner", "clinician", "triage"][1]
    linked = gap_picture(found, catalog, link=True)
    assert linked.count('href="#tab-models"') == 4 and linked.count('href="#tab-datasets"') == 2


def test_our_own_catalog_has_gaps_and_no_empty_axis(ours):
    found = gap_map(ours)
    counts = summary(found)
    assert 0 < counts["complete"] < counts["cells"] and counts["empty"] > 0
    assert all(
        any(found.cells[task, who, care].models.open for task in found.tasks for care in found.care)
        for who in found.stakeholders
    )
