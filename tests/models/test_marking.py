"""Marked relations, by hand."""

from residency.models.marking import NONE, Pair, kinds_of, marked, pairs_of

TEXT = "Naloxone reverses hypotension; naloxone and pain."
ENTITIES = [
    {"start": 0, "end": 8, "label": "Chemical", "concepts": ["D9270"]},
    {"start": 18, "end": 29, "label": "Disease", "concepts": ["D7022"]},
    {"start": 31, "end": 39, "label": "Chemical", "concepts": ["D9270"]},
    {"start": 44, "end": 48, "label": "Disease", "concepts": ["D10146", "-1"]},
]


def test_all_mentions_of_both_concepts_are_marked_with_their_types():
    assert marked(TEXT, ENTITIES, "D9270", "D7022") == (
        "@ * chemical * Naloxone @ reverses # ^ disease ^ hypotension #; @ * chemical * naloxone @ and pain."
    )


def test_a_mention_inside_another_keeps_its_marks_within():
    outer = {"start": 0, "end": 9, "label": "D", "concepts": ["A"]}
    inner = [outer, {"start": 0, "end": 4, "label": "C", "concepts": ["B"]}]
    assert marked("drug rash", inner, "A", "B") == "@ * d * # ^ c ^ drug # rash @"


def test_pairs_are_those_of_types_between_which_relations_stand():
    kinds = kinds_of([(ENTITIES, [["D9270", "D7022"]])])
    assert kinds == [("Chemical", "Disease")]
    found = pairs_of(TEXT, ENTITIES, [["D9270", "D7022", "induces"]], kinds)
    assert found[0] == Pair("D9270", "D10146", marked(TEXT, ENTITIES, "D9270", "D10146"), NONE)
    assert [(p.second, p.relation) for p in found] == [("D10146", NONE), ("D7022", "induces")]
