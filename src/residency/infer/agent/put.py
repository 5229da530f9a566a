"""How a question is put to an agent: the tools that are offered and how to reply, then calls and results as turns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from residency.core.types import Message
from residency.infer.agent.guard import values_alone
from residency.infer.evidence import Evidence, harmless, laid_before
from residency.infer.orders import without_orders
from residency.infer.tools.inputs import Choice, Input, Quantity, Refusal, Whole, Yes
from residency.infer.tools.tool import Result, Tool

HEAD = (
    "Answer the question. You may use tools. Reply with one line of JSON and nothing else.\n"
    'To use a tool: {"tool": NAME, "arguments": {...}}\n'
    'To answer, when the results suffice: {"answer": TEXT}, or {"answer": null} if you cannot know.'
)
LAST = 'No more tools can be used. Reply with {"answer": TEXT}, or {"answer": null} if you cannot know.'
UNREADABLE = "That was no legal JSON of a call or an answer. Reply with one line of JSON and nothing else."
UNFOUNDED = "Nothing was found yet that an answer can stand on. Use a tool, or reply with null."
INVENTED = "A number of that answer stands in no result. Answer from the results alone, or with null."
UNSUPPORTED = "Give the number or the words of a result or a text in your answer, or reply with null."
WORDS = {"no data": "nothing is known of that here", "hung": "the tool took too long", "raised": "the tool failed",
         "meaning": "these inputs do not go together"}  # fmt: skip
"""What is told of refusals whose own words may stem from a text."""
NEXT = 'If that suffices, reply with {"answer": TEXT}.'
READ = 'Answer from the evidence and the results alone. Reply with {"answer": TEXT}, or {"answer": null}.'


def opening(question: str, tools: Sequence[Tool]) -> Message:
    """Return the first turn: how to reply, the tools, and the question."""
    listed = "\n".join(line(tool) for tool in tools)
    offered = f"{HEAD}\nTools:\n{listed}" if tools else LAST
    return {"role": "user", "content": f"{offered}\n\nQuestion: {harmless(question)}"}


def line(tool: Tool) -> str:
    """Return a tool in a line: its name, what it is, what it takes."""
    taken = "; ".join(f"{name}{_kind(one)}" for name, one in tool.inputs.items())
    return f"- {tool.name}: {tool.about}. Takes {taken or 'nothing'}"


def _kind(one: Input) -> str:
    words = ""
    if isinstance(one, Quantity):
        words = one.unit
    elif isinstance(one, Choice):
        words = "|".join(one.legal) if len(one.legal) <= 8 else "a name"
    elif isinstance(one, Whole):
        words = f"{one.low} to {one.high}"
    elif isinstance(one, Yes):
        words = "true|false"
    return f" ({words})" if words and words != "1" else ""


def turns(tool: str, arguments: Any, told: str) -> list[Message]:
    """Return a call and what is told of it as two turns."""
    called = json.dumps({"tool": tool, "arguments": arguments}, ensure_ascii=False)
    return [{"role": "assistant", "content": harmless(called)}, {"role": "user", "content": told}]


def told(outcome: Result | Refusal, own: bool, *, inside: bool = True) -> str:
    """Return what whoever chooses the next call is told: values, our own words, and how many texts are kept apart.

    ``inside``: the outcome is the tool's, whose words are not told where they may not be its ``own``.
    """
    if isinstance(outcome, Refusal):
        return f"Refused: {outcome.says if own or not inside else WORDS.get(outcome.kind, WORDS['raised'])}."
    if own and not outcome.evidence:
        return f"Result: {harmless(outcome.words())}. {NEXT}"
    values = "; ".join(str(value) for value in values_alone(outcome))
    kept = len(outcome.evidence) + bool(outcome.says and not own)
    apart = f"{kept} text{'s' * (kept != 1)} found and kept for the answer" if kept else "no text found"
    return f"Result: {f'{harmless(values)}; ' if values else ''}{apart}. {NEXT}"


def given(name: str, outcome: Result, own: bool) -> str:
    """Return what a result says that an answer may stand on, in a line; "" where it gave texts alone, or nothing."""
    values = "; ".join(str(value) for value in values_alone(outcome))
    words = outcome.words() if own and not outcome.evidence and (outcome.values or outcome.says) else values
    return f"{name}: Result: {words}." if words else ""


def reading(question: str, results: Sequence[str], evidence: Sequence[Evidence]) -> list[Message]:
    """Return what the answer is written from: the evidence, fenced and without orders, results, question; no tool."""
    found = "".join(f"\n{result}" for result in results)
    asked = {"role": "user", "content": f"{READ}{found}\n\nQuestion: {harmless(question)}"}
    return laid_before([asked], without_orders(evidence)[0])
