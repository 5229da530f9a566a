"""Many chains of thought and the answer that most of them reach.

Wang et al. 2022, Self-Consistency Improves Chain of Thought Reasoning in Language Models (arXiv 2203.11171): the chains
are drawn, and what they conclude is counted. How far ahead the answer is says how sure the model is.
"""

from __future__ import annotations

from residency.core.types import Example, Reply
from residency.infer.reason.ask import Request, Steps
from residency.infer.reason.chain import straight, thinking_room
from residency.infer.reason.conclude import Chain, Read, answer_room, concluded, conclusion, reply_of, thinking

TEMPERATURE = 0.7
"""Of drawn chains, as in the paper's main experiments."""


def vote(
    example: Example,
    *,
    votes: int = 5,
    tokens: int = 1280,
    temperature: float = TEMPERATURE,
    seed: int = 0,
    read: Read = conclusion,
) -> Steps[Reply]:
    """Return the answer that most of ``votes`` drawn chains reach, in at most ``tokens`` in all.

    ``about`` holds the ``votes`` by answer, the ``share`` of the winner among all chains, the ``margin`` to the next,
    and the ``rationale`` of the first chain that reached it. Free answers that all differ: the most central one.
    """
    room = thinking_room(example, tokens, votes)
    request = Request(thinking(example), room, temperature=temperature, seed=seed, n=votes)
    return reply_of((yield from concluded(example, [request], read)))


def straight_vote(
    example: Example,
    *,
    votes: int = 0,
    tokens: int = 1280,
    temperature: float = TEMPERATURE,
    seed: int = 0,
    read: Read = straight,
) -> Steps[Reply]:
    """Return the answer that most of ``votes`` drawn replies without a chain of thought have.

    Without ``votes`` as many are drawn as ``tokens`` allow: what thinking is to be held against at equal budget.
    """
    room = answer_room(example)
    request = Request(example.prompt, room, temperature=temperature, seed=seed, n=votes or max(1, tokens // room))
    [replies] = yield [request]
    chains = [Chain(r.text, None if r.text is None else read(example, r.text), r.tokens, r.finish) for r in replies]
    return reply_of(chains)
