"""What is not legal is told at once, with what is; amounts are read as people write them."""

from __future__ import annotations

import pytest

from residency import cli
from residency.advise.needs import needs_of, size, span
from residency.catalog.entries import Catalog
from residency.core.errors import UserError


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("memory", "8GB", 8e9),
        ("memory", "500 mb", 5e8),
        ("memory", "1.5GiB", 1.5 * 2**30),
        ("latency", "500ms", 0.5),
        ("latency", "2s", 2.0),
        ("accelerator", "24GB", 24e9),
    ],
)
def test_amounts_have_units(name: str, text: str, value: float, catalog: Catalog) -> None:
    assert getattr(needs_of({"task": "ner", name: text}, catalog), name) == pytest.approx(value)


def test_what_is_not_said_is_not_known(catalog: Catalog) -> None:
    found = needs_of({"task": "ner", "accelerator": "none"}, catalog)
    assert (found.memory, found.latency, found.labelled, found.accelerator) == (None, None, None, 0.0)


def test_all_that_is_wrong_is_told_at_once_with_what_is_legal(catalog: Catalog) -> None:
    given = {"task": "nerd", "care": "wards", "stakeholder": "nurse", "language": "english", "privacy": "home"}
    with pytest.raises(UserError) as error:
        needs_of({**given, "memory": "8", "latency": "0ms"}, catalog)
    lines = str(error.value).splitlines()
    assert len(lines) == 7
    assert any("did you mean ner?" in line for line in lines) and any("triage, diagnosis" in line for line in lines)
    assert any("on-premise, cloud" in line for line in lines) and any("8GB or 500MB" in line for line in lines)


@pytest.mark.parametrize(
    ("task", "near"), [("vqa", "qa"), ("retrieval", "qa"), ("prediction", "cls"), ("lm", "generation")]
)
def test_a_task_that_no_stage_does_names_the_nearest(task: str, near: str, catalog: Catalog) -> None:
    with pytest.raises(UserError, match=f"today. The nearest is --task {near}"):
        needs_of({"task": task}, catalog)


def test_data_that_is_nothing_is_told_with_the_nearest(ward, capsys) -> None:
    assert cli.main("advise --task ner --data ncbi_diseases nowhere.yaml notes notes".split()) == 2
    said = capsys.readouterr().err
    assert "did you mean ncbi_disease?" in said and "there is no task file nowhere.yaml" in said
    assert "names notes twice" in said


def test_sizes_and_times_in_words() -> None:
    assert (size(8e9), size(5e8), span(0.5), span(2)) == ("8 GB", "500 MB", "500 ms", "2 s")
