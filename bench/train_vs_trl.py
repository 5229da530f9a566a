"""Supervised tuning beside TRL: the same batches, interleaved, as ratios, with each one's gradient error.

Every variant lives in a process of its own and starts from the same adapter; the parent lets one work at a time, in
turn, so that a slow minute of the machine falls on all. Reported are useful tokens (not padding) a second, peak
memory, and how far the adapter's gradient is from TRL's in fp32 (norm of the difference over the norm), as the mean
over the first batches, which are not learned from: all variants take their gradients at the same weights.

    python bench/train_vs_trl.py --examples runs/latest/examples [--json]
    OMP_NUM_THREADS=1 taskset -c 0 python bench/train_vs_trl.py              (on one core)
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

GRADIENTS = 4
"""Batches that gradients are compared on; they also warm the kernels up."""
VARIANTS = ("trl-default", "trl-fp32", "ours-bf16", "ours-fp32")


def main() -> None:
    """Run the comparison and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=Path, default=Path("runs/latest/examples"), help="a run's examples folder")
    parser.add_argument("--batch", type=int, default=8, help="examples a step (TRL's default)")
    parser.add_argument("--steps", type=int, default=4, help="steps a repeat")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not (args.examples / "examples.jsonl").exists():
        parser.error(f"{args.examples} holds no examples.jsonl; make a run first, or name one with --examples")
    with tempfile.TemporaryDirectory() as scratch:
        report = compare(args, Path(scratch))
    print(json.dumps(report, indent=1) if args.json else table(report))


def compare(args: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Return the figures of every variant."""
    data = batches(args)
    make_adapter(scratch / "adapter", args.rank)
    context = multiprocessing.get_context("spawn")
    pipes, workers = {}, []
    for name in VARIANTS:
        here, there = context.Pipe()
        worker = context.Process(target=WORKERS[name.split("-")[0]], args=(name, data, scratch, there), daemon=True)
        worker.start()
        pipes[name] = here
        workers.append(worker)
        here.recv()  # ready: warmed up and waiting
    rates: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for repeat in range(args.repeats):
        for name in VARIANTS:
            pipes[name].send("go")
            tokens, seconds = pipes[name].recv()
            rates[name].append(tokens / seconds)
            print(f"repeat {repeat + 1} {name}: {tokens / seconds:.0f} tokens/s", file=sys.stderr, flush=True)
    peaks = {}
    for name in VARIANTS:
        pipes[name].send("stop")
        peaks[name] = pipes[name].recv()
    for worker in workers:
        worker.join()
    return summary(args, rates, peaks, {name: gradients(scratch, name) for name in VARIANTS})


def summary(
    args: argparse.Namespace, rates: dict[str, list[float]], peaks: dict[str, float], found: dict[str, list[Any]]
) -> dict[str, Any]:
    """Return the table's rows: medians, ratios repeat by repeat, and gradient errors against TRL in fp32."""
    import torch

    rows = {}
    for name in VARIANTS:
        ratios = sorted(a / b for a, b in zip(rates[name], rates["trl-default"], strict=True))
        same = sorted(a / b for a, b in zip(rates[name], rates["trl-fp32"], strict=True))
        errors = [
            float(torch.linalg.norm(a - b) / torch.linalg.norm(b))
            for a, b in zip(found[name], found["trl-fp32"], strict=True)
        ]
        rows[name] = {
            "tokens_per_second": statistics.median(rates[name]),
            "times_trl_default": [ratios[0], statistics.median(ratios), ratios[-1]],
            "times_trl_fp32": [same[0], statistics.median(same), same[-1]],
            "peak_mb": peaks[name],
            "memory_of_trl_default": peaks[name] / peaks["trl-default"],
            "gradient_error": statistics.mean(errors),
            "gradient_errors": errors,
        }
    import trl

    return {
        "variants": rows,
        "threads": torch.get_num_threads(),
        "trl": trl.__version__,
        "torch": torch.__version__,
        "batch": args.batch,
        "steps": args.steps,
        "repeats": args.repeats,
        "rank": args.rank,
    }


def table(report: dict[str, Any]) -> str:
    """Return the figures as a table."""
    lines = [
        f"{'':12s} {'tokens/s':>9s} {'x TRL default':>22s} {'x TRL fp32':>22s} {'peak MB':>8s} {'gradient error':>15s}"
    ]
    for name, row in report["variants"].items():
        spans = [f"{m:.2f} ({a:.2f} to {b:.2f})" for a, m, b in (row["times_trl_default"], row["times_trl_fp32"])]
        lines.append(
            f"{name:12s} {row['tokens_per_second']:9.0f} {spans[0]:>22s} {spans[1]:>22s} "
            f"{row['peak_mb']:8.0f} {row['gradient_error']:15.2e}"
        )
    return "\n".join(lines)


def batches(args: argparse.Namespace) -> list[list[dict[str, Any]]]:
    """Return the steps, lists of ``{"prompt", "completion"}`` messages: GRADIENTS batches, then the timed ones."""
    from residency.core.store import read_examples

    rows = [e for e in read_examples(args.examples / "examples.jsonl", split="train") if e.meta["use"] == "instruct"]
    count = args.batch * (GRADIENTS + args.steps * args.repeats)
    rows = sorted(rows, key=lambda e: e.id[::-1])[:: max(1, len(rows) // count)][:count]
    shaped = [{"prompt": e.prompt, "completion": [{"role": "assistant", "content": e.wanted[0]}]} for e in rows]
    return [shaped[i : i + args.batch] for i in range(0, len(shaped), args.batch)]


def base() -> Path:
    """Return the base model's folder."""
    from residency.models.weights import packaged_base

    return packaged_base()


def make_adapter(folder: Path, rank: int) -> None:
    """Write an adapter whose both halves are random, so that no gradient is zero."""
    import torch

    from residency.models.local import read_net
    from residency.train.adapters import attach

    model = attach(read_net(base(), "fp32"), rank=rank)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02)
    model.save_pretrained(folder)


def peak_mb() -> float:
    """Return this process's largest resident memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def keep_gradient(model: Any, path: Path) -> None:
    """Write the adapter's gradients, then set them to zero, so that the step to come changes no weight."""
    import torch
    from safetensors.torch import save_file

    found = {
        n.replace("module.", ""): p.grad.detach().float().contiguous()
        for n, p in model.named_parameters()
        if p.grad is not None
    }
    save_file({n: g.clone() for n, g in found.items()}, path)
    torch._foreach_zero_([p.grad for p in model.parameters() if p.grad is not None])


def gradients(scratch: Path, name: str) -> list[Any]:
    """Return a variant's gradient on each of the first batches as one vector, in the order of the names."""
    import torch
    from safetensors.torch import load_file

    files = [load_file(scratch / f"{name}.{i}.safetensors") for i in range(GRADIENTS)]
    return [torch.cat([found[n].flatten() for n in sorted(found)]) for found in files]


def useful(tokenizer: Any, rows: list[dict[str, Any]]) -> int:
    """Return the tokens of a step's chats."""
    texts = [tokenizer.apply_chat_template(r["prompt"] + r["completion"], tokenize=False) for r in rows]
    return sum(len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"])


def ours(name: str, data: list[list[dict[str, Any]]], scratch: Path, pipe: Connection) -> None:
    """Train with our loop's own step, one go at a time."""
    import torch
    from accelerate import Accelerator
    from transformers import AutoTokenizer

    from residency.models.attention import use_packed
    from residency.models.local import LocalModel
    from residency.models.pack import Batch, Block, collate
    from residency.models.residual import read_to_learn
    from residency.train.adapters import resume, trainable
    from residency.train.loop import step_once

    tokenizer = AutoTokenizer.from_pretrained(base())
    net = resume(use_packed(read_to_learn(base(), name.split("-")[1])), scratch / "adapter").train()
    local = LocalModel("bench", "", net.get_base_model(), tokenizer)
    weights = trainable(net)
    optimizer = torch.optim.AdamW(weights, lr=2e-5, weight_decay=0.0, fused=True)
    accelerator = Accelerator(cpu=True, mixed_precision="no")

    def batches_of(rows: list[dict[str, Any]]) -> list[Batch]:
        """The step's examples as rows of about the same length, one a thread."""
        blocks = []
        for row in rows:
            answer = [*local.encode(row["completion"][0]["content"]), local.end, *local.encode("\n")]
            blocks.append(Block(local.encode_prompt(row["prompt"]), [answer]))
        blocks.sort(key=lambda b: b.length, reverse=True)
        parts: list[list[Block]] = [[] for _ in range(min(torch.get_num_threads(), len(blocks)))]
        for block in blocks:
            min(parts, key=lambda part: sum(b.read for b in part)).append(block)
        return [collate(part, fill_to=-(-sum(b.read for b in part) // 32) * 32) for part in parts]

    def step(rows: list[dict[str, Any]], kept: int | None = None) -> int:
        batches = batches_of(rows)
        targets = sum(len(b.targets) for b in batches)

        def loss(logprobs: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
            return -logprobs.sum() / targets * len(batches), {}  # the mean over the step's answer tokens, as TRL's

        step_once(accelerator, net, batches, loss)
        if kept is not None:
            keep_gradient(net, scratch / f"{name}.{kept}.safetensors")
        accelerator.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return sum(b.useful for b in batches)

    for i, rows in enumerate(data[:GRADIENTS]):
        step(rows, kept=i)
    pipe.send("ready")
    serve(pipe, data[GRADIENTS:], step)


def serve(pipe: Connection, data: list[list[dict[str, Any]]], step: Any) -> None:
    """Answer each "go" with the (tokens, seconds) of the next share of the steps, and "stop" with the peak."""
    todo = list(data)
    share = int(os.environ["BENCH_STEPS"])
    while pipe.recv() == "go":
        began = time.perf_counter()
        tokens = sum(step(rows) for rows in todo[:share])
        pipe.send((tokens, time.perf_counter() - began))
        todo = todo[share:]
    pipe.send(peak_mb())


def theirs(name: str, data: list[list[dict[str, Any]]], scratch: Path, pipe: Connection) -> None:
    """Train with TRL's SFTTrainer (its defaults; "fp32" turns its bf16 off), held at each go."""
    from datasets import Dataset
    from peft import PeftModel
    from torch.utils.data import SequentialSampler
    from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    tokenizer = AutoTokenizer.from_pretrained(base())
    model = AutoModelForCausalLM.from_pretrained(base(), dtype="float32")
    model = PeftModel.from_pretrained(model, str(scratch / "adapter"), is_trainable=True)
    tokens = [useful(tokenizer, rows) for rows in data]
    share = int(os.environ["BENCH_STEPS"])
    config = SFTConfig(
        output_dir=str(scratch / name),
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        max_steps=len(data),
        per_device_train_batch_size=len(data[0]),
        learning_rate=2e-5,
        logging_strategy="no",
        disable_tqdm=True,
        **({"bf16": False} if name.endswith("fp32") else {}),
    )

    class Hold(TrainerCallback):
        """Waits for a go before each share of the steps and reports it after."""

        began = 0.0

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            done = state.global_step - GRADIENTS
            if done == 0:
                pipe.send("ready")
            if done >= 0 and done % share == 0:
                pipe.recv()
                self.began = time.perf_counter()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            done = state.global_step - GRADIENTS
            if done >= 1 and done % share == 0:
                timed = tokens[GRADIENTS:][done - share : done]
                pipe.send((sum(timed), time.perf_counter() - self.began))

    class InOrder(SFTTrainer):
        """Takes the batches in their order and keeps the first gradients, before clipping."""

        kept = 0

        def _get_train_sampler(self, *_: Any) -> Any:
            return SequentialSampler(self.train_dataset)

        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            found = super().training_step(*args, **kwargs)
            if self.kept < GRADIENTS:
                keep_gradient(self.accelerator.unwrap_model(self.model), scratch / f"{name}.{self.kept}.safetensors")
                self.kept += 1
            return found

    flat = Dataset.from_list([row for rows in data for row in rows])
    trainer = InOrder(model=model, args=config, train_dataset=flat, processing_class=tokenizer, callbacks=[Hold()])
    trainer.remove_callback(PrinterCallback)  # standard output is the report's
    trainer.train()
    pipe.recv()
    pipe.send(peak_mb())


WORKERS = {"ours": ours, "trl": theirs}

if __name__ == "__main__":
    steps = next((sys.argv[i + 1] for i, a in enumerate(sys.argv[:-1]) if a == "--steps"), "4")
    os.environ.setdefault("BENCH_STEPS", steps)
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", DO_NOT_TRACK="1")
    main()
