"""The OpenAI routes answer in OpenAI's shape, and refuse by name what they do not take."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

from residency.serve.guard import Guard
from residency.serve.types import Busy, Down, Refused
from serve.api.api_app import api, call, calls, chat
from serve.scripted_engine import ScriptedEngine

ASK = {"messages": [{"role": "user", "content": "What helps against a cold?"}]}


def wrong(reply: Any) -> tuple[int, str | None, str | None]:
    found = reply.json()["error"]
    assert set(found) == {"message", "type", "param", "code"}
    return reply.status_code, found["code"], found["param"]


def data(reply: Any) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in reply.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


# --- what is answered ------------------------------------------------------------------------------------------------


def test_a_chat_is_a_completion_with_what_is_known_of_it():
    app = api(ScriptedEngine("Drink water."))
    reply = chat(app).json()
    assert reply["choices"][0]["message"] == {"role": "assistant", "content": "Drink water."}
    assert (reply["object"], reply["model"], reply["usage"]["total_tokens"]) == ("chat.completion", "scripted", 7)
    assert reply["residency"]["request"] == app.state.record.entries[0].request


def test_a_stream_is_events_that_end_with_done():
    reply = chat(api(ScriptedEngine("Drink water. And rest.")), stream=True, stream_options={"include_usage": True})
    pieces = data(reply)
    text = "".join(c["delta"].get("content") or "" for p in pieces for c in p["choices"])
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert (text, pieces[-1]["usage"]["completion_tokens"]) == ("Drink water. And rest.", 4)
    assert pieces[-2]["residency"]["draft"] is True


def test_settings_reach_the_engine_and_what_is_ours_does_not():
    engine = ScriptedEngine()
    more = {"seed": -1, "stop": ["x"], "top_p": 0.5, "logit_bias": {"7": -1}, "max_completion_tokens": 9}
    chat(api(engine), user="ward 3", metadata={"a": "b"}, residency={"kind": "patient"}, store=False, **more)
    (body,) = engine.asked
    assert (body["seed"], body["max_tokens"], body["stop"], body["logit_bias"]) == (2**32 - 1, 9, ["x"], {"7": -1})
    assert not set(body) & {"user", "metadata", "residency", "store", "max_completion_tokens"}


def test_tools_and_their_calls_go_both_ways():
    call_ = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    engine = ScriptedEngine(lambda body: {"content": None, "tool_calls": [call_]})
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    choice = {"type": "function", "function": {"name": "look"}}
    turns = [*ASK["messages"], {"role": "assistant", "content": None, "tool_calls": [call_]},
             {"role": "tool", "content": "seen", "tool_call_id": "c1"}]  # fmt: skip
    reply = call(api(engine), "POST", "/v1/chat/completions",
                 json={"messages": turns, "tools": tools, "tool_choice": choice})  # fmt: skip
    assert reply.json()["choices"][0]["message"]["tool_calls"] == [call_]
    assert (engine.asked[0]["tool_choice"], engine.asked[0]["messages"][1]["tool_calls"]) == (choice, [call_])


def test_a_json_schema_reaches_the_engine_as_it_is():
    engine = ScriptedEngine("{}")
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}, "strict": True}}
    assert chat(api(engine), response_format=form).status_code == 200
    assert engine.asked[0]["response_format"] == form


def test_scores_of_a_text_completion_stand_in_lists_as_openai_has_them():
    body = {"prompt": "Say", "logprobs": 1}
    reply = call(api(ScriptedEngine("one two")), "POST", "/v1/completions", json=body).json()
    scores = reply["choices"][0]["logprobs"]
    assert (scores["tokens"], scores["token_logprobs"], scores["text_offset"]) == (["one", " two"], [-0.1] * 2, [0, 3])
    streamed = data(call(api(ScriptedEngine("one two")), "POST", "/v1/completions", json={**body, "stream": True}))
    assert "".join(c["text"] for p in streamed for c in p["choices"]) == "one two"


def test_vectors_come_as_numbers_or_as_base64_of_the_same():
    app = api(ScriptedEngine())
    body = {"input": ["one", "two"], "model": "scripted"}
    plain = call(app, "POST", "/v1/embeddings", json=body).json()
    packed = call(app, "POST", "/v1/embeddings", json={**body, "encoding_format": "base64"}).json()
    numbers = struct.unpack("<26f", base64.b64decode(packed["data"][1]["embedding"]))
    assert numbers == pytest.approx(plain["data"][1]["embedding"])
    assert (plain["usage"], plain["data"][1]["index"]) == ({"prompt_tokens": 2, "total_tokens": 2}, 1)


def test_models_are_listed_and_found_by_name_also_with_a_slash():
    app = api(ScriptedEngine(name="runs/latest"), ScriptedEngine(name="b"))
    listed = call(app, "GET", "/v1/models").json()["data"]
    assert [one["id"] for one in listed] == ["runs/latest", "b"]
    assert call(app, "GET", "/v1/models/runs/latest").json() == listed[0]
    assert wrong(call(app, "GET", "/v1/models/c")) == (404, "model_not_found", "model")


def test_health_says_nothing_but_that_it_is_alive():
    assert call(api(ScriptedEngine()), "GET", "/health").json() == {"status": "ok"}


def test_metrics_count_and_hold_no_word():
    app = api(ScriptedEngine("Drink. Water."))
    chat(app, "Is Mrs Quirrell ill, a dose?")
    chat(app, stream=True)
    call(app, "GET", "/v1/nothing/Quirrell")
    text = call(app, "GET", "/metrics").text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert 'residency_http_requests_total{method="POST",route="/v1/chat/completions",status="200"} 2.0' in lines
    assert 'residency_tokens_total{direction="out",model="scripted"} 4.0' in lines
    assert 'residency_guard_rules_total{rule="dosing.asked"} 1.0' in lines
    assert 'residency_first_token_seconds_count{model="scripted"} 1.0' in lines
    assert 'residency_engine_alive{model="scripted"} 1.0' in lines
    assert not [line for line in lines if "Quirrell" in line or "anna" in line]


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "code", "param"),
    [
        ({"functions": []}, "unsupported_parameter", "functions"),
        ({"reasoning_effort": "high"}, "unsupported_parameter", "reasoning_effort"),
        ({"frobnicate": 1}, "unknown_parameter", "frobnicate"),
        ({"temperature": "hot"}, "invalid_value", "temperature"),
        ({"temperature": 3}, "invalid_value", "temperature"),
        ({"max_tokens": 1.5}, "invalid_value", "max_tokens"),
        ({"store": True}, "invalid_value", "store"),
        ({"messages": []}, "invalid_value", "messages"),
        ({"messages": [{"role": "root", "content": "a"}]}, "invalid_value", "messages.0"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "invalid_value", None),
        ({"messages": [{"role": "user"}]}, "invalid_value", "messages.0.content"),
        ({"messages": [{"role": "assistant"}]}, "invalid_request_error", "messages.0.content"),
        ({"top_logprobs": 2}, "invalid_request_error", "top_logprobs"),
        ({"tool_choice": "required"}, "invalid_request_error", "tool_choice"),
        ({"response_format": {"type": "json_schema"}}, "invalid_request_error", "response_format"),
        ({"stream_options": {"include_usage": True}}, "invalid_request_error", "stream_options"),
        ({"n": 2, "stream": True}, "unsupported_parameter", "n"),
    ],
)  # fmt: skip
def test_what_is_not_taken_is_refused_by_its_name(more: dict[str, Any], code: str, param: str | None):
    found = wrong(call(api(ScriptedEngine()), "POST", "/v1/chat/completions", json={**ASK, **more}))
    assert found[:2] == (400, code)
    assert param is None or found[2] == param


def test_fields_that_are_null_are_as_if_they_were_not_there():
    nothing = dict.fromkeys(["stop", "n", "functions", "tools", "response_format", "seed", "stream", "user"])
    assert call(api(ScriptedEngine()), "POST", "/v1/chat/completions", json={**ASK, **nothing}).status_code == 200


def test_tokens_instead_of_text_are_refused_clearly():
    app = api(ScriptedEngine())
    embed = call(app, "POST", "/v1/embeddings", json={"input": [[1, 2]], "model": "scripted"})
    complete = call(app, "POST", "/v1/completions", json={"prompt": [1, 2, 3]})
    width = call(app, "POST", "/v1/embeddings", json={"input": "a", "dimensions": 8})
    assert wrong(embed) == (400, "unsupported_parameter", "input")
    assert wrong(complete) == (400, "unsupported_parameter", "prompt")
    assert wrong(width) == (400, "unsupported_parameter", "dimensions")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"messages": NaN}',
        b'{"temperature": 1e999}',
        b'{"messages": [{"role": "user", "content": "a\\u0000b"}]}',
        b'{"messages": [{"role": "user", "content": "a\\ud800b"}]}',
        b'{"messages": "\xff\xfe"}',
        b"[" * 100_000,
        b'{"a":' * 90 + b"1" + b"}" * 90,
        b"1" * 5000,
    ],
)
def test_what_is_no_json_of_ours_is_refused(body: bytes):
    headers = {"content-type": "application/json"}
    reply = call(api(ScriptedEngine()), "POST", "/v1/chat/completions", content=body, headers=headers)
    assert wrong(reply)[:2] == (400, "invalid_json")


def test_json_of_another_shape_and_another_type_of_content_are_refused():
    app = api(ScriptedEngine())
    for body in ("[]", '"text"', "7", "null"):
        how = {"content": body, "headers": {"content-type": "application/json"}}
        assert call(app, "POST", "/v1/chat/completions", **how).status_code == 400
    how = {"content": json.dumps(ASK), "headers": {"content-type": "text/plain"}}
    assert call(app, "POST", "/v1/chat/completions", **how).status_code == 400


def test_brackets_within_texts_are_not_counted_as_depth():
    assert chat(api(ScriptedEngine()), '{[("' * 500 + "\\").status_code == 200


def test_a_body_that_is_too_large_is_cut_off_announced_or_not():
    app = api(ScriptedEngine(), most_body=2000)
    body = json.dumps({"messages": [{"role": "user", "content": "a" * 5000}]}).encode()

    async def pieces() -> Any:
        for at in range(0, len(body), 500):
            yield body[at : at + 500]

    headers = {"content-type": "application/json"}
    announced = call(app, "POST", "/v1/chat/completions", content=body, headers=headers)
    coming = call(app, "POST", "/v1/chat/completions", content=pieces(), headers=headers)
    assert wrong(announced)[:2] == wrong(coming)[:2] == (413, "request_too_large")


def test_a_prompt_past_the_context_says_how_long_it_is():
    reply = chat(api(ScriptedEngine(context=3)))
    assert wrong(reply) == (400, "context_length_exceeded", "messages")
    assert "5 tokens" in reply.json()["error"]["message"]


def test_unknown_models_paths_and_methods_are_refused_in_openais_shape():
    app = api(ScriptedEngine())
    assert wrong(chat(app, model="gpt-9")) == (404, "model_not_found", "model")
    assert wrong(call(app, "GET", "/v1/unheard")) == (404, "not_found", None)
    assert wrong(call(app, "DELETE", "/v1/models")) == (405, "method_not_allowed", None)


@pytest.mark.parametrize(
    ("fault", "status", "code", "after"),
    [
        (Busy(7), 429, "queue_full", "7"),
        (Down(3), 503, "model_unavailable", "3"),
        (Refused("no", code="invalid_schema"), 400, "invalid_schema", None),
    ],
)
def test_an_engine_that_cannot_is_told_with_when_to_come_back(
    fault: Exception, status: int, code: str, after: str | None
):
    for stream in (False, True):
        reply = chat(api(ScriptedEngine(lambda body: fault)), stream=stream)
        assert wrong(reply)[:2] == (status, code)
        assert reply.headers.get("retry-after") == after


def test_a_full_queue_sends_some_back_and_answers_the_others():
    app = api(ScriptedEngine("a b c", delay=0.02, at_once=1, queue=1))
    replies = calls(app, *[("POST", "/v1/chat/completions", {"json": ASK})] * 5)
    assert sorted(reply.status_code for reply in replies) == [200, 200, 429, 429, 429]
    assert len(app.state.record.entries) == 5


def test_without_a_record_nothing_is_answered():
    app = api(ScriptedEngine())
    app.state.record.gone = True
    for stream in (False, True):
        assert wrong(chat(app, stream=stream)) == (503, "record_unavailable", None)


def test_an_engine_that_breaks_in_mid_stream_ends_it_with_an_error_and_without_done():
    reply = chat(api(ScriptedEngine("One. Two. Three.", breaks_after=3)), stream=True)
    lines = [line for line in reply.text.split("\n\n") if line]
    assert json.loads(lines[-1].removeprefix("data: "))["error"]["code"] == "model_unavailable"
    assert "[DONE]" not in reply.text


def test_a_fault_of_ours_tells_nothing_of_what_was_asked():
    def broken(body: dict[str, Any]) -> Exception:
        return KeyError(body["messages"][0]["content"])

    reply = chat(api(ScriptedEngine(broken)), "Mrs Quirrell is ill")
    streamed = chat(api(ScriptedEngine(broken)), "Mrs Quirrell is ill", stream=True)
    assert (reply.status_code, streamed.status_code) == (500, 500)
    assert "Quirrell" not in reply.text + streamed.text


def test_errors_never_repeat_what_was_sent():
    secret = "Mrs Quirrell of ward 3"
    app = api(ScriptedEngine())
    bad = [{**ASK, secret: 1}, {**ASK, "temperature": secret}, {"messages": [{"role": secret, "content": secret}]},
           {**ASK, "model": secret}, {**ASK, "tools": [{"type": secret}]}]  # fmt: skip
    for body in bad:
        reply = call(app, "POST", "/v1/chat/completions", json=body)
        assert reply.status_code in (400, 404)
        assert "Quirrell" not in reply.text


def test_a_rule_answers_each_prompt_of_several_and_reads_all_of_them():
    app = api(ScriptedEngine(), guard=Guard())
    prompts = [*(f"What is a cold, number {at}?" for at in range(7)), "I want to kill myself", *["What is a flu?"] * 7]
    reply = call(app, "POST", "/v1/completions", json={"prompt": prompts, "max_tokens": 4}).json()
    assert [choice["index"] for choice in reply["choices"]] == list(range(15))
    assert len({choice["text"] for choice in reply["choices"]}) == 1 and reply["residency"]["urgency"] == "emergency"


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("/v1/embeddings", {"input": 7}, "input"),
        ("/v1/completions", {"prompt": {"a": 1}}, "prompt"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
    ],
)
def test_a_place_is_a_field_and_no_name_of_a_library(path, body, place):
    found = call(api(ScriptedEngine()), "POST", path, json=body).json()["error"]
    assert found["param"] == place and found["message"].startswith(f"{place} ") and "str" not in found["message"]
