"""Consultations: a doctor asks a simulated patient; what it found, and whether it asked when it should, is counted."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from fixture_case import BRIMTAIL, OTHERS, TERMS, case
from residency.infer.consult.consultation import consult, example_of, is_named
from residency.infer.consult.expert import demonstrated, heard, knowledge_of, telling
from residency.infer.consult.rows import rows
from residency.infer.reason.ask import alone, together
from residency.models.scripted import ScriptedModel

NAMES = [one.meta["name"] for one in OTHERS]


def doctor(*turns, diagnosis="Brimtail fever"):
    """Return a doctor that says these things in turn, and then a diagnosis."""
    said = iter(turns)

    def say(prompt):
        if "most likely diagnosis" in prompt:
            return json.dumps({"diagnosis": diagnosis}) if "Which of these" in prompt else diagnosis
        return next(said)

    return ScriptedModel(say)


def talk_of(model, *, others=(), **settings):
    reply = alone(consult, **settings)(example_of(case(), others), model)
    return reply, reply.about["consultation"]


def test_a_doctor_that_asks_rightly_finds_all_facts_and_is_then_asked_for_the_diagnosis():
    reply, talk = talk_of(doctor("Twitching snout?", "Anything with your tail?", "Do you snore? Snoring?"))
    assert (reply.text, talk.right, talk.why) == ("Brimtail fever", True, "all told")
    scores = talk.scores()
    assert (scores["found"], scores["questions"], scores["telling"]) == (1.0, 3, 1.0)
    assert (scores["tp"], scores["fp"], scores["fn"]) == (3, 0, 0)


def test_a_turn_that_asks_nothing_while_there_is_something_to_ask_is_a_miss():
    _, talk = talk_of(doctor("I see.", "Snoring?", "Drink tea."), turns=3)
    scores = talk.scores()
    assert (scores["tp"], scores["fp"], scores["fn"]) == (1, 0, 2)
    assert (talk.why, scores["found"]) == ("turns", 0.25)


def test_a_doctor_may_conclude_by_itself():
    reply, talk = talk_of(doctor("Snoring?", "Diagnosis: Okapi rot"))
    assert (reply.text, talk.right, talk.why, len(talk.turns)) == ("Okapi rot", False, "concluded", 1)


def test_a_doctor_that_repeats_itself_is_stopped():
    _, talk = talk_of(doctor("Humming?", "Humming?", "Snoring?"))
    assert (talk.why, len(talk.turns)) == ("repeats itself", 2)


def test_a_doctor_without_a_reply_has_no_diagnosis():
    reply, talk = talk_of(ScriptedModel(lambda _: None))
    assert (reply.text, reply.finish, talk.right, talk.why) == (None, "abstain", False, "no reply")
    assert math.isnan(talk.scores()["telling"])


def test_among_choices_only_one_of_them_is_a_diagnosis():
    reply, _ = talk_of(doctor("Snoring?", "I see.", diagnosis="Okapi rot"), others=NAMES, turns=2)
    assert reply.text == "Okapi rot"
    reply, _ = talk_of(doctor("Snoring?", "I see.", diagnosis="Plague"), others=NAMES, turns=2)
    assert reply.text is None


def test_many_patients_are_seen_in_one_batch_a_turn():
    model = ScriptedModel(lambda prompt: "Snoring?")
    replies = together(lambda example: consult(example, turns=1), [example_of(case(seed)) for seed in range(3)], model)
    assert len(replies) == 3
    assert len(model.asked) == 6


def test_the_doctor_never_reads_what_was_not_told():
    model = doctor("Humming?", "Snoring?", "I see.")
    talk_of(model, turns=3)
    read = json.dumps(model.asked)
    assert "snoring" in read.lower()
    assert not any(word in read.lower() for word in ("curled", "bald", "fasciculation", "brimtail"))


def test_a_diagnosis_is_named_by_all_its_words():
    assert is_named("It may be brimtail fever.", case())
    assert not is_named("A fever.", case())


# --- the doctor that knows the annotations ---------------------------------------------------------------------------


def test_what_a_finding_tells_is_the_mutual_information():
    belief, often = np.array([0.5, 0.5]), np.array([[1.0, 0.5], [0.0, 0.5]])
    assert telling(belief, often) == pytest.approx([math.log(2), 0.0], abs=1e-6)


def test_belief_follows_bayes_rule():
    # 0.5 * 0.8 / (0.5 * 0.8 + 0.5 * 0.2) = 0.8; denied: 0.5 * 0.2 / (0.5 * 0.2 + 0.5 * 0.8) = 0.2
    belief, seen = np.array([0.5, 0.5]), np.array([0.8, 0.2])
    assert heard(belief, seen, True) == pytest.approx([0.8, 0.2])
    assert heard(belief, seen, False) == pytest.approx([0.2, 0.8])


def test_a_doctor_that_knows_how_often_findings_are_seen_asks_what_parts_the_diseases():
    talk = demonstrated(case(), knowledge_of([BRIMTAIL, *OTHERS], TERMS))
    assert (talk.right, talk.why) == (True, "concluded")
    assert len(talk.turns) <= 3


def test_right_consultations_become_chats_to_train_on():
    talk = demonstrated(case(), knowledge_of([BRIMTAIL, *OTHERS], TERMS))
    [row] = rows([talk])
    messages = row.meta["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant"] * (len(messages) // 2)
    assert messages[-1]["content"].startswith("Diagnosis: Brimtail fever. You told me of: azure beard")
    assert (row.licence, row.meta["from"]) == ("made up", ["D:1"])


def test_wrong_consultations_are_not_learned_from():
    talk = demonstrated(case(), knowledge_of(OTHERS, TERMS))
    assert talk.right is False
    assert list(rows([talk])) == []
