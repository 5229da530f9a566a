"""What stands behind a number, in words: how the answer was got and read, on which items, by which model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from residency.evaluate import readers, vocabulary
from residency.evaluate.kinds import FILES
from residency.evaluate.protocol import Protocol
from residency.evaluate.readers import as_read, is_reader
from residency.evaluate.tasks import BY_LIKELIHOOD, EITHER, Task
from residency.evaluate.think import first_asked, said
from residency.infer.prompts.shots import shot_messages, told

if TYPE_CHECKING:
    from residency.evaluate.jobs import Bench, ItemParts, Job


def _what(task: Task) -> str:
    return "'s letter" if (task.data or task.own) and task.ask.style == "letters" else " text"


def _answer(task: Task) -> str:
    """Return what is written of a choice, set of labels or number."""
    return str(FILES[task.kind].ANSWER) if task.kind in FILES else "the choice"


def _method(job: Job, task: Task, usual: str) -> str:
    """Return how the answer was got, in words."""
    sampling, choice = job.protocol.sampling, task.kind in EITHER
    if not written(job, task):
        return usual
    if choice and job.protocol.thinks:
        return said(job.protocol, _answer(task))
    how = "generation" if sampling else "greedy generation"
    how += f" of {_answer(task)}" if choice else ""
    how += " at temperature {temperature}, seed {seed}".format(**sampling) if sampling else ""
    return f"{how}, constrained to a JSON schema" if held_to_schema(job, task) else how


def written(job: Job, task: Task) -> bool:
    """Return whether the answers are written, and not compared by their likelihood, or marked in the text."""
    if job.source.reader:
        return False
    if task.kind in EITHER:
        return job.source.is_remote or job.protocol.method != "likelihood"
    return task.kind not in BY_LIKELIHOOD


def held_to_schema(job: Job, task: Task) -> bool:
    """Return whether replies are held to a JSON schema: lists, and what is chosen without thinking first."""
    if not job.protocol.constrained or not written(job, task):
        return False
    chosen = task.kind in EITHER and not job.protocol.thinks
    return chosen or task.kind in ("extract", "relate")


def without_effect(jobs: Sequence[Job], protocol: Protocol) -> list[str]:
    """Return what of a protocol changes nothing in any of the jobs, each with the reason."""
    asked = [(job, job.declaration()) for job in jobs if not job.source.reader]
    chosen = [task for _, task in asked if task.kind in EITHER]
    listed = [task for task in chosen if task.kind == "choice" and (task.data or task.own)]
    checks = {
        f"--style {protocol.style}": not protocol.style or listed,
        f"--method {protocol.method}": protocol.method == "likelihood" or chosen,
        "--constrained": not protocol.constrained or any(held_to_schema(job, task) for job, task in asked),
        f"--tokens {protocol.tokens}": not protocol.tokens or (protocol.thinks and chosen),
        f"--pick {protocol.pick}": protocol.pick == "fixed" or any(job.shots for job in jobs),
    }
    for prompt in protocol.prompts:
        checks[f"--prompt {prompt.name}"] = any(prompt in job.protocol.prompts for job in jobs)
    why = {
        "--style": "no task here has options that can be put in another way (a run's own prompts stay as they are)",
        "--method": "no task here has options, labels or a scale to choose from",
        "--constrained": "no reply here is a list, or a choice that is written (--method generate)",
        "--tokens": "nothing here is thought over before it is answered (--method cot, vote, …)",
        "--pick": "no solved examples are shown (--shots)",
        "--prompt": "it is for no task here",
    }
    return [f"{option} changes nothing: {why[option.split()[0]]}" for option, works in checks.items() if not works]


def extractor_of(job: Job, task: Task) -> str:
    """Return what of a reply is scored, in words."""
    if task.kind in FILES:
        return FILES[task.kind].extractor(reason=job.protocol.thinks) if written(job, task) else ""
    if written(job, task) and task.kind in EITHER:
        last = (
            "alone on the last line; else asked for once more" if job.protocol.thinks else "that the reply begins with"
        )
        return f"the choice behind the last answer:, or {last}"
    extractor = {
        "extract": "first JSON list of the reply, one that only repeats itself closed there, exact strings",
        "relate": "first JSON list of the reply, pairs of a text's own mentions",
        "follow": "reply holds a wanted string",
        "rubric": f"criteria of each item, judged by {task.judge}",
        "converse": "a turn asks where a sentence of it ends in a question mark, of any script",
    }
    if task.kind == "extract" and (task.data or task.own):
        listed = "first JSON list of the reply, one that only repeats itself closed there"
        extractor["extract"] = f"{listed}, every whole-word occurrence of a phrase"
    return vocabulary.protocol() if vocabulary.wanted_by(task) else extractor.get(task.kind, "")


def _precision(job: Job, bench: Bench) -> str:
    from residency.models.device import precision_name

    if job.source.is_remote:
        return "not known (endpoint)"
    return "q8_0 (llama.cpp)" if job.source.is_gguf else precision_name(bench.precision)


def is_public(task: Task) -> bool:
    """Return whether a task's items may be shown: those of a user's file, or of a run's own sources, may not."""
    return bool(task.data) or task.family == "General"


def example_of(model: Any, task: Task, asked: ItemParts, protocol: Protocol) -> dict[str, Any]:
    """Return a task's first question to the letter as the model is given it, and its answer."""
    assert asked.first is not None
    if is_reader(model):
        first = asked.first
        return {"id": first.id, "prompt": as_read(task, first), "wanted": first.wanted, "choices": first.choices}
    last = asked.first
    turns = [*shot_messages(asked.shots), *last.prompt]
    if protocol.thinks and task.kind in EITHER:
        turns = first_asked(task, replace(last, prompt=turns), protocol)
    render = getattr(model, "render", told)
    return {"id": last.id, "prompt": render(turns), "wanted": last.wanted, "choices": last.choices}


def about(task: Task) -> dict[str, str]:
    """Return what a task says of itself, for those who do not have its declaration."""
    return {key: getattr(task, key) for key in ("family", "kind", "metric", "stakeholder", "care")}


def protocol_of(job: Job, task: Task, asked: ItemParts, bench: Bench) -> dict[str, Any]:
    """Return what stands behind a number: how the answer was got and scored, on which items, by which model."""
    methods = {
        "choice": f"likelihood of the option{_what(task)} and end of turn, summed",
        "classify": "likelihood of the label and end of turn, summed",
        "read": "likelihood of the text",
        **{kind: file.METHOD for kind, file in FILES.items()},
    }
    by_llama = job.source.is_gguf
    found = {
        "task": job.task,
        "model": job.state,
        "model_hash": job.source.hash,
        "note": job.note,
        "method": _method(job, task, methods.get(task.kind, "")),
        "metric": task.metric,
        "about": about(task),
        "template": "the model's own chat template, no system prompt added" if job.protocol.template else "none",
        "shots": len(asked.shots) or asked.own_shots,
        "shots_picked": job.protocol.pick,
        "prompt": prompt.told() if (prompt := job.protocol.prompt(task)) else {},
        "shot_ids": [s.id for s in asked.shots],
        "style": task.ask.style if task.kind == "choice" and (task.data or task.own) else "",
        "language": task.ask.language,
        "evidence": job.protocol.evidence.told(task.kind, job.protocol.method),
        "seed": job.protocol.seed,
        "constrained": held_to_schema(job, task),
        "variant": job.protocol.variant,
        "n": asked.n,
        "data": task.data or task.own,
        "split": task.split if task.data else "",
        "items_sha256": asked.sha256,
        "extractor": extractor_of(job, task),
        "max_tokens": asked.room if written(job, task) else 0,
        "stop": [] if held_to_schema(job, task) else list(task.stop),
        "precision": _precision(job, bench),
        "engine": "endpoint" if job.source.is_remote else "llama.cpp" if by_llama else "torch",
    }
    return found | (readers.asked(task, job.source, _precision(job, bench)) if job.source.reader else {})
