"""One form for every extraction: asked, held to a schema, and read by where the phrases stand."""

from __future__ import annotations

import json

import pytest

from residency.core.types import Span
from residency.evaluate.tasks.form import Ask, example_of
from residency.infer.prompts.extraction import answer_of, extract, messages, read, schema
from residency.infer.prompts.prompt import Prompt
from residency.models.scripted import ScriptedModel

TEXT = "Fever and cough; no fever at night."


class Held(ScriptedModel):
    """Remembers the schema that it was held to."""

    def generate(self, prompts, *, schema=None, **settings):
        self.schema = schema
        return super().generate(prompts, **settings)


@pytest.mark.parametrize("labels", [("Sign",), ("Sign", "Time")])
@pytest.mark.parametrize("words", [(), (("turned", True),), (("opening", "Read."),)])
def test_a_task_and_a_caller_ask_with_the_same_words(labels, words):
    one = Prompt("a", "extract", instruction="Find them.", words=words)
    item = {"id": "1", "text": TEXT, "entities": []}
    assert messages(one, TEXT, labels) == example_of("extract", Ask("", labels).by(one), item, task="t").prompt


def test_every_occurrence_of_a_phrase_is_a_span_and_what_is_not_there_is_counted():
    model = Held(lambda said: '["cough", "fever", "rash"]')
    (found,) = extract(model, [TEXT], ("Sign",), Prompt("a", "extract"))
    assert {(s.start, s.end) for s in found.spans} == {(10, 15), (20, 25)}
    assert found.absent == 1 and found.parsed and model.schema == {"type": "array", "items": {"type": "string"}}


def test_of_several_labels_a_reply_names_phrase_and_label():
    reply = json.dumps([{"text": "night", "label": "Time"}, {"text": "cough", "label": "Sign"}])
    found = read(reply, TEXT, ("Sign", "Time"))
    assert set(found.spans) == {Span(29, 34, "Time"), Span(10, 15, "Sign")}
    assert schema(("Sign", "Time"))["items"]["properties"]["label"]["enum"] == ["Sign", "Time"]


def test_what_is_no_list_and_an_abstention_are_not_parsed():
    assert not read("no idea", TEXT, ("Sign",)).parsed
    assert not extract(ScriptedModel(lambda said: None), [TEXT], ("Sign",), Prompt("a", "extract"))[0].parsed


def test_an_answer_is_read_back_to_its_spans():
    spans = [Span(0, 5, "Sign"), Span(29, 34, "Time")]
    assert read(answer_of(spans, TEXT, ("Sign", "Time")), TEXT, ("Sign", "Time")).spans == spans
