"""What a task is: a small declaration, made of data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from residency.evaluate.tasks.form import Ask, Item

EITHER = ("choice", "classify", "tag", "similar")
"""Kinds whose answers are compared by likelihood, or written where there is none or it is so wished."""
BY_LIKELIHOOD = (*EITHER, "read", "prefer")
"""Kinds whose answers are compared by likelihood where nothing else is wished."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task's declaration.

    ``kind``: "choice" and "classify" (likelihood of each option or label), "tag" (of yes and no for each label),
    "similar" (of each whole number of a scale), "extract" (a JSON list, generated), "relate" (a JSON list of pairs),
    "generate" (text), "converse" (text, the next turn of a dialogue), "read" (likelihood of the text itself), "follow"
    (generated, must hold a wanted string), "prefer" (likelihood a token of two answers that people judged), "rubric"
    (text, judged criterion by criterion by the model ``judge``).
    ``max_tokens`` caps a reply and ``stop`` ends it; ``keep_stop`` keeps the stop string.
    ``stakeholder`` and ``care`` are the axes of Garg et al. 2025 (arXiv 2504.17119).

    Its items are those of a run's own examples, or of the public set ``data`` (its part ``split``), turned by ``adapt``
    into the kind's form and put to a model as ``ask`` says, or those of a user's file (``own``, the task's YAML).
    ``beside`` are metrics shown with its own, more than its metric brings anyway.
    """

    name: str
    family: str
    kind: str
    metric: str
    stakeholder: str
    care: str
    max_tokens: int = 0
    stop: tuple[str, ...] = ()
    keep_stop: bool = False
    primary: bool = False
    title: str = ""
    data: str = ""
    split: str = "test"
    ask: Ask = Ask()
    adapt: Callable[[Iterable[Item]], Iterator[Item]] | None = None
    own: str = ""
    beside: tuple[str, ...] = ()
    judge: str = ""
