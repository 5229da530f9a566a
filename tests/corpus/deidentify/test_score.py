"""Scores count what is covered, weigh strata, hold honest limits, and refuse a sample that measures nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fixture_deidentified import ENGINE, PLANTED, gold, marked, missing, notes, scored
from residency.core.errors import UserError
from residency.core.store import dumps
from residency.corpus.deidentify.labels import read_labels, write_labels
from residency.corpus.deidentify.score import counts, score
from residency.corpus.deidentify.sheet import draw
from residency.corpus.identify.found import Found

TEXT = "Ana Bell-Ortiz, 61, was seen."


def spans(*rows: tuple[int, int, str]) -> list[Found]:
    return [Found(a, b, kind, 1.0, "test") for a, b, kind in rows]


def test_a_mark_is_masked_when_every_letter_and_digit_is_covered_by_whatever_type():
    marks = [(0, 14, "NAME"), (16, 18, "AGE")]
    table = counts(TEXT, marks, spans((0, 8, "LOCATION"), (9, 14, "NAME"), (16, 18, "AGE")))
    assert (table["masked direct"], table["direct"]) == (2, 2)
    assert (table["right"], table["marked"], table["found"]) == (1, 2, 3)
    assert (table["characters right"], table["characters"]) == (14, 14)
    table = counts(TEXT, marks, spans((0, 13, "NAME"), (15, 28, "AGE")))
    assert table["masked direct"] == 1 and table["masked NAME"] == 0 and table["masked AGE"] == 1
    assert table["right"] == 0
    assert (table["characters right"], table["characters"]) == (11 + 2, 11 + 2 + 3 + 4)


def test_what_is_not_direct_does_not_count_for_the_recall_of_the_receipt():
    table = counts(TEXT, [(0, 3, "NAME"), (24, 28, "PROFESSION")], spans((0, 3, "NAME")))
    assert (table["direct"], table["masked direct"], table["marked"], table["masked PROFESSION"]) == (1, 1, 2, 0)


def test_a_faultless_engine_is_not_certain_to_be_one():
    found = scored(notes(200))
    assert found.masked.value == 1 and found.masked.bound == pytest.approx(0.05 ** (1 / 80))
    assert (found.masked.n, found.masked.clusters, found.drawn, found.documents) == (240, 80, 80, 200)
    assert found.precision.value == found.strict.value == found.characters.value == 1
    assert found.blind and found.seed == 1 and found.engine == ENGINE
    assert set(found.types) == {"NAME", "DATE"} and found.types["DATE"]["masked"].n == 80


def test_misses_lower_the_recall_of_their_type_and_the_bound():
    documents = notes(200)
    drawn = [row.id for row in draw(documents, 80, seed=1)[0].documents]
    found = scored(documents, missing(*drawn[:4]))
    assert found.masked.value == pytest.approx(1 - 4 / 240) and found.masked.missed == 4
    assert found.masked.bound < 0.963 < found.masked.value
    assert found.types["DATE"]["masked"].value == pytest.approx(76 / 80) and found.types["NAME"]["masked"].value == 1
    assert found.precision.value == 1


def test_strata_that_were_drawn_unequally_are_weighted():
    documents = notes(200)
    labels, drawn = draw(documents, 80, seed=1)
    labels = marked(labels, drawn)
    of = {"Discharge note": (1050, 20), "Progress note": (150, 60)}  # as if many more discharge notes had been there
    labels = replace(labels, sheet=replace(labels.sheet, strata=of, documents=1200))
    discharge = [row.id for row in labels.documents if row.stratum == "Discharge note"]
    found = score(labels, documents, missing(*discharge[:10]), engine=ENGINE, floor=None)
    heavy, light = 1050 / 20, 150 / 60
    assert found.masked.value == pytest.approx(1 - 10 * heavy / (3 * (20 * heavy + 60 * light)))


def test_all_of_a_small_source_needs_no_limit():
    found = scored(notes(9), missing("n0003"), count=9)
    assert found.masked.value == found.masked.bound == pytest.approx(26 / 27)


def test_the_same_sample_scores_the_same_in_any_order_and_through_a_file(tmp_path):
    documents = notes(200)
    labels, drawn = draw(documents, 80, seed=1)
    labels = marked(labels, drawn)
    first = score(labels, documents, gold, engine=ENGINE)
    write_labels(tmp_path / "labels.csv", labels)
    assert score(read_labels(tmp_path / "labels.csv"), reversed(documents), gold, engine=ENGINE) == first
    assert json.loads(dumps(first))["masked"]["bound"] == first.masked.bound and PLANTED not in dumps(first)


def refused(labels, documents, **more) -> str:
    with pytest.raises(UserError) as error:
        score(labels, documents, gold, engine=ENGINE, **more)
    assert PLANTED not in str(error.value)
    return str(error.value)


def test_what_measures_nothing_is_refused_without_a_word_of_the_text():
    documents = notes(200)
    empty, drawn = draw(documents, 80, seed=1)
    labels = marked(empty, drawn)
    assert "80 of the 80 documents of the sheet are not checked" in refused(empty, documents)
    first = labels.documents[0]
    changed = [replace(d, text=d.text + "!") if d.id == first.id else d for d in documents]
    assert f"the text of 1 labelled documents has changed ({first.id})" in refused(labels, changed)
    absent = [d for d in documents if d.id != first.id]
    assert f"1 labelled documents are not in the source ({first.id})" in refused(labels, absent)
    for mark, said in (((0, 999, "NAME"), "lies outside the text"), ((4, 5, "NAME"), "holds no letter and no digit")):
        rows = (replace(first, marks=(mark,)), *labels.documents[1:])
        assert said in refused(replace(labels, documents=rows), documents)


def test_too_few_documents_are_refused_with_how_many_it_takes():
    documents = notes(200)
    labels, drawn = draw(documents, 50, seed=1)
    said = refused(marked(labels, drawn), documents)
    assert "50 of the labelled documents hold a direct identifier" in said and "at least 59" in said
    assert "at least 299" in refused(marked(labels, drawn), documents, floor=0.99)
    assert score(marked(labels, drawn), documents, gold, engine=ENGINE, floor=None).masked.value == 1
    bare = replace(labels, documents=tuple(replace(row, checked=True) for row in labels.documents))
    assert "0 of the labelled documents hold" in refused(bare, documents)


def test_marks_made_after_the_engine_was_shown_are_told():
    documents = notes(200)
    labels, drawn = draw(documents, 80, seed=1)
    labels = marked(labels, drawn)
    rows = (replace(labels.documents[0], shown=True), *labels.documents[1:])
    assert not score(replace(labels, documents=rows), documents, gold, engine=ENGINE).blind


def test_an_engine_that_fails_stops_the_score():
    documents = notes(200)
    labels, drawn = draw(documents, 80, seed=1)

    def broken(document):
        raise RuntimeError("no engine")

    with pytest.raises(RuntimeError, match="no engine"):
        score(marked(labels, drawn), documents, broken, engine=ENGINE)
