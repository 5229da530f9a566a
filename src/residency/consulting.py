"""The verb of consultation: a model sees simulated patients, or is several specialties on a panel.

``residency consult patient`` scores the questions and the diagnosis of a model, or of a doctor that knows HPO's
annotations, whose talks can be learned from; ``residency consult panel`` puts a question to a panel.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.arguments import whole, words
from residency.core.errors import UserError
from residency.core.legal import Range
from residency.core.progress import say
from residency.examine import Answer, model_name

if TYPE_CHECKING:
    from residency.core.types import Document, Model
    from residency.infer.consult.case import Case
    from residency.infer.consult.consultation import Consultation

EXPERT, ME = "expert", "me"
CAUTION = "An experimental model: not for decisions about patients."
ONE_OR_MORE, NONE_OR_MORE = Range(least=1), Range(least=0)
FOR_PANEL, FOR_PATIENT = ("choices", "voices", "rounds"), ("disease", "notes", "out", "near")


def consult(args: argparse.Namespace) -> Answer:
    """Let a model see simulated patients, or put a question to a panel of specialties."""
    _agree(args)
    say(CAUTION)
    return _panel(args) if args.what == "panel" else _patients(args)


def _agree(args: argparse.Namespace) -> None:
    """Raise UserError where something is lacking, or an option does not go with what is asked for."""
    others = FOR_PATIENT if args.what == "panel" else FOR_PANEL
    if wrong := [f"--{name}" for name in others if getattr(args, name)]:
        raise UserError(f"{', '.join(wrong)}: not with {args.what}")
    if args.what == "panel" and not args.question:
        raise UserError('say what the panel is asked: residency consult panel MODEL "QUESTION"')
    if args.what == "patient" and args.question:
        raise UserError("the patient says what the matter is; a QUESTION goes with panel alone")
    if args.what == "panel" and args.model in (EXPERT, ME):
        raise UserError(f"{args.model} sees patients; a panel needs a model")
    if args.choices is not None and len({one.casefold() for one in _choices(args)}) < 2:
        raise UserError(f"--choices {args.choices}: give at least two answers that differ, with | between them")
    if args.disease and args.notes:
        raise UserError("--disease and --notes: a case comes from one of them")
    if args.model == EXPERT and args.notes:
        raise UserError("expert knows the diseases of HPO; for cases from notes name a model, or me")


# --- simulated patients ----------------------------------------------------------------------------------------------


def _patients(args: argparse.Namespace) -> Answer:
    """Return the talks of a doctor with simulated patients, with their scores and intervals."""
    from residency.infer.consult.rows import rows

    if args.out:
        from residency.indexing import may_write

        may_write(args.out, "--out")
    made = _of_notes(args) if args.notes else _of_diseases(args)
    talks = made(args)
    scores = [talk.scores() for talk in talks]
    found = _rates(scores)
    document: dict[str, Any] = {"doctor": args.model, "cases": [talk.told() for talk in talks], "scores": found}
    parts = [_talk_words(talks[0])] if len(talks) == 1 else []
    parts.append(_score_words(found, len(talks)))
    if args.out:
        kept = list(rows(talks))
        _write(args.out, kept)
        document |= {"out": args.out, "rows": len(kept)}
        parts.append(f"{len(kept)} talks with a question and the right diagnosis to learn from: {args.out}")
    return document, "\n\n".join(parts)


Talks = Callable[[argparse.Namespace], "list[Consultation]"]


def _of_diseases(args: argparse.Namespace) -> Talks:
    """Return what holds the talks about cases drawn from HPO's diseases; the diagnosis is one of a few of them."""
    from residency.infer.consult.drawn import drawn, read_ontology

    terms, diseases = read_ontology()
    cases, among = drawn(terms, diseases, args.cases, among=args.among, seed=args.seed, disease=args.disease or "")
    if args.model != EXPERT:
        names = [one.meta["name"] for one in among] if args.among else []
        return lambda args: _seen_by(args, cases, names)

    def demonstrate(args: argparse.Namespace) -> list[Consultation]:
        from residency.infer.consult.expert import demonstrated, knowledge_of

        knows = knowledge_of(among, terms)
        return [demonstrated(case, knows, turns=args.turns, link=_linker(args)) for case in cases]

    return demonstrate


def _of_notes(args: argparse.Namespace) -> Talks:
    """Return what holds the talks about cases from notes with a chief complaint and a coded diagnosis."""
    from residency.core.types import Document
    from residency.corpus.readers.fhir import read_fhir
    from residency.infer.consult.case import need_cases, of_note

    documents = (one for one in read_fhir(path=Path(args.notes)).records if isinstance(one, Document))
    found = (case for document in documents if (case := of_note(document)) is not None)
    cases = need_cases([case for _, case in zip(range(args.cases), found, strict=False)])
    return lambda args: _seen_by(args, cases, sorted({case.diagnosis for case in cases}) if args.among else [])


def _seen_by(args: argparse.Namespace, cases: Sequence[Case], names: Sequence[str]) -> list[Consultation]:
    from residency.infer.consult.consultation import consult as strategy
    from residency.infer.consult.consultation import example_of
    from residency.infer.reason.ask import together

    near = _model(args.near) if args.near else None
    doctor: Any = Person() if args.model == ME else _model(args.model)
    examples = [example_of(case, names) for case in cases]
    how = {"turns": args.turns, "link": _linker(args), "near": near}
    return [reply.about["consultation"] for reply in together(strategy, examples, doctor, **how)]


def _model(name: str) -> Model:
    from residency.models.load import load

    return load(model_name(name))


def _linker(args: argparse.Namespace) -> Callable[[str], list[str]] | None:
    """Return what finds the findings that a question names in a graph, None where none is asked for."""
    if args.graph is None:
        return None
    from residency.infer.graph import open_graph

    graph = open_graph(Path(args.graph) if args.graph else None)
    return lambda text: [node for one in graph.link(text) for node in (one.node, *one.others)]


class Person:
    """A doctor at the terminal: reads what the patient says on standard error, and is read from standard input."""

    name = hash = ME

    def generate(self, prompts: Sequence[list[dict[str, str]]], **settings: Any) -> list[Any]:
        """Return a line for each prompt; none at the end of the input."""
        from residency.core.types import Reply

        return [Reply(self._line(prompt)) for prompt in prompts]

    def _line(self, prompt: list[dict[str, str]]) -> str | None:
        say(prompt[-1]["content"])
        try:
            return input()
        except EOFError:
            return None


def _rates(scores: Sequence[dict[str, Any]]) -> dict[str, list[float]]:
    """Return the measures over cases with 95% intervals: shares, and F1 of asking when there is something to ask."""
    from residency.measure.intervals import bootstrap, entity_f1, mean_of

    shares = {name: bootstrap(scores, mean_of(name, name, graded=True)) for name in ("found", "telling", "right")}
    counted = [{**row, "counts": {name: row[name] for name in ("tp", "fp", "fn")}} for row in scores]
    found = {**shares, "question_f1": bootstrap(counted, entity_f1())}
    return {name: [value.value, value.low, value.high] for name, value in found.items()}


def _score_words(found: dict[str, list[float]], count: int) -> str:
    from residency.summary import table

    said = {
        "found": "facts found",
        "telling": "questions that told something",
        "right": "diagnosis right",
        "question_f1": "asked when there was something to ask, F1",
    }
    rows = [[said[name], *(None if math.isnan(v) else v for v in values)] for name, values in found.items()]
    return f"{count} patient{'s' * (count != 1)}\n{table(['', 'value', 'low', 'high'], rows)}"


def _talk_words(talk: Consultation) -> str:
    lines = [f"patient  {talk.opening}"]
    for turn in talk.turns:
        lines += [f"doctor   {turn.doctor}", f"patient  {turn.patient}"]
    right = "right" if talk.right else f"it was {talk.case.diagnosis}"
    return "\n".join([*lines, f"doctor   Diagnosis: {talk.diagnosis or 'none'} ({right}; {talk.why})"])


def _write(out: str, rows: Sequence[Document]) -> None:
    from residency.core.store import write_jsonl

    told = ({"id": r.id, "messages": r.meta["messages"], "source": r.source, "licence": r.licence} for r in rows)
    write_jsonl(out, told)


# --- a panel ---------------------------------------------------------------------------------------------------------


def _choices(args: argparse.Namespace) -> list[str]:
    return [one.strip() for one in (args.choices or "").split("|") if one.strip()]


def _panel(args: argparse.Namespace) -> Answer:
    """Return the answer of a panel of specialties, with the record of who said what."""
    from residency.core.types import Example
    from residency.infer.consult.panel import ROUNDS, panel
    from residency.infer.reason.ask import alone

    choices = _choices(args)
    content = args.question + ("\n" + "\n".join(f"- {one}" for one in choices) if choices else "")
    example = Example("asked", [{"role": "user", "content": content}], [], choices=choices)
    seat = alone(panel, voices=args.voices or 0, rounds=args.rounds or ROUNDS)
    reply = seat(example, _model(args.model))
    told = reply.about["panel"]
    document = {"model": args.model, "question": args.question, "answer": reply.text, "abstained": reply.text is None}
    return {**document, "tokens": reply.tokens, "panel": told}, "\n\n".join(_panel_words(told))


def _panel_words(told: dict[str, Any]) -> Iterator[str]:
    yield f"{told['level']} case, {len(told['specialties'])} at the table: {', '.join(told['specialties'])}"
    for number, opinions in enumerate(told["rounds"], 1):
        said = (f"  {one['specialty']}: {one['answer'] or 'no answer that can be read'}" for one in opinions)
        yield "\n".join([f"round {number}", *said])
    yield f"answer: {told['answer'] or 'none, since no answer has more than half of the voices'}"
    if told["dissent"]:
        yield f"dissent: {', '.join(one['specialty'] for one in told['dissent'])}"


# --- the arguments ---------------------------------------------------------------------------------------------------


def add_arguments(one: argparse.ArgumentParser) -> None:
    """Add what ``residency consult`` takes."""
    one.add_argument(
        "what", choices=["patient", "panel"], metavar="patient|panel", help="simulated patients, or a panel"
    )
    text = "the doctor: a model as for ask; of patients also expert (knows HPO's annotations), or me (at the keyboard)"
    one.add_argument("model", type=words, metavar="MODEL", help=text)
    one.add_argument("question", nargs="?", default="", metavar="QUESTION", help="panel: what it is asked")
    text = "patient: cases of this disease of HPO, by id (OMIM:154700) or whole name (default: drawn from all)"
    one.add_argument("--disease", type=words, metavar="ID", help=text)
    text = "patient: cases from the notes of a FHIR export, with a chief complaint and a coded diagnosis"
    one.add_argument("--notes", type=words, metavar="PATH", help=text)
    text = f"patient: how many patients, {ONE_OR_MORE.legal} (default: 1)"
    one.add_argument("--cases", type=whole(ONE_OR_MORE), default=1, metavar="N", help=text)
    text = f"patient: other diseases that the diagnosis is chosen among, {NONE_OR_MORE.legal}; 0: free (default: 4)"
    one.add_argument("--among", type=whole(NONE_OR_MORE), default=4, metavar="N", help=text)
    text = f"patient: questions at most, {ONE_OR_MORE.legal} (default: 8)"
    one.add_argument("--turns", type=whole(ONE_OR_MORE), default=8, metavar="N", help=text)
    text = "patient: what diseases and findings are drawn from (default: 0)"
    one.add_argument("--seed", type=whole(NONE_OR_MORE), default=0, metavar="N", help=text)
    text = "patient: understand questions by a knowledge graph's names too (without PATH: HPO)"
    one.add_argument("--graph", nargs="?", const="", metavar="PATH", help=text)
    text = "patient: understand questions by nearness of meaning too, with this encoder (minilm)"
    one.add_argument("--near", type=words, metavar="MODEL", help=text)
    text = "patient: write the talks that came to the right diagnosis as rows to train on (TRL's messages, JSONL)"
    one.add_argument("--out", type=words, metavar="FILE", help=text)
    one.add_argument("--choices", type=words, metavar="A|B|C", help="panel: the answers to choose from")
    text = f"panel: how many sit on it, {ONE_OR_MORE.legal} (default: by how hard the model finds the question)"
    one.add_argument("--voices", type=whole(Range(least=1, most=25)), metavar="N", help=text)
    one.add_argument("--rounds", type=whole(ONE_OR_MORE), metavar="N", help="panel: rounds at most (default: 2)")
