"""The bench of de-identification counts what it says: exact spans, whole masks, characters, and the weakest cell."""

import importlib
from pathlib import Path

import pytest

pytest.importorskip("numba", reason="words are cut by compiled code")

from residency.corpus.identify.found import Found

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCH))
        yield {
            name: importlib.import_module(f"parts.{name}") for name in ("marked_sets", "masking", "identifier_tables")
        }


def text_of(bench, number=0, **more):
    text = "Tamsin Okonjo, 03/14/21"
    spans = [(0, 13, "NAME"), (15, 23, "DATE")]
    return bench["marked_sets"].Text(str(number), text, spans, f"g{number}", ["clean", "typo"], **more)


def found(*spans):
    return [Found(start, end, kind, 0.9, "rule:x") for start, end, kind in spans]


def test_a_span_is_exact_masked_or_neither(bench):
    counts = bench["masking"].row_of(text_of(bench), found((0, 6, "NAME"), (7, 13, "LOCATION"), (15, 17, "DATE")))[
        "counts"
    ]
    assert counts["kind", "NAME", "masked"] == 1 and counts["kind", "NAME", "exact"] == 0
    assert counts["kind", "DATE", "masked"] == 0 and counts["direct", "n"] == 2
    assert counts["characters", "masked"] == counts["characters", "right"] == 14


def test_what_identifies_nobody_lowers_the_precision_of_characters(bench):
    text = bench["marked_sets"].Text("a", "may come", [], "g")
    counts = bench["masking"].row_of(text, found((0, 3, "NAME")))["counts"]
    assert (counts["characters", "masked"], counts["characters", "right"]) == (3, 0)


def test_kinds_that_a_set_does_not_tell_apart_are_one(bench):
    text = bench["marked_sets"].Text("a", "to Brixford", [(3, 11, "LOCATION")], "g", merged={"COUNTRY": "LOCATION"})
    assert bench["masking"].row_of(text, found((3, 11, "COUNTRY")))["counts"]["kind", "LOCATION", "exact"] == 1


def test_the_summary_and_its_tables(bench):
    rows = [
        bench["masking"].row_of(text_of(bench, n), found((0, 13, "NAME"), *[(15, 23, "DATE")] * (n % 2)))
        for n in range(24)
    ]
    figures = bench["masking"].summary(rows)
    assert figures["by_kind"]["NAME"]["f1"]["value"] == 1 and figures["by_kind"]["DATE"]["recall"]["value"] == 0.5
    assert figures["direct_masked"]["value"] == 0.75 and figures["cells"][0]["kind"] == "DATE"
    assert figures["direct_masked"]["low"] < 0.75 < figures["direct_masked"]["high"]
    speed = {
        "ours": {"mb_per_s": 2.0, "all": [2.0], "mb": 1.0},
        "presidio": {"mb_per_s": 0.02, "all": [0.02], "mb": 0.1},
    }
    told = {"part": "tune", "load": 0.0, "quality": {"english": {"ours": figures}}, "speed": {"english": speed}}
    page = bench["identifier_tables"].report(told)
    assert "DATE, typo: 0.500 of 24" in page and "| ours | 2 | 2 to 2 | 100 | 1.000 |" in page


def test_folds_share_no_group(bench):
    texts = [text_of(bench, n % 10) for n in range(40)]
    parts = bench["marked_sets"].folds(texts)
    assert sum(map(len, parts)) == 40
    groups = [{text.group for text in part} for part in parts]
    assert not any(groups[a] & groups[b] for a in range(5) for b in range(a))
