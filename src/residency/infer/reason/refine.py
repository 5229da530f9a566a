"""Drafts, and answers that are written with all the drafts in view.

Ensemble refinement: Singhal et al. 2023, Towards Expert-Level Medical Question Answering with Large Language Models
(Med-PaLM 2, arXiv 2305.09617). Chains of thought are drawn; the model reads its own chains and refines its answer, a
few times; the refined answers are voted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from residency.core.types import Example, Message, Reply
from residency.infer.evidence import harmless
from residency.infer.reason.ask import TOO_LONG, Request, Steps
from residency.infer.reason.chain import thinking_room
from residency.infer.reason.conclude import Chain, Read, concluded, conclusion, reply_of, thinking, wish_of
from residency.infer.reason.vote import TEMPERATURE

DRAFTS = "Here are {} drafts of an answer. Some may be wrong."
REFINE = "Compare the drafts, keep what is right in them, and think again in a few sentences. "


def refine(
    example: Example,
    *,
    drafts: int = 3,
    refined: int = 2,
    tokens: int = 1280,
    temperature: float = TEMPERATURE,
    seed: int = 0,
    read: Read = conclusion,
) -> Steps[Reply]:
    """Return the answer that most of ``refined`` answers have, each written with ``drafts`` drawn chains in view.

    All of it in at most ``tokens``. ``about`` holds the vote on the refined answers, the ``drafts``' answers, and
    ``fell_back``: whether the drafts did not fit into the context and were voted on themselves.
    """
    room = thinking_room(example, tokens, drafts + refined)
    first = Request(thinking(example), room, temperature, seed, drafts)
    written = yield from concluded(example, [first], read)
    told = {"drafts": [chain.answer for chain in written]}
    if not any(chain.text for chain in written):
        return reply_of(written, **told)
    second = Request(drafted(example, written), room, temperature, seed, refined)
    chains = yield from concluded(example, [second], read)
    if all(chain.finish == TOO_LONG for chain in chains):
        return reply_of(written, **told, fell_back=True)
    made = reply_of(chains, **told, fell_back=False)
    return replace(made, tokens=made.tokens + sum(chain.tokens for chain in written))


def drafted(example: Example, chains: Sequence[Chain]) -> list[Message]:
    """Return the example's chat with drafts of its answer behind the question, and the wish to refine them."""
    said = [chain for chain in chains if chain.text]
    texts = [_draft(number, chain) for number, chain in enumerate(said, 1)]
    return thinking(example, DRAFTS.format(len(texts)), *texts, REFINE + wish_of(example))


def _draft(number: int, chain: Chain) -> str:
    """Return a draft as it is shown: what was thought, and what it concluded where it does not say so itself."""
    ends = f"\nAnswer: {chain.answer}" if chain.again and chain.answer is not None else ""
    return f"Draft {number}: {harmless(str(chain.text)).strip()}{ends}"
