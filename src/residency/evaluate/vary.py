"""The same items asked in other ways: the jobs that ask them, and what their answers have in common.

Three ways: other words for the same wish, the options of a choice turned until each has stood at each place, replies
drawn again. Each variant is a job like another, with its own items and protocol; the job itself is the first variant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from residency.core.errors import UserError
from residency.core.store import sha256_json
from residency.evaluate.jobs import Job
from residency.evaluate.ledger import figures
from residency.evaluate.protocol import Protocol
from residency.evaluate.selection import test_items
from residency.evaluate.statement import written
from residency.infer.prompts.words import WORDINGS
from residency.measure import stability
from residency.measure.intervals import mean_of

Way = Literal["wording", "order", "repeat"]
WAYS: tuple[Way, ...] = get_args(Way)
REPEATS = 3
"""How often a reply is drawn again."""
Row = dict[str, Any]


def ways(names: str) -> tuple[Way, ...]:
    """Return the ways of a comma-separated list, each once; UserError names the legal."""
    wanted = dict.fromkeys(n.strip() for n in names.split(",") if n.strip())
    if (unknown := [n for n in wanted if n not in WAYS]) or (names and not wanted):
        raise UserError(f"--vary has no {', '.join(unknown) or names}; legal are {', '.join(WAYS)}")
    return tuple(way for way in WAYS if way in wanted)


def varied(job: Job, examples: Path | None, way: Way) -> tuple[list[Job], str]:
    """Return the jobs that ask a job's items in other ways, and why there are none ("" where there are some)."""
    task = job.declaration()
    if way == "repeat":
        if not written(job, task):
            return [], "it compares likelihoods, which are the same however often they are asked for"
        return [_variant(job, repeat=number) for number in range(1, REPEATS + 1)], ""
    if not (task.data or task.own):
        return [], "its prompts were made with the run"
    if way == "order":
        if task.kind != "choice":
            return [], "its items have no options to turn"
        longest = max((len(e.choices) for e in test_items(examples, task, job.limit)), default=0)
        return [_variant(job, turn=number) for number in range(1, longest)], ""
    found = list(_worded(job, examples))
    return found, "" if found else "it has no words of ours to change"


def _worded(job: Job, examples: Path | None) -> Iterator[Job]:
    """Yield a job for each wording that changes the prompts."""
    language = job.declaration().ask.language
    seen = {_prompts(job, examples)}
    for number in range(1, len(WORDINGS.get(language, WORDINGS["en"]))):
        made = _variant(job, wording=number)
        prompts = _prompts(made, examples)
        if prompts not in seen:
            yield made
        seen.add(prompts)


def _prompts(job: Job, examples: Path | None) -> str:
    return sha256_json([e.prompt for e in test_items(examples, job.declaration(), job.limit)])


def _variant(job: Job, **change: Any) -> Job:
    protocol: Protocol = replace(job.protocol, **change)
    return replace(job, state=f"{job.state}.{protocol.variant}", protocol=protocol)


# --- what the variants have in common --------------------------------------------------------------------------------


def place(variant: str) -> tuple[int, int]:
    """Return where a variant ("order-2") stands among all: by its way, then by its number."""
    way, _, number = variant.partition("-")
    return [str(known) for known in WAYS].index(way), int(number)


def summaries(found: Sequence[Row], items: dict[str, list[Row]]) -> Iterator[Row]:
    """Yield the ledger rows that sum up the variants of one model on one task, way by way.

    ``found`` is a ledger row of each variant, the usual asking first; ``items`` holds the item rows by the name of the
    model in those ("x", "x.order-1"). The rows of a way belong to the model "x.order".
    """
    for way in WAYS:
        turned = [row for row in found if row["protocol"]["variant"].startswith(f"{way}-")]
        if turned:
            asked = [found[0], *turned]
            yield from _summed(way, asked, [items[row["model"]] for row in asked])


def _summed(way: Way, asked: Sequence[Row], answers: Sequence[Sequence[Row]]) -> Iterator[Row]:
    """Yield how often all was answered the same, the extremes, and for options what their places did."""
    usual, side = asked[0], stability.side_by_side(answers)
    unparsed = sum(row["unparsed"] for row in asked)

    def named(row: Row, metric: str, **more: Any) -> Row:
        protocol = {**row["protocol"], "metric": metric, "variant": way, "variants": len(asked), **more}
        return {**row, "model": f"{usual['model']}.{way}", "metric": metric, "protocol": protocol}

    def summed(metric: str, made: Sequence[Row]) -> Row:
        found = figures(made, mean_of(metric, graded=metric == "position_bias"))
        return named({**usual, **found, "unparsed": unparsed}, metric)

    yield summed("consistency", stability.consistency(side, stability.said_by(usual["protocol"]["about"]["kind"])))
    known = [row for row in asked if row["value"] is not None and row["protocol"]["n"] == usual["protocol"]["n"]]
    for end, pick in (("lowest", min), ("highest", max)) if known else ():
        row = pick(known, key=lambda row: row["value"])
        yield named(row, f"{row['metric']}_{end}", at=row["protocol"]["variant"] or "as usual")
    if way == "order":
        rows = [row for one in answers for row in one]
        yield summed("accuracy_averaged", stability.averaged(side))
        bias = summed("position_bias", stability.excess(rows, stability.favourite(rows)))
        yield {**bias, "places": list(_places(rows))}


def _places(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield for each place of the options how often it was chosen, how often it was right, and the difference."""
    for place in range(max(row["places"] for row in rows)):
        counted = [r for r in rows if r["place"] is not None and r["places"] > place]
        shares = {
            key: sum(r[name] == place for r in counted) for key, name in (("chosen", "place"), ("right", "right"))
        }
        found = figures(stability.excess(counted, place), mean_of("excess", graded=True))
        yield {
            "place": place + 1,
            **{key: count / len(counted) if counted else None for key, count in shares.items()},
            **{key: found[key] for key in ("value", "low", "high", "n", "groups")},
        }
