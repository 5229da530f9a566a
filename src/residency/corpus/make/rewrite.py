"""Documents to questions, tasks, dialogues and other wordings by a model, every answer checked against its passage.

Following HuatuoGPT (Zhang et al. 2023, arXiv 2305.15075), DISC-MedLLM (Bao et al. 2023, arXiv 2308.14346) and adaptive
reading comprehension (Cheng et al. 2023, arXiv 2309.09530) in what is made, not in their prompts. What a model adds of
its own is what the check is there to refuse.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Annotated, Any, Literal

from residency.core.legal import Range, Seed, Share
from residency.core.types import Document, Message, Model, Reply
from residency.corpus.make.likeness import rouge_l, words_of
from residency.corpus.make.passages import CUT, Cut, Passage, passages
from residency.corpus.make.prompts import DIALOGUE, QUESTIONS, REWRITE, STYLES, TASKS, Request, asked, several
from residency.corpus.make.rows import Asking, Outcome, Refused, chat, instruction, parsed, replies, standing_on, turn
from residency.corpus.make.support import RULE, UNSURE, Rule, Source, check, verdicts

Few = Annotated[int, Range(least=1, most=20)]
Style = Literal["patient", "summary", "simplify", "reword"]
_POINTS = re.compile(
    r"\b(?:the|this|that) (?:passage|text|article|paragraph|document|excerpt|author)s?\b", re.IGNORECASE
)
SHORT, MIDDLE, LARGE = (Asking(max_tokens=room) for room in (500, 600, 800))
SHORTEST = 2
"""Words of a question that stands by itself."""
LOOSE = Rule(words=0.2)
EMPTY, TWICE, POINTS, ECHO, TOO_SHORT, COPY, LONG, FEWER, NO_ASK = (
    "it is empty",
    "the question was asked before",
    "it points to a passage that the reader has not got",
    "one turn only repeats another",
    "the document has too few words",
    "it copies the text",
    "the summary is hardly shorter",
    "fewer rows came than were asked for",
    "the question has too few words",
)


# --- the four makers -------------------------------------------------------------------------------------------------


def questions(
    documents: Iterable[Document],
    model: Model,
    *,
    count: Few = 3,
    cut: Cut = CUT,
    with_passage: bool = False,
    support: Rule = RULE,
    verify: bool = False,
    asking: Asking = SHORT,
    seed: Seed = 0,
) -> Iterator[Outcome]:
    """Yield ``count`` questions with answers for each passage of ``words`` words, as instruction rows.

    ``with_passage`` puts the passage before the question (reading comprehension). ``verify`` asks the model as well
    whether the answer is supported.
    """

    def rows(passage: Passage, reply: dict[str, Any]) -> Iterator[_Draft]:
        for at, pair in enumerate(reply["pairs"]):
            question, answer = pair["question"].strip(), pair["answer"].strip()
            prompt = f"{passage.text}\n\n{question}" if with_passage else question
            row = instruction("questions", passage.key("questions", at), [passage.document], prompt, answer)
            yield _Draft(row, [question], [answer], with_passage)

    made = _made(documents, model, QUESTIONS, "pairs", rows, count=count, cut=cut, asking=asking, seed=seed)
    yield from _checked(made, support, model if verify else None, asking.batch, seed)


def instructions(
    documents: Iterable[Document],
    model: Model,
    *,
    count: Few = 2,
    cut: Cut = CUT,
    support: Rule = RULE,
    verify: bool = False,
    asking: Asking = MIDDLE,
    seed: Seed = 0,
) -> Iterator[Outcome]:
    """Yield ``count`` tasks with responses for each passage, as instruction rows."""

    def rows(passage: Passage, reply: dict[str, Any]) -> Iterator[_Draft]:
        for at, task in enumerate(reply["tasks"]):
            said, done = task["instruction"].strip(), task["response"].strip()
            row = instruction("instructions", passage.key("instructions", at), [passage.document], said, done)
            yield _Draft(row, [said], [done])

    made = _made(documents, model, TASKS, "tasks", rows, count=count, cut=cut, asking=asking, seed=seed)
    yield from _checked(made, support, model if verify else None, asking.batch, seed)


def dialogues(
    documents: Iterable[Document],
    model: Model,
    *,
    turns: Few = 3,
    cut: Cut = CUT,
    support: Rule = RULE,
    verify: bool = False,
    asking: Asking = LARGE,
    seed: Seed = 0,
) -> Iterator[Outcome]:
    """Yield a dialogue of up to ``turns`` exchanges for each passage; what the doctor says is checked, not the patient.

    A dialogue is one row, so fewer exchanges than asked for are no refusal; what the doctor only asks is not checked.
    """

    def rows(passage: Passage, reply: dict[str, Any]) -> Iterator[_Draft]:
        patient = [pair["patient"].strip() for pair in reply["turns"]]
        doctor = [pair["doctor"].strip() for pair in reply["turns"]]
        both = zip(patient, doctor, strict=True)
        messages: list[Message] = [m for p, d in both for m in (turn("user", p), turn("assistant", d))]
        row = chat("dialogues", passage.key("dialogues", 0), [passage.document], messages)
        yield _Draft(row, patient, doctor)

    made = _made(documents, model, DIALOGUE, "turns", rows, count=turns, cut=cut, rows_each=1, asking=asking, seed=seed)
    yield from _checked(made, support, model if verify else None, asking.batch, seed)


def rewritten(
    documents: Iterable[Document],
    model: Model,
    *,
    style: Style = "patient",
    cut: Cut = CUT,
    as_text: bool = False,
    copied: Share = 0.9,
    shorter: Share = 0.7,
    support: Rule = LOOSE,
    verify: bool = False,
    asking: Asking = MIDDLE,
    seed: Seed = 0,
) -> Iterator[Outcome]:
    """Yield each passage in other words, as an instruction row: the wish and the passage, then the new text.

    ``as_text`` gives the new text alone, for reading on: so the templates' sentences of a graph get other words.
    Refused is what copies the passage (ROUGE-L of ``copied`` and above), and a summary with more than the share
    ``shorter`` of its words. Words of its own are the point of a rewriting, so the rule asks for fewer of the source's.
    """
    wish = STYLES[style]

    def rows(passage: Passage, reply: dict[str, Any]) -> Iterator[_Draft]:
        text = reply["text"].strip()
        prompt = f"{wish}\n\n{passage.text}"
        maker, key, bases = f"rewritten:{style}", passage.key(style, 0), [passage.document]
        alone = standing_on(bases, key, text, maker, {"kind": "page"})
        row = alone if as_text else instruction(maker, key, bases, prompt, text)
        too_long = style == "summary" and len(text.split()) > shorter * len(passage.text.split())
        reason = LONG if too_long else COPY if rouge_l(text, passage.text) >= copied else None
        yield _Draft(row, [], [text], True, reason, passage)

    made = _made(documents, model, REWRITE[style], None, rows, count=1, cut=cut, asking=asking, seed=seed)
    yield from _checked(made, support, model if verify else None, asking.batch, seed)


# --- what they share -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Draft:
    """A row as the model gave it: what is asked in it, what is said, whether the passage stands in it."""

    row: Document
    asks: list[str]
    says: list[str]
    shown: bool = False
    reason: str | None = None
    passage: Passage | None = None


def _made(
    documents: Iterable[Document],
    model: Model,
    request: Request,
    key: str | None,
    rows: Callable[[Passage, dict[str, Any]], Iterator[_Draft]],
    *,
    count: int,
    cut: Cut,
    asking: Asking,
    seed: int,
    rows_each: int | None = None,
) -> Iterator[_Draft | Refused]:
    """Yield drafts for each passage, ``rows_each`` (else ``count``) drafts and refusals of each together."""
    schema = several(request, key, count) if key else request.schema
    short: Counter[str] = Counter()

    def prompt(passage: Passage) -> list[Message]:
        return asked(request, passage=passage.text, count=count)

    waiting = _passages(documents, cut, short)
    for passage, reply in replies(model, waiting, prompt, asking, seed=seed, schema=schema):
        yield from _read(passage, reply, schema, rows, rows_each or count)
    yield from (Refused(reason, count=number) for reason, number in short.items())


def _passages(documents: Iterable[Document], cut: Cut, short: Counter[str]) -> Iterator[Passage]:
    for document in documents:
        pieces = list(passages(document, cut))
        if not pieces:
            short[TOO_SHORT] += 1
        yield from pieces


def _read(
    passage: Passage, reply: Reply, schema: dict[str, Any], rows: Callable[..., Iterator[_Draft]], each: int
) -> Iterator[_Draft | Refused]:
    found = parsed(reply, schema)
    if isinstance(found, str):
        yield Refused(found, count=each)
        return
    drafts = list(rows(passage, found))
    for draft in drafts:
        draft.passage = passage
        yield draft
    if len(drafts) < each:
        yield Refused(FEWER, count=each - len(drafts))


def _checked(
    drafts: Iterable[_Draft | Refused], rule: Rule, model: Model | None, batch: int, seed: int
) -> Iterator[Outcome]:
    """Yield what passes every check as a row, with its support in its meta, and the rest as refusals."""
    sifted = _sifted(drafts, rule)
    while part := list(islice(sifted, batch)):
        waiting = [draft for draft in part if isinstance(draft, _Draft)] if model else []
        pairs = [("\n".join(draft.says), draft.passage.text) for draft in waiting if draft.passage]
        agreed = (
            dict(zip(map(id, waiting), verdicts(pairs, model, batch=batch, seed=seed), strict=True)) if model else {}
        )
        for draft in part:
            if isinstance(draft, Refused):
                yield draft
            else:
                yield draft.row if agreed.get(id(draft), model is None) else Refused(UNSURE, draft.row)


def _sifted(drafts: Iterable[_Draft | Refused], rule: Rule) -> Iterator[_Draft | Refused]:
    seen: set[str] = set()
    for draft in drafts:
        if isinstance(draft, _Draft) and draft.passage:
            reason = draft.reason or _form(draft, seen) or _support(draft, draft.passage, rule)
            yield Refused(reason, draft.row) if reason else draft
        else:
            yield draft


def _form(draft: _Draft, seen: set[str]) -> str | None:
    if not all(words_of(text) for text in (*draft.says, *draft.asks)):
        return EMPTY
    if any(len(words_of(text)) < SHORTEST for text in draft.asks[:1]):
        return NO_ASK
    if not draft.shown and any(_POINTS.search(text) for text in (*draft.asks, *draft.says)):
        return POINTS
    turns = [*draft.asks, *draft.says]
    if any(rouge_l(one, other) > 0.9 for one, other in combinations(turns, 2)):
        return ECHO
    key = " ".join(words_of(draft.asks[0] if draft.asks else draft.row.id))
    if key in seen:
        return TWICE
    seen.add(key)
    return None


def _support(draft: _Draft, passage: Passage, rule: Rule) -> str | None:
    """Return why the row is not supported, or None; the share of words found is kept with the row."""
    if any(rouge_l(ask, passage.text) > 0.9 for ask in draft.asks):
        return COPY
    told = [text for text in draft.says if not text.endswith(("?", "？"))]
    found = check("\n".join(told), Source(passage.text), rule)
    draft.row.meta["support"] = round(found.words, 3)
    return found.reason
