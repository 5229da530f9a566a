"""Is the exported file still the model that was trained? The same prompts, token for token, to llama.cpp and to torch.

Three questions: does the file's own chat template and tokenizer give torch's tokens; does the reply end at the same
place; and is the next token chosen the same. Both sides read the same prefixes (a test prompt and part of its wanted
answer), so one differing choice cannot spoil the positions after it.
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

ANSWER_TOKENS = 24
"""Positions taken from one answer at most, so that many prompts are asked."""
SHORT_PROMPT = 96
"""Prompts of at most so many tokens are taken first: it is choices that are compared, not reading."""
STOP_PROMPTS = 12
STOP_TOKENS = 48


@dataclass(frozen=True, slots=True)
class Job:
    """A prompt and the answer forced after it, in tokens; ``whole`` unless the answer was cut."""

    prompt: list[int]
    answer: list[int]
    whole: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """Torch at one position: its greedy token, and how far (nats) it puts another token below that."""

    greedy: int
    behind: float


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
    chosen = pick(examples / "examples.jsonl", seed)
    llama = GgufModel(gguf, context=1024, parallel=8)
    prompts = [encode(tokenizer, example) for example in chosen]
    template = template_agrees(llama, tokenizer, chosen, prompts)
    jobs = make_jobs(tokenizer, chosen, prompts, positions)
    steps = llama.force_each([(job.prompt, job.answer) for job in track(jobs, "parity: llama.cpp", unit="answers")])
    ends = llama.greedy_each([job.prompt for job in jobs[:STOP_PROMPTS]], STOP_TOKENS)
    torch_side = agreement(model, jobs, steps, ends, positions, label="torch fp32")
    weights_side = agreement(dequantised, jobs, steps, ends, positions, label="dequantised weights")
    stop = {"token": {"gguf": llama.end, "torch": tokenizer.eos_token}, **torch_side.pop("stop")}
    weights_side.pop("stop")
    report = {
        "passed": False,
        "bar": bar,
        "positions": sum(len(s) for s in steps),
        "template": template,
        "stop": stop,
        "next_token": {"torch_fp32": torch_side, "dequantised": weights_side},
        "protocol": protocol(jobs, seed),
    }
    report["findings"] = findings(report, positions)
    report["passed"] = not report["findings"]
    return report


def pick(path: Path, seed: int) -> list[Example]:
    """Return the test examples in an order drawn by the seed, the tasks taking turns; raises UserError if none."""
    tasks: dict[str, list[Example]] = {}
    for example in sorted(read_examples(path, split="test"), key=lambda e: e.id):
        if example.wanted:
            tasks.setdefault(str(example.meta.get("task", "")), []).append(example)
    for task in sorted(tasks):
        random.Random(f"{seed}:parity:{task}").shuffle(tasks[task])
    turns = zip_longest(*(tasks[task][:200] for task in sorted(tasks)))
    chosen = [example for turn in turns for example in turn if example is not None]
    if not chosen:
        raise UserError(f"{path} holds no test examples to compare the exported model on")
    return chosen


def encode(tokenizer: PreTrainedTokenizerBase, example: Example) -> list[int]:
    """Return the tokens of an example's prompt as torch reads it."""
    text = tokenizer.apply_chat_template(example.prompt, tokenize=False, add_generation_prompt=True)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def template_agrees(
    llama: GgufModel, tokenizer: PreTrainedTokenizerBase, chosen: Sequence[Example], prompts: Sequence[list[int]]
) -> dict[str, Any]:
    """Return how many of 100 prompts, and of chats with a system turn and earlier turns, give the same tokens."""
    chats = [
        [{"role": "system", "content": "Answer briefly."}, *chosen[0].prompt],
        [*chosen[0].prompt, {"role": "assistant", "content": chosen[0].wanted[0]}, *chosen[-1].prompt],
    ]
    pairs = [(example.prompt, ids) for example, ids in zip(chosen[:100], prompts, strict=False)]
    for chat in chats:
        text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        pairs.append((chat, tokenizer(text, add_special_tokens=False)["input_ids"]))
    same = sum(llama.encode_prompt(chat) == ids for chat, ids in pairs)
    return {"checked": len(pairs), "same": same}


def make_jobs(
    tokenizer: PreTrainedTokenizerBase, chosen: Sequence[Example], prompts: Sequence[list[int]], positions: int
) -> list[Job]:
    """Return prompts with answers, short prompts first, until they hold ``positions`` (one after each answer too)."""
    jobs: list[Job] = []
    left = positions
    for short in (True, False):
        for example, prompt in zip(chosen, prompts, strict=True):
            if left <= 0 or (len(prompt) <= SHORT_PROMPT) != short or len(prompt) > 900:
                continue
            answer = tokenizer(example.wanted[0], add_special_tokens=False)["input_ids"]
            kept = answer[: min(ANSWER_TOKENS, left) - 1]
            jobs.append(Job(prompt, kept, whole=kept == answer))
            left -= len(kept) + 1
    return jobs


def agreement(
    folder: Path,
    jobs: Sequence[Job],
    steps: Sequence[Sequence[Step]],
    ends: Sequence[tuple[list[int], bool]],
    positions: int,
    *,
    label: str,
) -> dict[str, Any]:
    """Return how often the torch model in ``folder`` chooses as llama.cpp did, and whether it stops where that did."""
    net = _load(folder)
    pairs, scores = [], []
    for job, llama in track(list(zip(jobs, steps, strict=True)), f"parity: {label}", unit="answers"):
        choices, logprobs = choose(net, job.prompt, job.answer, [step.greedy for step in llama])
        pairs += list(zip(llama, choices, strict=True))
        scores += [abs(a.logprob - b) for a, b in zip(llama[:-1], logprobs, strict=True)]
    agree = sum(step.greedy == choice.greedy for step, choice in pairs)
    share = wilson(agree, len(pairs))
    behind = [choice.behind for step, choice in pairs if step.greedy != choice.greedy]
    return {
        "same": agree,
        "of": len(pairs),
        "share": share.value,
        "low": share.low,
        "high": share.high,
        "differing_behind_nats": {"mean": _mean(behind), "max": max(behind, default=0.0)},
        "logprob_difference_nats": {"mean": _mean(scores), "max": max(scores, default=0.0)},
        "stop": stops(net, jobs, ends),
    }


def choose(
    net: PreTrainedModel, prompt: list[int], answer: list[int], others: Sequence[int]
) -> tuple[list[Choice], list[float]]:
    """Return torch's choice at each position of an answer and the one after it, and the answer's log-probabilities.

    ``others`` are tokens, one a position, whose distance below the choice is measured.
    """
    import torch

    with torch.inference_mode():
        out = net(input_ids=torch.tensor([prompt + answer]), logits_to_keep=len(answer) + 1, use_cache=False)
        logprobs = out.logits[0].float().log_softmax(-1)
    best = logprobs.max(-1)
    places = range(len(others))
    choices = [Choice(int(best.indices[i]), float(best.values[i] - logprobs[i, others[i]])) for i in places]
    return choices, [float(logprobs[i, token]) for i, token in enumerate(answer)]


def stops(net: PreTrainedModel, jobs: Sequence[Job], ends: Sequence[tuple[list[int], bool]]) -> dict[str, int]:
    """Return in how many replies that llama.cpp made freely torch, too, would end (or go on) at their last place."""
    ending = net.generation_config.eos_token_id
    known = set(ending if isinstance(ending, list) else [ending])
    same = ended = 0
    for job, (reply, stopped) in zip(jobs, ends, strict=False):
        # a reply cut by its length went on at the place before its last token
        shown = reply if stopped else reply[:-1]
        choices, _ = choose(net, job.prompt, shown, [0] * (len(shown) + 1))
        same += (choices[-1].greedy in known) == stopped
        ended += stopped
    return {"replies": len(ends), "ended": ended, "same": same}


def wilson(k: int, n: int) -> Interval:
    """Return k of n as a share with its 95% Wilson score interval (Wilson 1927); nan when n is 0."""
    if n == 0:
        return Interval(math.nan, math.nan, math.nan)
    z = 1.959963984540054
    middle = (k + z * z / 2) / (n + z * z)
    half = z * math.sqrt(k * (n - k) / n + z * z / 4) / (n + z * z)
    return Interval(k / n, max(0.0, middle - half), min(1.0, middle + half))


def protocol(jobs: Sequence[Job], seed: int) -> dict[str, Any]:
    """Return what both sides were given."""
    return {
        "prefixes": "test prompts by the chat template, then the wanted answer token by token, and the place after it",
        "choice": "the most probable next token, before any constraint",
        "prompts": len(jobs),
        "longest_prompt": max(len(job.prompt) for job in jobs),
        "whole_answers": sum(job.whole for job in jobs),
        "seed": seed,
        "interval": "Wilson, 95%, positions taken as independent",
        "llama.cpp": "8-bit activations, 16-bit cache",
        "torch": "fp32",
    }


def findings(report: dict[str, Any], positions: int) -> list[str]:
    """Return what a reader must know: every way in which the export fell short."""
    found = []
    template, stop, choice = report["template"], report["stop"], report["next_token"]["torch_fp32"]
    if template["same"] < template["checked"]:
        found.append(f"the chat template gives other tokens in {template['checked'] - template['same']} chats")
    if stop["token"]["gguf"] != stop["token"]["torch"] or stop["same"] < stop["replies"]:
        found.append(
            f"replies end elsewhere: the same in {stop['same']} of {stop['replies']}, end marks {stop['token']}"
        )
    if report["positions"] < positions:
        found.append(f"only {report['positions']} of {positions} positions could be compared: too few test examples")
    if choice["share"] < report["bar"]:
        found.append(
            f"NOT the same model: the next token agrees in {choice['share']:.1%} [{choice['low']:.1%}, "
            f"{choice['high']:.1%}] of {choice['of']} positions, below the bar of {report['bar']:.0%}"
        )
    return found


def _load(folder: Path) -> PreTrainedModel:
    import torch
    from transformers import AutoModelForCausalLM

    from residency.models.weights import quiet_transformers

    with quiet_transformers():
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
