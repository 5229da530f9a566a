"""Other prompts for the same task without a model: other words of ours, other places, another style, a line before.

Edits of an instruction in place of a model that rewrites it: Prasad et al. 2022, GrIPS. What a prompt asks for stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from residency.infer.prompts.prompt import INSTRUCTED, STYLES, Prompt
from residency.infer.prompts.words import OF_KIND, WORDINGS

LINES = (
    "You are an experienced physician.",
    "Read the text with care, and answer from it alone.",
    "Below is a medical task. Do exactly what it asks.",
    "Take care: a wrong answer does harm.",
    "Question for a medical expert:",
)
"""Lines to stand before an English instruction; written before any was tried on a model."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A prompt that is tried; ``how`` says in words how it was made."""

    prompt: Prompt
    how: str = "as it is"


def edited(prompt: Prompt, *, styles: bool = True, whole: bool = False) -> Iterator[Candidate]:
    """Yield prompts that ask for the same in another way.

    ``styles``: whether the options of a choice may be put in another style, which changes what the right answer is
    called. ``whole``: the items come with whole prompts, as a run's own do, and only an instruction can be added.
    """
    lines = LINES if prompt.language == "en" else ()
    for number, line in enumerate(lines, 1):
        yield Candidate(_child(prompt, instruction=f"{line} {prompt.instruction}".strip()), f"line {number} before it")
    if prompt.instruction:
        yield Candidate(_child(prompt, instruction=""), "without its instruction")
    if whole or prompt.kind in INSTRUCTED:
        return
    for number, words in enumerate(WORDINGS[prompt.language][1:], 1):
        said = tuple(sorted((name, getattr(words, name)) for name in OF_KIND[prompt.kind]))
        yield Candidate(_child(prompt, words=said), f"wording {number} of ours")
    turned = {**dict(prompt.words), "turned": not prompt.worded.turned}
    yield Candidate(_child(prompt, words=tuple(sorted(turned.items()))), "the wish on the other side")
    if prompt.kind == "choice" and styles:
        other = STYLES[1] if (prompt.style or STYLES[0]) == STYLES[0] else STYLES[0]
        yield Candidate(_child(prompt, style=other), f"options as {other}")


def _child(prompt: Prompt, **change: object) -> Prompt:
    return replace(prompt, **change, parent=prompt.hash, measured=())  # type: ignore[arg-type]


def distinct(candidates: Iterator[Candidate] | list[Candidate], known: set[str]) -> list[Candidate]:
    """Return the candidates that ask otherwise than those known by hash, each once, and add them to the known."""
    found = []
    for one in candidates:
        if one.prompt.hash not in known:
            known.add(one.prompt.hash)
            found.append(one)
    return found
