"""What a line of reasoning concludes: how the conclusion is wished for, read, asked for again, and voted on.

A chain that reaches no conclusion is asked for it once more behind what it has said (the second prompt of Kojima et al.
2022, Large Language Models are Zero-Shot Reasoners, arXiv 2205.11916).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from residency.core.types import Example, Message, Reply
from residency.infer.reason.ask import Request, Steps
from residency.measure.scorers import parse_conclusion

THINK = "Think step by step in a few sentences. Then end with a line `Answer: ` and your choice."
THINK_FREELY = "Think step by step in a few sentences. Then end with a line `Answer: ` and your answer."
AMONG = "Therefore, which of these is the answer: {}? Reply with it alone."
THEREFORE = "Therefore, what is the answer? Reply with the answer alone."
SHORT, SENTENCES = 16, 64
"""Tokens that a choice, where it is not longer itself, and an answer in words of its own may take."""
_ANSWER = re.compile(r"(?i)\banswer\s*:")
Read = Callable[[Example, str], str | None]
"""What a reply concludes; None: nothing that can be read."""


@dataclass(frozen=True, slots=True)
class Chain:
    """What was thought, what it concludes (None: nothing that can be read), and the tokens of both.

    ``text`` is None where the model gave no reply, which ended as ``finish`` says.
    """

    text: str | None
    answer: str | None
    tokens: int
    finish: str = "stop"
    again: bool = False


def conclusion(example: Example, text: str) -> str | None:
    """Return the choice that a text ends with; without choices, what stands behind its last "Answer:"."""
    if example.choices:
        return parse_conclusion(text, example.choices)
    parts = _ANSWER.split(text)
    return (parts[-1].strip() or None) if len(parts) > 1 else None


def wish_of(example: Example) -> str:
    """Return the wish to think first and then to answer."""
    return THINK if example.choices else THINK_FREELY


def thinking(example: Example, *wishes: str) -> list[Message]:
    """Return the example's chat with wishes behind its last turn; without any, the wish to think first."""
    *before, last = example.prompt
    return [*before, {**last, "content": "\n\n".join([last["content"], *(wishes or [wish_of(example)])])}]


def answer_room(example: Example) -> int:
    """Return how many tokens a conclusion may take; a token of a choice holds a byte of it or more."""
    if not example.choices:
        return SENTENCES
    return max(SHORT, 4 + max(len(choice.encode()) for choice in example.choices))


def closing(example: Example, prompt: Sequence[Message], text: str) -> Request:
    """Return what asks for the conclusion of a text that stands behind a prompt."""
    wish = AMONG.format(", ".join(example.choices)) if example.choices else THEREFORE
    turns = [{"role": "assistant", "content": text}, {"role": "user", "content": wish}]
    return Request([*prompt, *turns], answer_room(example))


def concluded(example: Example, thoughts: Sequence[Request], read: Read = conclusion) -> Steps[list[Chain]]:
    """Return what requests for reasoning come to, a chain a reply; those without a conclusion are asked for one."""
    replies = yield list(thoughts)
    asked = [(request.prompt, reply) for request, some in zip(thoughts, replies, strict=True) for reply in some]
    chains = [Chain(r.text, None if r.text is None else read(example, r.text), r.tokens, r.finish) for _, r in asked]
    open_ones = [i for i, chain in enumerate(chains) if chain.text is not None and chain.answer is None]
    if not open_ones:
        return chains
    later = yield [closing(example, asked[i][0], str(chains[i].text)) for i in open_ones]
    for i, (reply,) in zip(open_ones, later, strict=True):
        answer = None if reply.text is None else read(example, f"Answer: {reply.text}")
        chains[i] = replace(chains[i], answer=answer, tokens=chains[i].tokens + reply.tokens, again=True)
    return chains


# --- votes ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Vote:
    """The answer that most chains have (None: none concludes anything), the votes by answer, and the margin.

    ``share`` is that of all chains, ``margin`` what it is ahead of the next; the ``winner`` is the first such chain.
    """

    answer: str | None
    votes: dict[str, int]
    share: float
    margin: float
    winner: int


def counted(chains: Sequence[Chain]) -> Vote:
    """Return the plurality among chains; of equal ones the first, of free answers that all differ the most central."""
    answers = [chain.answer for chain in chains]
    votes = Counter(normal(answer) for answer in answers if answer is not None)
    if not votes:
        return Vote(None, {}, 0.0, 0.0, 0)
    first, second, *_ = [*(count for _, count in votes.most_common()), 0]
    if first == 1 and len(votes) > 2:
        winner = central(answers)
    else:
        best = {answer for answer, count in votes.items() if count == first}
        winner = next(i for i, answer in enumerate(answers) if answer is not None and normal(answer) in best)
    shown: dict[str, int] = {}
    for answer in answers:
        if answer is not None:
            shown.setdefault(next((a for a in shown if normal(a) == normal(answer)), answer), votes[normal(answer)])
    return Vote(answers[winner], shown, first / len(chains), (first - second) / len(chains), winner)


def central(answers: Sequence[str | None]) -> int:
    """Return the place of the answer that has most words in common with the others, by mean F1.

    The one of least expected loss, as Kumar and Byrne 2004, Minimum Bayes-Risk Decoding for Statistical Machine
    Translation, choose a translation.
    """
    words = {i: Counter(normal(answer).split()) for i, answer in enumerate(answers) if answer is not None}

    def common(i: int, j: int) -> float:
        return 2 * (words[i] & words[j]).total() / ((words[i].total() + words[j].total()) or 1)

    return max(words, key=lambda i: sum(common(i, j) for j in words if j != i))


def normal(answer: str) -> str:
    """Return an answer as votes are counted by: its words and numbers with their signs, in one case."""
    return " ".join(re.findall(r"[<>=+-]*\w(?:[\w.,-]*\w)?%?", answer.lower())) or answer.strip()


def reply_of(chains: Sequence[Chain], **about: object) -> Reply:
    """Return the reply that chains give by their vote, with how the votes fell.

    Its text is None where no chain has one, and the words of the first chain where none concludes anything.
    """
    tokens = sum(chain.tokens for chain in chains)
    said = [chain for chain in chains if chain.text is not None]
    if not said:
        return Reply(None, tokens, chains[0].finish)
    vote = counted(chains)
    chosen = chains[vote.winner] if vote.answer is not None else said[0]
    told = {"rationale": chosen.text, "votes": vote.votes, "share": vote.share, "margin": vote.margin}
    told |= {"chains": len(chains), "asked_again": sum(chain.again for chain in chains)}
    text = vote.answer if vote.answer is not None else chosen.text
    return Reply(text, tokens, chosen.finish, about={**told, "concluded": vote.answer is not None, **about})
