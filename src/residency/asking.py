"""The verb that asks a model: in plain words as they come, by a way of reasoning, or held to evidence and with tools.

What it may stand on are indexes of passages, a knowledge graph and one patient's chart. The document for ``--json`` has
the same keys whatever the mode, so that a program need not know it: the answer or None and why, its sentences with what
they cite, the evidence, what was called, and the hashes of what was searched.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from residency import deidentifying, examine
from residency.arguments import whole, words
from residency.core.errors import UserError
from residency.core.legal import Range
from residency.core.progress import say
from residency.core.types import Example, Message, Reply
from residency.shelves import HPO, Shelves

if TYPE_CHECKING:
    from residency.core.types import Model
    from residency.infer.agent.transcript import Call

Answer = tuple[Any, str]
ANSWER, PASSAGES = Range(least=1, most=2048), Range(least=1, most=50)
CAUTION = "An experimental model: not for decisions about patients."
REASONED = ("cot", "vote", "refine", "decompose", "diagnose")
MODES = ("plain", "cited", "appraise", *REASONED, "panel", "agent")
PLAIN = 256
"""Tokens of a free answer."""


def ask(args: argparse.Namespace) -> Answer:
    """Ask a model one question, in one of the modes."""
    mode = args.mode or ("cited" if args.sources or args.graph or args.chart else "plain")
    _agree(args, mode)
    began = time.monotonic()
    shelves = Shelves(args)
    from residency.models.load import load

    name = examine.model_name(args.model)
    model = load(name)
    say(CAUTION)
    way = {"plain": _plain, "cited": _cited, "appraise": _cited, "agent": _agent}.get(mode, _reasoned)
    told, words = way(args, mode, model, shelves)
    told["identifiers"] = deidentifying.leaked(told["answer"] or "", _known(args.question, told["evidence"]))
    seconds = round(time.monotonic() - began, 2)
    document = {"model": name, "taken": model.name, "hash": model.hash, "question": args.question, "mode": mode}
    return {**document, **told, "seconds": seconds, "caution": CAUTION}, words


def _agree(args: argparse.Namespace, mode: str) -> None:
    """Raise UserError where the options do not go together, before anything is opened."""
    from residency.infer.retrieve.said import days_of

    shelves = args.sources or args.graph or args.chart
    if mode == "cited" and not shelves:
        raise UserError("cited needs something to cite: --sources INDEX (residency index build), --graph, or --chart")
    if mode == "appraise" and not args.sources:
        raise UserError("appraise grades what is found in an index: --sources INDEX (residency index build)")
    if mode == "plain" and shelves:
        raise UserError(f"plain takes no evidence; legal beside it: --mode {', '.join(MODES[1:])}")
    if bool(args.chart or args.fhir) != bool(args.patient):
        raise UserError("--chart or --fhir and --patient ID go together: one patient's record answers for nobody else")
    for name in ("since", "until"):
        given = getattr(args, name)
        if given and not days_of(given):
            raise UserError(f"--{name} {given!r} is no date; give one such as 2024, 2024-05 or 2024-05-11")
    if args.fhir and mode != "agent":
        raise UserError(
            "--fhir is read by --mode agent alone; for other modes put the record in an index: --chart INDEX"
        )


# --- the modes -------------------------------------------------------------------------------------------------------


def _document(*, answer: str | None, **more: Any) -> dict[str, Any]:
    """Return what every mode tells; ``more`` is what this one adds or knows better."""
    told: dict[str, Any] = {
        "answer": answer,
        "abstained": answer is None,
        "why": None,
        "missing": [],
        "sentences": [],
        "evidence": [],
        "dated": None,
        "tool_calls": [],
        "snapshots": {},
    }
    return {**told, **more}


def _plain(args: argparse.Namespace, mode: str, model: Model, shelves: Shelves) -> Answer:
    """Return the answer, which appears on standard output as it is made."""
    pieces = []
    for piece in model.stream(_asked(args.question), max_tokens=args.max_tokens or PLAIN):
        pieces.append(piece)
        if not args.json:
            print(piece, end="", flush=True)
    if not args.json:
        print(flush=True)
    return _document(answer="".join(pieces)), ""


def _cited(args: argparse.Namespace, mode: str, model: Model, shelves: Shelves) -> Answer:
    """Return an answer whose every sentence stands on a place that can be looked up, or none and what is missing."""
    from residency.infer.answer import Support, answer
    from residency.infer.answer.appraise import appraised
    from residency.infer.evidence import Found

    check = Support(judge=_judge(args.check)) if args.check else Support()
    ways: dict[str, Any] = {"facts": shelves.facts, "chart": shelves.chart, "still": shelves.still}
    given = {"style": args.style, "max_tokens": args.max_tokens}
    settings = {name: value for name, value in given.items() if value}
    search = shelves.search or (lambda question: Found(why="no sources were given"))
    way = appraised if mode == "appraise" else answer
    found = way(args.question, model, search, check=check, **ways, **settings)
    told = {**found.told(), "snapshots": shelves.snapshots}
    return _document(**told), cited_words(told)


def _judge(name: str) -> Any:
    from residency.infer.answer.support import judge_of
    from residency.models.load import load

    return judge_of(load(examine.model_name(name)))


def _reasoned(args: argparse.Namespace, mode: str, model: Model, shelves: Shelves) -> Answer:
    """Return the answer that a way of reasoning comes to, behind the evidence that is found."""
    from residency.infer.consult.panel import panel
    from residency.infer.evidence import laid_before
    from residency.infer.orders import without_orders
    from residency.infer.reason import STRATEGIES, alone

    evidence = shelves.evidence(args.question)
    example = Example("asked", laid_before(_asked(args.question), without_orders(evidence)[0]), [])
    settings = {"tokens": args.max_tokens} if args.max_tokens else {}
    strategy = panel if mode == "panel" else STRATEGIES[mode]
    reply: Reply = alone(strategy, **settings)(example, model)
    dates = [one.date for one in evidence if one.date]
    document = _document(
        answer=reply.text,
        why=None if reply.text is not None else f"the model gave no answer ({reply.finish})",
        evidence=[one.told() for one in evidence],
        dated=max(dates, default=None),
        snapshots=shelves.snapshots,
        reasoning={**reply.about, "tokens": reply.tokens},
    )
    return document, reply.text or f"No answer: {document['why']}."


def _agent(args: argparse.Namespace, mode: str, model: Model, shelves: Shelves) -> Answer:
    """Return what an agent comes to with its tools."""
    from residency.infer.agent.loop import solve

    done = solve(args.question, model, shelves.tools(), **({"tokens": args.max_tokens} if args.max_tokens else {}))
    dates = [one.date for one in done.evidence if one.date]
    document = _document(
        answer=done.answer,
        why=done.why,
        evidence=[one.told() for one in done.evidence],
        dated=max(dates, default=None),
        tool_calls=[one.told() for one in done.calls],
        snapshots={**shelves.snapshots, "tools": done.snapshots},
        reasoning={"turns": done.told()["turns"], "tokens": done.tokens},
    )
    lines = [f"{one.tool}: {_came_of(one)}" for one in done.calls]
    return document, "\n".join([*lines, done.answer or f"No answer: {done.why}."])


def _came_of(call: Call) -> str:
    """Return what a call gave, or why it did not; a model's own reading of a yes is named."""
    from residency.infer.tools.tool import Result

    if not isinstance(call.outcome, Result):
        return f"refused, {call.outcome.says}"
    read = f" (taken as said: {', '.join(call.unmentioned)})" if call.unmentioned else ""
    return f"{call.outcome.words()}{read}"


def _asked(question: str) -> list[Message]:
    return [{"role": "user", "content": question}]


def _known(question: str, evidence: Sequence[dict[str, Any]]) -> str:
    """Return the text whose identifiers an answer may repeat: the question's, and those of what it cites."""
    return "\n".join([question, *(one["text"] for one in evidence)])


# --- in words --------------------------------------------------------------------------------------------------------


def cited_words(told: dict[str, Any]) -> str:
    """Return a cited answer for people: each sentence with its numbers, and the sources that these stand for."""
    if told["answer"] is None:
        lacking = "".join(f"\n  missing: {one}" for one in told["missing"])
        return f"No answer: {told['why']}.{lacking}{''.join(map(_apart, told.get('conflicts', ())))}"
    numbers: dict[tuple[Any, ...], int] = {}
    lines = []
    for sentence in told["sentences"]:
        marks = "".join(f"[{numbers.setdefault(_place(c), len(numbers) + 1)}]" for c in sentence["citations"])
        unsure = "" if sentence["support"] != "unsupported" else " (not supported)"
        lines.append(f"{sentence['text']} {marks}{unsure}".rstrip())
    listed = [f"[{number}] {_source(place)}" for place, number in numbers.items()]
    dated = [f"Newest evidence: {told['dated']}"] if told["dated"] else []
    gone = [f"{len(told['removed'])} sentences without support were left out"] if told.get("removed") else []
    about = told.get("about", {})
    chart = [f"The patient's record: {about['chart']}"] if about.get("chart") else []
    blank = about.get("orders")
    orders = [f"{blank} sentences addressed to a machine were left out of the evidence"] if blank else []
    against = told.get("conflicts", ())
    apart = ["Left out, since the sources contradict each other:" + "".join(map(_apart, against))] if against else []
    return "\n".join([*lines, "", *listed, *dated, *gone, *orders, *chart, *apart])


def _apart(conflict: dict[str, Any]) -> str:
    """Return two places that contradict each other, word for word."""
    both = [f"\n  {_source(_place(conflict[side]))}: {conflict[side]['quote']}" for side in ("first", "second")]
    return f"\n{conflict['why']}:{''.join(both)}"


def _place(citation: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(citation[key] for key in ("document", "title", "section", "page", "start", "end", "date"))


def _source(place: tuple[Any, ...]) -> str:
    document, title, section, page, start, end, date = place
    head = title if title and title != document else ""
    more = [head, section, f"page {page}" if page else "", f"characters {start} to {end}" if end else "", date or ""]
    return ", ".join([document, *(one for one in more if one)])


# --- the parser ------------------------------------------------------------------------------------------------------


def add_arguments(one: argparse.ArgumentParser) -> None:
    """Add who is asked what, how, and what the answer may stand on."""
    forms = "runs/latest (its GGUF where it has one), runs/latest:tuned, a folder, a .gguf, a hub id, a name"
    one.add_argument("model", type=words, metavar="MODEL", help=forms)
    one.add_argument("question", type=words, metavar="QUESTION", help="what to ask")
    text = (
        "plain (default), cited (default with evidence), appraise (cited, by level of evidence), cot (chain "
        "of thought), vote (of many), refine, decompose, diagnose, panel (of specialties), or agent (with tools)"
    )
    one.add_argument("--mode", choices=MODES, metavar="HOW", help=text)
    text = "an index of passages to answer from (residency index build); may be given again"
    one.add_argument("--sources", action="append", type=words, metavar="INDEX", help=text)
    text = f"a knowledge graph to answer from: a folder (residency graph load), or {HPO} (the default)"
    one.add_argument("--graph", nargs="?", const=HPO, type=words, metavar="GRAPH", help=text)
    text = "an index with the record of --patient, kept apart from what is known outside"
    one.add_argument("--chart", type=words, metavar="INDEX", help=text)
    one.add_argument("--patient", type=words, metavar="ID", help="whose record of --chart is read")
    text = "a FHIR bundle or a folder of NDJSON that --mode agent may read about --patient"
    one.add_argument("--fhir", type=words, metavar="PATH", help=text)
    text = "cited: quote (sentences of the evidence) or write (the model's own, those kept that hold); default: quote"
    one.add_argument("--style", choices=["quote", "write"], metavar="HOW", help=text)
    text = "cited: an encoder that checks each sentence too (residency run support)"
    one.add_argument("--check", type=words, metavar="MODEL", help=text)
    text = f"passages that are looked at, {PASSAGES.legal} (default: 8)"
    one.add_argument("-k", type=whole(PASSAGES), default=8, metavar="N", help=text)
    one.add_argument("--since", type=words, metavar="DATE", help="only passages of this date or later (2024-05-31)")
    one.add_argument("--until", type=words, metavar="DATE", help="only passages of this date or earlier")
    one.add_argument("--language", type=words, metavar="A,B", help="only passages in these languages (en,es)")
    text = f"most tokens written, thoughts and calls among them, {ANSWER.legal} (default: 160 to 1280, by the mode)"
    one.add_argument("--max-tokens", type=whole(ANSWER), metavar="N", help=text)
