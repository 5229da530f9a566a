"""Spans of several finders become spans without overlap, and what was found in part is completed."""

from residency.corpus.identify.found import Found
from residency.corpus.identify.layers import direct, joined, resolved
from residency.corpus.identify.whole import completed

TEXT = "Tamsin Okonjo, MRN 4482-1243, IMG_0475.jpg"


def span(start, end, kind="NAME", score=0.9, why="rule:x"):
    return Found(start, end, kind, score, why)


def said(found):
    return [(TEXT[f.start : f.end], f.entity_type) for f in found]


def test_an_earlier_layer_says_what_it_is_and_the_rest_stays_found():
    found = resolved(TEXT, [[span(0, 6)], [span(0, 13, "LOCATION")]])
    assert said(found) == [("Tamsin", "NAME"), ("Okonjo", "LOCATION")]


def test_within_a_layer_the_surer_and_longer_come_first():
    found = resolved(TEXT, [[span(0, 6, "LOCATION", 0.8), span(0, 13, "NAME", 0.8), span(7, 13, "HOSPITAL", 0.7)]])
    assert said(found) == [("Tamsin Okonjo", "NAME")]


def test_signs_alone_are_not_left_over():
    assert said(resolved(TEXT, [[span(0, 13)], [span(0, 15, "LOCATION")]])) == [("Tamsin Okonjo", "NAME")]


def test_the_rest_of_a_number_or_name_is_found_as_well():
    start = TEXT.index("4482")
    assert said(completed(TEXT, [span(start, start + 4, "MRN")])) == [("4482-1243", "MRN")]
    start = TEXT.index("0475")
    assert said(completed(TEXT, [span(start, start + 4, "OTHER_ID")])) == [("IMG_0475.jpg", "OTHER_ID")]
    assert said(completed(TEXT, [span(7, 10)])) == [("Okonjo", "NAME")]


def test_what_is_whole_does_not_grow_and_none_grows_into_another():
    assert said(completed(TEXT, [span(0, 6)])) == [("Tamsin", "NAME")]
    start = TEXT.index("4482")
    found = completed(TEXT, [span(start, start + 2, "MRN"), span(start + 5, start + 9, "PHONE")])
    assert found[0].end <= found[1].start


def test_the_parts_of_a_name_that_fields_told_are_one():
    parts = [span(0, 6, why="field:name.given"), span(7, 13, why="tagger")]
    assert said(joined(TEXT, parts)) == [("Tamsin Okonjo", "NAME")]
    assert joined(TEXT, [span(0, 6), span(7, 13)]) == [span(0, 6), span(7, 13)]
    apart = [span(0, 6, why="field:name.given"), span(15, 18)]
    assert joined(TEXT, apart) == apart


def test_direct_ones_are_told_from_others():
    assert said(direct([span(0, 6), span(7, 13, "PROFESSION")])) == [("Tamsin", "NAME")]
