"""Preference pairs: from answers that people rated, from a judge's scores, and from a strong beside a weak model.

Pairs within a question by a gap of ratings, as in InstructGPT (Ouyang et al. 2022, arXiv 2203.02155); the best and the
worst of several drawn answers by a judge, as in RLAIF (Lee et al. 2023, arXiv 2309.00267); a strong model's answer over
a weak one's, as in Zephyr (Tunstall et al. 2023, arXiv 2310.16944).
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product, tee
from typing import Annotated

from residency.core.legal import AtLeast0, AtLeastOne, Part, Range, Seed
from residency.core.settings import Flat
from residency.core.types import Document, Message, Model, Reply
from residency.corpus.benchmarks import SetName
from residency.corpus.make.likeness import words_of
from residency.corpus.make.rows import Asking, Outcome, Refused, drafts, preference, refusals, replies, turn
from residency.corpus.make.support import RULE, Rule, Source, check

Rate = Callable[[str, str], float | None]
"""A judge: the rating of an answer to a question, the higher the better; None where it gives none."""
Drawn = Annotated[int, Range(least=2, most=64)]
SHORT, DRAWN = Asking(max_tokens=400), Asking(max_tokens=400, temperature=0.8)
NO_GAP, SAME, EMPTY, CUT, UNRATED, WORSE, NO_PROMPT = (
    "no two answers are far enough apart",
    "the two answers are the same",
    "an answer is empty",
    "the better answer was cut short",
    "the judge gave no rating",
    "the judge does not prefer the better answer",
    "the document holds no prompt",
)


@dataclass(frozen=True, slots=True)
class Rated:
    """An answer to a question with its rating; answers of one ``group`` were judged for the same question."""

    id: str
    group: str
    question: str
    answer: str
    rating: float


@dataclass(frozen=True, slots=True)
class Pairing:
    """Which rated answers make a pair."""

    # How much lower than the chosen answer the rejected one is rated, at least.
    gap: AtLeast0 = 2.0
    # The lowest rating of a chosen answer.
    least: AtLeast0 = 3.0
    # The most pairs of one question.
    per_question: AtLeastOne = 8


PAIRING = Pairing()


# --- answers that are rated ------------------------------------------------------------------------------------------


def judged(
    *,
    # Which public set of judged answers.
    set_name: SetName = "medquad_judged",
    # The part of the set.
    split: Part = "train",
    pairing: Flat[Pairing] = PAIRING,
    # What is drawn by; the seed of make, unless it is given here.
    seed: Seed = 0,
) -> Iterator[Outcome]:
    """Yield pairs of a set of judged answers (MedQuAD's, 1 to 4): at most ``per_question`` of each group, the chosen
    rated ``least`` and more, the rejected lower by ``gap`` and more.

    A group of ``medquad_judged`` is a consumer's question whose words are not published: the prompt of a pair is the
    question that the better answer was written for, and the worse was judged for the same consumer.
    """
    from residency.corpus.benchmarks import items, known

    about = known(set_name)
    found = items(set_name, split).items
    rated = [Rated(i["id"], i["group"], i["question"], i["answer"], float(i["rating"])) for i in found]
    base = Document("", "", set_name, about.licence, about.language)
    yield from paired(rated, base, pairing, seed)


def paired(rated: Iterable[Rated], base: Document, pairing: Pairing = PAIRING, seed: int = 0) -> Iterator[Outcome]:
    """Yield the pairs of each group of rated answers; ``base`` gives licence, language and source.

    Answers are used in turn, so that one very good answer does not stand in all pairs of its group.
    """
    groups: dict[str, list[Rated]] = defaultdict(list)
    for row in rated:
        groups[row.group].append(row)
    for group in sorted(groups):
        yield from _of_group(group, groups[group], base, pairing, seed)


def _of_group(group: str, rows: list[Rated], base: Document, pairing: Pairing, seed: int) -> Iterator[Outcome]:
    rng = random.Random(f"{seed}:pairs:{group}")
    rows = rng.sample(sorted(rows, key=lambda r: r.id), len(rows))
    gap, good = max(pairing.gap, 1e-9), [row for row in rows if row.rating >= pairing.least]
    far = [(a, b) for a, b in product(good, rows) if a.rating - b.rating >= gap]
    asked = [(a, b) for a, b in far if a.question.strip() and a.answer.strip() and b.answer.strip()]
    if len(far) > len(asked):
        yield Refused(EMPTY, count=len(far) - len(asked))
    if not far:
        yield Refused(NO_GAP)
    for better, worse in _in_turn(asked, pairing.per_question):
        same = words_of(better.answer) == words_of(worse.answer)
        yield Refused(SAME) if same else _pair(group, better, worse, base)


def _in_turn(pairs: list[tuple[Rated, Rated]], most: int) -> list[tuple[Rated, Rated]]:
    """Return at most ``most`` pairs, those first whose answers stand in the fewest pairs so far."""
    used: dict[str, int] = defaultdict(int)
    taken: list[tuple[Rated, Rated]] = []
    waiting = list(pairs)
    while waiting and len(taken) < most:
        best = min(waiting, key=lambda pair: used[pair[0].id] + used[pair[1].id])
        waiting.remove(best)
        used[best[0].id] += 1
        used[best[1].id] += 1
        taken.append(best)
    return taken


def _pair(group: str, better: Rated, worse: Rated, base: Document) -> Document:
    key, ratings = f"{better.id}:over:{worse.id}", [better.rating, worse.rating]
    meta = {"from": [better.id, worse.id], "ratings": ratings, "group": group}
    return preference("judged", key, [base], [turn("user", better.question)], better.answer, worse.answer, **meta)


# --- answers that models write ---------------------------------------------------------------------------------------


def contrast(
    documents: Iterable[Document],
    strong: Model,
    weak: Model,
    *,
    rate: Rate | None = None,
    # By how much the judge, where one is named, must prefer the stronger model's answer.
    gap: AtLeast0 = 0.0,
    support: Rule = RULE,
    asking: Asking = SHORT,
    # What is drawn by; the seed of make, unless it is given here.
    seed: Seed = 0,
) -> Iterator[Outcome]:
    """Yield a pair for each prompt: the strong model's answer chosen, the weak one's rejected.

    A document's prompt is its ``meta["prompt"]``, else its messages before the last answer. Where it has
    ``meta["passage"]``, the strong answer must be supported by that. With ``rate`` the judge must prefer the strong
    answer by more than ``gap``.
    """
    without = Counter[str]()
    first, second = tee(_jobs(documents, without))
    both = zip(
        replies(strong, first, _prompt, asking, seed=seed),
        replies(weak, second, _prompt, asking, seed=seed),
        strict=True,
    )
    for ((document, prompt), good), (_, bad) in both:
        reason = _unpaired(document, good, bad, support) or (_unrated(prompt, good, bad, rate, gap) if rate else None)
        if reason:
            yield Refused(reason)
        else:
            key, meta = f"{document.id}:contrast", {"models": [strong.name, weak.name]}
            yield preference("contrast", key, [document], prompt, good.text or "", bad.text or "", **meta)
    yield from refusals(without)


def ranked(
    documents: Iterable[Document],
    model: Model,
    rate: Rate,
    *,
    # How many answers are drawn to each prompt.
    drawn: Drawn = 4,
    # How far apart the best and the worst must be rated.
    gap: AtLeast0 = 1.0,
    asking: Asking = DRAWN,
    # What is drawn by; the seed of make, unless it is given here.
    seed: Seed = 0,
) -> Iterator[Outcome]:
    """Yield a pair for each prompt: of ``drawn`` answers of one model, the best and the worst by a judge.

    Refused where these are not more than ``gap`` apart, or the judge rates fewer than two.
    """
    without = Counter[str]()
    for (document, prompt), found in drafts(model, _jobs(documents, without), _prompt, asking, seed=seed, n=drawn):
        yield _extremes(document, prompt, found, rate, gap, model.name)
    yield from refusals(without)


def _extremes(
    document: Document, prompt: list[Message], answers: Sequence[Reply], rate: Rate, gap: float, name: str
) -> Outcome:
    texts = dict.fromkeys(r.text for r in answers if r.text and r.text.strip() and r.finish == "stop")
    rated = [(value, text) for text in texts if (value := rate(asked_in(prompt), text)) is not None]
    if len(rated) < 2:
        return Refused(UNRATED if texts else EMPTY)
    best, worst = max(rated), min(rated)
    if best[0] - worst[0] < max(gap, 1e-9):
        return Refused(NO_GAP)
    meta = {"ratings": [best[0], worst[0]], "models": [name]}
    return preference("ranked", f"{document.id}:ranked", [document], prompt, best[1], worst[1], **meta)


def _jobs(documents: Iterable[Document], without: Counter[str]) -> Iterator[tuple[Document, list[Message]]]:
    for document in documents:
        if prompt := prompt_of(document):
            yield document, prompt
        else:
            without[NO_PROMPT] += 1


def _prompt(job: tuple[Document, list[Message]]) -> list[Message]:
    return job[1]


def prompt_of(document: Document) -> list[Message]:
    """Return the chat that asks for an answer: ``meta["prompt"]``, or the messages before the last answer; or []."""
    prompt = document.meta.get("prompt")
    if isinstance(prompt, str):
        return [turn("user", prompt)]
    if prompt:
        return list(prompt)
    messages = document.meta.get("messages") or []
    return list(messages[:-1] if messages and messages[-1]["role"] == "assistant" else messages)


def asked_in(prompt: Sequence[Message]) -> str:
    """Return what the user said last."""
    return next((m["content"] for m in reversed(prompt) if m["role"] == "user"), "")


def _unpaired(document: Document, good: Reply, bad: Reply, rule: Rule) -> str | None:
    if not (good.text or "").strip() or not (bad.text or "").strip():
        return EMPTY
    if good.finish in ("length", "loop"):
        return CUT
    if words_of(good.text or "") == words_of(bad.text or ""):
        return SAME
    passage = document.meta.get("passage")
    return check(good.text or "", Source(passage), rule).reason if passage else None


def _unrated(prompt: list[Message], good: Reply, bad: Reply, rate: Rate, gap: float) -> str | None:
    question = asked_in(prompt)
    first, second = (rate(question, reply.text or "") for reply in (good, bad))
    if first is None or second is None:
        return UNRATED
    return None if first - second > gap else WORSE
