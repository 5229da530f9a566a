"""Translation with a way back: what keeps its numbers, marks and sense is kept; all else is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sacrebleu.metrics import CHRF

from residency.core.types import Document
from residency.corpus.make.measures import same_numbers
from residency.corpus.make.passages import Cut
from residency.corpus.make.rows import Refused, Tally, kept
from residency.corpus.make.translate import (
    BACK,
    COUNT,
    EMPTY,
    FAR,
    MARKS,
    NOTHING,
    NUMBERS,
    SAME,
    chrf,
    translated,
)
from residency.models.scripted import ScriptedModel

WORDS = {
    "Take 2.5 mg of it daily.": "Tome 2,5 mg al día.",
    "Who is {name}?": "¿Quién es {name}?",
    "yes": "sí",
    "no": "no",
}


def translator(words: dict[str, str], **wrong: str) -> ScriptedModel:
    """Return a model that translates by a table, both ways; ``wrong`` are other words for the way back."""
    back = {value: key for key, value in words.items()} | wrong

    def say(prompt: str) -> str:
        texts = json.loads(prompt.split("\n\n")[1])
        table = words if "from English" in prompt else back
        return json.dumps({"texts": [table.get(text, text) for text in texts]})

    return ScriptedModel(say)


def chat(*turns: str, **fields: Any) -> Document:
    messages = [{"role": role, "content": text} for role, text in zip(("user", "assistant"), turns, strict=False)]
    return Document(
        "d1", "\n\n".join(turns), "own", "internal", meta={"kind": "instruction", "messages": messages}, **fields
    )


def reason(document: Document, model: ScriptedModel, **settings: Any) -> str | None:
    (outcome,) = translated([document], model, to="es", **settings)
    return outcome.reason if isinstance(outcome, Refused) else None


def test_a_row_is_translated_turn_by_turn_and_keeps_its_origin() -> None:
    document = chat("Who is {name}?", "Take 2.5 mg of it daily.", patient="p", date="2024")
    (row,) = translated([document], translator(WORDS), to="es")
    assert isinstance(row, Document)
    assert [m["content"] for m in row.meta["messages"]] == ["¿Quién es {name}?", "Tome 2,5 mg al día."]
    assert (row.id, row.language, row.patient, row.date, row.text) == (
        "d1:es", "es", "p", "2024", "¿Quién es {name}?\n\nTome 2,5 mg al día.",
    )  # fmt: skip
    assert row.meta["way_back"] == 100.0 and row.meta["from"] == ["d1"]
    assert document.meta["messages"][0]["content"] == "Who is {name}?"


@pytest.mark.parametrize(
    ("text", "into", "expected"),
    [
        ("Take 2.5 mg of it daily.", "Tome 25 mg al día.", NUMBERS),
        ("Take 2.5 mg of it daily.", "Tome 2,5 g al día.", NUMBERS),
        ("Take 2.5 mg of it daily.", "Tome al día.", NUMBERS),
        ("Who is {name}?", "¿Quién es {nombre}?", MARKS),
        ("See [1] and <b>.", "Vea [1].", MARKS),
        ("Take it daily.", "", EMPTY),
        ("Take this one every day please.", "Take this one every day please.", SAME),
    ],
)
def test_a_translation_with_a_fault_is_refused(text: str, into: str, expected: str) -> None:
    assert reason(chat(text), translator({text: into})) == expected


def test_a_way_back_that_leads_elsewhere_is_refused() -> None:
    text, into = "Take one tablet in the evening.", "Tome una tableta por la noche."
    there = translator({text: into}, **{into: "Buy a house near the sea."})
    assert reason(chat(text), there) == FAR
    assert reason(chat(text), there, similar=lambda a, b: [90.0] * len(a)) is None
    assert reason(chat(text), there, least=0.0) is None


def test_more_texts_no_texts_and_unread_ways_back_are_counted() -> None:
    assert reason(chat("A text."), ScriptedModel(lambda p: '{"texts": ["a", "b"]}')) == COUNT
    assert reason(Document("x", " ", "own", "internal"), translator({})) == NOTHING
    replies = iter(['{"texts": ["Un texto."]}', "not JSON"])
    assert reason(chat("A text."), ScriptedModel(lambda p: next(replies))) == BACK


def test_running_text_is_translated_by_passages() -> None:
    document = Document("d2", "Take 2.5 mg of it daily.\n\nyes", "own", "internal", meta={"kind": "note"})
    tally = Tally()
    rows = list(kept(translated([document], translator(WORDS), to="es", cut=Cut(words=6, least=1)), tally))
    assert [row.text for row in rows] == ["Tome 2,5 mg al día.", "sí"] and [row.id for row in rows] == [
        "d2:0:es",
        "d2:1:es",
    ]


def test_rows_of_different_length_in_one_batch_come_back_in_their_order() -> None:
    documents = [chat("yes"), chat("Who is {name}?", "no"), chat("no"), chat("yes", "Take 2.5 mg of it daily.")]
    rows = [row.text for row in translated(documents, translator(WORDS), to="es") if isinstance(row, Document)]
    assert rows == ["sí", "¿Quién es {name}?\n\nno", "no", "sí\n\nTome 2,5 mg al día."]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2.5 mg", "2,5 mg", True),
        ("1,000 ml", "1.000 ml", True),
        ("10 000 ml", "10,000 ml", True),
        ("25 mg", "2,5 mg", False),
        ("5 mg", "5 mg 5 mg", False),
        ("3 days", "3 días", True),
        ("3 days", "tres días", False),
        ("5 mg", "5 mcg", False),
        ("37 °C", "37 °C", True),
        ("5 UI", "5 IU", True),
        ("50 %", "50%", True),
    ],
)
def test_numbers_are_compared_across_languages(one: str, other: str, same: bool) -> None:
    assert same_numbers(one, other) is same and same_numbers(other, one) is same


def test_the_measure_is_sacrebleus_chrf() -> None:
    assert chrf(["a fever"], ["the fever"]) == [CHRF().sentence_score("a fever", ["the fever"]).score]
