"""What evidence is worth: the same questions answered from a model's own weights, and from what is found for them.

    RESIDENCY_DATA=../shared/data python bench/closed_book.py --work FOLDER [--models smollm2-135m,runs/latest:aligned]
        [--questions 100] [--examples runs/latest/examples] [--choices 200] [--judge MODEL] [--json]

1. MedQuAD's test questions, with all answers in the index (as in bench/citations.py). Each model answers from its
   weights ("closed"), and writes from the passages found ("write": only what the check supports stays); "quote" quotes
   the passages and needs no model. ROUGE-L against the question's own answer, no answer counting 0; ``unsupported`` is
   the share of sentences that neither the passages found nor the question's own answer support, before the check
   removes any; ``told`` the same of what is told.
2. HPO questions with options (the quickstart run's own test items), chosen by likelihood without and with the facts
   that the graph finds for the question's own words; and by the graph, where it stands behind an option, the model
   choosing else.

Differences are paired, on the same items, with 95% intervals by the bootstrap over diseases.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from citations import DEEP, how, judge
from parts.cited_questions import Question, drawn, index_at
from residency.core.store import read_examples
from residency.core.types import Example, Message, Reply
from residency.infer.answer import Answer, Support, answer
from residency.infer.answer.parts import UNSUPPORTED
from residency.infer.answer.sentences import spans
from residency.infer.answer.support import all_supported
from residency.infer.evidence import Evidence, laid_before
from residency.infer.graph.decide import decided, named
from residency.infer.likelihood import choose
from residency.measure.intervals import bootstrap, mean_of
from residency.measure.paired import paired
from residency.measure.scorers import rouge_l
from residency.models.load import load
from residency.models.scripted import ScriptedModel

Row = dict[str, Any]
ROOM = 128
"""Tokens of a reply."""
MOST = 5
"""Sentences of a cited answer."""
FACTS = 10
MODELS = "smollm2-135m,runs/latest:aligned"
METRICS = {"rouge_l": True, "unsupported": True, "told": True, "abstained": False}
"""What is measured of an answer, and whether by degrees."""


def main() -> None:
    """Measure both and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="where the index is kept between calls")
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--part", default="test", choices=("test", "validation"))
    parser.add_argument("--examples", type=Path, help="the examples folder of a quickstart run, for the HPO questions")
    parser.add_argument("--choices", type=int, default=200, help="HPO questions (default: 200)")
    parser.add_argument("--graph", type=Path, help="a graph of `residency graph load`; default: HPO")
    parser.add_argument("--embedder", help="vectors beside BM25 (minilm); default: none")
    parser.add_argument("--judge", help="an encoder of `residency run support`")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    names = args.models.split(",")
    found = medquad(args, names) if args.questions else []
    found += hpo(args, names) if args.examples else []
    print(json.dumps(found, indent=1) if args.json else table(found))


# --- MedQuAD ---------------------------------------------------------------------------------------------------------


def medquad(args: argparse.Namespace, names: Sequence[str]) -> list[Row]:
    """Return the rows of all ways to answer, and the paired differences to the same model's closed book."""
    index = index_at(args.work / f"answers-{args.embedder or 'words'}", args.embedder)
    asked = drawn(args.part, args.questions)
    check = Support(judge=judge(args.judge))
    silent = ScriptedModel(lambda said: None)
    ways: dict[str, list[Row]] = {"quote": _scored(asked, [_cited(one, silent, index, check) for one in asked], index)}
    against: dict[str, list[str]] = {}
    for name in names:
        model = load(name)
        ways[f"closed {name}"] = _scored(asked, _closed(asked, model), index)
        ways[f"write {name}"] = _scored(asked, _written(asked, model, index, check), index)
        against[f"closed {name}"] = ["quote", f"write {name}"]
    rows = [_told("medquad", way, metric, some) for way, some in ways.items() for metric in METRICS]
    return rows + [
        _paired("medquad", first, second, metric, ways)
        for first, others in against.items()
        for second in others
        for metric in ("rouge_l", "unsupported")
    ]


def _closed(asked: Sequence[Question], model: Any) -> list[Answer]:
    """Return what a model says from its weights, as answers without citations."""
    replies = model.generate([[_turn(one.text)] for one in asked], max_tokens=ROOM)
    return [Answer(one.text, reply.text or None) for one, reply in zip(asked, replies, strict=True)]


def _cited(one: Question, model: Any, index: Any, check: Support, style: str = "quote") -> Answer:
    return answer(
        one.text, model, lambda text: index.search(text, k=DEEP, how=how(index)), check=check, style=style, most=MOST,
        max_tokens=ROOM, still=index.passage,
    )  # fmt: skip


def _written(asked: Sequence[Question], model: Any, index: Any, check: Support) -> list[Answer]:
    """Return cited answers that a model writes, all replies in one batch: asked for once, and answered with them."""
    seen = ScriptedModel(lambda said: None)
    for one in asked:
        _cited(one, seen, index, check, "write")
    told = dict(zip(map(_key, seen.asked), model.generate(seen.asked, max_tokens=ROOM), strict=True))
    return [_cited(one, Told(told), index, check, "write") for one in asked]


class Told:
    """A model whose replies are there already."""

    def __init__(self, told: dict[str, Reply]) -> None:
        self.told = told

    def generate(self, prompts: Sequence[list[Message]], **settings: Any) -> list[Reply]:
        """Return the reply to each prompt."""
        return [self.told[_key(prompt)] for prompt in prompts]


def _key(prompt: Sequence[Message]) -> str:
    return json.dumps(list(prompt))


def _turn(text: str) -> Message:
    return {"role": "user", "content": text}


def _scored(asked: Sequence[Question], answers: Sequence[Answer], index: Any) -> list[Row]:
    rows = []
    for one, given in zip(asked, answers, strict=True):
        sources = [e for document in sorted(one.own)[:1] for e in index.passages(document)]
        sources += given.evidence or index.search(one.text, k=DEEP, how=how(index)).evidence
        told = [s.text for s in given.sentences] or _sentences(given.answer or "")
        said = [*told, *(s.text for s in given.removed)]
        scores = {"rouge_l": rouge_l(given.answer or "", [one.reference]), "abstained": float(given.abstained)}
        scores |= {"unsupported": _unsupported(said, sources), "told": _unsupported(told, sources)}
        rows.append({"id": one.id, "group": one.group, "hash": one.id, **scores})
    return rows


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in spans(text)]


def _unsupported(sentences: Sequence[str], sources: Sequence[Evidence]) -> float:
    """Return the share of sentences without support, by words alone; nan where nothing is said."""
    found = all_supported(sentences, sources, Support())
    return sum(one.support == UNSUPPORTED for one in found) / len(found) if found else float("nan")


# --- HPO -------------------------------------------------------------------------------------------------------------


def hpo(args: argparse.Namespace, names: Sequence[str]) -> list[Row]:
    """Return the accuracy of each model without and with the graph's facts, and the difference."""
    from residency.infer.graph import open_graph

    graph = open_graph(args.graph)
    examples = list(read_examples(args.examples / "examples.jsonl", split="test", task="qa"))[: args.choices]
    facts = {one.id: graph.facts(one.prompt[-1]["content"], k=FACTS).evidence for one in examples}
    behind = [named(graph, one.prompt[-1]["content"], one.choices) for one in examples]
    rows: list[Row] = []
    for name in names:
        model: Any = load(name)
        closed = choose(model, examples)
        ways = {
            f"closed {name}": _chosen(examples, [choice.index for choice in closed]),
            f"graph and {name}": _chosen(examples, list(map(decided, behind, closed))),
            f"facts {name}": _chosen(
                examples, [choice.index for choice in choose(model, list(_with(examples, facts)))]
            ),
        }
        rows += [_told("hpo", way, "accuracy", some) for way, some in ways.items()]
        rows += [_paired("hpo", f"closed {name}", f"{way} {name}", "accuracy", ways) for way in ("facts", "graph and")]
    with_facts = sum(bool(found) for found in facts.values())
    decides = sum(sum(map(bool, some)) == 1 for some in behind)
    counted = {"questions with facts": with_facts, "questions that the graph decides alone": decides}
    return [*rows, *({"set": "hpo", "what": what, "n": len(examples), "value": n} for what, n in counted.items())]


def _with(examples: Sequence[Example], facts: dict[str, list[Evidence]]) -> Iterator[Example]:
    for one in examples:
        prompt = laid_before(one.prompt, facts[one.id])
        yield Example(one.id, prompt, one.wanted, choices=one.choices, group=one.group)


def _chosen(examples: Sequence[Example], choices: Sequence[int]) -> list[Row]:
    return [
        {"id": one.id, "group": one.group, "hash": one.id, "accuracy": float(one.choices[at] in one.wanted)}
        for one, at in zip(examples, choices, strict=True)
    ]


# --- told ------------------------------------------------------------------------------------------------------------


def _told(name: str, way: str, metric: str, rows: Sequence[Row]) -> Row:
    found = bootstrap(rows, mean_of(metric, metric, graded=METRICS.get(metric, False)))
    return {"set": name, "what": f"{way}: {metric}", "value": found.value, "low": found.low, "high": found.high,
            "n": len(rows)}  # fmt: skip


def _paired(name: str, first: str, second: str, metric: str, ways: dict[str, list[Row]]) -> Row:
    found = paired(ways[first], ways[second], mean_of(metric, metric, graded=METRICS.get(metric, False)))
    gap = found.difference
    return {"set": name, "what": f"{second} minus {first}: {metric}", "value": gap.value, "low": gap.low,
            "high": gap.high, "p": found.p, "n": found.n}  # fmt: skip


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown."""
    lines = ["| set | what | value | 95% | n |", "|---|---|---|---|---|"]
    for r in rows:
        limits = f"{r['low']:.3f} to {r['high']:.3f}" if "low" in r else ""
        lines.append(f"| {r['set']} | {r['what']} | {r['value']:.3f} | {limits} | {r['n']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
