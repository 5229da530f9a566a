"""Sets of labels, any number of which may apply to a text: got by likelihood, read in a reply, and scored.

By likelihood every label is a question of yes or no by itself (binary relevance: Tsoumakas and Katakis 2007,
Multi-label classification), asked behind the same text, which is computed once. A reply is a JSON list of labels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from residency.core.types import Example, Message
from residency.infer.likelihood import affirm
from residency.measure.scorers import parse_labels, parse_list

Said = tuple[str, dict[str, Any]]
METHOD = "likelihood of yes and no and end of turn for each label by itself, summed; it is given where yes is likelier"
ANSWER = "the labels"


def by_likelihood(model: Any, examples: Sequence[Example], prefix: Sequence[int]) -> Iterator[Said]:
    """Yield the JSON list of each example's labels, and how much likelier yes is than no for every label."""
    if not examples:
        return
    asked = [[_prompt(e, label) for label in e.meta["labels"]] for e in examples]
    yes, no = examples[0].meta["verdict"]
    for example, odds in zip(examples, affirm(model, asked, (yes, no), prefix=prefix), strict=True):
        given = [label for label, more in zip(example.meta["labels"], odds, strict=True) if more > 0]
        yield json.dumps(given, ensure_ascii=False), {"label_odds": odds}


def _prompt(example: Example, label: str) -> list[Message]:
    """Return what asks for one label, behind the turns that go before."""
    before, words, behind = example.meta["applies"]
    return [*example.prompt[:-1], {"role": "user", "content": before + words.format(label) + behind}]


def scored(example: Example, prediction: str) -> dict[str, Any]:
    """Return the counts of labels, a mark for each ("tp", "fp", "fn", ""), and whether the set is exactly right.

    A reply without a list is unparsed: it gives no label, and its score is 0 even where none is wanted.
    """
    labels, wanted = example.meta["labels"], set(parse_list(example.wanted[0]) or ())
    given, unknown, parsed = parse_labels(prediction, labels)
    marks = [_mark(label in given, label in wanted) for label in labels]
    counts = {name: marks.count(name) for name in ("tp", "fp", "fn")}
    counts["fp"] += unknown
    missed = counts["fp"] + counts["fn"]
    score = 2 * counts["tp"] / (2 * counts["tp"] + missed) if missed else 1.0
    exact = float(parsed and not missed)
    return {"counts": counts, "marks": marks, "parsed": parsed, "exact_match": exact, "score": score if parsed else 0.0}


def _mark(given: bool, wanted: bool) -> str:
    if given:
        return "tp" if wanted else "fp"
    return "fn" if wanted else ""


def extractor(*, reason: bool) -> str:
    """Return what of a reply counts, in words."""
    where = "behind the last answer:, or on the last line" if reason else "of the reply"
    return f"first JSON list {where}, labels in any case; an entry that is none of them is a false one"


def as_compared(example: Example) -> Example:
    """Return a solved item as it is shown where likelihoods are compared: a turn for every label, yes or no.

    The text stands in the first of them only.
    """
    first, *others = example.meta["labels"]
    wanted = set(parse_list(example.wanted[0]) or ())
    yes, no = example.meta["verdict"]
    turns, last = _prompt(example, first), first
    for label in others:
        turns.append({"role": "assistant", "content": yes if last in wanted else no})
        turns.append({"role": "user", "content": example.meta["applies"][1].format(label)})
        last = label
    return replace(example, prompt=turns, wanted=[yes if last in wanted else no])
