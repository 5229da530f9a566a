"""An answer straight away, and an answer behind a chain of thought.

Chain of thought: Wei et al. 2022, Chain-of-Thought Prompting Elicits Reasoning in Large Language Models (arXiv
2201.11903), with worked examples; Kojima et al. 2022, Large Language Models are Zero-Shot Reasoners (arXiv 2205.11916),
without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from residency.core.types import Example, Message, Model, Reply
from residency.infer.reason.ask import Request, Steps, shares, together
from residency.infer.reason.conclude import Read, answer_room, concluded, conclusion, reply_of, thinking
from residency.measure.scorers import parse_choice

LEAST = 16
"""Tokens below which a chain of thought is none."""


def straight(example: Example, text: str) -> str | None:
    """Return the choice that a reply begins with or names as its answer; without choices, the reply itself."""
    return parse_choice(text, example.choices) if example.choices else text.strip() or None


def direct(
    example: Example, *, tokens: int = 0, temperature: float = 0.0, seed: int = 0, read: Read = straight
) -> Steps[Reply]:
    """Return the answer to the question as it stands, in at most ``tokens`` (0: as many as a choice or 256 take)."""
    room = tokens or (answer_room(example) if example.choices else 256)
    [[reply]] = yield [Request(example.prompt, room, temperature, seed)]
    if reply.text is None:
        return reply
    answer = read(example, reply.text)
    return replace(reply, text=answer or reply.text, about={"concluded": answer is not None})


def cot(
    example: Example,
    *,
    tokens: int = 256,
    temperature: float = 0.0,
    seed: int = 0,
    shown: Sequence[Example] = (),
    read: Read = conclusion,
) -> Steps[Reply]:
    """Return the answer that one chain of thought ends with, in at most ``tokens`` in all.

    ``shown`` are solved examples whose ``meta["rationale"]`` is shown before their answer. ``about`` holds the
    ``rationale``, and whether it ``concluded`` anything; the reply is the chain itself where it did not.
    """
    prompt = [*worked_turns(shown), *thinking(example)]
    request = Request(prompt, thinking_room(example, tokens), temperature, seed)
    return reply_of((yield from concluded(example, [request], read)))


def thinking_room(example: Example, tokens: int, chains: int = 1) -> int:
    """Return the tokens that each of some chains may take, room for asking each for its conclusion set apart.

    Raises UserError where that leaves too few to think.
    """
    return shares(tokens, LEAST, apart=chains * answer_room(example), chain=(1, chains))["chain"]


def worked_turns(shown: Sequence[Example]) -> list[Message]:
    """Return solved examples as turns of a chat, each answer behind its rationale."""
    turns: list[Message] = []
    for one in shown:
        answer = f"{one.meta['rationale']}\nAnswer: {one.wanted[0]}"
        turns += [*thinking(one), {"role": "assistant", "content": answer}]
    return turns


def worked(pool: Sequence[Example], model: Model, *, count: int, tokens: int = 256) -> list[Example]:
    """Return up to ``count`` solved examples with a rationale of the model's own that led it to the right answer.

    The first of the pool that do, in its order: so Zelikman et al. 2022, STaR (arXiv 2203.14465), keep rationales.
    """
    found: list[Example] = []
    for start in range(0, len(pool), count):
        part = pool[start : start + count]
        for example, reply in zip(part, together(cot, part, model, tokens=tokens), strict=True):
            if reply.text in example.wanted and reply.about.get("concluded") and len(found) < count:
                found.append(replace(example, meta={**example.meta, "rationale": without_answer(reply)}))
        if len(found) == count:
            break
    return found


def without_answer(reply: Reply) -> str:
    """Return a reply's rationale up to where it names the answer."""
    text = str(reply.about["rationale"])
    place = text.lower().rfind("answer:")
    return (text[:place] if place >= 0 else text).rstrip(" \n*#`")
