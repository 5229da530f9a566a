"""What a reward model learns from: pairs of whole chats of which one is better, given or made of people's ratings.

A pair is a row in TRL's columns, ``chosen`` and ``rejected`` as whole chats, so each answer may have a question of its
own. Questions are held out whole.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from os.path import commonprefix
from pathlib import Path
from typing import Any

from residency.core.errors import UserError
from residency.core.progress import say
from residency.core.types import Document, Message
from residency.corpus.benchmarks import items, known
from residency.corpus.benchmarks.judged import RATED
from residency.corpus.make.pairs import Pairing, Rated, paired
from residency.measure.ordinal import fit_cuts
from residency.models.local import LocalModel
from residency.models.pack import Block
from residency.models.reward import chat_ids
from residency.train.pairs import answers_of, read_pairs

Row = dict[str, Any]

# --- pairs -----------------------------------------------------------------------------------------------------------


def given_pairs(folder: Path, seed: int) -> Iterator[Row]:
    """Yield a pair of each preference example in a folder; of several wrong answers one is drawn from the seed."""
    for example in read_pairs(folder):
        right, *wrong = answers_of(example)
        if not wrong:
            continue
        bad = random.Random(f"{seed}:wrong:{example.id}").choice(wrong)
        better, worse = example.meta.get("ratings", (1.0, 0.0))
        sides = {side: _chat(example.prompt, text) for side, text in (("chosen", right), ("rejected", bad))}
        yield {"id": example.id, "group": example.group or example.id, **sides, "steps": float(better - worse)}


def rated_pairs(name: str, gap: float, per_question: int, seed: int) -> Iterator[Row]:
    """Yield pairs of a set of rated answers, each behind the question it was written for: its training part alone.

    Two answers judged for one question make a pair where their ratings lie ``gap`` apart or more.
    """
    found = {item["id"]: item for item in items(name, "train").items if item["question"].strip()}
    rated = [Rated(i["id"], i["group"], i["question"], i["answer"], float(i["rating"])) for i in found.values()]
    about = known(name)
    base = Document("", "", name, about.licence, about.language)
    for document in paired(rated, base, Pairing(gap=gap, least=0.0, per_question=per_question), seed):
        if isinstance(document, Document):
            better, worse = (found[key] for key in document.meta["from"])
            sides = {"chosen": _asked(better), "rejected": _asked(worse)}
            steps = float(better["rating"] - worse["rating"])
            yield {"id": document.id, "group": better["group"], **sides, "steps": steps}


def _asked(item: Row) -> list[Message]:
    return _chat([{"role": "user", "content": item["question"]}], item["answer"])


def _chat(prompt: Sequence[Message], answer: str) -> list[Message]:
    return [*prompt, {"role": "assistant", "content": answer}]


# --- as the model reads them -----------------------------------------------------------------------------------------


def blocks_of(pairs: Sequence[Row], model: LocalModel, longest: int, margin: float) -> list[Block]:
    """Return the pairs as blocks: what both chats begin with, then the rest of each with an end that is not read.

    The first note is by how much the chosen one must lead. Pairs that are the same as far as they are read are left
    out, and counted.
    """
    blocks, same = [], 0
    for pair in pairs:
        both = [chat_ids(model, pair[s][:-1], pair[s][-1]["content"], longest) for s in ("chosen", "rejected")]
        if both[0] == both[1]:
            same += 1
            continue
        shared = len(commonprefix(both))
        rest = [[*ids[shared:], model.end] for ids in both]
        blocks.append(Block(both[0][:shared], rest, notes=[margin * pair["steps"], 0.0], id=pair["id"]))
    if same:
        say(f"pairs left out: {same} whose answers are the same in the {longest} characters that are read")
    return blocks


def parted(pairs: Sequence[Row], share: float, seed: int) -> tuple[list[Row], list[Row]]:
    """Return (what is learned, what is held out), by whole groups: ``share`` of them, drawn from the seed."""
    groups = sorted({pair["group"] for pair in pairs})
    count = min(max(1, round(share * len(groups))), len(groups) - 1) if share else 0
    held = set(random.Random(f"{seed}:held out").sample(groups, count)) if count > 0 else set()
    return [p for p in pairs if p["group"] not in held], [p for p in pairs if p["group"] in held]


# --- ratings ---------------------------------------------------------------------------------------------------------


def cuts_for(name: str, learned: set[str], score: Callable[[Sequence[Row]], list[float]]) -> Row:
    """Return the cut points between ratings that agree best with people's on the training part of a set.

    They are fitted on the questions that no pair was learned of, or on all where these have but one rating.
    ``score`` is a function of items that returns their scores.
    """
    axis, scale = RATED[name]
    found = [item for item in items(name, "train").items if item["question"].strip()]
    if len({item["rating"] for item in found}) < 2:
        raise UserError(f"the training part of {name} has a single rating; cut points need two")
    fresh = [item for item in found if item["group"] not in learned]
    used = fresh if len({item["rating"] for item in fresh}) > 1 else found
    cuts = fit_cuts(score(used), [item["rating"] for item in used], scale)
    spread = Counter(str(item["rating"]) for item in used)
    return {
        "axis": axis,
        "cuts": cuts,
        "answers": len(used),
        "questions": len({item["group"] for item in used}),
        "held_out": used is fresh,
        "ratings": dict(sorted(spread.items())),
    }
