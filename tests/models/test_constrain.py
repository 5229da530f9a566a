"""Replies held to a JSON schema: a model with random weights must obey too, and be itself in what is left open."""

from __future__ import annotations

import json

import pytest

from residency.core.errors import Unsupported
from residency.core.types import Example
from residency.evaluate.schema import schema_of
from residency.models.load import load, of_stage, open_source
from residency.models.pack import Block

WORDS = ["sky", "the cat is red", "blood", "one two three", "grass ?", "é", '"[', "{}"]
PROMPTS = [[{"role": "user", "content": text}] for text in WORDS]
SHORT = {"type": "string", "maxLength": 4}
LABELLED = {
    "type": "object",
    "properties": {"text": SHORT, "label": {"type": "string", "enum": ["Disease", 'Drug "x"']}},
    "required": ["text", "label"],
    "additionalProperties": False,
}
BOUNDED = {
    "one of": {"type": "string", "enum": ["yes", "no", "maybe", 'a "b", é']},
    "phrases": {"type": "array", "items": SHORT, "maxItems": 3},
    "pairs": {"type": "array", "maxItems": 2, "items": {"type": "array", "items": SHORT, "minItems": 2, "maxItems": 2}},
    "labelled": {"type": "array", "items": LABELLED, "maxItems": 2},
}
"""Schemas whose longest answer fits into ROOM."""
ROOM = 200


@pytest.fixture(scope="module")
def model(toy_bytes):
    return open_source(of_stage(toy_bytes), type="fp32")


def obeys(value, schema):
    """Return whether a value is what a schema asks for (the keywords used here)."""
    if "enum" in schema:
        return value in schema["enum"]
    if schema["type"] == "string":
        return isinstance(value, str) and len(value) <= schema.get("maxLength", 10**9)
    if schema["type"] == "array":
        fits = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10**9)
        return isinstance(value, list) and fits and all(obeys(item, schema["items"]) for item in value)
    parts = schema["properties"]
    return isinstance(value, dict) and list(value) == list(parts) and all(obeys(value[k], parts[k]) for k in parts)


@pytest.mark.parametrize("how", [{}, {"temperature": 1.5, "seed": 1}, {"temperature": 3.0, "seed": 2}])
@pytest.mark.parametrize("name", BOUNDED)
def test_every_reply_obeys_its_schema_whatever_the_weights_say(name, how, model):
    replies = model.generate(PROMPTS, max_tokens=ROOM, schema=BOUNDED[name], **how)
    assert [r.finish for r in replies] == ["stop"] * len(PROMPTS)
    assert all(obeys(json.loads(r.text), BOUNDED[name]) for r in replies), [r.text for r in replies]
    free = model.generate(PROMPTS, max_tokens=ROOM, **how)
    assert not any(r.text.startswith(("[", '"')) for r in free), "the weights alone should not obey"


def test_drawn_replies_differ_within_the_schema(model):
    replies = model.generate(PROMPTS[:1], max_tokens=ROOM, schema=BOUNDED["phrases"], temperature=2.0, n=20)
    texts = {r.text for r in replies}
    assert len(texts) > 10 and {len(json.loads(t)) for t in texts} >= {0, 1, 2}


@pytest.mark.parametrize("name", BOUNDED)
def test_a_batch_writes_what_each_prompt_gets_alone_and_a_stream_too(name, model):
    together = model.generate(PROMPTS, max_tokens=ROOM, schema=BOUNDED[name])
    alone = [model.generate([p], max_tokens=ROOM, schema=BOUNDED[name])[0] for p in PROMPTS]
    assert [r.text for r in together] == [r.text for r in alone]
    assert [r.tokens for r in together] == [r.tokens for r in alone]
    for prompt, reply in zip(PROMPTS, together, strict=True):
        assert "".join(model.stream(prompt, max_tokens=ROOM, schema=BOUNDED[name])) == reply.text


def test_what_has_no_end_is_cut_by_its_room_and_said_to_be(model):
    endless = {"type": "array", "items": {"type": "string", "minLength": 200}, "minItems": 1}
    for reply in model.generate(PROMPTS, max_tokens=20, schema=endless):
        assert reply.finish == "length" and reply.tokens == 20 and reply.text.startswith('["')
        with pytest.raises(json.JSONDecodeError):
            json.loads(reply.text)


def test_among_what_is_allowed_the_likelier_is_written(model):
    options = ["A", "B", "C", "D"]
    replies = model.generate(PROMPTS, max_tokens=9, schema={"type": "string", "enum": options})
    chosen = [json.loads(r.text) for r in replies]
    assert len(set(chosen)) > 1, "the prompts should not all get the same letter"
    for prompt, choice in zip(PROMPTS, chosen, strict=True):
        scores = model.loglik([prompt] * 4, [f'"{o}' for o in options])
        assert choice == options[max(range(4), key=lambda i: scores[i].total)]


def test_the_log_probability_is_the_one_before_the_constraint(model):
    for prompt, reply in zip(PROMPTS, model.generate(PROMPTS, max_tokens=9, schema={"enum": ["A", "B"]}), strict=True):
        written = [*model.encode(reply.text), model.end]
        found = model.score([Block(model.encode_prompt(prompt), [written], [0])])[0]
        assert len(written) == reply.tokens and reply.logprob == pytest.approx(found.total, abs=1e-3)


@pytest.mark.parametrize("ask", ["generate", "stream"])
def test_a_schema_that_cannot_be_followed_is_refused_before_anything_is_written(ask, model):
    prompt = PROMPTS[0] if ask == "stream" else PROMPTS
    with pytest.raises(Unsupported, match="cannot follow this JSON schema"):
        list(getattr(model, ask)(prompt, max_tokens=2, schema={"type": "array", "uniqueItems": True, "not": {}}))


def test_the_packaged_model_obeys_the_schemas_of_our_tasks():
    model = load("smollm2-135m", type="fp32")
    meta = {"labels": ["PERSON", "CITY"]}
    asked = [{"role": "user", "content": "List who and what is named: Ann Lee went to Rome with Bo Ek."}]
    example = Example("1", asked, [], choices=["yes", "no", "maybe"], meta=meta)
    for kind in ("choice", "extract", "relate"):
        schema = schema_of(kind, example)
        (reply,) = model.generate([asked], max_tokens=64, schema=schema)
        assert reply.finish == "length" or obeys(json.loads(reply.text), schema), kind
        assert reply.text.startswith('"' if kind == "choice" else "[")
    assert obeys(json.loads(model.generate([asked], max_tokens=9, schema=schema_of("choice", example))[0].text),
                 schema_of("choice", example))  # fmt: skip
