"""The agent's loop: the model chooses a call or answers, within limits of steps, time and tokens; all of it is kept.

What chooses a call sees the question, the tools and values, never a text of others (the pattern of two models, one of
them quarantined: Debenedetti 2025, Defeating Prompt Injections by Design, arXiv 2503.18813). Texts are read once, at
the end, where nothing can be called. So an order in a text cannot cause a call; it can bend the words of the answer,
which the reader of the answer must check, and it can state a wrong value.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from residency.core.types import Message, Model
from residency.infer.agent import put
from residency.infer.agent.choice import answer_schema, can_be_called, nearest, schema
from residency.infer.agent.guard import Stock, invented, stands_on, unmentioned, unstated, values_alone
from residency.infer.agent.kept import measure_reader
from residency.infer.agent.limits import within
from residency.infer.agent.transcript import Call, Transcript, Turn
from residency.infer.evidence import CHART, Evidence
from residency.infer.tools.inputs import Refusal, Refused
from residency.infer.tools.tool import Result, Tool, call, read

STEP_TOKENS = 256
"""Tokens of one reply at most."""
PATIENCE = 2
"""How often the loop goes on after the same call, an unreadable reply or an invented number."""


@dataclass(slots=True)
class _Run:
    """A run in progress: what was done, what calls may be made of, and what is left of each limit."""

    model: Model
    tools: dict[str, Tool]
    done: Transcript
    stock: Stock
    deadline: float
    tokens: int
    wait: float
    shown: int
    turns: list[Message] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    barred: set[str] = field(default_factory=set)
    repeats: int = 0
    strikes: int = 0


def solve(
    question: str,
    model: Model,
    tools: Sequence[Tool],
    *,
    steps: int = 6,
    seconds: float = 120.0,
    tokens: int = 1024,
    material: Sequence[Evidence] = (),
    shown: int = 6,
    wait: float = 10.0,
) -> Transcript:
    """Return how a question was solved with tools: the answer or why there is none, and every call.

    An answer stands on a result or a text: before there is one, the model can call or abstain (a constrained
    one begins with a call, where one can be made).

    ``steps`` are replies of the model that may call (the last may only answer), ``tokens`` what it may write in all,
    ``wait`` the seconds of one tool. ``material`` are texts given with the question, such as notes: data, kept apart as
    what tools find. ``shown``: the calculators that are offered, the nearest to the question. A call of the model
    itself is not interrupted: the time is looked at before each.
    """
    began = time.monotonic()
    run = _Run(model, {tool.name: tool for tool in tools}, Transcript(question), Stock(question), began + seconds,
               tokens, wait, shown)  # fmt: skip
    run.done.evidence = list(material)
    run.stock.records = [one.text for one in material]
    if material:
        _add_reader(run)
    for left in range(steps, 0, -1):
        if _over(run) or _step(run, left == 1):
            break
    else:
        run.done.why = "steps"
    _close(run.done)
    run.done.seconds = time.monotonic() - began
    run.done.tokens = tokens - run.tokens
    return run.done


def _close(done: Transcript) -> None:
    """Say at the end what was lacking: inputs where there is no answer, tools that failed where there is one."""
    if done.answer is None and done.missing:
        done.why = f"missing: {', '.join(done.missing)}"
    if done.answer is not None and done.failed:
        done.answer += f" (without {', '.join(done.failed)}: failed or took too long)"


def _over(run: _Run) -> bool:
    """Return whether a limit is reached, which ends the run."""
    if time.monotonic() >= run.deadline:
        run.done.why = "seconds"
    elif run.tokens <= 0:
        run.done.why = "tokens"
    return run.done.why is not None


def _step(run: _Run, last: bool) -> bool:
    """Ask once and do what is asked for; return whether the run is over."""
    offered = [] if last else _offered(run)
    prompt = [put.opening(run.done.question, offered), *run.turns]
    founded = _is_founded(run)
    shape = schema(offered, run.stock, founded=founded, first=not founded and not run.done.turns)
    found = _asked(run, prompt, shape)
    if isinstance(found, dict) and "answer" in found:
        return _answer(run, found["answer"])
    if not last and isinstance(found, dict) and isinstance(found.get("tool"), str):
        return _call(run, found["tool"], found.get("arguments"))
    if last:
        run.done.why = "steps"
        return True
    return _strike(run, put.UNREADABLE, "unreadable")


def _is_founded(run: _Run) -> bool:
    """Return whether there is anything that an answer can stand on: a result, or a text."""
    return bool(run.done.evidence or run.told)


def _offered(run: _Run) -> list[Tool]:
    can = [tool for name, tool in run.tools.items() if name not in run.barred and can_be_called(tool, run.stock)]
    return nearest(can, run.done.question, run.shown)


def _asked(run: _Run, prompt: list[Message], shape: dict[str, Any]) -> Any:
    """Return the model's reply as JSON; None where it is none."""
    reply = run.model.generate([prompt], max_tokens=min(STEP_TOKENS, run.tokens), schema=shape)[0]
    run.tokens -= reply.tokens
    run.done.turns.append(Turn(prompt, reply.text, reply.tokens))
    try:
        return json.loads(reply.text or "")
    except ValueError:
        return {"answer": None} if reply.text is None else None


def _strike(run: _Run, says: str, why: str) -> bool:
    """Tell the model what was wrong with its reply; return whether it was once too often."""
    run.strikes += 1
    run.turns += [{"role": "assistant", "content": "{}"}, {"role": "user", "content": says}]
    run.done.why = why if run.strikes >= PATIENCE else None
    return run.strikes >= PATIENCE


# --- a call ----------------------------------------------------------------------------------------------------------


def _call(run: _Run, name: str, arguments: Any) -> bool:
    """Carry out a call, or refuse it; return whether the run is over, as it is after the same calls again and again."""
    began = time.monotonic()
    arguments = arguments if isinstance(arguments, dict) else {}
    tool = run.tools.get(name)
    own = tool is not None and tool.own
    nobodys = unmentioned(tool, arguments, run.stock) if tool else ()
    ready = _again(run, name, arguments) or _refused(run, tool, arguments)
    outcome = ready or _carried_out(run, tool, arguments)  # type: ignore[arg-type]
    if isinstance(outcome, Refusal) and outcome.kind in ("hung", "repeated"):
        run.barred.add(name)
    run.done.calls.append(Call(name, arguments, outcome, time.monotonic() - began, nobodys))
    _keep(run, name, outcome, own)
    said = put.told(outcome, own, inside=ready is None)
    if isinstance(outcome, Result) and (line := put.given(name, outcome, own)):
        run.told.append(line)
    run.turns += put.turns(name if tool else "unknown", arguments, said)
    if isinstance(outcome, Refusal) and outcome.kind == "repeated":
        run.repeats += 1
        run.done.why = "repeats" if run.repeats >= PATIENCE else None
    return run.repeats >= PATIENCE


def _again(run: _Run, name: str, arguments: dict[str, Any]) -> Refusal | None:
    same = any(call.tool == name and call.arguments == arguments for call in run.done.calls)
    return Refusal("repeated", "this call was made before, and is not made again") if same else None


def _refused(run: _Run, tool: Tool | None, arguments: dict[str, Any]) -> Refusal | None:
    """Return why a call may not be made: the tool is not there, an input is wrong, or a number was not stated."""
    if tool is None or tool.name in run.barred:
        return Refusal("tool", "there is no such tool now")
    try:
        read(tool, arguments)
    except Refused as refused:
        return refused.refusal
    return unstated(tool, arguments, run.stock)


def _carried_out(run: _Run, tool: Tool, arguments: dict[str, Any]) -> Result | Refusal:
    found = within(min(run.wait, run.deadline - time.monotonic()), call, tool, arguments)
    return found if isinstance(found, Result | Refusal) else Refusal("raised", "the tool gave no result")


def _keep(run: _Run, name: str, outcome: Result | Refusal, own: bool) -> None:
    """Take up the values of a result, and set its texts apart."""
    if isinstance(outcome, Refusal):
        return
    run.stock.values += values_alone(outcome)
    texts = list(outcome.evidence)
    if outcome.says and not own:
        texts.append(Evidence(f"{name}#{len(run.done.calls)}", name, outcome.says, end=len(outcome.says)))
    known = {one.id for one in run.done.evidence}
    run.done.evidence += [one for one in texts if one.id not in known]
    run.stock.records += [one.text for one in texts if one.shelf == CHART and one.id not in known]
    if run.done.evidence:
        _add_reader(run)


def _add_reader(run: _Run) -> None:
    """Offer the tool that reads measures out of what is kept, which gives numbers and no words."""
    reader = measure_reader(run.done.evidence)
    run.tools.setdefault(reader.name, reader)


# --- the answer ------------------------------------------------------------------------------------------------------


def _answer(run: _Run, answer: Any) -> bool:
    """Take an answer; return whether the run is over. Where there are texts it is written anew from them.

    Once texts are read nothing is called any more, whatever is wrong with the answer.
    """
    if run.done.evidence:
        return _read(run)
    if not isinstance(answer, str) or not answer.strip():
        run.done.why = "abstained"
        return True
    if not _is_founded(run):
        return _strike(run, put.UNFOUNDED, "unfounded")
    if invented(answer, run.stock, [], run.told):
        return _strike(run, put.INVENTED, "invented")
    return _taken(run, answer) or _strike(run, put.UNSUPPORTED, "unsupported")


def _taken(run: _Run, answer: str) -> bool:
    """Take an answer that results or texts bear, with the texts; return whether it was taken."""
    cited = stands_on(answer, run.done.question, run.done.evidence, run.told)
    if cited is None:
        return False
    run.done.answer, run.done.cited, run.done.why = answer.strip(), cited, None
    return True


def _read(run: _Run) -> bool:
    """Write the answer from the texts that were kept, which nobody has read before; return True: the run is over."""
    prompt = put.reading(run.done.question, run.told, run.done.evidence)
    wrong = False
    for _ in range(PATIENCE):
        if _over(run):
            return True
        found = _asked(run, prompt, answer_schema())
        answer = found.get("answer") if isinstance(found, dict) else None
        if not isinstance(answer, str) or not answer.strip():
            run.done.why = "abstained" if isinstance(found, dict) and "answer" in found else "unreadable"
            return True
        wrong = bool(invented(answer, run.stock, run.done.evidence, run.told))
        if not wrong and _taken(run, answer):
            return True
        says = put.INVENTED if wrong else put.UNSUPPORTED
        prompt = [*prompt, {"role": "assistant", "content": "{}"}, {"role": "user", "content": says}]
    run.done.why = "invented" if wrong else "unsupported"
    return True
