"""Documents to rows by a scripted model: what is supported is kept, all else is refused, named and counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from residency.core.types import Document
from residency.corpus.make.passages import Cut, passages
from residency.corpus.make.rewrite import (
    AS_TALK,
    AT_LENGTH,
    COPY,
    ECHO,
    EMPTY,
    FEWER,
    FREELY,
    LONG,
    NO_ASK,
    POINTS,
    TOO_SHORT,
    TWICE,
    Way,
    dialogues,
    instructions,
    questions,
    rewritten,
)
from residency.corpus.make.rows import Asking, Outcome, Refused, Tally, kept, standing_on
from residency.corpus.make.support import NUMBER, UNSURE, WORDS
from residency.models.scripted import ScriptedModel

TEXT = (
    "Migraine is a headache that lasts from 4 to 72 hours. It is often felt on one side of the head and comes with "
    "nausea. Triptans relieve an attack when they are taken early. They are not given after a stroke."
)
CUT = Cut(words=100, least=5)
WAY, TOLD, TALK, FREE = (replace(way, cut=CUT) for way in (Way(), AT_LENGTH, AS_TALK, FREELY))


def note(key: str = "n1", text: str = TEXT, **fields: Any) -> Document:
    return Document(key, text, "notes", "internal", patient="p1", date="2024-05-01", **fields)


def saying(*pairs: tuple[str, str]) -> ScriptedModel:
    reply = json.dumps({"pairs": [{"question": q, "answer": a} for q, a in pairs]})
    return ScriptedModel(lambda prompt: reply)


def tallied(outcomes: Any) -> tuple[list[Document], Tally]:
    tally = Tally()
    return list(kept(outcomes, tally)), tally


def test_a_supported_pair_becomes_a_row_that_keeps_its_patient_and_origin() -> None:
    model = saying(("How long does a migraine last?", "A migraine lasts from 4 to 72 hours."))
    (row,), tally = tallied(questions([note()], model, count=1, way=WAY))
    assert [m["role"] for m in row.meta["messages"]] == ["user", "assistant"]
    assert (row.patient, row.date, row.licence, row.source) == ("p1", "2024-05-01", "internal", "questions")
    assert row.meta["from"] == ["n1"] and row.meta["kind"] == "instruction" and row.meta["support"] == 1.0
    assert (tally.asked, tally.made, tally.refused) == (1, 1, {})
    assert TEXT in model.asked[0][0]["content"]


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (("How long does it last?", "A migraine lasts from 4 to 96 hours."), NUMBER),
        (("What helps?", "Acupuncture and yoga help many people with chronic pain."), WORDS),
        (("What does the passage say?", "Migraine is a headache."), POINTS),
        (("Migraine is a headache?", "Migraine is a headache."), ECHO),
        (("", "Migraine is a headache."), EMPTY),
        (("What is a migraine?", "…"), EMPTY),
        (("Migraine", "Migraine is a headache."), NO_ASK),
        ((f"{TEXT} Is that so?", "A headache with nausea."), COPY),
    ],
)
def test_a_bad_pair_is_refused_with_its_reason_and_kept_aside(pair: tuple[str, str], reason: str) -> None:
    (outcome,) = questions([note()], saying(pair), count=1, way=WAY)
    assert isinstance(outcome, Refused) and outcome.reason == reason
    assert outcome.row is not None and outcome.row.patient == "p1"
    assert not any(word in outcome.reason for word in ("Migraine", "yoga"))


def test_a_question_that_was_asked_before_is_refused() -> None:
    model = saying(("What is migraine?", "Migraine is a headache."), ("what is Migraine", "A headache with nausea."))
    _, tally = tallied(questions([note()], model, count=2, way=WAY))
    assert tally.made == 1 and tally.refused == {TWICE: 1}


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("Here are the pairs: …", "the reply is not JSON"),
        ('{"pairs": []}', "the reply is not of the form asked for"),
        ('{"pairs": [{"question": "x", "answer": 5}]}', "the reply is not of the form asked for"),
        ('{"pairs": [{"question": "x", "answer": "y"}], "more": 1}', "the reply is not of the form asked for"),
        ("[" * 100_000, "the reply is not JSON"),
        (None, "the model abstained"),
    ],
)
def test_a_reply_that_cannot_be_read_counts_for_all_rows_asked_for(reply: str | None, reason: str) -> None:
    _, tally = tallied(questions([note()], ScriptedModel(lambda prompt: reply), count=3, way=WAY))
    assert (tally.asked, tally.made, tally.refused) == (3, 0, {reason: 3})


def test_everything_asked_for_is_made_or_refused() -> None:
    model = saying(("How long does a migraine last?", "It lasts from 4 to 72 hours."))
    documents = [note("a"), note("b", "Too short."), note("c")]
    _, tally = tallied(questions(documents, model, count=3, way=WAY))
    assert tally.refused == {FEWER: 4, TWICE: 1, TOO_SHORT: 1}
    assert tally.asked == 7 == tally.made + sum(tally.refused.values())


def test_prompts_are_put_in_batches_and_the_batch_size_changes_no_row() -> None:
    sizes: list[int] = []

    class Counting(ScriptedModel):
        def generate(self, prompts: Any, **settings: Any) -> Any:
            sizes.append(len(prompts))
            return super().generate(prompts, **settings)

    def answer(prompt: str) -> str:
        number = prompt.split("Case ")[1].split(":")[0]
        return json.dumps({"pairs": [{"question": f"What is case {number}?", "answer": "Migraine is a headache."}]})

    documents = [note(f"n{i}", f"Case {i}: {TEXT}") for i in range(5)]
    found = [
        [row.id for row in questions(documents, Counting(answer), count=1, way=Way(CUT, asking=Asking(batch=b)))]
        for b in (2, 16)
    ]
    assert found[0] == found[1] and len(found[0]) == 5 and sizes == [2, 2, 1, 5]


def test_a_model_that_is_asked_to_verify_may_refuse() -> None:
    pairs = json.dumps({"pairs": [{"question": "What is migraine?", "answer": "Migraine is a headache."}]})

    def model(verdict: str) -> ScriptedModel:
        return ScriptedModel(lambda prompt: verdict if "Statement:" in prompt else pairs)

    assert tallied(questions([note()], model('{"supported": true}'), count=1, way=Way(CUT, verify=True)))[1].made == 1
    for verdict in ('{"supported": false}', "perhaps"):
        tally = tallied(questions([note()], model(verdict), count=1, way=Way(CUT, verify=True)))[1]
        assert tally.refused == {UNSURE: 1}


def test_tasks_and_readings_are_rows_too() -> None:
    reply = json.dumps(
        {"tasks": [{"instruction": "Explain migraine.", "response": "Migraine is a headache with nausea."}]}
    )
    (row,), _ = tallied(instructions([note()], ScriptedModel(lambda p: reply), count=1, way=TOLD))
    assert row.meta["messages"][0]["content"] == "Explain migraine."
    model = saying(("What is migraine?", "Migraine is a headache."))
    (row,), _ = tallied(questions([note()], model, count=1, way=WAY, with_passage=True))
    assert row.meta["messages"][0]["content"] == f"{TEXT}\n\nWhat is migraine?"


def talk(*turns: tuple[str, str]) -> Callable[[str], str]:
    return lambda prompt: json.dumps({"turns": [{"patient": p, "doctor": d} for p, d in turns]})


def test_a_dialogue_alternates_and_only_the_doctor_is_held_to_the_source() -> None:
    good = talk(("My 3 cats give me pain.", "How long does it last?"), ("Since 5.", "A migraine lasts 4 to 72 hours."))
    (row,), _ = tallied(dialogues([note()], ScriptedModel(good), turns=2, way=TALK))
    assert [m["role"] for m in row.meta["messages"]] == ["user", "assistant"] * 2 and row.meta["kind"] == "dialogue"
    again = talk(("It hurts.", "Migraine is a headache."), ("Is it bad?", "Migraine is a headache."))
    assert tallied(dialogues([note()], ScriptedModel(again), turns=2, way=TALK))[1].refused == {ECHO: 1}
    bad = talk(("It hurts.", "Take 800 mg of ibuprofen."))
    assert tallied(dialogues([note()], ScriptedModel(bad), turns=2, way=TALK))[1].refused == {NUMBER: 1}


@pytest.mark.parametrize(
    ("style", "text", "reason"),
    [
        ("patient", "A migraine is a headache that lasts from 4 to 72 hours, often on one side of the head.", None),
        ("patient", TEXT, COPY),
        ("summary", TEXT.replace("often", "frequently").replace("nausea", "nausea as well") + " Early is best.", LONG),
        ("summary", "Migraine: a headache of 4 to 72 hours with nausea.", None),
        ("simplify", "Drink water, sleep well, exercise daily and avoid stress at work.", WORDS),
    ],
)
def test_a_rewriting_is_neither_a_copy_nor_an_invention(style: Any, text: str, reason: str | None) -> None:
    (outcome,) = rewritten([note()], ScriptedModel(lambda p: json.dumps({"text": text})), style=style, way=FREE)
    assert (outcome.reason if isinstance(outcome, Refused) else None) == reason


def test_a_rewriting_may_stand_alone_as_text() -> None:
    text = "A migraine is a headache that lasts from 4 to 72 hours, often on one side."
    model = ScriptedModel(lambda p: json.dumps({"text": text}))
    (row,) = rewritten([note()], model, style="reword", as_text=True, way=FREE)
    assert isinstance(row, Document) and row.text == text and row.meta["kind"] == "page" and row.meta["from"] == ["n1"]


def test_passages_hold_all_words_in_order_and_none_is_too_long() -> None:
    text = "\n\n".join(" ".join(f"w{p}-{i}" for i in range(n)) + "." for p, n in enumerate((3, 40, 7, 120, 2)))
    found = list(passages(note(text=text), Cut(words=30, least=1)))
    assert " ".join(p.text for p in found).split() == text.split()
    assert max(len(p.text.split()) for p in found) <= 30 and [p.number for p in found] == list(range(len(found)))


def test_a_row_on_two_patients_documents_is_never_made() -> None:
    other = Document("n2", TEXT, "notes", "internal", patient="p2")
    with pytest.raises(ValueError, match="two patients"):
        standing_on([note(), other], "k", "t", "maker", {})


def test_outcomes_are_documents_or_refusals() -> None:
    outcomes: list[Outcome] = list(questions([note()], saying(("What is it?", "Migraine is a headache.")), way=WAY))
    assert [type(outcome) for outcome in outcomes] == [Document, Refused]
