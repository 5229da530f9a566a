"""The timeline: every dated model stands in its month, a date from memory looks otherwise, an unknown one is listed."""

from __future__ import annotations

import re

from residency.catalog.entries import Catalog
from residency.catalog.timeline import PARADIGMS, moments, timeline


def chips(svg: str) -> dict[str, tuple[str, float, float]]:
    """Return entry -> (classes, left, top) of its box."""
    found = re.findall(r'class="(chip[^"]*)" data-entry="models-(\w+)">.*?<rect x="([\d.]+)" y="([\d.]+)"', svg)
    return {name: (look, float(x), float(y)) for look, name, x, y in found}


def test_every_moment_from_the_first_year_to_the_last_month_has_a_place():
    found = moments(["2022-11", "2023", "2023-02"])
    assert found[:2] == ["2022", "2022-01"] and found[-3:] == ["2023", "2023-01", "2023-02"]
    assert moments(["2024"]) == ["2024", "2024-01"] and moments([]) == []


def test_models_stand_by_their_date_and_memory_is_drawn_otherwise(small):
    svg = timeline(small)
    found = chips(svg)
    assert found["alpha"][2] < found["beta"][2] < found["gamma"][2]
    assert "memory" not in found["alpha"][0] and "memory" in found["beta"][0]
    assert ">May<" in svg and ">in the year<" in svg
    assert "Date unknown (2)" in svg  # Root and Gamma
    assert "Beta 2: 2024, from memory; how it was made is not known; named by mine" in svg


def test_the_marks_are_of_the_paradigms_or_of_the_surveys(small, ours):
    svg = timeline(small, by="survey")
    assert 'class="picture timeline by-survey"' in svg
    assert "mark paradigm p-instruction_tuning" in svg and "mark survey s0" in svg and "mark survey s1" in svg
    assert set(PARADIGMS) == set(ours.axes["paradigm"])
    assert len(set(PARADIGMS.values())) == len(PARADIGMS)


def test_what_is_only_from_memory_of_a_model_is_pale(ours):
    svg = timeline(ours)
    for name, entry in ours.entries["models"].items():
        cell = entry.cells.get("paradigm")
        if cell is None:
            continue
        chip = re.search(rf'data-entry="models-{name}">.*?</g>|data-entry="models-{name}">.*?</a>', svg, re.S)[0]
        marks = re.findall(r'class="mark paradigm p-\w+( doubtful)?', chip)
        assert marks and all(bool(pale) != cell.firm for pale in marks), name


def test_all_models_of_our_catalog_are_on_it_once_and_side_by_side(ours):
    svg = timeline(ours)
    places = re.findall(
        r'class="chip[^"]*" data-entry="(\S+)">.*?<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', svg
    )
    assert len(places) == len(ours.entries["models"]) == len({name for name, *_ in places})
    rows: dict[str, list[tuple[float, float]]] = {}
    for _, x, y, width in places:
        rows.setdefault(y, []).append((float(x), float(x) + float(width)))
    for row in rows.values():
        row.sort()
        assert all(right < left for (_, right), (left, _) in zip(row, row[1:], strict=False)), "two boxes touch"
        assert row[-1][1] <= 1180


def test_a_catalog_without_models_has_an_empty_timeline(small):
    assert timeline(Catalog({**small.entries, "models": {}}, small.axes)).startswith("<svg")
