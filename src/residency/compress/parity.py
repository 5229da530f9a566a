"""Is the exported file still the model that was trained? The same prompts, token for token, to llama.cpp and to torch.

Three questions: do the file's own chat template and tokenizer give torch's tokens; does a reply end at the same place;
and is the next token chosen the same. Torch reads the very prefixes that llama.cpp wrote, so one differing choice does
not spoil the positions after it. A second look leaves the model's own path and follows the wanted answers.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.core.errors import UserError
from residency.core.progress import track
from residency.core.store import read_examples
from residency.core.types import Example, Interval
from residency.models.gguf import GgufModel, Step

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

REPLY_TOKENS = 24
"""Positions taken from one reply at most, so that many prompts are asked."""
SHORT_PROMPT = 96
"""Prompts of at most so many tokens are taken first: it is choices that are compared, not reading."""
LONGEST_PROMPT = 900
OFF_PATH = 200
"""Positions on the wanted answers."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What both sides read: a prompt in tokens, and llama.cpp's steps after it."""

    prompt: list[int]
    steps: list[Step]


@dataclass(frozen=True, slots=True)
class Choice:
    """Torch at one position: its greedy token, the log-probability (nats) of llama.cpp's greedy and of its token."""

    greedy: int
    best: float
    other: float
    token: float


def compare(
    gguf: Path,
    model: Path,
    dequantised: Path,
    examples: Path,
    *,
    positions: int = 500,
    bar: float = 0.98,
    seed: int = 0,
) -> dict[str, Any]:
    """Return the report that becomes parity.json; ``"passed"`` says whether template, stop and choices agree."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    llama = GgufModel(gguf, context=1024, parallel=8, exact=True)
    chosen = pick(examples / "examples.jsonl", seed)
    template = template_agrees(llama, tokenizer, chosen)
    prompted = short_first([(encode(tokenizer, example.prompt), example) for example in chosen])
    own = own_replies(llama, [prompt for prompt, _ in prompted], positions)
    wanted = wanted_answers(llama, tokenizer, prompted, min(OFF_PATH, positions))
    net = _load(model)
    pairs = read(net, own, "torch fp32")
    choice = {"torch_fp32": agreement(pairs), "wanted_answers": agreement(read(net, wanted, "wanted answers"))}
    stop = {"gguf": llama.end, "torch": tokenizer.eos_token, **stops(pairs, _ends(net))}
    choice["dequantised"] = agreement(read(_load(dequantised), own, "dequantised weights"))
    report: dict[str, Any] = {
        "passed": False,
        "bar": bar,
        "positions": choice["torch_fp32"]["of"],
        "template": template,
        "stop": stop,
        "next_token": choice,
        "protocol": protocol(own, seed),
    }
    report["findings"] = findings(report, positions)
    report["passed"] = not report["findings"]
    return report


# --- what is asked -------------------------------------------------------------------------------------------------


def pick(path: Path, seed: int) -> list[Example]:
    """Return the test examples in an order drawn by the seed, the tasks taking turns; raises UserError if none.

    Where none are kept with the examples, as where a public set has them, those of the split dev are taken.
    """
    tasks: dict[str, list[Example]] = {}
    held = {split: list(read_examples(path, split=split)) for split in ("test", "dev")}
    for example in sorted(held["test"] or held["dev"], key=lambda e: e.id):
        if example.wanted:
            tasks.setdefault(str(example.meta.get("task", "")), []).append(example)
    for task in sorted(tasks):
        random.Random(f"{seed}:parity:{task}").shuffle(tasks[task])
    turns = zip_longest(*(tasks[task][:200] for task in sorted(tasks)))
    chosen = [example for turn in turns for example in turn if example is not None]
    if not chosen:
        raise UserError(f"{path} holds no test or dev examples to compare the exported model on")
    return chosen


def short_first(prompted: Sequence[tuple[list[int], Example]]) -> list[tuple[list[int], Example]]:
    """Return the prompts of up to SHORT_PROMPT tokens, then the longer ones; those far too long are left out."""
    fitting = [pair for pair in prompted if len(pair[0]) <= LONGEST_PROMPT]
    return sorted(fitting, key=lambda pair: len(pair[0]) > SHORT_PROMPT)


def encode(tokenizer: PreTrainedTokenizerBase, chat: list[dict[str, str]]) -> list[int]:
    """Return the tokens of a chat as torch reads it."""
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def template_agrees(llama: GgufModel, tokenizer: PreTrainedTokenizerBase, chosen: Sequence[Example]) -> dict[str, int]:
    """Return how many chats give the same tokens: 100 prompts, one with a system turn, one with earlier turns."""
    first, last = chosen[0], chosen[-1]
    chats = [example.prompt for example in chosen[:100]]
    chats.append([{"role": "system", "content": "Answer briefly."}, *first.prompt])
    chats.append([*first.prompt, {"role": "assistant", "content": first.wanted[0]}, *last.prompt])
    same = sum(llama.encode_prompt(chat) == encode(tokenizer, chat) for chat in chats)
    return {"checked": len(chats), "same": same}


# --- llama.cpp's side ----------------------------------------------------------------------------------------------


def own_replies(llama: GgufModel, prompts: Sequence[list[int]], positions: int) -> list[Reading]:
    """Return llama.cpp's greedy replies, from as many prompts as it takes to fill the positions."""
    readings: list[Reading] = []
    left = positions
    for start in range(0, len(prompts), 16):
        part = prompts[start : start + 16]
        for prompt, steps in zip(part, llama.greedy_each(part, REPLY_TOKENS), strict=True):
            if left > 0:
                readings.append(Reading(prompt, steps[:left]))
                left -= len(readings[-1].steps)
        if left <= 0:
            break
    return readings


def wanted_answers(
    llama: GgufModel,
    tokenizer: PreTrainedTokenizerBase,
    prompted: Sequence[tuple[list[int], Example]],
    positions: int,
) -> list[Reading]:
    """Return llama.cpp's steps along the wanted answers, and at the place after each."""
    jobs: list[tuple[list[int], list[int]]] = []
    left = positions
    for prompt, example in prompted:
        if left <= 0:
            break
        answer = tokenizer(example.wanted[0], add_special_tokens=False)["input_ids"]
        jobs.append((prompt, answer[: min(REPLY_TOKENS, left) - 1]))
        left -= len(jobs[-1][1]) + 1
    return [Reading(job[0], steps) for job, steps in zip(jobs, llama.force_each(jobs), strict=True)]


# --- torch's side --------------------------------------------------------------------------------------------------


def read(net: PreTrainedModel, readings: Sequence[Reading], label: str) -> list[list[tuple[Step, Choice]]]:
    """Return, for each reading, llama.cpp's steps with torch's choice at the same place after the same tokens."""
    return [
        list(zip(reading.steps, choose(net, reading), strict=True))
        for reading in track(readings, f"parity: {label}", unit="replies")
    ]


def choose(net: PreTrainedModel, reading: Reading) -> list[Choice]:
    """Return torch's choice at every step of a reading."""
    import torch

    steps = reading.steps
    ids = reading.prompt + [step.token for step in steps[:-1]]
    with torch.inference_mode():
        logits = net(input_ids=torch.tensor([ids]), logits_to_keep=len(steps), use_cache=False).logits[0]
        logprobs = logits.float().log_softmax(-1)
    best = logprobs.max(-1)
    return [
        Choice(int(best.indices[i]), float(best.values[i]), float(row[step.greedy]), float(row[step.token]))
        for i, (step, row) in enumerate(zip(steps, logprobs, strict=True))
    ]


def agreement(replies: Sequence[Sequence[tuple[Step, Choice]]]) -> dict[str, Any]:
    """Return in how many places both chose the same token, and how far apart they are (nats) where they did not."""
    pairs = [pair for reply in replies for pair in reply]
    same = sum(step.greedy == choice.greedy for step, choice in pairs)
    share = wilson(same, len(pairs))
    behind = [choice.best - choice.other for step, choice in pairs if step.greedy != choice.greedy]
    apart = [abs(step.logprob - choice.token) for step, choice in pairs if not math.isnan(step.logprob)]
    return {
        "same": same,
        "of": len(pairs),
        "share": share.value,
        "low": share.low,
        "high": share.high,
        "differing_behind_nats": {"mean": _mean(behind), "max": max(behind, default=0.0)},
        "logprob_difference_nats": {"mean": _mean(apart), "max": max(apart, default=0.0)},
    }


def stops(replies: Sequence[Sequence[tuple[Step, Choice]]], ends: Sequence[int]) -> dict[str, int]:
    """Return how many replies llama.cpp ended, and in how many torch ends, or goes on, at the very same place."""
    ended = same = 0
    for reply in replies:
        theirs = [step.greedy in ends for step, _ in reply]
        ours = [choice.greedy in ends for _, choice in reply]
        ended += any(theirs)
        same += ours == theirs
    return {"replies": len(replies), "ended": ended, "same": same}


# --- the report ----------------------------------------------------------------------------------------------------


def wilson(k: int, n: int) -> Interval:
    """Return k of n as a share with its 95% Wilson score interval (Wilson 1927); nan when n is 0."""
    if n == 0:
        return Interval(math.nan, math.nan, math.nan)
    z = 1.959963984540054
    middle = (k + z * z / 2) / (n + z * z)
    half = z * math.sqrt(k * (n - k) / n + z * z / 4) / (n + z * z)
    return Interval(k / n, max(0.0, middle - half), min(1.0, middle + half))


def protocol(readings: Sequence[Reading], seed: int) -> dict[str, Any]:
    """Return what both sides were given."""
    return {
        "prefixes": "test prompts by the chat template, then llama.cpp's greedy reply token by token",
        "wanted_answers": "the same prompts, then the wanted answer token by token, and the place after it",
        "choice": "the most probable next token, before any constraint",
        "prompts": len(readings),
        "longest_prompt": max((len(reading.prompt) for reading in readings), default=0),
        "reply_tokens": REPLY_TOKENS,
        "seed": seed,
        "interval": "Wilson, 95%, positions taken as independent",
        "llama.cpp": "activations rounded to 8 bits where weights are, fp32 cache",
        "torch": "fp32",
    }


def findings(report: dict[str, Any], positions: int) -> list[str]:
    """Return what a reader must know: every way in which the export fell short."""
    found = []
    template, stop, choice = report["template"], report["stop"], report["next_token"]["torch_fp32"]
    share = f"{choice['share']:.1%} [{choice['low']:.1%}, {choice['high']:.1%}] of {choice['of']} positions"
    if template["same"] < template["checked"]:
        found.append(f"the chat template gives other tokens in {template['checked'] - template['same']} chats")
    if stop["gguf"] != stop["torch"]:
        found.append(f"the file ends a turn with {stop['gguf']}, torch with {stop['torch']}")
    if stop["same"] < report["bar"] * stop["replies"]:
        found.append(f"replies end elsewhere: at the same place in {stop['same']} of {stop['replies']}")
    if report["positions"] < positions:
        found.append(f"only {report['positions']} of {positions} positions could be compared: too few test examples")
    if not choice["share"] >= report["bar"]:
        found.append(f"NOT the same model: the next token agrees in {share}, below the bar of {report['bar']:.0%}")
    return found


def _load(folder: Path) -> PreTrainedModel:
    import torch
    from transformers import AutoModelForCausalLM

    from residency.models.weights import quiet_transformers

    with quiet_transformers():
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def _ends(net: PreTrainedModel) -> list[int]:
    ends = net.generation_config.eos_token_id
    return list(ends) if isinstance(ends, list) else [ends]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
