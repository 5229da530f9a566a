"""A whole journey in small: the real command, sources, tokenizer and stages around a random Llama of two layers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SMALL = """\
base: {base}
corpus:
  sources: [{{hpo: {{}}}}, {{icd10: {{}}}}, {{simulated_hospital: {{population: 12}}}}]
examples: {{qa: 24, nli: 24, ie: 24, gen: 24, prefer_qa: 8, prefer_nli: 8, prefer_ie: 8, prefer_gen: 8,
           test_choice: 12, test_written: 6, test_shown: 3, dev: 4, text: 40}}
train:
  - pretrain: {{tokens: 1500, rank: 4, schedule: {{batch_tokens: 512}}}}
  - instruct: {{tokens: {tokens}, rank: 4, schedule: {{checkpoint: 2}}}}
  - prefer: {{tokens: 3000}}
compress:
  - quantize: {{positions: 24}}
evaluate: {{generated: 4, gguf_items: 4}}
"""
"""A recipe of every stage, a minute long."""


def small_base(folder: Path) -> Path:
    """Return a folder with a random two-layer Llama that reads the packaged model's tokens."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from residency.models.weights import packaged_base

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        max_position_embeddings=2048,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(packaged_base()).save_pretrained(folder)
    return folder


def small_recipe(folder: Path, base: Path | str, *, tokens: int = 6000, name: str = "small") -> Path:
    """Return the file of a small recipe."""
    path = folder / f"{name}.yaml"
    path.write_text(SMALL.format(base=base, tokens=tokens))
    return path


def environment(root: Path) -> dict[str, str]:
    """Return what a command sees that keeps its runs under ``root`` and notes there if it tries the network.

    The folder is named from where the command is started, ``root.parent``, as it is by default.
    """
    return {**os.environ, "RESIDENCY_RUNS": root.name, "RESIDENCY_TEST_NETWORK_LOG": str(root.parent / "network")}


def network_attempts(root: Path) -> str:
    """Return the hosts that commands under ``root`` tried to reach."""
    log = root.parent / "network"
    return log.read_text() if log.exists() else ""


def residency(*arguments: str | Path, root: Path, processes: int = 1) -> subprocess.CompletedProcess[str]:
    """Return a command that has ended; its output lies in ``stdout`` and ``stderr``."""
    root.parent.mkdir(parents=True, exist_ok=True)
    words = command(*arguments, processes=processes)
    return subprocess.run(words, env=environment(root), cwd=root.parent, capture_output=True, text=True, check=False)


def command(*arguments: str | Path, processes: int = 1) -> list[str]:
    """Return the words that start the command line in a process of its own, or in several by torchrun."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return [sys.executable, *(launcher if processes > 1 else []), "-m", "residency", *map(str, arguments)]


def launched(program: str, processes: int, *arguments: str | Path) -> None:
    """Run a program in so many processes, one thread each; the second last of its arguments is where it writes."""
    script = Path(arguments[-2]).parent / "program.py"
    script.write_text(program)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    done = subprocess.run(
        [sys.executable, *(launcher if processes > 1 else []), str(script), *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-9000:]


def residency_until(
    moment: Callable[[], bool], stop: Callable[[int], None], *arguments: str | Path, root: Path, within: float = 300
) -> int:
    """Return the exit code of a command that is stopped as soon as ``moment`` has come; ``stop`` gets its process id.

    The command leads a process group of its own.
    """
    root.mkdir(parents=True, exist_ok=True)
    with open(root.parent / "stopped.log", "a") as log:
        process = subprocess.Popen(
            command(*arguments),
            env=environment(root),
            cwd=root.parent,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        end = time.monotonic() + within
        while not moment():
            assert process.poll() is None, f"it ended ({process.returncode}) before the moment came: {log.name}"
            assert time.monotonic() < end, f"the moment did not come within {within} s: {log.name}"
            time.sleep(0.01)
        stop(process.pid)
        return process.wait(timeout=60)


def kill_all(pid: int) -> None:
    """Kill a process group outright, as a power cut would."""
    os.killpg(pid, signal.SIGKILL)


def kill_alone(pid: int) -> None:
    """Kill one process outright and leave those that it started, as a machine short of memory would."""
    os.kill(pid, signal.SIGKILL)


def interrupt(pid: int) -> None:
    """Press Ctrl-C: the whole group gets it."""
    os.killpg(pid, signal.SIGINT)
