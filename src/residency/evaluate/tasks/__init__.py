"""The tasks: what each asks, how an answer is got and scored, and where it stands in the first survey's taxonomy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from residency.core.errors import UserError


@dataclass(frozen=True, slots=True)
class Task:
    """A task's declaration.

    ``kind``: "choice" (likelihood of each option), "extract" (a JSON list of strings, generated), "generate" (text),
    "read" (likelihood of the text itself), "follow" (generated, must hold a wanted string). ``max_tokens`` caps a
    reply and ``stop`` ends it; ``keep_stop`` keeps the stop string. ``stakeholder`` and ``care`` are the axes of
    Garg et al. 2025 (arXiv 2504.17119).
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


_PROFESSIONAL = "healthcare professionals"
# fmt: off
TASKS: dict[str, Task] = {t.name: t for t in (
    Task("qa", "Med-QA", "choice", "accuracy", _PROFESSIONAL, "diagnosis", primary=True,
         title="Questions with given options"),
    Task("nli", "Med-NLI", "choice", "macro_f1", _PROFESSIONAL, "diagnosis", primary=True,
         title="Does one statement follow from another"),
    Task("ie", "Med-IE", "extract", "entity_f1", _PROFESSIONAL, "diagnosis", 64, ("]",), True, True,
         "Findings in a text"),
    Task("gen", "Med-Gen", "generate", "rouge_l", "patients", "virtual health assistant", 24, ("\n",), primary=True,
         title="Plain words for a clinical term"),
    Task("ie_relations", "Med-IE", "extract", "entity_f1", "researchers", "diagnosis", 64, ("]",), True,
         title="Disease and finding pairs"),
    Task("ie_coded", "Med-IE", "extract", "entity_f1", _PROFESSIONAL, "treatment", 80, ("]",), True,
         title="Conditions and medicines behind a note"),
    Task("general_text", "General", "read", "perplexity", "all", "none", title="General text (forgetting)"),
    Task("general_instructions", "General", "follow", "instruction_accuracy", "all", "none", 24, ("\n\n",),
         title="General instructions (forgetting)"),
)}
# fmt: on
Suite = Literal["quickstart"]
SUITES: dict[Suite, tuple[str, ...]] = {"quickstart": tuple(TASKS)}


def named(names: str | None, suite: Suite = "quickstart") -> list[Task]:
    """Return the tasks of a comma-separated list, or of a suite; UserError names the legal ones."""
    if suite not in SUITES:
        raise UserError(f"suite {suite!r} is not known; legal are {', '.join(SUITES)}")
    wanted = [n.strip() for n in names.split(",") if n.strip()] if names is not None else list(SUITES[suite])
    if not wanted:
        raise UserError(f"no task is named in {names!r}; legal are {', '.join(TASKS)}")
    unknown = [n for n in wanted if n not in TASKS]
    if unknown:
        raise UserError(f"no task is called {', '.join(unknown)}; legal are {', '.join(TASKS)}")
    return [TASKS[n] for n in wanted]
