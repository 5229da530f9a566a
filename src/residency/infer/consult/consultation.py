"""A consultation: a model asks a simulated patient, turn by turn, and says at the end what it thinks that it is.

It is a strategy like any other, an example in and a reply out, so that many patients are seen at once. Scored are the
facts that were found, the questions it took, whether a question was asked when there was something left to ask (the
measure of ``measure/questions.py``), and the diagnosis. In the manner of Johri et al. 2025, An evaluation framework for
clinical use of large language models in patient interaction tasks (CRAFT-MD), Nature Medicine 31.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from residency.core.types import Example, Message, Model, Reply
from residency.corpus.make.support import stems
from residency.infer.consult.case import Case
from residency.infer.consult.patient import Answer, Linker, Patient
from residency.infer.reason.ask import Request, Steps
from residency.measure.questions import asks, question_counts
from residency.measure.scorers import parse_choice

TURNS, ROOM = 8, 64
"""Questions of a consultation, and tokens of each."""
DOCTOR = (
    "You are my doctor. What one short question do you ask me next? Reply with the question alone. When you know "
    "enough, reply with `Diagnosis:` and its name."
)
CLOSE = "Thank you. What is the most likely diagnosis? Reply with its name alone."
AMONG = "Thank you. Which of these is the most likely diagnosis?\n{}\nReply with one of them alone."
ENOUGH, ASKING = "I know enough.", "Is there more?"
"""What a doctor who asks as long as there is something to ask would say: without, or with a question."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the doctor said, what the patient answered, the ids of facts that this brought, and its question counts."""

    doctor: str
    patient: str
    told: tuple[str, ...]
    asked: bool
    again: bool
    counts: dict[str, int]


@dataclass(slots=True)
class Consultation:
    """A talk of doctor and patient; ``why`` it ended: concluded, turns, all told, repeats itself, no reply."""

    case: Case
    opening: str
    turns: list[Turn] = field(default_factory=list)
    diagnosis: str | None = None
    right: bool | None = None
    why: str = "turns"
    tokens: int = 0

    @property
    def messages(self) -> list[Message]:
        """Return the talk as a chat in which the doctor is the assistant: a row to train on."""
        chat = [_user(self.opening)]
        for turn in self.turns:
            chat += [{"role": "assistant", "content": turn.doctor}, _user(turn.patient)]
        return chat

    def scores(self) -> dict[str, Any]:
        """Return one row of the measures: shares from 0 to 1, nan where there was nothing to share; counts add up."""
        there = [fact for fact in self.case.facts if fact.present]
        found = {key for turn in self.turns for key in turn.told} & {fact.id for fact in there}
        asked = sum(turn.asked for turn in self.turns)
        total = {name: sum(turn.counts[name] for turn in self.turns) for name in ("tp", "fp", "fn")}
        return {
            "id": self.case.id,
            "group": self.case.document.id,
            "found": len(found) / len(there) if there else float("nan"),
            "turns": len(self.turns),
            "questions": asked,
            "telling": sum(bool(turn.told) for turn in self.turns) / asked if asked else float("nan"),
            "again": sum(turn.again for turn in self.turns),
            "right": None if self.right is None else float(self.right),
            **total,
        }

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        turns = [{"doctor": t.doctor, "patient": t.patient, "facts": t.told, "asked": t.asked} for t in self.turns]
        end = {"diagnosis": self.diagnosis, "wanted": self.case.diagnosis, "right": self.right, "why": self.why}
        return {"case": self.case.id, "opening": self.opening, "turns": turns, **end, "scores": self.scores()}


def example_of(case: Case, others: Sequence[str] = ()) -> Example:
    """Return a case as an example: the patient's first words, the diagnosis wanted, and others to choose it among."""
    choices = sorted({case.diagnosis, *others}) if others else []
    opening = Patient(case).opening
    meta = {"case": case}
    return Example(case.id, [_user(opening)], [case.diagnosis], [], choices, group=case.document.id, meta=meta)


def consult(
    example: Example,
    *,
    turns: int = TURNS,
    tokens: int = ROOM,
    link: Linker | None = None,
    near: Model | None = None,
) -> Steps[Reply]:
    """Return the diagnosis that is named after a consultation; ``about["consultation"]`` is the whole of it.

    The example is one of ``example_of``. A doctor that says the same twice running, or to whom all is told, is asked
    for the diagnosis at once.
    """
    patient = Patient(example.meta["case"], link, near)
    talk = Consultation(patient.case, patient.opening)
    for _ in range(turns):
        [[reply]] = yield [Request(_laid(talk, DOCTOR), tokens, stop=("\n",))]
        talk.tokens += reply.tokens
        if ended := _heard(talk, patient, reply):
            talk.why = ended
            break
    if talk.diagnosis is None:
        [[reply]] = yield [_closing(example, talk)]
        talk.tokens += reply.tokens
        talk.diagnosis = _named(example, reply)
    talk.right = is_named(talk.diagnosis, talk.case) if talk.diagnosis else False
    finish = "stop" if talk.diagnosis else "abstain"
    return Reply(talk.diagnosis, talk.tokens, finish, about={"consultation": talk, "turns": len(talk.turns)})


def _laid(talk: Consultation, wish: str) -> list[Message]:
    """Return the talk as the doctor reads it, with what is wished for behind the patient's last words."""
    *before, last = talk.messages
    return [*before, _user(f"{last['content']}\n\n{wish}")]


def _heard(talk: Consultation, patient: Patient, reply: Reply) -> str:
    """Take up what the doctor said; return why the questions end, "" where they go on."""
    said = (reply.text or "").strip()
    if not said:
        return "no reply"
    if said.lower().startswith("diagnosis:"):
        talk.diagnosis = said.partition(":")[2].strip() or None
        return "concluded"
    repeats = bool(talk.turns) and talk.turns[-1].doctor == said
    take(talk, patient, said)
    return "repeats itself" if repeats else "" if patient.hidden else "all told"


def take(talk: Consultation, patient: Patient, said: str) -> Answer:
    """Put what the doctor said to the patient, and both into the talk; return the patient's answer."""
    reference = ASKING if patient.hidden else ENOUGH
    answer = patient.answer(said)
    told = tuple(fact.id for fact in answer.told)
    counts = question_counts(said, reference)
    talk.turns.append(Turn(said, answer.text, told, asks(said), bool(answer.again) and not told, counts))
    return answer


def _closing(example: Example, talk: Consultation) -> Request:
    """Return what asks for the diagnosis: among the choices, where there are some, by a schema that allows no other."""
    wish = AMONG.format("\n".join(f"- {one}" for one in example.choices)) if example.choices else CLOSE
    prompt = _laid(talk, wish)
    if not example.choices:
        return Request(prompt, ROOM, stop=("\n",))
    choice = {"type": "object", "properties": {"diagnosis": {"type": "string", "enum": example.choices}}}
    schema = {**choice, "required": ["diagnosis"], "additionalProperties": False}
    return Request(prompt, 24 + max(len(one.encode()) for one in example.choices), schema=schema)


def _named(example: Example, reply: Reply) -> str | None:
    text = (reply.text or "").strip()
    if not example.choices:
        return text or None
    try:
        found = json.loads(text)
        chosen = found.get("diagnosis") if isinstance(found, dict) else None
    except (ValueError, RecursionError):
        chosen = parse_choice(text, example.choices)
    return chosen if chosen in example.choices else None


def is_named(text: str, case: Case) -> bool:
    """Return whether a text names the diagnosis: all content words of one of its names."""
    words = stems(text)
    return any(stems(name) <= words for name in case.names if stems(name))


def _user(content: str) -> Message:
    return {"role": "user", "content": content}
