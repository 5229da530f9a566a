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
from typing import Any, Literal

from residency.core.legal import Seed, Share
from residency.core.settings import Flat
from residency.core.types import Document, Message, Model
from residency.corpus.make.likeness import rouge_l, words_of
from residency.corpus.make.passages import CUT, Cut, Passage, passages
from residency.corpus.make.prompts import DIALOGUE, QUESTIONS, REWRITE, STYLES, TASKS, Request, asked, several
from residency.corpus.make.rows import (
    Asking,
    Few,
    Outcome,
    Refused,
    chat,
    instruction,
    parsed,
    refusals,
    replies,
    standing_on,
    turn,
)
from residency.corpus.make.support import RULE, UNSURE, Rule, Source, check, verdicts

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


@dataclass(frozen=True, slots=True)
class Way:
    """How passages are cut, what is held against them and by which rule, and how the model is asked.

    With ``verify`` the model too is asked whether the passage supports what is said.
    """

    cut: Cut = CUT
    support: Rule = RULE
    # Whether the model is asked as well if the passage supports what is said.
    verify: bool = False
    asking: Asking = SHORT


SHORTLY, AT_LENGTH, AS_TALK, FREELY = Way(), Way(asking=MIDDLE), Way(asking=LARGE), Way(support=LOOSE, asking=MIDDLE)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is asked of each passage: at most ``count`` of the request's list ``key``, and the rows due for it."""

    request: Request
    key: str | None = None
    count: int = 1
    due: int = 1

    @property
    def schema(self) -> dict[str, Any]:
        """Return the form of a reply."""
        return several(self.request, self.key, self.count) if self.key else self.request.schema


@dataclass(slots=True)
class _Draft:
    """A row as the model gave it: what is asked in it, what is said, whether the passage stands in it."""

    row: Document
    passage: Passage
    asks: list[str]
    says: list[str]
    shown: bool = False
    reason: str | None = None


Read = Callable[[Passage, dict[str, Any]], Iterator[_Draft]]


# --- the four makers -------------------------------------------------------------------------------------------------


def questions(
    documents: Iterable[Document],
    model: Model,
    *,
    # How many questions are asked for from each passage.
    count: Few = 3,
    # Whether the passage stands before the question, as in reading comprehension.
    with_passage: bool = False,
    way: Flat[Way] = SHORTLY,
    # What is drawn by; the seed of make, unless it is given here.
    seed: Seed = 0,
) -> Iterator[Outcome]:
    """Yield ``count`` questions with answers for each passage of ``words`` words, as instruction rows.

    ``with_passage`` puts the passage before the question (reading comprehension). ``verify`` asks the model as well
    whether the answer is supported.
    """

    def rows(passage: Passage, reply: dict[str, Any]) -> Iterator[_Draft]:
        for at, pair in enumerate(reply["pairs"]):
            yield _exchange("questions", passage, at, pair["question"], pair["answer"], shown=with_passage)

    yield from _made(documents, model, _Wish(QUESTIONS, "pairs", count, count), rows, way, seed)


def instructions(
    documents: Iterable[Document],
    model: Model,
    *,
    # How many tasks are asked for from each passage.
    count: Few = 2,
    way: Flat[Way] = AT_LENGTH,
    # What is drawn by; the seed of make, unless it is given here.
    seed: Seed = 0,
) -> Iterator[Outcome]:
    """Yield ``count`` tasks with responses for each passage, as instruction rows."""

    def rows(passage: Passage, reply: dict[str, Any]) -> Iterator[_Draft]:
        for at, task in enumerate(reply["tasks"]):
            yield _exchange("instructions", passage, at, task["instruction"], task["response"])

    yield from _made(documents, model, _Wish(TASKS, "tasks", count, count), rows, way, seed)


def dialogues(
    documents: Iterable[Document],
    model: Model,
    *,
    # The most exchanges of a dialogue.
    turns: Few = 3,
    way: Flat[Way] = AS_TALK,
    # What is drawn by; the seed of make, unless it is given here.
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
        yield _Draft(row, passage, patient, doctor)

    yield from _made(documents, model, _Wish(DIALOGUE, "turns", turns), rows, way, seed)


def rewritten(
    documents: Iterable[Document],
    model: Model,
    *,
    # For whom, or in which way, a passage is put into other words.
    style: Style = "patient",
    # Whether the new text stands alone, for reading on, without the wish and the passage.
    as_text: bool = False,
    # From this likeness (ROUGE-L) on, a text is refused as a copy of its passage.
    copied: Share = 0.9,
    # The most words of a summary, as a share of its passage's.
    shorter: Share = 0.7,
    way: Flat[Way] = FREELY,
    # What is drawn by; the seed of make, unless it is given here.
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
        maker, key, bases = f"rewritten:{style}", passage.key(style, 0), [passage.document]
        alone = standing_on(bases, key, text, maker, {"kind": "page"})
        row = alone if as_text else instruction(maker, key, bases, f"{wish}\n\n{passage.text}", text)
        too_long = style == "summary" and len(text.split()) > shorter * len(passage.text.split())
        reason = LONG if too_long else COPY if rouge_l(text, passage.text) >= copied else None
        yield _Draft(row, passage, [], [text], True, reason)

    yield from _made(documents, model, _Wish(REWRITE[style]), rows, way, seed)


# --- what they share -------------------------------------------------------------------------------------------------


def _exchange(maker: str, passage: Passage, at: int, ask: str, say: str, *, shown: bool = False) -> _Draft:
    """Return a row of one question or task and its answer."""
    ask, say = ask.strip(), say.strip()
    prompt = f"{passage.text}\n\n{ask}" if shown else ask
    row = instruction(maker, passage.key(maker, at), [passage.document], prompt, say)
    return _Draft(row, passage, [ask], [say], shown)


def _made(
    documents: Iterable[Document], model: Model, wish: _Wish, rows: Read, way: Way, seed: int
) -> Iterator[Outcome]:
    """Yield what passes every check as a row, with its support in its meta, and the rest as refusals."""
    sifted = _sifted(_drafts(documents, model, wish, rows, way, seed), way.support)
    while part := list(islice(sifted, way.asking.batch)):
        waiting = [draft for draft in part if isinstance(draft, _Draft)] if way.verify else []
        pairs = [("\n".join(draft.says), draft.passage.text) for draft in waiting]
        said = verdicts(pairs, model, batch=way.asking.batch, seed=seed)
        agreed = dict(zip(map(id, waiting), said, strict=True))
        for draft in part:
            if isinstance(draft, Refused):
                yield draft
            else:
                yield draft.row if agreed.get(id(draft), not way.verify) else Refused(UNSURE, draft.row)


def _drafts(
    documents: Iterable[Document], model: Model, wish: _Wish, rows: Read, way: Way, seed: int
) -> Iterator[_Draft | Refused]:
    """Yield the drafts and refusals of each passage, together as many as are due."""
    short: Counter[str] = Counter()

    def prompt(passage: Passage) -> list[Message]:
        return asked(wish.request, passage=passage.text, count=wish.count)

    waiting = _passages(documents, way.cut, short)
    for passage, reply in replies(model, waiting, prompt, way.asking, seed=seed, schema=wish.schema):
        found = parsed(reply, wish.schema)
        made = [Refused(found, count=wish.due)] if isinstance(found, str) else list(rows(passage, found))
        yield from made
        if not isinstance(found, str) and len(made) < wish.due:
            yield Refused(FEWER, count=wish.due - len(made))
    yield from refusals(short)


def _passages(documents: Iterable[Document], cut: Cut, short: Counter[str]) -> Iterator[Passage]:
    for document in documents:
        pieces = list(passages(document, cut))
        if not pieces:
            short[TOO_SHORT] += 1
        yield from pieces


def _sifted(drafts: Iterable[_Draft | Refused], rule: Rule) -> Iterator[_Draft | Refused]:
    seen: set[str] = set()
    for draft in drafts:
        reason = None
        if isinstance(draft, _Draft):
            reason = draft.reason or _form(draft, seen) or _support(draft, rule)
        yield Refused(reason, draft.row) if reason else draft


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


def _support(draft: _Draft, rule: Rule) -> str | None:
    """Return why the row is not supported, or None; the share of words found is kept with the row."""
    if any(rouge_l(ask, draft.passage.text) > 0.9 for ask in draft.asks):
        return COPY
    told = [text for text in draft.says if not text.endswith(("?", "？"))]
    found = check("\n".join(told), Source(draft.passage.text), rule)
    draft.row.meta["support"] = round(found.words, 3)
    return found.reason
