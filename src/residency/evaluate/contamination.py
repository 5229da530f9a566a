"""Whether what a model is examined on was in what its run trained on: shared runs of text, item by item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from residency.core.store import read_examples, write_json
from residency.core.types import Example
from residency.corpus.decontaminate import decontaminate, finder
from residency.evaluate.selection import test_items
from residency.evaluate.tasks import Task

Reason = Callable[[Example], str | None]
LONG = 64
"""Characters from which on the same answer is no accident."""
LEAKS = "contamination.json"
"""Where a run's evaluation keeps which of a task's items it has trained on, beside the items."""


def found_in_training(examples: Path, tests: Sequence[Example]) -> list[str]:
    """Return the ids of test items of which a training example of a run holds 64 characters or 13 words in a row.

    ``examples`` is the folder of the run's examples stage; all that its training examples say is compared, prompts,
    answers and texts. An item's facts are its own texts, not the words of the prompt around them.
    """
    rows = read_examples(examples / "examples.jsonl", split="train")
    _, dropped = decontaminate(rows, tests, fact=texts_of, test_fact=facts_of)
    return sorted({reason.rsplit(" ", 1)[-1] for _, reason in dropped})


def leaks_of(run: Path | None, tasks: Sequence[Task], out: Path, limit: int) -> Iterator[tuple[str, bool | None]]:
    """Yield for each task whether items of it are in the training data of a run; None: there is no run.

    The ids that were found are kept beside the items.
    """
    for task in tasks:
        if run is None:
            yield task.name, None
            continue
        found = found_in_training(run / "examples", test_items(None, task, limit))
        write_json(out / "items" / task.name / f"contamination-{run.name}.json", {"run": run.name, "items": found})
        yield task.name, bool(found)


def texts_of(example: Example) -> list[str]:
    """Return everything that a training example says."""
    return [m["content"] for m in example.prompt] + example.wanted + list(_texts(example.meta))


def _texts(meta: dict[str, object]) -> Iterator[str]:
    value = meta.get("text")
    if isinstance(value, str):
        yield value


def facts_of(example: Example) -> Sequence[str]:
    """Return the texts that an item is known by."""
    facts: Iterable[str] = example.meta.get("facts") or [m["content"] for m in example.prompt]
    return list(facts)


def reason_to_drop(tests: Sequence[Example]) -> Reason:
    """Return what tells why an example must not be learned, None where it may be.

    It shares a run of text with a test item, as ``found_in_training`` finds it, or is the same short question, or has
    the same long answer.
    """
    shared = finder(tests, fact=facts_of)
    asked = {_plain(*facts_of(item)): item.id for item in tests}
    said = {key: item.id for item in tests for key in _answers(item) if len(key) >= LONG}

    def reason(example: Example) -> str | None:
        if key := asked.get(_plain(*facts_of(example))):
            return f"the same question as held-out item {key}"
        if key := next((said[found] for found in _answers(example) if found in said), None):
            return f"the same answer as held-out item {key}"
        return shared(texts_of(example))

    return reason


def _answers(example: Example) -> list[str]:
    """Return the answers that an example knows, right and wrong ones, as they are compared."""
    return [_plain(text) for text in (*example.wanted, *example.unwanted)]


def _plain(*texts: str) -> str:
    return " ".join(" ".join(texts).casefold().split())
