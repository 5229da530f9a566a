"""The tasks by name: those of a run, the public medical ones, and a user's own."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from residency.core.errors import RecipeError, UserError
from residency.core.legal import Rule
from residency.corpus import benchmarks
from residency.evaluate.tasks import own
from residency.evaluate.tasks.med import HUB, JUDGED, MED
from residency.evaluate.tasks.task import BY_LIKELIHOOD, EITHER, Task

__all__ = ["BY_LIKELIHOOD", "EITHER", "HUB", "MED", "SUITES", "TASKS", "Suite", "Task", "TaskName", "named"]

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
Suite = Literal["quickstart", "med", "hub"]
SUITES: dict[str, tuple[str, ...]] = {
    "quickstart": tuple(TASKS),
    "med": tuple(t.name for t in MED),
    "hub": tuple(t.name for t in HUB),
}
TASKS |= {task.name: task for task in (*MED, JUDGED, *HUB)}
own.TAKEN |= TASKS.keys()


def named(names: str | None, suite: Suite = "quickstart") -> list[Task]:
    """Return the tasks of a comma-separated list (names, suites, YAML files), or of a suite; UserError names the legal.

    A file's items are read and checked here, all of them.
    """
    if suite not in SUITES:
        raise UserError(f"suite {suite!r} is not known; legal are {', '.join(SUITES)}")
    wanted = [n.strip() for n in names.split(",") if n.strip()] if names is not None else list(SUITES[suite])
    if not wanted:
        raise UserError(f"no task is named in {names!r}; legal are {', '.join(TASKS)}")
    found: dict[str, Task] = {}
    for task in _all_of(wanted):
        if found.setdefault(task.name, task) != task:
            raise UserError(f"two task files are called {task.name}; give one of them another `task:` name")
    return list(found.values())


def _all_of(wanted: Sequence[str]) -> list[Task]:
    """Return the tasks of all names; one error tells the unknown names and what is wrong in any of the files."""
    unknown = [n for n in wanted if n not in TASKS and n not in SUITES and not _is_file(n)]
    tasks: list[Task] = []
    wrong: list[UserError] = []
    for name in dict.fromkeys(n for n in wanted if n not in unknown):
        try:
            tasks += _of(name)
        except UserError as error:
            wrong.append(error)
    if unknown:
        wrong.append(
            UserError(
                f"no task is called {', '.join(map(_with_nearest, unknown))}; legal are {', '.join(TASKS)}, the suites "
                f"{', '.join(SUITES)}, or a file of your own (NAME.yaml)"
            )
        )
    if wrong:
        kind = next((type(e) for e in wrong if isinstance(e, RecipeError)), type(wrong[0]))
        raise kind("\n".join(map(str, wrong)))
    return tasks


def _with_nearest(name: str) -> str:
    near = difflib.get_close_matches(name, [*TASKS, *SUITES], 1)
    return f"{name} (did you mean {near[0]}?)" if near else name


def _is_file(name: str) -> bool:
    return Path(name).suffix in (".yaml", ".yml")


def _of(name: str) -> list[Task]:
    if _is_file(name):
        from residency.evaluate.tasks.read import own_task

        return [own_task(Path(name))]
    return [TASKS[n] for n in SUITES.get(name, (name,))]


def _no_task(name: str) -> str | None:
    """Return what is wrong with a task's name, or with the file that it names; its public set must be here."""
    try:
        for task in named(name):
            if task.data:
                benchmarks.folder_of(task.data)
    except UserError as error:
        return str(error)
    return None


TaskName = Annotated[str, Rule("a task of residency evaluate whose set is here, a suite, or a YAML file", _no_task)]
