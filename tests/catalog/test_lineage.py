"""The lineage is laid out by our own layers: what was made from something stands right of it, and nothing overlaps."""

from __future__ import annotations

import itertools
import random
import re
from pathlib import Path

import pytest

from residency.catalog.entries import Catalog, entry
from residency.catalog.layers import columns, isotonic, lay_out, parts, without_cycles
from residency.catalog.lineage import graph, lineage


def boxes(svg: str) -> list[tuple[float, float, float, float]]:
    """Return (left, top, right, bottom) of every node's box."""
    found = re.findall(
        r'<(?:g|a)[^>]*class="node[^>]*>.*?<rect x="([\d.-]+)" y="([\d.-]+)" width="([\d.]+)" height="([\d.]+)"', svg
    )
    return [(float(x), float(y), float(x) + float(w), float(y) + float(h)) for x, y, w, h in found]


def overlapping(found: list[tuple[float, float, float, float]]) -> list[tuple[int, int]]:
    """Return the pairs of boxes that share a place."""
    pairs = itertools.combinations(range(len(found)), 2)
    return [
        (a, b)
        for a, b in pairs
        if found[a][0] < found[b][2]
        and found[b][0] < found[a][2]
        and found[a][1] < found[b][3]
        and found[b][1] < found[a][3]
    ]


def many(catalog: Catalog, families: int, models: int) -> Catalog:
    """Return a catalog of so many models, each made from one to three of those before it."""
    rng, made = random.Random("lineage"), {}
    for number in range(models):
        about = {"name": f"Model {number} " + "of a long name " * rng.randint(0, 3), "kind": "domain"}
        if number >= families:
            bases = rng.sample(range(number), rng.choice((1, 1, 1, 2, 3)))
            about["base"] = {"is": [f"m{base}" for base in bases], "mark": rng.choice("PM"), "from": ["mine"]}
        if rng.random() < 0.2:
            about["compression"] = {"is": ["pruning"], "mark": "M"}
        made[f"m{number}"] = entry("models", Path(f"m{number}.yaml"), about)
    return Catalog({**catalog.entries, "models": made, "methods": {}}, catalog.axes)


def test_isotonic_regression_gives_the_nearest_numbers_that_never_fall():
    assert isotonic([1, 3, 2, 4]) == [1, 2.5, 2.5, 4]  # by hand: 3 and 2 are pooled
    assert isotonic([3, 2, 1]) == [2, 2, 2]
    assert isotonic([]) == []


def test_isotonic_regression_agrees_with_the_formula_of_largest_and_least_means():
    rng = random.Random("isotonic")
    values = [rng.gauss(number / 10, 1) for number in range(40)]

    def mean(first: int, last: int) -> float:
        return sum(values[first : last + 1]) / (last + 1 - first)

    places = range(len(values))
    formula = [max(min(mean(a, b) for b in places[i:]) for a in places[: i + 1]) for i in places]
    assert isotonic(values) == pytest.approx(formula)


def test_a_column_is_the_longest_way_from_a_root():
    edges = [("a", "b"), ("b", "c"), ("a", "c"), ("d", "c")]
    assert columns("abcd", edges) == {"a": 0, "b": 1, "c": 2, "d": 0}
    assert parts("abcdef", [("a", "b"), ("c", "d"), ("d", "e")]) == [["c", "d", "e"], ["a", "b"], ["f"]]


def test_an_edge_that_closes_a_cycle_is_left_out():
    assert without_cycles([("a", "b"), ("b", "c"), ("c", "a"), ("c", "c")]) == [("a", "b"), ("b", "c")]
    layout = lay_out({"a": 20, "b": 20}, [("a", "b"), ("b", "a")])
    assert layout.column == {"a": 0, "b": 1} and list(layout.ways) == [("a", "b")]


def test_nodes_keep_their_distance_and_a_parent_stands_amid_its_children():
    layout = lay_out({"a": 20, "b": 20, "c": 30, "d": 20}, [("a", "b"), ("a", "c"), ("a", "d")], gap=8)
    order = sorted("bcd", key=lambda name: layout.middle[name])
    gaps = [layout.middle[b] - layout.middle[a] for a, b in itertools.pairwise(order)]
    assert min(gaps) >= 28 and layout.height == pytest.approx(20 + 30 + 20 + 16)
    assert layout.middle[order[0]] < layout.middle["a"] < layout.middle[order[2]]


def test_an_edge_over_a_column_has_its_own_place_there():
    layout = lay_out({"a": 20, "b": 20, "c": 20}, [("a", "b"), ("b", "c"), ("a", "c")])
    assert layout.ways["a", "c"] == ("a", ("a", "c", 1), "c")
    assert abs(layout.middle["a", "c", 1] - layout.middle["b"]) >= 12


def test_bases_stand_left_of_what_was_made_from_them_and_memory_is_dashed(small):
    svg = lineage(small, link=lambda one: f"#{one.kind}-{one.id}")
    place = {name: x for name, x in re.findall(r'data-entry="(models-\w+)"[^>]*>.*?<rect x="([\d.]+)"', svg)}
    assert float(place["models-root"]) < float(place["models-alpha"]) < float(place["models-beta"])
    edges = dict(re.findall(r'class="(edge[^"]*)" data-from="\w+-\w+" data-to="models-(\w+)"', svg))
    assert {name: "memory" in look for look, name in edges.items()} == {"alpha": False, "beta": True}
    assert "node domain compressed" in svg and 'href="#models-beta"' in svg
    assert "base of nothing in it (1)" in svg  # Gamma stands below


def test_a_base_that_is_not_in_the_catalog_makes_no_edge(small):
    models = {name: one for name, one in small.entries["models"].items() if name != "root"}
    found = graph(Catalog({**small.entries, "models": models}, small.axes))
    assert list(found.firm) == [("models-alpha", "models-beta")]


def test_no_box_overlaps_another_with_many_models_and_families(small):
    svg = lineage(many(small, families=45, models=140))
    found = boxes(svg)
    assert len(found) == 140 and overlapping(found) == []


def test_no_box_overlaps_another_in_our_own_catalog(ours):
    svg = lineage(ours)
    found = boxes(svg)
    drawn = graph(ours)
    assert len(found) == len(drawn.entries) + len(drawn.alone) and overlapping(found) == []
    width = float(re.search(r'width="(\d+)"', svg)[1])
    assert max(right for _, _, right, _ in found) <= width <= 1400


def test_an_empty_catalog_is_an_empty_picture(small):
    assert lineage(Catalog({**small.entries, "models": {}, "methods": {}}, small.axes)).startswith("<svg")
