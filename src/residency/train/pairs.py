"""Preference pairs: given ones are read, others get the known wrong answer that the model itself likes best.

A pair is a row in TRL's columns (prompt, chosen, rejected) with what the loss needs beside it: the reference's
log-probabilities of both answers, and for KTO an answer to another prompt. Rows are made once and kept, so that a
resumed run aligns against the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from residency.core.errors import UserError
from residency.core.progress import say
from residency.core.store import read_examples, read_jsonl
from residency.core.types import Example, Message
from residency.models.local import LocalModel
from residency.models.pack import Block
from residency.train import check

NOTHING = "[]"
MOST = 15
"""Wrong answers of an example that are looked at."""
Row = dict[str, Any]

# --- reading ---------------------------------------------------------------------------------------------------------


def read_pairs(folder: Path) -> list[Example]:
    """Return the training examples for preference in a folder, each with known wrong answers.

    They lie in ``examples.jsonl`` (``meta.use`` is "prefer"), and as rows in TRL's columns in ``preference.jsonl`` and
    ``preference/*.parquet``, as a corpus leaves them; one whose id is in ``examples.jsonl`` is the same and is not read
    again. Raises UserError naming those whose chosen answer is the rejected one: they teach nothing.
    """
    items = list(_examples(folder / "examples.jsonl"))
    known = {e.id for e in items}
    rows = [_example(row, number) for number, row in enumerate(_rows(folder), 1) if row.get("id") not in known]
    bad = Counter(row for row in rows if isinstance(row, str))
    if bad:
        say(f"preference rows left out: {', '.join(f'{count} {why}' for why, count in bad.items())}")
    items += [row for row in rows if isinstance(row, Example)]
    check.answered(items)
    check.distinct(items)
    return items


def _examples(path: Path) -> Iterator[Example]:
    if path.exists():
        found = read_examples(path, split="train")
        yield from (e for e in found if e.unwanted and e.meta.get("use") == "prefer")


def _rows(folder: Path) -> Iterator[Row]:
    """Yield the rows in TRL's columns; nothing where there is no such file."""
    if (folder / "preference.jsonl").exists():
        yield from read_jsonl(folder / "preference.jsonl")
    for path in sorted((folder / "preference").glob("*.parquet")):
        import pyarrow.parquet as pq

        yield from pq.read_table(path).to_pylist()


def _example(row: Row, number: int) -> Example | str:
    """Return a row in TRL's columns as an example, or why it is none; a prompt may stand before both answers."""
    chosen, rejected = (_messages(row.get(side), "assistant") for side in ("chosen", "rejected"))
    prompt = _messages(row.get("prompt"), "user")
    while len(chosen) > 1 and len(rejected) > 1 and chosen[0] == rejected[0]:
        prompt, chosen, rejected = [*prompt, chosen[0]], chosen[1:], rejected[1:]
    if not prompt:
        return "without a prompt"
    if len(chosen) != 1 or len(rejected) != 1 or {chosen[0]["role"], rejected[0]["role"]} != {"assistant"}:
        return "without one answer on each side"
    meta = {key: row[key] for key in ("ratings", "group") if row.get(key)}
    name = str(row.get("id") or f"pair-{number}")
    wanted, unwanted = [chosen[0]["content"]], [rejected[0]["content"]]
    return Example(name, prompt, wanted, unwanted, group=str(row.get("group") or name), meta={"use": "prefer", **meta})


def _messages(given: Any, role: str) -> list[Message]:
    """Return a text or a list of messages as messages."""
    if isinstance(given, str):
        return [{"role": role, "content": given}] if given else []
    return [{"role": str(m["role"]), "content": str(m["content"])} for m in given or () if isinstance(m, Mapping)]


def answers_of(example: Example) -> list[str]:
    """Return the wanted answer and up to 15 wrong ones that differ from every wanted one."""
    wrong = [a for a in example.unwanted if a not in example.wanted]
    return [example.wanted[0], *wrong[:MOST]]


# --- choosing --------------------------------------------------------------------------------------------------------


def hardest_pairs(
    items: Sequence[Example], model: LocalModel, tokens: int, capacity: int, *, reference: bool = True
) -> list[Row]:
    """Return TRL preference rows, up to ``tokens``, with the log-probabilities (nats) of both answers under ``model``.

    The rejected one is the wrong answer with the highest log-probability a token under ``model``. Examples whose right
    answer is an empty list make no pair: preferred over full lists, it teaches silence. Without ``reference`` only
    examples with several wrong answers are scored.
    """
    candidates, left = _candidates(items, model, tokens, capacity)
    if left:
        say(f"examples that make no preference pair: {', '.join(f'{count} {why}' for why, count in left.items())}")
    if not candidates:
        raise UserError(
            f"no preference pair fits: {len(items)} examples with wrong answers; raise tokens or schedule.batch_tokens"
        )
    scores = model.score([b for _, b in candidates if reference or len(b.branches) > 2])
    pairs: list[Row] = []
    for example, block in candidates:
        found = [scores[owner] for owner in block.owners if owner in scores]
        worst = max(range(1, len(found)), key=lambda i: found[i].total / len(found[i].logprobs)) if found else 1
        answers = answers_of(example)
        pairs.append(
            {
                "id": example.id,
                "prompt": example.prompt,
                "chosen": [{"role": "assistant", "content": answers[0]}],
                "rejected": [{"role": "assistant", "content": answers[worst]}],
            }
        )
        if found:
            pairs[-1] |= {"chosen_logprob": found[0].total, "rejected_logprob": found[worst].total}
    scored = [p for p in pairs if "chosen_logprob" in p]
    liked = sum(p["rejected_logprob"] > p["chosen_logprob"] for p in scored)
    told = f"; in {liked} of them the model liked the wrong answer better" if len(scored) == len(pairs) else ""
    say(f"preference pairs: {len(pairs)}{told}")
    return pairs


def _candidates(
    items: Sequence[Example], model: LocalModel, tokens: int, capacity: int
) -> tuple[list[tuple[Example, Block]], Counter[str]]:
    """Return the examples that make pairs, as blocks of all their answers, and why others make none."""
    candidates: list[tuple[Example, Block]] = []
    left = Counter[str]()
    total = number = 0
    for place, example in enumerate(items):
        if len(answers_of(example)) < 2 or example.wanted[0] == NOTHING:
            left["with an empty list or nothing wrong"] += 1
            continue
        branches = [[*model.encode(a), model.end] for a in answers_of(example)]
        block = Block(model.encode_prompt(example.prompt), branches, [number * 16 + i for i in range(len(branches))])
        number += 1
        pair_length = len(block.context) + len(branches[0]) + max(map(len, branches[1:]))
        if pair_length > capacity:
            left["longer than a row"] += 1
            continue
        total += pair_length
        if total > tokens:
            left["beyond the tokens"] += len(items) - place
            break
        candidates.append((example, block))
    return candidates, left


def with_mismatched(pairs: Sequence[Row], model: LocalModel, capacity: int) -> list[Row]:
    """Return the pairs, each with another prompt's answer (``mismatched``) and the reference's log-probability of it.

    By turns it is a chosen and a rejected one, that of the next pair with another prompt which fits in a row beside
    both answers. Raises UserError where no pair has any.
    """
    made = [row for number, pair in enumerate(pairs) if (row := _mismatched(number, pair, pairs, model, capacity))]
    if len(made) < len(pairs):
        say(f"preference pairs left out: {len(pairs) - len(made)} beside which no answer to another prompt fits")
    if not made:
        raise UserError(
            f"none of {len(pairs)} pairs has an answer to another prompt that fits in its row of {capacity} tokens, "
            "which kto needs: give pairs of two prompts or more, or raise schedule.batch_tokens"
        )
    blocks = [
        Block(model.encode_prompt(row["prompt"]), [[*model.encode(row["mismatched"][0]["content"]), model.end]], [i])
        for i, row in enumerate(made)
    ]
    scores = model.score(blocks)
    return [{**row, "mismatched_logprob": scores[i].total} for i, row in enumerate(made)]


def _mismatched(number: int, pair: Row, pairs: Sequence[Row], model: LocalModel, capacity: int) -> Row | None:
    side = ("chosen", "rejected")[number % 2]
    for step in range(1, len(pairs)):
        other = pairs[(number + step) % len(pairs)]
        if other["prompt"] != pair["prompt"]:
            row = {**pair, "mismatched": other[side]}
            if encode_pair(row, model).read <= capacity:
                return row
    return None


def encode_pair(pair: Row, model: LocalModel) -> Block:
    """Return one pair as a block of its answers, noting their reference log-probabilities (0 where there are none)."""
    sides = [side for side in ("chosen", "rejected", "mismatched") if side in pair]
    branches = [[*model.encode(pair[side][0]["content"]), model.end] for side in sides]
    notes = [pair.get(f"{side}_logprob", 0.0) for side in sides]
    return Block(model.encode_prompt(pair["prompt"]), branches, notes=notes, id=pair["id"])
