"""A whole answer under the guard: what may go out of it, what stands in its place, and what is put before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from residency.serve.engine.ending import Stopping
from residency.serve.engine.forms import CHAT, THOUGHTS, Form, choices_of
from residency.serve.engine.told import STOPS, Asked
from residency.serve.types import Busy, Down, Verdict

if TYPE_CHECKING:
    from residency.serve.guard import Guard

Reply = dict[str, Any]


def ruled(asked: Asked, verdict: Verdict, form: Form) -> Reply:
    """Return the completion in which a rule answers, or refuses, before the model was asked."""
    reply = form.reply(asked.request, asked.engine.name, "")
    refusal = verdict.action == "refuse"
    reply["choices"] = [{**reply["choices"][0], "index": at} for at in range(choices_of(asked.body))]
    for choice in reply["choices"]:
        form.replace(choice, verdict.text, refusal=refusal, wants_json=asked.wants_json)
    asked.answer = verdict.text
    return reply


def calls(before: Verdict, error: BaseException) -> bool:
    """Return whether the guard says whom to call, which does not wait for a model that is busy or down."""
    gone = isinstance(error, Busy | Down) and not isinstance(error, Stopping)
    return gone and before.urgency == "emergency" and bool(before.text)


def guarded(asked: Asked, guard: Guard, reply: Reply, form: Form, odds: Any = None, options: Any = None) -> Reply:
    """Return a completion as it may go out, and note what the guard says of it.

    ``odds`` are the log-probabilities of a question's ``options``, by which a calibration tells how sure the answer is.
    """
    usage = reply.get("usage") or {}
    asked.tokens = {"in": usage.get("prompt_tokens", 0), "out": usage.get("completion_tokens", 0)}
    asked.confidence = guard.confidence(asked.engine.hash, asked.kind, {"choice_logprobs": odds, "options": options})
    asked.abstained = asked.confidence.abstain
    for choice in reply["choices"]:
        if asked.abstained:
            _handed_over(asked, guard, choice, form)
        else:
            _checked(asked, guard, choice, form)
        if not asked.body.get("logprobs"):
            choice["logprobs"] = None
    asked.answer = "\n".join(form.said(choice) for choice in reply["choices"])
    return reply


def described(asked: Asked, guard: Guard, about: Mapping[str, Any]) -> Reply:
    """Return what a strategy came to as a completion that may go out; without an answer its content is None."""
    asked.known += tuple(about.get("known", ()))
    asked.evidence = tuple(about.get("evidence", ()))
    asked.snapshots = dict(about.get("snapshots", {}))
    asked.decided = str(about.get("decision", ""))
    if about.get("urgency") or about.get("rules"):
        asked.verdicts.append(Verdict("pass", urgency=about.get("urgency"), rules=tuple(about.get("rules", ()))))
    tokens = {"in": 0, "out": 0, **about.get("tokens", {})}
    reply = CHAT.reply(asked.request, asked.engine.name, about["answer"] or "")
    reply["usage"] = {"prompt_tokens": tokens["in"], "completion_tokens": tokens["out"]}
    reply["usage"]["total_tokens"] = tokens["in"] + tokens["out"]
    reply = guarded(asked, guard, reply, CHAT, about.get("choice_logprobs"), about.get("options"))
    if about["answer"] is None and not asked.abstained:
        asked.abstained, asked.answer = True, None
        reply["choices"][0]["message"]["content"] = None
    return reply


def passed(asked: Asked, guard: Guard, text: str) -> tuple[str, Verdict]:
    """Return what may go out of a text, and what the guard says of it."""
    how: dict[str, Any] = {"hidden": asked.hidden, "asked": asked.question}
    release = guard.sentences(asked.all_known, asked.kind, note=False, **how)
    return release.feed(text) + release.end(), release.verdict


def _handed_over(asked: Asked, guard: Guard, choice: Reply, form: Form) -> None:
    """Put the words of a hand-over in the place of an answer that is not sure enough."""
    urgency = asked.urgency or "routine"
    handed = Verdict("answer", guard.hand_over(urgency, asked.principal.language), urgency, ("abstained",))
    asked.verdicts.append(handed)
    form.replace(choice, handed.text, refusal=False, wants_json=asked.wants_json)


def _checked(asked: Asked, guard: Guard, choice: Reply, form: Form) -> None:
    """Put in a choice's place what may go out of it; thoughts and calls that may not go out as they are stay here."""
    message = choice.get("message") or {}
    for name in THOUGHTS:
        if message.get(name):
            message[name] = passed(asked, guard, message[name])[0]
    calls = " ".join(call["function"].get("arguments") or "" for call in message.get("tool_calls") or ())
    if calls and (stopped := stopped_calls(asked, guard, calls)):
        asked.verdicts.append(stopped)
        form.replace(choice, stopped.text, refusal=True, wants_json=asked.wants_json)
        return
    if text := form.text_of(choice):
        shown, verdict = passed(asked, guard, text)
        asked.verdicts.append(verdict)
        if verdict.action in STOPS:
            form.replace(choice, shown, refusal=True, wants_json=asked.wants_json)
            return
        asked.altered = asked.altered or shown != text
        note = "" if asked.wants_json or text.lstrip()[:1] in ("{", "[") else asked.note
        if note or shown != text:
            form.put(choice, f"{note}\n\n{shown}" if note else shown)


def stopped_calls(asked: Asked, guard: Guard, handed: str) -> Verdict | None:
    """Return why what would be handed to a tool may not go out as it is; None where it may."""
    shown, verdict = passed(asked, guard, handed)
    return None if shown == handed else Verdict("refuse", verdict.text, verdict.urgency, verdict.rules)
