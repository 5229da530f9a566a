"""Examples like a question: by hand-worked likeness, the most alike last, and with every answer among them."""

from __future__ import annotations

import numpy as np
import pytest

from residency.core.errors import UserError
from residency.core.types import Example
from residency.infer.prompts.nearest import in_rounds, nearest_shots, remembering, similar_shots
from residency.infer.prompts.shots import drawn_shots, instructed, named_shots
from residency.models.scripted import ScriptedModel


def solved(key, text, answer="yes"):
    return Example(key, [{"role": "user", "content": f"Say: {text}"}], [answer], meta={"facts": [text]})


POOL = [solved("1", "aaaa"), solved("2", "aaab"), solved("3", "aabb"), solved("4", "abbb", "no"), solved("5", "bbbb")]
ASKED = solved("q", "aaaa")


def ids(examples):
    return [e.id for e in examples]


def test_the_most_alike_by_vectors_stands_last():
    """Counts of letters: the cosine with aaaa falls from aaaa (1) over aaab (3/√10) and aabb (1/√2) to abbb (1/√10)."""
    find = similar_shots(POOL, ScriptedModel({}).embed)
    assert ids(find(ASKED, 3)) == ["3", "2", "1"] and ids(find(ASKED, 9)) == ["5", "4", "3", "2", "1"]


def test_with_balance_the_nearest_of_every_answer_is_among_them():
    find = similar_shots(POOL, ScriptedModel({}).embed, balanced=True)
    assert ids(find(ASKED, 2)) == ["4", "1"]  # one of no, though two of yes are nearer
    assert ids(find(ASKED, 3)) == ["4", "2", "1"] and ids(nearest_shots(POOL, balanced=True)(ASKED, 2))[-1] == "1"


def test_rounds_take_the_first_of_each_answer_then_the_second():
    assert in_rounds([7, 8, 9, 4, 5], ["a", "a", "a", "b", "c"], 4) == [7, 4, 5, 8]
    assert in_rounds([7, 8, 9], ["x", "y", "z"], 2) == [7, 8]  # where all differ, simply the nearest
    assert in_rounds([], [], 3) == []


def test_of_equally_near_ones_the_lower_id_is_nearer():
    pool = [solved("b", "cc"), solved("a", "cc"), solved("c", "cc")]
    assert ids(similar_shots(pool, ScriptedModel({}).embed)(solved("q", "c"), 2)) == ["b", "a"]


def test_rarer_words_weigh_more():
    pool = [solved("1", "the red cat"), solved("2", "the blue dog"), solved("3", "the red dog")]
    assert ids(nearest_shots(pool)(solved("q", "the blue cow"), 1)) == ["2"]


def test_an_empty_pool_has_nothing_near():
    assert similar_shots([], ScriptedModel({}).embed)(ASKED, 3) == [] and nearest_shots([])(ASKED, 3) == []


def test_a_text_is_embedded_once():
    asked = []

    def embed(texts):
        asked.extend(texts)
        return np.array([[float(len(text)), 0.0] for text in texts])

    found = remembering(embed)
    assert found(["a", "bb"]).tolist() == [[1, 0], [2, 0]] and found(["bb", "ccc", "bb"]).tolist()[1] == [3, 0]
    assert asked == ["a", "bb", "ccc"]


def test_named_examples_come_in_their_order_and_absent_ones_are_told():
    assert ids(named_shots(POOL, ["4", "1"])) == ["4", "1"]
    with pytest.raises(UserError, match="1 solved examples that the prompt names are not there: 9"):
        named_shots(POOL, ["1", "9"])


def test_drawn_examples_are_the_same_for_the_same_question_and_seed():
    assert drawn_shots(POOL, 1)(ASKED, 3) == drawn_shots(POOL, 1)(ASKED, 3)
    assert len(drawn_shots(POOL, 1)(ASKED, 99)) == 5


def test_an_instruction_stands_before_a_prompt_that_is_whole():
    assert instructed(ASKED, "Look.").prompt[0]["content"] == "Look.\n\nSay: aaaa" and instructed(ASKED, "") is ASKED
