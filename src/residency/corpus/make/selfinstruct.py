"""New tasks from a few seed tasks by a model, each unlike all that are kept: Self-Instruct (Wang et al. 2022, arXiv
2212.10560), with its prompt of mixed seed and made tasks, its ROUGE-L filter and its filters of words and lengths.

Left out is the paper's own order for classification tasks (the label first). An answer here has no source to be checked
against: what a model does not know, it makes up. These rows need a reader before they train anything.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from residency.core.errors import SourceError
from residency.core.legal import AtLeastOne, Seed, Share, file_of
from residency.core.settings import Flat
from residency.core.store import read_jsonl
from residency.core.types import Document, Message, Model
from residency.corpus.make.likeness import Pool, words_of
from residency.corpus.make.prompts import DO_TASK, NEW_TASKS, asked, several
from residency.corpus.make.rows import Asking, Few, Outcome, Refused, instruction, parsed, replies

Tasks = Annotated[Path, file_of("a JSONL file of tasks: instruction, input, output")]
DRAWN = Asking(max_tokens=500, temperature=0.7)
ALIKE, LENGTH, WORD, START, EMPTY, REPEATS, ENOUGH = (
    "it is too like a task that is kept",
    "the task is too short or too long",
    "the task asks for what a text model cannot do",
    "the task does not begin with a letter or number",
    "it has no output",
    "the output repeats the task or its input",
    "there were enough already",
)
KEYWORDS = tuple(
    "image images picture pictures graph graphs file files map maps draw plot video audio music photo photos "
    "flowchart diagram chart website url click".split()
)
"""What a task may not name: following the paper's list, with what medical tasks ask for in pictures."""
SHORTEST, LONGEST = 3, 150
"""Words of an instruction, as in the paper's code: more than three, at most 150."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task with one input ("" where none is needed) and its output; ``document`` is the row it came from."""

    instruction: str
    input: str
    output: str
    document: Document


@dataclass(frozen=True, slots=True)
class Shown:
    """What a prompt shows, and what it asks for."""

    # How many new tasks a prompt asks for.
    per_prompt: Few = 4
    # How many tasks a prompt shows.
    shown: Few = 8
    # How many of these may be made ones.
    fresh: Few = 2


EIGHT = Shown()


def self_instruct(
    model: Model,
    *,
    # The tasks to begin with.
    tasks: Tasks,
    # How many new tasks are wanted.
    count: AtLeastOne = 100,
    each: Flat[Shown] = EIGHT,
    # From this likeness (ROUGE-L) to a task that is kept, a new one is refused.
    alike: Share = 0.7,
    # The most rounds of prompts.
    rounds: AtLeastOne = 20,
    # Words that a task may not hold, since a text model cannot do what they ask for.
    keywords: tuple[str, ...] = KEYWORDS,
    # The licence of what is made of your own file.
    licence: str = "unknown",
    # The language of your own file.
    language: str = "en",
    asking: Asking = DRAWN,
    # What is drawn by; the seed of make, unless it is given here.
    seed: Seed = 0,
) -> Iterator[Outcome]:
    """Yield up to ``count`` new tasks as instruction rows, in at most ``rounds`` rounds of ``asking.batch`` prompts.

    Raises SourceError where ``tasks`` holds none.
    """
    seeds = read_tasks(tasks, licence=licence, language=language)
    pool = Pool(task.instruction for task in seeds)
    made: list[Task] = []
    banned = re.compile(r"\b(?:" + "|".join(map(re.escape, keywords)) + r")\b", re.IGNORECASE) if keywords else None
    for number in range(rounds):
        if len(made) >= count:
            return
        rng = random.Random(f"{seed}:tasks:{number}")
        new: list[tuple[str, list[Task]]] = []
        for said, why, from_ in _proposed(model, seeds, made, rng, each, asking, seed + 2 * number):
            reason = why or _unfit(said, banned) or (ALIKE if pool.holds(said, alike) else None)
            reason = reason or (ENOUGH if len(made) + len(new) >= count else None)
            if reason:
                yield Refused(reason, count=1 if said else each.per_prompt)
            else:
                pool.add(said)
                new.append((said, from_))
        for outcome in _done(model, new, len(made), asking, seed + 2 * number + 1):
            yield outcome
            if isinstance(outcome, Document):
                task, given, output = (outcome.meta[key] for key in ("task", "input", "output"))
                made.append(Task(task, given, output, outcome))


def read_tasks(path: Path, *, licence: str, language: str = "en") -> list[Task]:
    """Return the seed tasks of a JSONL file: Self-Instruct's form (``instances``) or Alpaca's (``input``, ``output``).

    Raises SourceError that names the lines which are none.
    """
    found, wrong = [], []
    for number, row in enumerate(read_jsonl(Path(path).expanduser()), 1):
        parts = _parts(row)
        if parts is None:
            wrong.append(str(number))
            continue
        key = str(row.get("id", f"{Path(path).name}:{number}"))
        found.append(Task(*parts, Document(key, parts[0], "tasks", licence, language)))
    if wrong or not found:
        what = f"no instruction and output in line {', '.join(wrong[:20])}" if wrong else "it holds no task"
        raise SourceError(f"{path}: {what}; a line is {{instruction, input, output}} or {{instruction, instances}}")
    return found


def _parts(row: Any) -> tuple[str, str, str] | None:
    if not isinstance(row, dict):
        return None
    first = row["instances"][0] if isinstance(row.get("instances"), list) and row["instances"] else row
    if not isinstance(first, dict):
        return None
    said, given, output = row.get("instruction"), first.get("input") or "", first.get("output")
    texts = isinstance(said, str) and isinstance(given, str) and isinstance(output, str)
    return (str(said), str(given), str(output)) if texts else None


def _proposed(
    model: Model,
    seeds: Sequence[Task],
    made: Sequence[Task],
    rng: random.Random,
    each: Shown,
    asking: Asking,
    seed: int,
) -> Iterator[tuple[str, str | None, list[Task]]]:
    """Yield each instruction proposed with the tasks it was shown; "" and the reason where a reply gave none."""
    schema = several(NEW_TASKS, "instructions", each.per_prompt)
    drawn = [_draw(seeds, made, each.shown, each.fresh, rng) for _ in range(asking.batch)]

    def prompt(tasks: list[Task]) -> list[Message]:
        return asked(NEW_TASKS, examples="\n".join(f"- {task.instruction}" for task in tasks), count=each.per_prompt)

    for tasks, reply in replies(model, drawn, prompt, asking, seed=seed, schema=schema):
        found = parsed(reply, schema)
        if isinstance(found, str):
            yield "", found, tasks
        else:
            yield from (
                (" ".join(text.split()), None if text.strip() else LENGTH, tasks) for text in found["instructions"]
            )


def _draw(seeds: Sequence[Task], made: Sequence[Task], shown: int, fresh: int, rng: random.Random) -> list[Task]:
    new = rng.sample(list(made), min(fresh, len(made)))
    old = rng.sample(list(seeds), min(shown - min(len(new), shown), len(seeds)))
    return rng.sample([*new, *old], len(new) + len(old))


def _unfit(text: str, banned: re.Pattern[str] | None) -> str | None:
    if not SHORTEST < len(text.split()) <= LONGEST:
        return LENGTH
    if not text[0].isalnum():
        return START
    return WORD if banned and banned.search(text) else None


def _done(
    model: Model, new: Sequence[tuple[str, list[Task]]], first: int, asking: Asking, seed: int
) -> Iterator[Outcome]:
    """Yield the new tasks with an input and output of the model's, or why there is none."""

    def prompt(job: tuple[str, list[Task]]) -> list[Message]:
        examples = "\n\n".join(f"Task: {t.instruction}\nInput: {t.input}\nOutput: {t.output}" for t in job[1][:3])
        return asked(DO_TASK, examples=examples, instruction=job[0])

    for (said, shown), reply in replies(model, new, prompt, asking, seed=seed, schema=DO_TASK.schema):
        found = parsed(reply, DO_TASK.schema)
        if isinstance(found, str):
            yield Refused(found)
            continue
        given, output = found["input"].strip(), found["output"].strip()
        bases = [task.document for task in shown]
        meta = {"task": said, "input": given, "output": output}
        row = instruction(
            "self_instruct", f"self_instruct:{first}", bases, f"{said}\n\n{given}".strip(), output, **meta
        )
        reason = EMPTY if not words_of(output) else REPEATS if output.lower() in (given.lower(), said.lower()) else None
        if reason:
            yield Refused(reason, row)
        else:
            first += 1
            yield row
