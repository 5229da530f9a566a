"""One size of model and one length of text: its pace in our loop, the peak beside it, and a profile."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from parts.made_up_model import SHAPES, make_base

WARM, PROFILED, SHOWN = 2, 3, 16
"""Steps that are not timed, steps of a profile, operations that it shows."""
KINDS = {
    "products (matrices)": ("mm", "addmm", "bmm", "baddbmm", "linear", "matmul", "mkldnn"),
    "attention": ("scaled_dot", "flash", "softmax"),
    "copies, other types, gathering": (
        "copy_",
        "to",
        "cat",
        "index",
        "gather",
        "scatter",
        "clone",
        "fill",
        "zero",
        "embed",
    ),
    "optimizer, clipping": ("adam", "_foreach", "norm"),
}
"""Kinds of operations by how their names begin, behind ``aten::``; all others are elementwise or sums."""


def told(pipe: Connection, work: Any, given: tuple[Any, ...]) -> None:
    """Send what some work gives; ``{"fits": False}`` where memory does not suffice."""
    from residency.core.errors import OutOfMemory
    from residency.core.memory import share_heap
    from residency.core.progress import set_quiet
    from residency.train.loop import is_out_of_memory

    set_quiet()
    share_heap()  # as the command line does
    try:
        pipe.send(work(*given))
    except (OutOfMemory, MemoryError, RuntimeError) as error:
        if not isinstance(error, OutOfMemory) and not is_out_of_memory(error):
            raise
        pipe.send({"fits": False})


def base(scratch: str, shape: str) -> str:
    """Return the folder of a made-up base, its weights kept in bf16."""
    return str(make_base(Path(scratch), shape, "bfloat16"))


def pace(base: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the seconds of each step, its tokens, the peaks beside it (operations a second), and the memory."""
    from residency.core.memory import at_most, peak_memory
    from residency.core.store import read_jsonl
    from residency.train.forward import scored
    from residency.train.loop import train

    with at_most(int(settings["memory"] * 2**30)), tempfile.TemporaryDirectory() as out:
        before = square(settings["precision"], settings["square"])
        net, local, schedule = opened(base, settings["precision"], settings["row"], settings["rows"])
        count = (WARM + settings["steps"]) * settings["rows"]
        rows = texts(local, schedule, settings["length"], count)
        train(net, rows, scored(every), schedule, out=Path(out), label="grow")
        curve = list(read_jsonl(Path(out) / "curve.jsonl"))
        after = square(settings["precision"], settings["square"])
        own = products(settings["shape"], settings["precision"], settings["row"], settings["rows"])
    seconds = [row["seconds"] for row in curve[WARM:]]
    memory = {"peak_mb": peak_memory() / 1e6, "products": own, "peak": max(before, after)}
    return {"fits": True, "rows": settings["rows"], "seconds": seconds, "tokens": curve[-1]["tokens"], **memory}


def every(logprobs: Any, batch: Any) -> tuple[Any, dict[str, float]]:
    """Return the mean loss of all tokens."""
    return -logprobs.mean(), {}


def opened(base: str, precision: str, row: int, rows: int) -> tuple[Any, Any, Any]:
    """Return (the network with an adapter, the same as a `Model`, the schedule)."""
    from parts.on_a_device import adapted
    from residency.train.schedule import Schedule

    net, local = adapted(Path(base), precision)
    return net, local, Schedule(learning_rate=1e-4, batch_tokens=row, accumulate=rows, checkpoint=10**6)


def texts(local: Any, schedule: Any, length: int, count: int) -> list[Any]:
    """Return rows of made-up texts of one length, all full."""
    import torch

    from residency.models.pack import Block
    from residency.train.stage import pack_rows

    draw = torch.Generator().manual_seed(0)
    each = count * (schedule.batch_tokens // length)
    ids = torch.randint(5, local.width, (each, length), generator=draw).tolist()
    return list(pack_rows([Block(one, []) for one in ids], schedule, fill=local.end))


def square(precision: str, side: int) -> float:
    """Return the operations a second of a square product on all threads, the median of five."""
    import torch

    a, b = (torch.randn(side, side).to(dtype_of(precision)) for _ in "ab")
    return 2 * side**3 / timed(lambda: torch.mm(a, b))


def products(shape: str, precision: str, row: int, rows: int) -> float:
    """Return the operations a second of one layer's products alone: so many rows side by side, as in a step."""
    import torch

    from residency.models.lanes import side_by_side

    sizes = SHAPES[shape]
    width, inner = sizes["hidden_size"], sizes["intermediate_size"]
    shared = width * sizes["num_key_value_heads"] // sizes["num_attention_heads"]
    shapes = [(width, width), (width, shared), (width, shared), (width, width), (width, inner), (width, inner)]
    weights = [torch.randn(out, of).to(dtype_of(precision)) for of, out in [*shapes, (inner, width)]]
    given = {of: torch.randn(row, of).to(dtype_of(precision)) for of in (width, inner)}

    def layer(_: int) -> None:
        for weight in weights:
            torch.mm(given[weight.shape[1]], weight.t())

    threads = 1 if rows > 1 else 0
    seconds = timed(lambda: side_by_side(layer, range(rows), torch.device("cpu"), threads=threads))
    return 2.0 * rows * row * sum(weight.numel() for weight in weights) / seconds


def timed(work: Any) -> float:
    """Return the median seconds of five, after one that is not timed."""
    times = []
    for _ in range(6):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


def dtype_of(precision: str) -> Any:
    """Return torch's type."""
    import torch

    return torch.bfloat16 if precision == "bf16" else torch.float32


def operations(shape: str, length: int) -> dict[str, float]:
    """Return the operations that a token of training asks for: layers, head, attention (half the square, causal).

    Forward and back to the input; frozen weights have no gradient, and what is computed again counts once.
    """
    sizes = SHAPES[shape]
    width, inner, layers = (sizes[key] for key in ("hidden_size", "intermediate_size", "num_hidden_layers"))
    shared = width * sizes["num_key_value_heads"] // sizes["num_attention_heads"]
    weights = layers * (2 * width * width + 2 * width * shared + 3 * width * inner)
    attention = 6.0 * layers * width * length
    return {"layers": 4.0 * weights, "head": 4.0 * sizes["vocab_size"] * width, "attention": attention}


def profile(base: str, precision: str, length: int, memory: float) -> dict[str, Any]:
    """Return where the time of a step goes: one row on one core, as beside others, by operation and by kind."""
    import torch
    from accelerate import Accelerator
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as recorded

    from residency.core.memory import at_most
    from residency.train.adapters import trainable
    from residency.train.forward import scored
    from residency.train.loop import step_once

    torch.set_num_threads(1)
    row = max(1, 512 // length) * length
    with at_most(int(memory * 2**30)):
        net, local, schedule = opened(base, precision, row, 1)
        batches = [make() for make in texts(local, schedule, length, WARM + PROFILED)]
        accelerator, weights = Accelerator(cpu=True, mixed_precision="no"), trainable(net)
        optimizer = torch.optim.AdamW(weights, lr=1e-4, fused=True)

        def step(batch: Any) -> None:
            step_once(accelerator, net, [batch], scored(every))
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        for batch in batches[:WARM]:
            step(batch)
        with recorded(activities=[ProfilerActivity.CPU]) as found:
            for batch in batches[WARM:]:
                step(batch)
    return {"row": row, "fits": True, **shares(found.key_averages())}


def shares(averages: Any) -> dict[str, Any]:
    """Return the share of each operation and of each kind in the time of all."""
    whole = sum(each.self_cpu_time_total for each in averages)
    kinds: Counter[str] = Counter()
    for each in averages:
        kinds[kind_of(each.key)] += each.self_cpu_time_total / whole
    top = sorted(averages, key=lambda each: -each.self_cpu_time_total)[:SHOWN]
    rows = [{"name": e.key, "share": e.self_cpu_time_total / whole, "calls": e.count / PROFILED} for e in top]
    return {"milliseconds": whole / 1e3 / PROFILED, "kinds": dict(kinds.most_common()), "operations": rows}


def kind_of(name: str) -> str:
    """Return the kind of an operation by its name."""
    bare = name.removeprefix("aten::").removeprefix("_").lower()
    for kind, begins in KINDS.items():
        if any(bare.startswith(each.removeprefix("_").lower()) for each in begins):
            return kind
    return "elementwise, sums" if name.startswith("aten::") else "our functions, Python between"
