"""Evaluation: every model of a run on the same items, two processes side by side, every item's result kept."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from residency.core.errors import Unsupported, UserError
from residency.core.legal import Range, Seed
from residency.core.progress import say
from residency.core.store import read_examples, read_manifest, write_json, write_manifest
from residency.evaluate.baselines import CRF, crf_jobs
from residency.evaluate.contamination import LEAKS, found_in_training, leaks_of
from residency.evaluate.costs import costs, effort
from residency.evaluate.evidence import NONE, Grounds, in_pairs
from residency.evaluate.jobs import Bench, Job
from residency.evaluate.judges.rubric import judge_of
from residency.evaluate.ledger import item_files, rows, versus, with_evidence
from residency.evaluate.names import MOST_SHOWN, apart
from residency.evaluate.protocol import Protocol, compares
from residency.evaluate.readers import KINDS, why_not
from residency.evaluate.rules import run_rules
from residency.evaluate.selection import solved_items, test_items
from residency.evaluate.statement import without_effect
from residency.evaluate.tasks import BY_LIKELIHOOD, EITHER, SUITES, Suite, Task, TaskName, named
from residency.evaluate.vary import Way, place, summaries, varied
from residency.evaluate.workers import run_jobs
from residency.models.device import Precision
from residency.models.load import Source, find, of_stage

SHORT = {"pretrained": ("qa", "nli"), "tuned": ("qa", "nli", "ie", "gen")}
"""Tasks of the models between base and aligned; the others do every task."""
USUAL = Protocol()
Row = dict[str, Any]
Cap = Annotated[int, Range(least=0, zero="all items")]
SHOWN_SOLVED = ("choice", "classify", "tag", "extract", "relate", "generate")
"""Kinds that a base is asked with solved examples as well."""


def evaluate(
    examples: Path,
    models: dict[str, Path],
    *,
    out: Path,
    suite: Suite = "quickstart",
    # Tasks beside those of the suite: public ones by name, or a YAML file of your own.
    tasks: tuple[TaskName, ...] = (),
    shots: Annotated[int, Range(least=1, most=MOST_SHOWN)] = 3,
    # The most items of each task, the same for all models; of a public set drawn by a hash of their ids.
    limit: Cap = 0,
    generated: Cap = 100,
    gguf_items: Cap = 200,
    processes: Annotated[int, Range(least=1, most=64)] = 2,
    precision: Precision = "auto",
    seed: Seed = 0,
    baselines: bool = True,
) -> None:
    """Write ``items/<task>/<model>.jsonl`` beside ``out`` for every model stage given and every trivial rule.

    The base is asked without and with ``shots`` solved examples, as far as a task has training items to show.
    ``generated`` caps the generated items of the stages between base and aligned, ``gguf_items`` those of the GGUF.
    With ``baselines`` a linear CRF, trained here, stands beside every extraction. Raises ResidencyError naming the job
    that failed.
    """
    items, asked = out.parent / "items", named(",".join([*SUITES[suite], *tasks]))
    for judge in dict.fromkeys(task.judge for task in asked if task.judge):
        judge_of(judge)  # without its passport nothing is begun
    every = jobs(models, asked, shots_of(examples, shots, asked), generated, gguf_items, limit)
    plan = [job for job in every if able(job, examples)]
    beside, without = crf_jobs(asked, examples, items, limit) if baselines else ([], {})
    run_rules(examples, items, asked, limit)
    bench = Bench(examples, items, precision, max(1, (os.cpu_count() or 2) // processes))
    done = run_jobs([*plan, *beside], bench, processes)
    for task in asked:
        if not _of_a_run(task) and task.family != "General":
            found = found_in_training(examples, test_items(examples, task, limit))
            write_json(items / task.name / LEAKS, {"run": out.parent.name, "items": found})
    names = {"suite": suite, "tasks": list(tasks), "shots": shots, "limit": limit, "no_baseline": without}
    write_manifest(out, stage="evaluate", jobs=done, **names, precision=precision, seed=seed)


def shots_of(examples: Path, wanted: int, tasks: Sequence[Task] = ()) -> dict[str, int]:
    """Return how many solved examples each task can show: what is wanted, or as many as it has training items.

    A run's own tasks show its training examples, a public one (of ``tasks``) those of its set.
    """
    found = Counter(str(row.meta.get("task", "")) for row in read_examples(examples / "examples.jsonl", split="train"))
    own = {task.name: len(solved_items(examples, task)) for task in tasks if task.data or task.own}
    return {task: min(wanted, count) for task, count in {**found, **own}.items()}


def jobs(
    models: dict[str, Path],
    tasks: Sequence[Task],
    shots: Mapping[str, int],
    generated: int,
    gguf_items: int,
    limit: int = 0,
) -> Iterable[Job]:
    """Yield the jobs of a run, model by model; a base is named by the examples that it is really shown.

    Models between base and aligned do a run's own tasks in part; one that was asked for by name is put to all, but a
    pretrained model does not write.
    """
    for state, folder in models.items():
        source = of_stage(folder, state)
        for task in tasks:
            most = 0 if task.family == "General" else limit
            if source.reader:
                yield Job(state, task.name, source, limit=most, own=task.own)
                continue
            cap = generated if task.kind in ("extract", "generate") and state in SHORT else 0
            job = Job(state, task.name, source, limit=least(most, cap), own=task.own)
            if state == "base":
                yield replace(job, state="base-0shot")
                if task.kind in SHOWN_SOLVED and (count := shots.get(task.name, 0)):
                    yield replace(job, state=f"base-{count}shot", shots=count)
            elif state == "gguf":
                squeezed = gguf_job(task, folder, source, gguf_items)
                yield replace(squeezed, limit=least(most, squeezed.limit), own=task.own)
            elif task.name in SHORT.get(state, (task.name,)) or (
                not _of_a_run(task) and (state != "pretrained" or task.kind in BY_LIKELIHOOD)
            ):
                yield job


def least(*caps: int) -> int:
    """Return the smallest of caps, of which 0 is none."""
    return min((cap for cap in caps if cap), default=0)


def able(job: Job, examples: Path | None) -> bool:
    """Return whether a model can do its job: one that writes can, one that only reads by its kind and its labels."""
    task = job.declaration()
    if job.source.is_reward:
        return task.kind == "prefer"
    return not job.source.reader or not why_not(task, job.source, test_items(examples, task, 1))


def gguf_job(task: Task, folder: Path, source: Source, limit: int) -> Job:
    """Return the GGUF's job: generated by llama.cpp, or likelihoods from its Q8_0 weights dequantised in torch."""
    if task.kind in BY_LIKELIHOOD:
        found = (read_manifest(folder) or {})["dequantised"]
        weights = Source(source.name, str(folder / found), source.hash)
        return Job(source.name, task.name, weights, note="Q8_0 weights dequantised in torch")
    return Job(source.name, task.name, source, limit=limit if task.kind != "follow" else 0, note="llama.cpp")


def evaluate_models(
    names: Sequence[str],
    *,
    tasks: str | Sequence[Task] | None = None,
    suite: Suite = "quickstart",
    limit: int = 0,
    out: Path,
    examples: Path | None = None,
    shots: int = 0,
    precision: str = "auto",
    protocol: Protocol = USUAL,
    vary: Sequence[Way] = (),
    baselines: bool = False,
    evidence: Grounds = NONE,
) -> dict[str, Any]:
    """Return a ledger's ``rows`` of models on the same tasks, ``comparisons`` of each with the first and with the
    baseline, and of which tasks that is absent, with the reason.

    ``tasks`` are their names, as ``named`` takes them, or they themselves; without, all of the suite.
    Items are written under ``out``; one process, all threads. ``examples`` is the folder of a run's examples stage;
    where it is not given, that of the run the first model belongs to, else of ``runs/latest``. The same items are
    asked again in every way of ``vary``, and summed up; and again with ``evidence`` before them, as rows of a model
    called "x+sources", each compared with the same model without. A name that ends in ``@N`` is that model, shown N
    solved examples; ``costs`` hold what each model took beside how good it is. With ``baselines`` a linear CRF, trained
    here, stands beside every extraction, and every model is compared with it. Raises Unsupported where a model can do
    none of the tasks, UserError where a model is given twice.
    """
    asked = named(tasks, suite) if tasks is None or isinstance(tasks, str) else list(tasks)
    plain, counts = zip(*map(apart, names), strict=True)
    sources = _told_apart(names, list(map(shown, map(find, plain), counts)))
    folder = examples or (examples_of(plain[0]) if any(_of_a_run(task) for task in asked) else None)
    each = [shots if count is None else count for count in counts]
    plans = [_plan(source, asked, count, limit, protocol, folder) for source, count in zip(sources, each, strict=True)]
    plan = [job for jobs_of_one in plans for job in jobs_of_one]
    for words in without_effect(plan, protocol):
        say(words)
    plan = list(in_pairs(plan, evidence))
    called = [state_of(source) for source in sources]
    for judge in dict.fromkeys(task.judge for task in asked if task.judge):
        judge_of(judge)  # without its passport nothing is begun
    bench = Bench(folder, out / "items", precision, os.cpu_count() or 1)
    beside, without = crf_jobs(asked, folder, bench.items, limit) if baselines else ([], {})
    run_jobs([*plan, *beside, *_in_other_ways(plan, folder, vary)], bench, 1)
    public = [task for task in asked if task.data or task.own]
    leaks = {
        (task, model): found
        for run, models in _by_run(plain, called).items()
        for task, found in leaks_of(run, public, out, limit)
        for model in models
    }
    items, protocols = item_files(out)
    items = {task.name: items[task.name] for task in asked if task.name in items}
    pairs = {name: name + evidence.suffix for name in called} if evidence else {}
    leaks |= {(task, pairs[name]): found for (task, name), found in leaks.items() if name in pairs}
    every = [one for name in called for one in (name, pairs.get(name)) if one] + ([CRF] if beside else [])
    made = [row for task in items for row in _of_task(task, items[task], every, protocols, leaks)]
    usual = {task: {name: list(found[name]) for name in every if name in found} for task, found in items.items()}
    closed = {task: {n: found for n, found in models.items() if n in called} for task, models in usual.items()}
    compared = [*versus(closed, protocols, called[0]), *versus(usual, protocols, CRF, "baseline")]
    compared += with_evidence(usual, protocols, pairs)
    efforts = {model: effort(name, source) for model, name, source in zip(called, plain, sources, strict=True)}
    efforts |= {pairs[name]: efforts[name] for name in pairs}
    took = [line for task in usual for line in costs(task, usual[task], made, efforts, out)]
    return {"rows": made, "comparisons": compared, "no_baseline": without, "costs": took}


def _told_apart(names: Sequence[str], sources: Sequence[Source]) -> list[Source]:
    """Return the models, those of one name called as they were given; UserError where one was given twice."""
    if doubled := [name for name, count in Counter(names).items() if count > 1]:
        raise UserError(f"{doubled[0]} is given twice; a model is compared with others, and not with itself")
    shared = Counter(state_of(source) for source in sources)
    return [
        source if shared[state_of(source)] == 1 else replace(source, name=re.sub(r"[^\w.-]+", "-", name).strip("-."))
        for name, source in zip(names, sources, strict=True)
    ]


def shown(source: Source, count: int | None) -> Source:
    """Return a model that is called by the solved examples it is shown, where it has a number of its own."""
    if count is None:
        return source
    if source.reader:
        raise UserError(f"{source.name} reads a text without a prompt and is shown no examples; leave @{count} out")
    return replace(source, name=f"{source.name}-shots{count}")


def _by_run(names: Sequence[str], called: Sequence[str]) -> dict[Path | None, list[str]]:
    """Return what the models of each run are called."""
    found: dict[Path | None, list[str]] = {}
    for name, model in zip(names, called, strict=True):
        found.setdefault(run_of(name), []).append(model)
    return found


def _plan(
    source: Source, asked: Sequence[Task], shots: int, limit: int, protocol: Protocol, examples: Path | None
) -> list[Job]:
    if source.reader:
        return _plan_reader(source, asked, limit, examples)
    asked_by = {task.name: protocol.of(task) for task in asked}
    counts = {task.name: protocol.shots(task, shots) for task in asked}
    found = {task.name: model_job(task, source, counts[task.name], limit, asked_by[task.name]) for task in asked}
    plan = [replace(job, protocol=asked_by[job.task]) for job in found.values() if job]
    if skipped := [task for task, job in found.items() if job is None]:
        text = f"left out for a GGUF that lies in no run, which gives no fast likelihoods: {', '.join(skipped)}"
        if not plan:
            named_so = "Name the run that made it: runs/latest:gguf, or runs/latest:aligned for torch"
            written = any(task.kind in EITHER for task in asked)
            raise Unsupported(f"{text}. {named_so}" + ("; or let it write: --method generate" if written else ""))
        say(text)
    return plan


def _plan_reader(source: Source, asked: Sequence[Task], limit: int, examples: Path | None) -> list[Job]:
    """Return the jobs of a model that reads and writes nothing; what it cannot do is said, each with the reason."""
    why = {task.name: why_not(task, source, test_items(examples, task, 1)) for task in asked}
    skipped = [f"{name} ({reason})" for name, reason in why.items() if reason]
    plan = [Job(state_of(source), task.name, source, 0, limit, own=task.own) for task in asked if not why[task.name]]
    if skipped:
        text = f"left out for {source.name}, which reads a text and writes none: {', '.join(skipped)}"
        if not plan:
            raise Unsupported(f"{text}. It can do tasks of kind {', '.join(KINDS)} whose labels it was trained on")
        say(text)
    return plan


def _in_other_ways(plan: Sequence[Job], examples: Path | None, vary: Sequence[Way]) -> Iterator[Job]:
    """Yield the jobs that ask a plan's items in other ways, and say what cannot be asked so."""
    for way in vary:
        for job in (job for job in plan if not job.source.reader):  # to which no words are put but the text
            found, why = varied(job, examples, way)
            if why:
                say(f"{job.task} is not varied by {way}: {why}")
            yield from found


def _of_task(
    task: str,
    items: Mapping[str, Iterable[Row]],
    called: Sequence[str],
    protocols: Mapping[tuple[str, str], Row],
    leaks: Mapping[tuple[str, str], bool | None],
) -> Iterator[Row]:
    """Yield a task's ledger rows, model by model as they are ``called``.

    First those of the usual asking, then one of each variant, and what sums these up.
    """
    variants = {model: str(protocols.get((task, model), {}).get("variant", "")) for model in items}

    def of(name: str, model: str) -> list[Row]:
        return rows(task, name, items[name], protocols.get((task, name), {}), leaks.get((task, model)))

    for model in (name for name in called if name in items):
        yield from (usual := of(model, model))
        others = [name for name, variant in variants.items() if variant and name == f"{model}.{variant}"]
        others.sort(key=lambda name: place(variants[name]))
        yield from (asked := [of(name, model)[0] for name in others])
        if others:
            yield from summaries([usual[0], *asked], {name: list(items[name]) for name in (model, *others)})


def run_of(name: str) -> Path | None:
    """Return the run that a model belongs to, where it has one with training examples."""
    path = Path(name.partition(":")[0]).resolve()
    return next((run for run in (path, *path.parents[:2]) if read_manifest(run / "examples")), None)


def _of_a_run(task: Task) -> bool:
    """Return whether a task's items are those that a run has made."""
    return not (task.data or task.own or task.family == "General")


def state_of(source: Source) -> str:
    """Return what a model is called among the items of an evaluation."""
    return source.name.replace("/", "_")


def model_job(task: Task, source: Source, shots: int, limit: int, protocol: Protocol = USUAL) -> Job | None:
    """Return the job of one model on one task; a GGUF's likelihoods need the torch form beside it, else None."""
    shots = 0 if task.kind in ("read", "follow", "rubric", "prefer") else shots
    if not source.is_gguf:
        return Job(state_of(source), task.name, source, shots, limit, own=task.own)
    folder = Path(source.path).parent
    made = read_manifest(folder) or {}
    beside = made.get("gguf") == Path(source.path).name and "dequantised" in made
    if task.kind in BY_LIKELIHOOD and not beside:
        alone = Job(state_of(source), task.name, source, shots, limit, note="llama.cpp", own=task.own)
        return None if compares(task, protocol) else alone
    return replace(gguf_job(task, folder, source, limit), shots=shots, limit=limit, own=task.own)


def examples_of(name: str) -> Path:
    """Return the examples folder that belongs to a model's run, else that of the latest run."""
    latest = Path(os.environ.get("RESIDENCY_RUNS", "runs")) / "latest"
    run = run_of(name) or (latest if read_manifest(latest / "examples") else None)
    if run is None:
        raise UserError(
            "no test items: they are made by a run. Make one with `residency run` first, then evaluate again; or name "
            "a public suite (--suite med) or a task file of your own"
        )
    return run / "examples"
