"""A graph stands behind an option that the question names by another name; where it is silent, the model chooses."""

from __future__ import annotations

import pytest

from fixture_graph import build_toy
from residency.infer.graph import open_graph
from residency.infer.graph.decide import decided, named
from residency.infer.likelihood import Choice

ASKED = "In a patient's words: cyanotic foot. One of: Glass ear; Blue foot; Abnormal foot"
OPTIONS = ["Glass ear", "Blue foot", "Abnormal foot"]


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return open_graph(build_toy(tmp_path_factory.mktemp("decide")))


def test_the_option_that_the_question_names_otherwise_is_found_and_no_option_stands_behind_itself(graph):
    assert named(graph, ASKED, OPTIONS) == [None, "TY:0000003", None]
    assert named(graph, "Which of these: Glass ear; Blue foot; Abnormal foot", OPTIONS) == [None, None, None]
    assert named(graph, ASKED, ["a thing", "nobody knows"]) == [None, None]


def test_what_the_graph_stands_behind_wins_and_the_model_chooses_among_it(graph):
    likely = Choice(0, [-1.0, -3.0, -2.0])
    assert decided([None, "TY:0000003", None], likely) == 1
    assert decided([None, "TY:0000003", "TY:0000002"], likely) == 2
    assert decided([None, None, None], likely) == 0
