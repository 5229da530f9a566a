"""A panel of specialties: one voice for a plain case, several for a hard one, and the record of how they agreed.

Kim et al. 2024, MDAgents (arXiv 2404.15155): how many sit on it goes by how hard the case is; Tang et al. 2023,
MedAgents (arXiv 2311.10537): each speaks for its specialty, reads the others and speaks again. Where no answer has more
than half of the voices after the last round there is no answer: it abstains, and the dissent is told.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from residency.core.types import Example, Message, Reply
from residency.infer.evidence import Evidence, laid_before
from residency.infer.reason.ask import Request, Steps, spent
from residency.infer.reason.conclude import Chain, Read, Vote, concluded, conclusion, counted, normal, wish_of

SIZES = {"plain": 1, "moderate": 3, "hard": 5}
"""How many sit on a panel, by how hard the case is found; where that cannot be read it counts as moderate."""
SPECIALTIES = (
    "general practice", "internal medicine", "cardiology", "neurology", "infectious diseases", "oncology", "surgery",
    "paediatrics", "psychiatry", "obstetrics and gynaecology", "endocrinology", "gastroenterology", "pulmonology",
    "nephrology", "haematology", "rheumatology", "dermatology", "ophthalmology", "otolaryngology", "orthopaedics",
    "urology", "medical genetics", "radiology", "emergency medicine", "pharmacology",
)  # fmt: skip
ROUNDS, TOKENS = 2, 160
"""Rounds of a panel at most, and tokens of one opinion."""
TRIAGE = (
    "Do not answer yet. How hard is this question? Plain: one doctor can answer it. Moderate: a few specialties are "
    'needed. Hard: many are. Reply as a JSON object with "level".'
)
RECRUIT = 'Do not answer yet. Which {} specialties should judge this? Reply as a JSON object with "specialties".'
ROLE = "Judge this as a specialist in {}: say what matters from your specialty's side."
OTHERS = "The other members of your panel said what stands above. Weigh it, keep or change your opinion."


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one specialty said in a round: its answer (None: none that can be read) and its reasons."""

    specialty: str
    answer: str | None
    reasons: str

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"specialty": self.specialty, "answer": self.answer, "reasons": self.reasons}


@dataclass(slots=True)
class Consensus:
    """The record of a panel: who sat on it and why, each round's opinions, the last votes, and who dissented."""

    level: str
    specialties: tuple[str, ...]
    rounds: list[list[Opinion]] = field(default_factory=list)
    answer: str | None = None
    votes: dict[str, int] = field(default_factory=dict)
    share: float = 0.0
    margin: float = 0.0

    @property
    def dissent(self) -> list[Opinion]:
        """Return the last opinions that are not the panel's answer; all of them where it has none."""
        last = self.rounds[-1] if self.rounds else []
        return [one for one in last if self.answer is None or not _same(one.answer, self.answer)]

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        rounds = [[opinion.told() for opinion in some] for some in self.rounds]
        about = {"level": self.level, "specialties": list(self.specialties), "rounds": rounds, "votes": self.votes}
        end = {"answer": self.answer, "share": self.share, "margin": self.margin}
        return {**about, **end, "dissent": [opinion.told() for opinion in self.dissent]}


def panel(
    example: Example, *, voices: int = 0, rounds: int = ROUNDS, tokens: int = TOKENS, read: Read = conclusion
) -> Steps[Reply]:
    """Return the answer that more than half of a panel agree on, without text where no answer has that.

    ``voices`` 0: as many as the case is found to need. ``about["panel"]`` is the record (``Consensus.told``).
    """
    used: list[Reply] = []
    level = "given" if voices else (yield from _triage(example, used))
    count = voices or SIZES[level]
    record = Consensus(level, (yield from _recruit(example, count, used)))
    written = 0
    for turn in range(rounds):
        asked = [Request(_prompt(example, record, one, turn), tokens) for one in record.specialties]
        chains = yield from concluded(example, asked, read)
        written += sum(chain.tokens for chain in chains)
        record.rounds.append(_opinions(record.specialties, chains))
        vote = counted(chains)
        if vote.share == 1.0:
            break
    return _reply(record, vote, chains, written + spent(used))


def _triage(example: Example, used: list[Reply]) -> Steps[str]:
    """Return how hard the case is found."""
    schema = _object(level={"type": "string", "enum": list(SIZES)})
    [[reply]] = yield [Request(_asked(example, TRIAGE), 16, schema=schema)]
    used.append(reply)
    level = _parsed(reply).get("level")
    return str(level) if level in SIZES else "moderate"


def _recruit(example: Example, count: int, used: list[Reply]) -> Steps[tuple[str, ...]]:
    """Return as many specialties as asked for, each once: those named first, then the general ones."""
    items = {"type": "string", "enum": list(SPECIALTIES)}
    schema = _object(specialties={"type": "array", "items": items, "minItems": count, "maxItems": count})
    [[reply]] = yield [Request(_asked(example, RECRUIT.format(count)), 16 + 12 * count, schema=schema)]
    used.append(reply)
    named = _parsed(reply).get("specialties")
    known = [one for one in named if one in SPECIALTIES] if isinstance(named, list) else []
    return tuple(dict.fromkeys([*known, *SPECIALTIES]))[:count]


def _prompt(example: Example, record: Consensus, specialty: str, turn: int) -> list[Message]:
    """Return what a voice is asked: from the second round on with what the others said before it, as data."""
    wishes = [ROLE.format(specialty), *([OTHERS] if turn and len(record.specialties) > 1 else []), wish_of(example)]
    prompt = _asked(example, "\n\n".join(wishes))
    others = [one for one in record.rounds[-1] if one.specialty != specialty] if turn else []
    return laid_before(prompt, [_shown(one) for one in others])


def _shown(opinion: Opinion) -> Evidence:
    text = f"Answer: {opinion.answer or 'none'}. {opinion.reasons}"
    return Evidence(opinion.specialty, "panel", text, title=opinion.specialty)


def _asked(example: Example, wish: str) -> list[Message]:
    *before, last = example.prompt
    return [*before, {**last, "content": f"{last['content']}\n\n{wish}"}]


def _opinions(specialties: Sequence[str], chains: Sequence[Chain]) -> list[Opinion]:
    pairs = zip(specialties, chains, strict=True)
    return [Opinion(specialty, chain.answer, chain.text or "") for specialty, chain in pairs]


def _reply(record: Consensus, vote: Vote, chains: Sequence[Chain], tokens: int) -> Reply:
    agreed = sum(_same(chain.answer, vote.answer) for chain in chains) / len(chains)
    record.votes, record.share, record.margin = vote.votes, agreed, vote.margin
    record.answer = vote.answer if agreed > 0.5 else None
    finish = "stop" if record.answer is not None else "abstain"
    reasons = next((one.reasons for one in record.rounds[-1] if _same(one.answer, record.answer)), "")
    reply = Reply(record.answer, tokens, finish)
    return replace(reply, about={"panel": record.told(), "rationale": reasons, "margin": vote.margin})


def _same(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and normal(one) == normal(other)


def _parsed(reply: Reply) -> dict[str, Any]:
    try:
        found = json.loads(reply.text or "")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
