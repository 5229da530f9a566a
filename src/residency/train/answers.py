"""How good the answers are that a generator writes to what was held out, measured while it learns.

The loss of an answer and the answer itself part ways: a model that goes on learning names more of what it should while
it is surer of what it gets wrong, so that its held-out loss rises and its answers still get better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from residency.core.types import Example, Reply
from residency.measure.scorers import mention_counts, parse_choice, parse_list, parse_mentions, rouge_l
from residency.measure.spans import locate, parse_labelled, span_counts
from residency.models.local import LocalModel

Keep = Literal["loss", "answers"]
FIGURE = "held_out_answers"
ROOM = 1.25
"""How much longer than the longest wanted answer a written one may become."""


def answering(local: LocalModel, examples: Sequence[Example]) -> Callable[[], dict[str, float]]:
    """Return what writes each example's answer (greedily) and gives ``held_out_answers``, the mean of `grade`."""
    prompts = [example.prompt for example in examples]
    most = int(ROOM * max(len(local.encode(e.wanted[0])) for e in examples)) + 1

    def measure() -> dict[str, float]:
        replies = local.generate(prompts, max_tokens=most, end_loops=True)
        grades = [grade(example, reply) for example, reply in zip(examples, replies, strict=True)]
        return {FIGURE: sum(grades) / len(grades)}

    return measure


def grade(example: Example, reply: Reply) -> float:
    """Return how good a written answer is, from 0 to 1.

    Where spans of a text are wanted it is the F1 of their places, as an examination counts them; where another list is,
    the F1 of its entries (a list that cannot be read scores 0); where the answer is one of given choices, whether it
    is that one; else ROUGE-L F1 with the wanted answer (Lin 2004).
    """
    said, wanted = reply.text or "", example.wanted[0]
    if example.spans:
        pairs, read = parse_labelled(said, example.meta["labels"])
        found, absent = locate(pairs, example.meta["text"])
        return _f1(span_counts(found, example.spans, absent)) if read else 0.0
    if wanted.startswith("[") and parse_list(wanted) is not None:
        entries, read = parse_mentions(said)
        return _f1(mention_counts(entries, parse_mentions(wanted)[0])) if read else 0.0
    if example.choices:
        return float(parse_choice(said, example.choices) in example.wanted)
    return rouge_l(said, example.wanted)


def _f1(counts: Mapping[str, int]) -> float:
    whole = 2 * counts["tp"] + counts["fp"] + counts["fn"]
    return 2 * counts["tp"] / whole if whole else 1.0
