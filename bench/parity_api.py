"""The service beside llama.cpp's own server, by the official client, on the same GGUF: every answer field by field.

    python bench/parity_api.py [--model FILE.gguf] [--threads N] [--json]

Each case is put to both by the unchanged ``openai`` client, greedily or by a seed, and what the client parsed is laid
side by side. "same" is equal in type and value; scores of tokens are equal to 0.02 nats (batches differ in rounding).
What differs on purpose has its reason beside it. Exits 1 where something differs without one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai

from parts.service_process import llama_server, packaged, service

Client = openai.OpenAI
Fields = dict[str, Any]
SLOTS, CONTEXT, NEAR = 4, 512, 0.02
ASK: Any = [{"role": "user", "content": "What is a compass? Say it in one sentence."}]
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "convert",
        "description": "Convert a length",
        "parameters": {
            "type": "object",
            "properties": {"metres": {"type": "integer"}},
            "required": ["metres"],
            "additionalProperties": False,
        },
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "green"]}, "size": {"type": "integer"}},
    "required": ["colour", "size"],
    "additionalProperties": False,
}
WHY = {
    "models.*": "the service lists its own models, with their hashes",
    "tools.*": "a tool that is required is called: the answer is held to its schema; llama.cpp leaves it open",
    "unknown-role.*": "the service takes OpenAI's roles; llama.cpp puts any word into the template",
    "legacy.choices.0.logprobs.*": "four lists as OpenAI has them; llama.cpp gives those of a chat",
    "too-long.status": "both refuse",
    "too-long.code": "OpenAI's code, and the numbers in words",
    "unknown-model.*": "llama.cpp answers with the model it has, whatever is asked for",
    "unknown-field.*": "the service refuses by name what it does not know",
    "wrong-type.*": "400 as OpenAI has it",
    "*.message": "errors are in our own words, which never repeat the prompt",
    "*.type": "errors have OpenAI's types",
    "*.param": "the service names the field",
    "*.code": "llama.cpp repeats the status",
    "embedding.*": "vectors come from the packaged encoder; llama.cpp gives none of a chat model",
    "*.usage.prompt_tokens_details": "what the other's earlier questions left in the cache",
}
"""What differs on purpose, by case and field (* is any), and why."""


def chat(client: Client, **how: Any) -> Fields:
    """Return what the client parsed of a chat completion."""
    return _plain(client.chat.completions.create(**{"model": "m", "messages": ASK, "max_tokens": 24, **how}))


def streamed(client: Client, **how: Any) -> Fields:
    """Return a stream put together, and how it ended."""
    pieces = list(client.chat.completions.create(
        model="m", messages=ASK, max_tokens=24, stream=True, stream_options={"include_usage": True}, **how
    ))  # fmt: skip
    choices = [choice for piece in pieces for choice in piece.choices]
    last = pieces[-1]
    return {
        "object": pieces[0].object,
        "role": next(choice.delta.role for choice in choices if choice.delta.role),
        "content": "".join(choice.delta.content or "" for choice in choices),
        "finish_reason": choices[-1].finish_reason,
        "usage": last.usage.model_dump() if last.usage else None,
        "last_choices": last.choices,
    }


def called(client: Client, **how: Any) -> Fields:
    """Return the call of a tool, without its random id; of a model that did not get so far, how it ended."""
    choice = chat(client, tools=[TOOL], tool_choice="required", max_tokens=200, temperature=0, **how)["choices"][0]
    calls = choice["message"]["tool_calls"] or ()
    functions = [(call["type"], call["function"]["name"], call["function"]["arguments"]) for call in calls]
    return {"finish_reason": choice["finish_reason"], "calls": functions, "content": choice["message"]["content"]}


def refused(client: Client, **how: Any) -> Fields:
    """Return what is told of a request that is refused."""
    try:
        reply = chat(client, **how)
    except openai.APIStatusError as error:
        found: Any = error.body if isinstance(error.body, dict) else {}
        return {"status": error.status_code} | {k: found.get(k) for k in ("message", "type", "param", "code")}
    return {"status": 200, "finish_reason": reply["choices"][0]["finish_reason"], "content": "(an answer)"}


def form(schema: Any) -> Any:
    """Return a response format."""
    return {"type": "json_schema", "json_schema": {"name": "thing", "schema": schema, "strict": True}}


CASES: dict[str, Callable[[Client], Fields]] = {
    "chat": lambda c: chat(c, temperature=0),
    "seed": lambda c: chat(c, temperature=0.8, seed=7, top_p=0.9),
    "stop": lambda c: chat(c, temperature=0, stop=["a", "e"]),
    "length": lambda c: chat(c, temperature=0, max_tokens=3),
    "system": lambda c: chat(c, temperature=0, messages=[{"role": "system", "content": "Be brief."}, *ASK]),
    "parts": lambda c: chat(
        c, temperature=0, messages=[{"role": "user", "content": [{"type": "text", "text": "Name a colour."}]}]
    ),
    "logprobs": lambda c: chat(c, temperature=0, logprobs=True, top_logprobs=2, max_tokens=6),
    "penalty": lambda c: chat(c, temperature=0, frequency_penalty=1.5, presence_penalty=0.5),
    "bias": lambda c: chat(c, temperature=0, logit_bias={"5": -50}),
    "schema": lambda c: chat(c, temperature=0, response_format=form(SCHEMA), max_tokens=48),
    "stream": lambda c: streamed(c, temperature=0),
    "stream-seed": lambda c: streamed(c, temperature=0.8, seed=3),
    "stream-schema": lambda c: streamed(c, temperature=0, response_format=form(SCHEMA)),
    "tools": called,
    "completion": lambda c: _plain(c.completions.create(model="m", prompt="The sky is", max_tokens=12, temperature=0)),
    "legacy": lambda c: _plain(
        c.completions.create(model="m", prompt="The sky is", max_tokens=4, temperature=0, logprobs=2)
    ),
    "models": lambda c: _plain(c.models.list()),
    "too-long": lambda c: refused(c, messages=[{"role": "user", "content": "word " * 3000}]),
    "wrong-type": lambda c: refused(c, temperature="hot"),
    "unknown-role": lambda c: refused(c, messages=[{"role": "root", "content": "a"}]),
    "unknown-field": lambda c: refused(c, extra_body={"frobnicate": 1}),
    "unknown-model": lambda c: refused(c, model="gpt-9", max_tokens=2),
}
APART = ("id", "created", "model", "system_fingerprint", "residency", "timings", "service_tier")
"""Fields that are each server's own: names and times."""


def main() -> None:
    """Put each case to both, print what differs, and exit 1 where that is not on purpose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="", help="a GGUF (default: the packaged one)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = compared(args.model or packaged(), args.threads)
    if args.json:
        print(json.dumps(rows))
    else:
        print("\n".join(f"{row['case']:14s} {row['verdict']:8s} {row['field']}  {row['told']}" for row in rows))
    sys.exit(any(row["verdict"] == "differs" for row in rows))


def compared(model: str, threads: int) -> list[dict[str, str]]:
    """Return a row for each case that is the same in all fields, and for each field that is not."""
    options = ["--parallel", str(SLOTS), "--context", str(CONTEXT)]
    with tempfile.TemporaryDirectory() as folder, service(Path(folder), model, options, threads=threads) as running:
        client = Client(base_url=f"{running.url}/v1", api_key=running.key, max_retries=0)
        named = _named(client, client.models.list().data[0].id)
        ours = {case: put(named) for case, put in CASES.items()}
    with llama_server(model, parallel=SLOTS, context=CONTEXT, threads=threads) as url:
        client = Client(base_url=f"{url}/v1", api_key="none", max_retries=0)
        theirs = {case: put(client) for case, put in CASES.items()}
    return [row for case in CASES for row in rows_of(case, dict(flat(ours[case])), dict(flat(theirs[case])))]


def _named(client: Client, name: str) -> Client:
    """Return a client that asks for "m" and gets the model of a name."""
    create, complete = client.chat.completions.create, client.completions.create

    def named(make: Callable[..., Any]) -> Callable[..., Any]:
        return lambda **how: make(**{**how, "model": name if how["model"] == "m" else how["model"]})

    client.chat.completions.create, client.completions.create = named(create), named(complete)  # type: ignore[method-assign]
    return client


def rows_of(case: str, ours: Fields, theirs: Fields) -> Iterator[dict[str, str]]:
    """Yield what differs of a case, or that nothing does."""
    found = [
        {"case": case, "field": field, "verdict": "purpose" if (why := reason(case, field)) else "differs",
         "told": why or f"ours {ours.get(field, 'absent')!r:.60}, llama.cpp's {theirs.get(field, 'absent')!r:.60}"}
        for field in sorted({*ours, *theirs})
        if not equal(ours.get(field, "absent"), theirs.get(field, "absent"))
    ]  # fmt: skip
    yield from found
    if not any(row["verdict"] == "differs" for row in found):
        yield {"case": case, "field": f"{len(ours)} fields", "verdict": "same", "told": ""}


def reason(case: str, field: str) -> str:
    """Return why a field may differ; "" where it may not."""
    for place, why in WHY.items():
        known, _, rest = place.partition(".")
        inside = rest == "*" or field == rest or (rest.endswith(".*") and field.startswith(rest[:-1])) or (
            field.startswith(f"{rest}."))  # fmt: skip
        if (known == case or (known == "*" and (rest.startswith("usage") or case_refuses(case)))) and inside:
            return why
    return ""


def case_refuses(case: str) -> bool:
    """Return whether a case is one that is refused."""
    return case in ("too-long", "wrong-type", "unknown-role", "unknown-field", "unknown-model")


def equal(one: Any, other: Any) -> bool:
    """Return whether two values are the same; numbers with a fraction are if they are near."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= NEAR
    return type(one) is type(other) and bool(one == other)


def flat(found: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value of a reply with its place; values that are null are as if they were not there."""
    if isinstance(found, dict):
        for name, value in found.items():
            if place or name not in APART:
                yield from flat(value, f"{place}.{name}" if place else name)
    elif isinstance(found, list):
        for at, value in enumerate(found):
            yield from flat(value, f"{place}.{at}")
    elif found is not None:
        yield place, found


def _plain(reply: Any) -> Fields:
    found: Fields = reply.model_dump()
    return found


if __name__ == "__main__":
    main()
