"""A case as a clinician takes it apart: problems, differential, evidence for and against, the next test, the answer.

The steps of Savage et al. 2024, Diagnostic reasoning prompts reveal the potential for large language model
interpretability in medicine (npj Digital Medicine 7:20, arXiv 2308.06834), each asked by itself; so every step can be
read, and held against the case, apart from the answer.
"""

from __future__ import annotations

import re
from dataclasses import replace

from residency.core.types import Example, Message, Reply
from residency.infer.evidence import harmless
from residency.infer.reason.ask import Request, Steps, shares, spent
from residency.infer.reason.chain import LEAST
from residency.infer.reason.conclude import Read, answer_room, concluded, conclusion, reply_of, thinking, wish_of
from residency.infer.reason.decompose import listed

PROBLEMS = "Do not answer yet. List the patient's problems: the findings that matter, one on each line, at most {}."
DIFFERENTIAL = (
    "Do not answer yet. List the diagnoses that could explain these problems, the likeliest first, one on each line, "
    "at most {}."
)
WEIGH = "Do not answer yet. Weigh one diagnosis: {}. Write two lines: `For: ` what speaks for it, `Against: ` what not."
NEXT = "Do not answer yet. Which one test or examination would tell these diagnoses apart best? Name it and say why."
_SIDE = re.compile(r"[\s*_#-]*(for|against)[\s*_]*:[\s*_]*(.*)", re.IGNORECASE)
Sections = list[tuple[str, str]]


def diagnose(
    example: Example,
    *,
    problems: int = 6,
    diagnoses: int = 3,
    tokens: int = 768,
    temperature: float = 0.0,
    seed: int = 0,
    read: Read = conclusion,
) -> Steps[Reply]:
    """Return the answer that is given after the steps of a diagnosis, in at most ``tokens`` in all.

    ``about`` holds ``problems``, ``differential`` (each with what speaks ``for`` and ``against`` it) and ``next_test``;
    what a step does not name is empty.
    """
    weights = {"problems": (2, 1), "differential": (2, 1), "weighed": (2, diagnoses), "next": (2, 1), "last": (3, 1)}
    sizes, told = shares(tokens, LEAST, apart=answer_room(example), **weights), Sections()

    def step(wish: str, part: str) -> Request:
        return Request(_step(example, told, wish), sizes[part], temperature, seed)

    [[first]] = yield [step(PROBLEMS.format(problems), "problems")]
    found = listed(first.text or "")[:problems]
    told.append(("Problems", "; ".join(found)))
    [[second]] = yield [step(DIFFERENTIAL.format(diagnoses), "differential")]
    named = listed(second.text or "")[:diagnoses]
    told.append(("Differential", "; ".join(named)))
    weighed = (yield [step(WEIGH.format(one), "weighed") for one in named]) if named else []
    sides = [{"diagnosis": one, **sides_of(reply.text or "")} for one, [reply] in zip(named, weighed, strict=True)]
    told += [(one["diagnosis"], f"For: {one['for'] or '-'} Against: {one['against'] or '-'}") for one in sides]
    [[test]] = yield [step(NEXT, "next")]
    told.append(("Next test", (test.text or "").strip()))
    chains = yield from concluded(example, [step(wish_of(example), "last")], read)
    made = reply_of(chains, problems=found, differential=sides, next_test=told[-1][1])
    return replace(made, tokens=made.tokens + spent([first, second, test, *(reply for [reply] in weighed)]))


def _step(example: Example, told: Sections, wish: str) -> list[Message]:
    """Return the case with what the steps before have found, and the wish of this step."""
    parts = [f"{harmless(name)}: {harmless(text)}" for name, text in told if text.strip()]
    return thinking(example, *parts, harmless(wish))


def sides_of(text: str) -> dict[str, str]:
    """Return what a text says for and against a diagnosis, "" where it does not say."""
    found: dict[str, list[str]] = {"for": [], "against": []}
    side = ""
    for line in text.splitlines():
        if opens := _SIDE.match(line):
            side, line = opens[1].lower(), opens[2]
        if side and line.strip():
            found[side].append(line.strip(" \t*-•"))
    return {name: " ".join(lines) for name, lines in found.items()}
