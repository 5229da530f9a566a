"""The only training loop: rows of work in, weights that have learned out, exact resume in between.

A row makes one batch, a loss turns the model and a batch into a number: what learns, and from what, the loop does not
know. It owns the order of the data, the learning rate, clipping, evaluation on the way, and the checkpoints. Accelerate
supplies the device and the processes: several of them share the rows of each step and add their gradients, so two
processes do what one does. All chance is drawn from the seed, the step and the row, never from what ran before.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from residency.core.errors import OutOfMemory, ResidencyError
from residency.core.progress import progress
from residency.core.store import append_jsonl, read_jsonl
from residency.models.device import in_order
from residency.models.lanes import lanes, side_by_side
from residency.train import probe, watch
from residency.train.adapters import trainable
from residency.train.checkpoint import cut_curve, restore, save
from residency.train.noise import drawn_from
from residency.train.processes import accelerator as joined
from residency.train.schedule import Schedule
from residency.train.sharded import is_sharded
from residency.train.track import tracked


class Work(Protocol):
    """What one row of work makes: it moves to a device, and says how many useful tokens it holds."""

    useful: int

    def to(self, device: torch.device | str) -> Any:
        """Return the batch on a device."""
        ...


Loss = Callable[[torch.nn.Module, Any], tuple[torch.Tensor, dict[str, float]]]
"""(the model, a batch) → (loss, figures to log)."""


class Diverged(ResidencyError):
    """The loss or its gradient is not a number; the last checkpoint is intact."""


def train(
    model: torch.nn.Module,
    rows: Sequence[Callable[[], Any]],
    loss: Loss,
    schedule: Schedule,
    *,
    out: Path,
    label: str,
    phases: Sequence[int] = (),
    held_out: watch.Watch | None = None,
) -> dict[str, float]:
    """Return the totals of training on ``rows`` (functions that make one batch each) with a loss.

    Goes over the rows ``schedule.epochs`` times in an order drawn from the seed, ``accumulate`` rows a step;
    with ``phases`` (numbers of rows) one phase after the other. Before the first step and every ``schedule.evaluate``
    steps ``held_out`` is measured; the weights of the best measure are what is left, and training ends after
    ``schedule.patience`` measures without a better one. Writes ``out/curve.jsonl``, ``out/measured.jsonl`` and
    ``out/checkpoint/``; begins from that checkpoint where there is one. Raises Diverged at the first loss or gradient
    that is not finite, naming the step's examples (a row's ``ids``); OutOfMemory where memory does not suffice.
    """
    accelerator = joined()
    weights = trainable(model)
    optimizer = torch.optim.AdamW(
        by_rate(weights), lr=schedule.learning_rate, weight_decay=schedule.weight_decay, fused=True
    )
    model.to(accelerator.device)
    model.train()
    plan = steps_of(phases or [len(rows)], schedule)
    plan, few = probe.begun(plan, rows, weights)  # all of it, but for an estimate
    accelerator.wait_for_everyone()  # the main process may just have cleared what an other recipe left
    done, main = restore(out, weights, optimizer), accelerator.is_main_process
    if main:
        cut_curve(out / "curve.jsonl", done)
        watch.cut(out, done)
    accelerator.wait_for_everyone()
    look = watch.Looks(held_out, schedule, out, weights, main) if held_out and schedule.evaluate else None
    with (
        in_order(accelerator.device),
        tracked(schedule.track, out, label, main) as log,
        progress(label, total=len(plan), unit="step", before=done) as bar,
    ):
        if look and not look.rows:
            log(look.at(model, 0), 0)
        for step in range(done, len(plan)):
            if look and look.ended:
                break
            began = time.perf_counter()
            rate = schedule.rate(step, len(plan))
            for group in optimizer.param_groups:
                group["lr"] = rate * group["times"]
            with _memory_told(label, schedule, accelerator.device):
                figures, tokens = _step(accelerator, model, rows, plan, step, loss, schedule)
                norm = float(torch.nn.utils.clip_grad_norm_(weights, schedule.clip))
                if not math.isfinite(figures["loss"]) or not math.isfinite(norm):
                    raise _diverged(label, figures["loss"], step, [rows[i] for i in plan[step]])
                optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            seconds = time.perf_counter() - began
            if few:
                few.took(seconds)
            row = {"step": step + 1, "tokens": tokens, "lr": rate, "seconds": seconds, "norm": norm, **figures}
            if main:
                append_jsonl(out / "curve.jsonl", row)
            log(row, step + 1)
            bar.add(1, loss=figures["loss"], tok_s=tokens / seconds)
            if look and ((step + 1) % schedule.evaluate == 0 or step + 1 == len(plan)):
                log(look.at(model, step + 1), step + 1)
            if main and (step + 1) % schedule.checkpoint == 0 and step + 1 < len(plan):
                save(out, step + 1, weights, optimizer)
    if look:
        look.keep_best()
    accelerator.wait_for_everyone()
    return totals(out / "curve.jsonl")


def totals(curve: Path) -> dict[str, float]:
    """Return what a whole curve sums to, over resumes: steps, useful tokens, seconds, tokens/s, mean last loss."""
    rows = list(read_jsonl(curve)) if curve.exists() else []
    tokens, seconds = sum(r["tokens"] for r in rows), sum(r["seconds"] for r in rows)
    last = [r["loss"] for r in rows[-10:]]
    return {
        "steps": len(rows),
        "tokens": tokens,
        "seconds": seconds,
        "tokens_per_second": tokens / seconds if seconds else math.nan,
        "loss": sum(last) / len(last) if last else math.nan,
    }


def by_rate(weights: Sequence[torch.nn.Parameter]) -> list[dict[str, Any]]:
    """Return the weights in groups by how many times the schedule's rate they learn at: their ``times``, or once."""
    groups: dict[float, list[torch.nn.Parameter]] = {}
    for weight in weights:
        groups.setdefault(getattr(weight, "times", 1.0), []).append(weight)
    return [{"params": some, "times": times} for times, some in groups.items()]


# --- one step --------------------------------------------------------------------------------------------------------


def _step(
    accelerator: Accelerator,
    model: torch.nn.Module,
    rows: Sequence[Callable[[], Any]],
    plan: Sequence[Sequence[int]],
    step: int,
    loss: Loss,
    schedule: Schedule,
) -> tuple[dict[str, float], int]:
    """Return the mean figures and the useful tokens of a step, its rows shared among the processes."""
    places = range(accelerator.process_index, len(plan[step]), accelerator.num_processes)
    seeds = [f"{schedule.seed}:{step}:{place}" for place in places]
    batches = [rows[plan[step][place]]() for place in places]
    found, tokens = rows_once(accelerator, model, batches, loss, share=len(plan[step]), seeds=seeds)
    if is_sharded(model) and len(places) < math.ceil(len(plan[step]) / accelerator.num_processes):
        _come_along(accelerator, model, rows[plan[step][0]](), loss)
    if accelerator.num_processes > 1:
        add_gradients(trainable(model))
        gathered = gather_object([(list(places), found, tokens)])
        placed = {place: row for each, many, _ in gathered for place, row in zip(each, many, strict=True)}
        found, tokens = [placed[place] for place in sorted(placed)], sum(each[2] for each in gathered)
    return mean_figures(found), tokens


def step_once(
    accelerator: Accelerator, model: torch.nn.Module, batches: Sequence[Any], loss: Loss
) -> tuple[dict[str, float], int]:
    """Return the mean figures and the useful tokens of one step, gradients accumulated over its batches."""
    figures, tokens = rows_once(accelerator, model, batches, loss, share=len(batches))
    return mean_figures(figures), tokens


def rows_once(
    accelerator: Accelerator,
    model: torch.nn.Module,
    batches: Sequence[Any],
    loss: Loss,
    *,
    share: int,
    seeds: Sequence[str] = (),
) -> tuple[list[dict[str, float]], int]:
    """Return each batch's figures and the useful tokens of all, gradients added up as one of ``share`` parts each.

    On a CPU several batches run side by side, one thread each: short rows are too small for two threads to share.
    """
    batches = [batch.to(accelerator.device) for batch in batches]
    seeds = seeds or ["0"] * len(batches)
    if share > 1 and accelerator.device.type == "cpu" and not is_sharded(model):
        figures = _side_by_side(model, batches, loss, share, seeds)
    else:
        figures = [_backward(accelerator, model, b, loss, share, s) for b, s in zip(batches, seeds, strict=True)]
    return figures, sum(b.useful for b in batches)


def mean_figures(figures: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each figure over the rows that have it: a row without options has no loss over options."""
    found = {key: [f[key] for f in figures if key in f] for figure in figures for key in figure}
    return {key: sum(values) / len(values) for key, values in found.items()}


def _backward(
    accelerator: Accelerator, model: torch.nn.Module, batch: Any, loss: Loss, share: int, seed: str = "0"
) -> dict[str, float]:
    with drawn_from(seed, accelerator.device):
        value, figures = loss(model, batch)
    (value / share).backward()
    return {"loss": float(value.detach()), **figures}


def _come_along(accelerator: Accelerator, model: torch.nn.Module, batch: Any, loss: Loss) -> None:
    """Go through a sharded model for nothing: the others have a row more, and need this process's part of it."""
    with drawn_from("0", accelerator.device):
        value, _ = loss(model, batch.to(accelerator.device))
    (value * 0).backward()


def _side_by_side(
    model: torch.nn.Module, batches: Sequence[Any], loss: Loss, share: int, seeds: Sequence[str]
) -> list[dict[str, float]]:
    """Return each batch's figures, and leave their part of the mean gradient, added in the batches' order: the bits do
    not depend on how many threads there are."""
    weights = trainable(model)

    def lane(given: tuple[Any, str]) -> tuple[dict[str, float], Sequence[torch.Tensor]]:
        batch, seed = given
        with drawn_from(seed, weights[0].device):
            value, figures = loss(model, batch)
        found = torch.autograd.grad(value / share, weights, allow_unused=True, materialize_grads=True)
        return {"loss": float(value.detach()), **figures}, found

    done = side_by_side(lane, list(zip(batches, seeds, strict=True)), weights[0].device, threads=1)
    if not done:
        return []
    whole = list(done[0][1])
    for _, more in done[1:]:
        torch._foreach_add_(whole, more)
    for weight, found in zip(weights, whole, strict=True):
        weight.grad = found
    return [figures for figures, _ in done]


def add_gradients(weights: Sequence[torch.nn.Parameter]) -> None:
    """Add up the weights' gradients over all processes; one that had no row brings zeros."""
    given = [w.grad if w.grad is not None else torch.zeros_like(w) for w in weights]
    flat = torch.cat([g.reshape(-1) for g in given])
    torch.distributed.all_reduce(flat)
    for weight, part in zip(weights, flat.split([g.numel() for g in given]), strict=True):
        weight.grad = part.view_as(weight)


def steps_of(phases: Sequence[int], schedule: Schedule) -> list[list[int]]:
    """Return the rows of each step: every epoch goes through the phases, the rows of each drawn from the seed.

    ``phases`` are numbers of rows that follow one another; a step never joins rows of two phases.
    """
    steps: list[list[int]] = []
    size = schedule.accumulate
    for epoch in range(schedule.epochs):
        generator = torch.Generator().manual_seed(schedule.seed * 1000 + epoch)
        first = 0
        for rows in phases:
            order = [first + i for i in torch.randperm(rows, generator=generator).tolist()]
            steps += [order[i : i + size] for i in range(0, rows, size)]
            first += rows
    return steps


# --- what goes wrong -------------------------------------------------------------------------------------------------


def _diverged(label: str, value: float, step: int, rows: Sequence[Any]) -> Diverged:
    ids = [name for row in rows for name in getattr(row, "ids", ())]
    shown = ", ".join(ids[:8]) + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")
    what = f"the loss is {value}" if not math.isfinite(value) else "the gradient is not finite"
    return Diverged(
        f"{label}: {what} at step {step + 1}{f' (examples {shown})' if shown else ''}; the checkpoint before it is "
        "kept. Lower the learning rate and run again."
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory does not suffice, on a GPU or on a CPU."""
    said = ("can't allocate memory", "not enough memory")  # torch's words on Linux, and elsewhere
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in str(error) for words in said)


@contextmanager
def _memory_told(label: str, schedule: Schedule, device: torch.device) -> Iterator[None]:
    """Inside, an error that says that memory does not suffice becomes one that says which setting needs less."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise _too_large(label, schedule, lanes(1 << 20, device)) from error


def _too_large(label: str, schedule: Schedule, lanes: int) -> OutOfMemory:
    tokens, rows = schedule.within(schedule.beside(lanes) * schedule.batch_tokens // 2, lanes)
    more = rows > schedule.accumulate
    step = f" and schedule.accumulate={rows}: as many tokens a step, and" if more else ":"
    return OutOfMemory(
        f"{label}: memory does not suffice for rows of {schedule.batch_tokens} tokens. Set "
        f"schedule.batch_tokens={tokens}{step} half as many in memory at once (an example longer than a row is left "
        "out). `residency train --estimate` says before a run what fits."
    )
