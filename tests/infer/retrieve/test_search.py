"""What is found, for whom, and what is said where nothing is."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from residency.core.errors import UserError
from residency.core.types import Document
from residency.infer.evidence import Evidence, Found
from residency.infer.retrieve import build, delete, open_index, store, update
from residency.infer.retrieve.fuse import ALL_EXPIRED, blended, fused, together
from residency.models.scripted import ScriptedModel

MODEL = ScriptedModel({})
TODAY = date(2026, 3, 1)


def told(id, text, **fields):
    known = {"source": "guides", "licence": "CC0", **fields}
    return Document(id, text, **known)


OLD = "asthma-old (until 2025-12-31)"
MADE = [
    told("asthma", "Wheeze and cough at night: give salbutamol by inhaler.", date="2024-05"),
    told("asthma-old", "Wheeze and cough: give theophylline by mouth.", meta={"valid_until": "2025-12"}, date="1999"),
    told("gout", "A hot swollen toe: give colchicine.", date="2021-07-01"),
    told("gota", "El alopurinol baja el urato en la gota.", language="es", source="guias"),
    told("p7-1", "Ana has gout, a hot swollen toe since Monday.", patient="p7", source="ward", date="2025-01-02"),
    told("p8-1", "Bob has gout, a hot swollen toe since Friday.", patient="p8", source="ward"),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Return an index of six made-up documents, two of them of patients."""
    path = tmp_path_factory.mktemp("search") / "index"
    build(MADE, path, embedder=MODEL)
    return open_index(path, embedder=MODEL)


def ids(found):
    return [one.document for one in found.evidence]


def test_words_are_found_by_bm25_as_the_formula_says(tmp_path):
    texts = ["gout gout toe", "toe pain", "cough syrup night dose", "fever"]
    build([told(f"d{n}", text) for n, text in enumerate(texts)], tmp_path / "index", embedder=None)
    found = open_index(tmp_path / "index").search("gout toe", how="bm25").evidence
    words = [text.split() for text in texts]
    mean = sum(map(len, words)) / 4

    def score(document):
        total = 0.0
        for term in ("gout", "toe"):
            holding = sum(term in other for other in words)
            often = document.count(term)
            weight = math.log(1 + (4 - holding + 0.5) / (holding + 0.5))
            total += weight * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * len(document) / mean))
        return total

    assert [one.document for one in found] == ["d0", "d1"]
    assert [one.score for one in found] == pytest.approx([score(words[0]), score(words[1])], rel=1e-4)


def test_vectors_are_compared_by_their_cosine(index):
    found = index.search("hot toe colchicine", how="vector", k=2, today=TODAY).evidence
    cosines = MODEL.embed([one.text for one in MADE if not one.patient]) @ MODEL.embed(["hot toe colchicine"])[0]
    assert found[0].score == pytest.approx(float(np.max(cosines)), abs=1e-5)


def test_fusion_adds_the_reciprocals_of_the_ranks():
    ranked = fused([["a", "b", "c"], ["c", "a"]])
    assert ranked == [("a", 1 / 61 + 1 / 62), ("c", 1 / 63 + 1 / 61), ("b", 1 / 62)]
    assert [id for id, _ in fused([["b"], ["a"]])] == ["a", "b"]  # equal scores go by id


def test_blending_takes_a_share_of_the_words_and_the_rest_of_the_meaning():
    ranked = dict(blended({"a": 8.0, "b": 2.0}, {"b": 0.6, "c": 0.2}, 0.25))
    assert ranked == pytest.approx({"a": 0.25 + 0.75 * 0.2, "b": 0.25 * 0.25 + 0.75 * 0.6, "c": 0.75 * 0.2})
    assert [id for id, _ in blended({"a": 8.0, "b": 2.0}, {"b": 0.6, "c": 0.2}, 0.25)] == ["b", "a", "c"]
    assert blended({}, {"b": 0.5, "a": 0.5}) == [("a", pytest.approx(0.45)), ("b", pytest.approx(0.45))]
    assert blended({}, {}) == []


def test_a_search_finds_by_both_ways_and_names_its_snapshot(index):
    found = index.search("what to give for wheeze at night", k=1, today=TODAY)
    assert ids(found) == ["asthma"] and found.snapshot == index.snapshot and found.why is None


def test_what_is_no_longer_valid_is_not_found_but_counted(index):
    found = index.search("theophylline", how="bm25", today=TODAY)
    why = f"all that was found is no longer valid: {OLD}"
    assert (ids(found), found.expired, found.why) == ([], 1, why)
    assert ids(index.search("theophylline", how="bm25", today=date(2025, 12, 31))) == ["asthma-old"]
    both = index.search("wheeze cough", how="bm25", k=2, today=TODAY)
    assert ids(both) == ["asthma"] and (both.expired, both.why) == (1, f"no longer valid, and left out: {OLD}")


def test_only_what_would_have_been_among_the_found_is_counted_and_named_as_expired(tmp_path):
    ended = {"title": "Gout, 1st edition", "valid_until": "2020"}
    best = [Document(f"old-{n}", "Gout gout gout.", "guides", "CC0", meta=ended) for n in range(3)]
    build([*best, Document("new", "Gout and much else that is said of joints.", "guides", "CC0")], tmp_path / "index",
          embedder=None)  # fmt: skip
    found = open_index(tmp_path / "index").search("gout", k=2, today=TODAY)
    assert (ids(found), found.expired) == (["new"], 2)
    assert found.why == "no longer valid, and left out: Gout, 1st edition (until 2020-12-31)"


def test_of_several_indexes_only_what_is_expired_is_said_beside_what_is_found():
    one = Evidence("a#0", "a", "Gout.")
    gone = Found([], "", 1, f"{ALL_EXPIRED}: b (until 2020)")
    found = together([Found([one]), Found(why="no passage was found"), gone], 3)
    assert (len(found.evidence), found.expired) == (1, 1)
    assert found.why == "no longer valid, and left out: b (until 2020)"
    assert together([Found([one]), Found(why="no passage was found")], 3).why is None


def test_charts_are_found_for_their_patient_alone_and_nothing_else_with_them(index):
    assert "p7-1" not in ids(index.search("Ana hot swollen toe", k=10, today=TODAY))
    own = index.search("hot swollen toe", patient="p7", today=TODAY)
    assert ids(own) == ["p7-1"] and own.evidence[0].shelf == "chart" and own.evidence[0].patient == "p7"
    assert ids(index.search("hot swollen toe", patient="p9", today=TODAY)) == []
    assert ids(index.search("toe", patient="p7' OR '1'='1", today=TODAY)) == []
    with pytest.raises(UserError, match="a chart is searched for one patient"):
        index.search("toe", shelf="chart")


def test_a_search_keeps_to_days_sources_and_languages(index):
    def found(**asked):
        return set(ids(index.search("give toe wheeze gota", today=date(2025, 1, 1), **asked)))

    assert found() == {"asthma", "asthma-old", "gout", "gota"}
    assert found(since="2021-07-01") == {"asthma", "gout"} and found(since="2021-08") == {"asthma"}
    assert found(until="2021") == {"asthma-old", "gout"} and found(since="2024-05-20", until="2024-05-21") == {"asthma"}
    assert found(sources=["guias"]) == {"gota"} == found(languages=["es"])
    assert found(languages=["fr"]) == set()
    with pytest.raises(UserError, match="'May' is no date"):
        found(since="May")


def test_a_second_ranking_decides_the_order(index):
    asked = []

    def rerank(question, texts):
        asked.append(question)
        return [float("colchicine" in text) for text in texts]

    assert ids(index.search("give salbutamol for wheeze", rerank=rerank, k=1, today=TODAY)) == ["gout"]
    assert asked == ["give salbutamol for wheeze"]


def test_where_nothing_is_found_the_reason_is_said(index, tmp_path):
    assert index.search("zelmorin", how="bm25").why == "no passage was found"
    assert index.search("   ", how="bm25").why == "no passage was found"
    (tmp_path / "none.txt").write_text(" ")
    report = build([tmp_path / "none.txt"], tmp_path / "index", embedder=MODEL)
    empty = open_index(tmp_path / "index", embedder=MODEL)
    assert report["documents"] == 0 and empty.search("gout").why == "the index holds no passage"
    assert not empty.has("gout") and empty.passage("gout#0") is None


def test_a_search_that_cannot_be_done_is_refused(index, tmp_path):
    build(MADE[:1], tmp_path / "index", embedder=None)
    words_alone = open_index(tmp_path / "index")
    assert ids(words_alone.search("salbutamol")) == ["asthma"]
    with pytest.raises(UserError, match="no vectors"):
        words_alone.search("salbutamol", how="vector")
    with pytest.raises(UserError, match="no search 'bm52'.*bm25"):
        index.search("gout", how="bm52")


def test_signs_in_a_question_are_no_commands(index):
    for question in ('toe AND "hot', "toe) OR (1=1", "toe:*", "~toe^2 -swollen", "'; DROP TABLE passages; --"):
        index.search(question, today=TODAY)
    assert ids(index.search('"toe" (hot)', how="bm25", k=1)) == ["gout"]


def test_an_index_that_is_changed_meanwhile_stays_readable(tmp_path, monkeypatch):
    path = tmp_path / "index"
    build(MADE, path, embedder=None)
    reader = open_index(path)
    assert reader.search("colchicine", today=TODAY).evidence
    old = store.stamp(path)
    delete(path, ["gout"])  # the table that the reader holds is gone
    update(path, [told("new", "Scabies is treated with permethrin.")])
    stamps = iter([old, old])
    real = store.stamp
    monkeypatch.setattr(store, "stamp", lambda path: next(stamps, None) or real(path))
    assert ids(reader.search("permethrin")) == ["new"]
    assert reader.search("colchicine").evidence == [] and reader.passage("gout#0") is None and reader.has("new")


def test_text_in_scripts_without_spaces_is_found_by_its_words(tmp_path):
    made = [told("a", "糖尿病患者应定期监测血糖。", language="zh"), told("b", "高血压患者应少吃盐。", language="zh")]
    build(made, tmp_path / "index", embedder=None, language="zh")
    assert ids(open_index(tmp_path / "index").search("血糖")) == ["a"]


def test_the_same_search_gives_the_same_answer(index):
    first, second = (index.search("give something for the toe", today=TODAY) for _ in range(2))
    assert first == second


def test_a_large_index_looks_through_groups_of_vectors_and_finds_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "EXACT", 300)
    letters = "abcdefghijklmnopqrstuvwxyz"
    made = [told(f"d{n}", f"{letters[n % 26] * 9} {letters[n // 26] * 4}") for n in range(400)]
    build(made, tmp_path / "index", embedder=MODEL, language="en")
    found = open_index(tmp_path / "index", embedder=MODEL).search("ccccccccc dddd", how="vector", k=1).evidence
    assert [one.document for one in found] == [f"d{3 * 26 + 2}"] and found[0].score == pytest.approx(1.0, abs=1e-5)
