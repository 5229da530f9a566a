"""A question taken apart: the simpler questions behind it first, each with the answers so far, and then itself.

Zhou et al. 2022, Least-to-Most Prompting Enables Complex Reasoning in Large Language Models (arXiv 2205.10625), without
worked examples.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from residency.core.types import Example, Message, Reply
from residency.infer.evidence import harmless
from residency.infer.reason.ask import Request, Steps, shares, spent
from residency.infer.reason.chain import LEAST
from residency.infer.reason.conclude import Read, answer_room, concluded, conclusion, reply_of, thinking, wish_of

APART = (
    "Do not answer yet. Which simpler questions must be answered first? Write at most {}, one on each line, "
    "the simplest first."
)
PART = "Answer only this question, in one or two sentences: {}"
KNOWN = "What has been answered so far:"
_MARK = re.compile(r"^\s*(?:[-*•–]|\(?\d{1,2}[.):]|\(?[a-z][.)]|(?:sub-?)?question\s*\d*\s*[:.])\s*", re.IGNORECASE)


def decompose(
    example: Example,
    *,
    parts: int = 3,
    tokens: int = 512,
    temperature: float = 0.0,
    seed: int = 0,
    read: Read = conclusion,
) -> Steps[Reply]:
    """Return the answer that is given after up to ``parts`` simpler questions, in at most ``tokens`` in all.

    ``about`` holds the ``questions`` with their answers; where the model names none, it is a chain of thought.
    """
    sizes = shares(tokens, LEAST, apart=answer_room(example), questions=(2, 1), each=(2, parts), last=(3, 1))
    [[first]] = yield [Request(thinking(example, APART.format(parts)), sizes["questions"], temperature, seed)]
    replies, known = [first], list[tuple[str, str]]()
    for question in listed(first.text or "")[:parts]:
        [[reply]] = yield [Request(_with(example, known, PART.format(question)), sizes["each"], temperature, seed)]
        replies.append(reply)
        if reply.text is not None and reply.text.strip():
            known.append((question, reply.text.strip()))
    last = Request(_with(example, known, wish_of(example)), sizes["last"], temperature, seed)
    chains = yield from concluded(example, [last], read)
    made = reply_of(chains, questions=[{"question": asked, "answer": said} for asked, said in known])
    return replace(made, tokens=made.tokens + spent(replies))


def listed(text: str) -> list[str]:
    """Return the lines of a list without their bullets and numbers, each once; of running text its sentences.

    Lines that announce a list ("The questions are:") are none of it.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    marked = [line for line in lines if _MARK.match(line)]
    if not marked and len(lines) == 1:
        lines = re.split(r"(?<=[.?!;])\s+", lines[0])
    found = [_MARK.sub("", line).strip(" \t*_`\"'") for line in marked or lines]
    return list(dict.fromkeys(line for line in found if line and not line.endswith(":")))


def _with(example: Example, known: Sequence[tuple[str, str]], wish: str) -> list[Message]:
    """Return the example's chat with what is known so far, and a wish, behind its last turn."""
    told = "\n".join(f"- {harmless(question)} {harmless(answer)}" for question, answer in known)
    return thinking(example, *([f"{KNOWN}\n{told}"] if known else []), harmless(wish))
