"""From a name to a model: packaged weights, a folder, an adapter, a hub id, a GGUF, or a run and one of its stages."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from residency.core.errors import ModelError, Unsupported, UserError
from residency.core.legal import Rule
from residency.core.progress import say
from residency.core.settings import load as function_of
from residency.core.store import read_manifest, sha256_file, sha256_json, write_manifest
from residency.models import weights
from residency.models.reading import READERS, kind_of

if TYPE_CHECKING:
    from residency.core.types import Model

PACKAGED = ("smollm2-135m", "minilm")
STAGES = {
    "base": "base",
    "pretrained": "pretrain",
    "tuned": "instruct",
    "aligned": "prefer",
    "reward": "reward",
    "encoded": "encode",
    "blended": "blend",
    "gguf": "export",
}
FORMS = (
    "a packaged name (smollm2-135m, or the encoder minilm)",
    "a folder with config.json and safetensors",
    "an adapter folder",
    "a .gguf file",
    "a hub id (organisation/name)",
    "an OpenAI-compatible endpoint (http://HOST/v1#NAME)",
    "a run (runs/latest, or runs/latest:base, :pretrained, :tuned, :aligned, :reward, :encoded, :blended, :gguf)",
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model lies: a folder, hub id or .gguf in ``path``, and the adapter that goes on it."""

    name: str
    path: str
    hash: str
    adapter: Path | None = None
    about: dict[str, Any] | None = None

    @property
    def is_gguf(self) -> bool:
        """Return whether this is a GGUF file."""
        return self.path.endswith(".gguf") and not self.is_remote

    @property
    def is_remote(self) -> bool:
        """Return whether this is an endpoint."""
        return self.path.startswith(("http://", "https://"))

    @property
    def is_reward(self) -> bool:
        """Return whether this scores answers and writes none."""
        return "reward" in (self.about or {})

    @property
    def reader(self) -> str:
        """Return which kind of model that reads and writes nothing this is (of ``READERS``); "" where it writes."""
        return "" if self.adapter else kind_of(self.path, self.about or {})


BASES = f"{FORMS[0]}, {FORMS[1]} or {FORMS[4]}"


def no_base(name: str) -> str | None:
    """Return why a name is no base, from a look at what lies here: no weight is read and nothing is fetched."""
    path, _, stage = name.partition(":")
    folder = Path(path).expanduser()
    if name.lower() in PACKAGED or (folder / "recipe.yaml").exists() or stage or _named_as_run(folder):
        return None  # a run is looked into when the base is prepared
    if name.startswith(("http://", "https://")) or name.endswith(".gguf") or (folder / "adapter_config.json").exists():
        return f"{name} cannot be trained further; legal: {BASES}"
    if folder.is_dir():
        missing = next((part for part in ("config.json", "*.safetensors") if not any(folder.glob(part))), None)
        return f"{name} holds no {missing}; legal: {BASES}" if missing else None
    if _named_as_hub(name):
        return _not_on_hub(name)
    return f"there is no {name}; legal: {BASES}"


def _not_on_hub(name: str) -> str | None:
    """Return why a name cannot be a hub id that is cached or to be fetched, without asking the hub."""
    from huggingface_hub import try_to_load_from_cache

    try:
        cached = isinstance(try_to_load_from_cache(name, "config.json"), str)
    except ValueError:  # a name that no repository can have
        return f"there is no {name}, and it is no hub id; legal: {BASES}"
    if cached:
        return None
    if os.environ.get("HF_HUB_OFFLINE") == "1":
        return f"{name} is not in the local cache, and HF_HUB_OFFLINE=1 keeps it from being fetched; legal: {BASES}"
    parent = Path(name).parent
    return f"there is no {name}, though there is a folder {parent}; legal: {BASES}" if parent.is_dir() else None


Base = Annotated[str, Rule(BASES, no_base)]


def prepare(*, out: Path, base: Base = "smollm2-135m") -> None:
    """Write a manifest that says where the base model lies; packaged weights are verified and converted once."""
    base = str(Path(base).expanduser()) if base.startswith("~") else base
    source = find(base)
    if source.is_gguf or source.is_remote or source.adapter:
        raise UserError(f"{base} cannot be trained further: a base is {', '.join(FORMS[:2])} or {FORMS[4]}")
    about = {"name": source.name, "path": source.path, "hash": source.hash, **(source.about or {})}
    out.mkdir(parents=True, exist_ok=True)
    write_manifest(out, stage="base", model=about)


def load(name: str, *, type: str = "auto", **settings: Any) -> Model:
    """Return the model of a name, ready to be asked; ``type`` is the precision of a transformers model.

    Raises Unsupported where it only marks spans. (An encoder has vectors to give, and says itself that it writes none.)
    """
    source = find(name)
    if source.reader in ("crf", "blend"):
        raise Unsupported(
            f"{name} is of kind {source.reader}: it reads a text and writes none. `residency evaluate` examines it; "
            "what writes is a base, a tuned or aligned model, a GGUF or an endpoint"
        )
    return open_source(source, type=type, **settings)


def open_source(source: Source, *, type: str = "auto", **settings: Any) -> Any:
    """Return the model of a source; settings go to the GGUF model (context, parallel, threads).

    It is a ``Model``, or, where its source says so, one that reads and writes nothing: a tagger, a classifier.
    """
    if source.reader:
        return function_of(READERS[source.reader])(source.path, name=source.name, hash=source.hash, type=type)
    if source.is_remote:
        from residency.models.remote import open_remote

        return open_remote(source.path)
    if source.is_gguf:
        from residency.models.gguf import GgufModel

        return GgufModel(source.path, name=source.name, **settings)
    if source.is_reward:
        from residency.models.reward import open_reward

        return open_reward(source, type=type)
    from residency.models.local import open_folder

    return open_folder(source.path, name=source.name, hash=source.hash, adapter=source.adapter, type=type)


def find(name: str) -> Source:
    """Return where a named model lies. Raises UserError or ModelError saying which names are legal."""
    if name.lower() == "minilm":
        about = weights.MINILM
        known = {"licence": about.licence, "source": about.source}
        return Source(about.name, str(weights.packaged_encoder()), about.sha256, None, known)
    if name.lower() in PACKAGED:
        return _folder(weights.packaged_base())
    if name.startswith(("http://", "https://")):
        from residency.models.remote import open_remote

        endpoint = open_remote(name)
        return Source(endpoint.name, endpoint.name, endpoint.hash)
    path, _, stage = name.partition(":")
    run = Path(path)
    if stage and stage not in STAGES:
        if stage.partition("/")[0].isdigit():
            raise UserError(f"{name!r} looks like an endpoint; write http://{name}")
        raise UserError(f"{stage!r} is not a stage of a run; legal are {', '.join(STAGES)}")
    if (run / "recipe.yaml").exists() or stage or (not run.exists() and _named_as_run(run)):
        return of_run(run, stage)
    if name.endswith(".gguf"):
        if not run.is_file():
            raise ModelError(f"there is no file {name}; legal are {'; '.join(FORMS)}")
        return Source(run.stem, str(run.resolve()), sha256_file(run))
    if (run / "adapter_config.json").exists():
        return _adapter(run)
    if (run / "manifest.json").exists() and (not (run / "config.json").exists() or _is_reader(run)):
        return of_stage(run)
    if (run / "config.json").exists():
        return _folder(run)
    if _named_as_hub(name) and not run.exists():
        return _hub(name)
    raise ModelError(f"no model is called {name!r}. Legal are {'; '.join(FORMS)}")


def of_run(run: Path, stage: str = "") -> Source:
    """Return a stage of a run; without a stage the last one there is (the GGUF where it was made)."""
    if not run.exists():
        raise UserError(f"there is no run {run}; `residency runs` lists them, `residency run` makes one")
    wanted = [stage] if stage else ["gguf", "blended", "encoded", "aligned", "tuned", "pretrained", "base"]
    for each in wanted:
        folder = run / STAGES[each]
        if read_manifest(folder):
            _tell(run, each, "" if stage else f"{run} stands for {run}:{each}")
            return of_stage(folder, each)
    done = _finished(run)
    missing = f"the run {run} has no finished stage {stage or 'with a model'}"
    raise UserError(f"{missing}; finished: {', '.join(done) or 'none'}")


def _finished(run: Path) -> list[str]:
    return [stage for stage, folder in STAGES.items() if read_manifest(run / folder)]


def _tell(run: Path, stage: str, words: str) -> None:
    """Say which model of a run is taken where none was named, and whether it is older than what it is made from."""
    from residency.core.runs import read_record

    others = [f":{other}" for other in _finished(run) if other != stage]
    if words:
        say(words + (f"; others are {', '.join(others)}" if others else ""))
    if STAGES[stage] in (read_record(run).get("outdated") or ()):
        say(f"{run}:{stage} is out of date: its inputs changed since. Its run's command makes it again")


def of_stage(folder: Path, name: str = "") -> Source:
    """Return the model that a finished stage left in its folder."""
    manifest = read_manifest(folder) or {}
    if manifest.get("gguf"):
        return Source(name or "gguf", str((folder / manifest["gguf"]).resolve()), manifest.get("sha256", ""))
    if "model" not in manifest:
        raise ModelError(f"{folder} holds no model; legal are {'; '.join(FORMS)}")
    about = {**({"labels": manifest["labels"]} if "labels" in manifest else {}), **manifest["model"]}
    adapter = folder / about["adapter"] if about.get("adapter") else None
    digest = sha256_json([about["hash"], about.get("adapter_sha256", "")])
    path = weights_of(folder, about)
    return Source(name or about["name"], path, digest, adapter, {**about, "path": path})


def weights_of(folder: Path, about: dict[str, Any]) -> str:
    """Return where a stage's weights lie: a base's by their whole path, those a stage made from its own folder on."""
    return str(folder / about["path"])


def _is_reader(folder: Path) -> bool:
    return ((read_manifest(folder) or {}).get("model") or {}).get("kind") in READERS


def _named_as_hub(name: str) -> bool:
    return name.count("/") == 1 and not name.startswith((".", "/", "~", "runs/"))


def _named_as_run(path: Path) -> bool:
    """Return whether a name that leads nowhere was meant as a run: runs/…, or …/latest."""
    return path.suffix != ".gguf" and (path.name == "latest" or path.parts[:1] == ("runs",))


def _folder(path: Path) -> Source:
    _need_safetensors(path)
    about = weights.facts(path)
    hashes = [sha256_file(p) for p in sorted(path.glob("*.safetensors"))]
    digest = about.get("weights_sha256") or sha256_json(hashes)
    known = {k: about[k] for k in ("licence", "source", "note") if about.get(k)}
    return Source(about.get("name") or path.resolve().name, str(path.resolve()), digest, None, known)


def _need_safetensors(path: Path) -> None:
    if not list(path.glob("*.safetensors")):
        raise ModelError(f"{path} holds no safetensors; pickled weights are not read")


def _adapter(path: Path) -> Source:
    _need_safetensors(path)
    named = json.loads((path / "adapter_config.json").read_text()).get("base_model_name_or_path")
    if not named:
        raise ModelError(f"the adapter {path} does not say its base: name it as base_model_name_or_path in its config")
    base = find(named)
    digest = sha256_json([base.hash, sha256_file(path / "adapter_model.safetensors")])
    return Source(path.resolve().name, base.path, digest, path, base.about)


def _hub(name: str) -> Source:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    wanted = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
    offline = os.environ.get("HF_HUB_OFFLINE") == "1"
    try:
        folder = snapshot_download(name, allow_patterns=wanted, local_files_only=offline)
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError, ValueError) as error:
        raise ModelError(
            f"the hub model {name} is not in the local cache and could not be fetched "
            f"({type(error).__name__}); legal are {'; '.join(FORMS)}"
        ) from error
    source = _folder(Path(folder))
    return Source(name, source.path, source.hash, None, {"source": f"hub: {name}"})
