"""How a model is tuned: the settings that the stages share, what does not go together, and the layers they name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, get_args

import torch

from residency.core.errors import UserError
from residency.core.legal import Above0, AtLeast0, Clash, Range, Rule, agree, nearest

Method = Literal["lora", "rslora", "dora", "dual_lora", "qlora", "ia3", "prefix", "prompt", "ptuning", "full"]
METHODS = get_args(Method)
SHARDED = ("lora", "rslora", "dora", "dual_lora", "ia3")
"""Methods whose frozen weights can lie in parts in several processes."""
LOW_RANK = ("lora", "rslora", "dora", "dual_lora", "qlora")
"""Methods that add a low-rank product to a layer."""
SOFT = ("prefix", "prompt", "ptuning")
"""Methods with virtual tokens: they change no weight, so there is nothing to merge."""
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Layers that are tuned unless others are named: all linear ones of a Llama's block (Dettmers et al. 2023)."""
_NUMBERS = re.compile(r"(\d+)(?:-(\d*))?")


def _layer(value: str) -> str | None:
    if re.fullmatch(r"[A-Za-z_]\w*", value):
        return None
    found = _NUMBERS.fullmatch(value)
    if found and not (found[2] and int(found[2]) < int(found[1])):
        return None
    return f"{value!r} is no layer; legal: a name such as q_proj, a number such as 5, or numbers such as 0-11 or 20-"


Rank = Annotated[int, Range(least=1, most=1024)]
Layer = Annotated[str, Rule("a layer's name (q_proj), its number (5), or a range of numbers (0-11, 20-)", _layer)]


@dataclass(frozen=True, slots=True)
class Tuning:
    """What learns, and how: a method of parameter-efficient tuning, or all weights (``full``).

    A stage goes on with the adapter that the stage before left, so that its method, rank, alpha and layers hold.
    """

    # How the model is tuned; a stage after another goes on with what that one made, unless full or dual_lora is asked.
    method: Method = "lora"
    # The rank of the low-rank methods (those whose names end in lora, and dora).
    rank: Rank = 16
    # The scale of a low-rank product is alpha / rank (rslora: alpha / root of rank); null takes alpha = rank.
    alpha: Above0 | None = None
    # The share of a low-rank module's input that is dropped while it learns; it slows training down.
    dropout: Annotated[float, Range(least=0, most=0.9)] = 0.0
    # Which layers are tuned, by name (q_proj), by number (5, 0-11, 20-) or both; none named means the method's usual.
    layers: tuple[Layer, ...] = ()
    # How many virtual tokens the methods prefix, prompt and ptuning learn.
    virtual_tokens: Annotated[int, Range(least=1, most=1024)] = 20
    # The alpha of NEFTune's noise on the embeddings while the model learns; 0 is none, the paper's values are 5 to 15.
    neftune: AtLeast0 = 0.0
    # Whether each process of several keeps a part of the frozen weights (FSDP), for what one cannot hold whole.
    shard: bool = False

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        agree(disagreements(asdict(self)))


def disagreements(given: Mapping[str, Any]) -> Iterator[Clash]:
    """Yield which settings of a tuning do not go together, and 4 bits where there is no kernel for them."""
    method, layers = given.get("method", "lora"), given.get("layers", ())
    if method not in METHODS:
        yield ("method",), f"{method!r} is not known; {nearest(str(method), METHODS)}"
    if given.get("dropout") and method not in LOW_RANK:
        yield ("dropout", "method"), f"{method} has no low-rank module to drop from; methods: {', '.join(LOW_RANK)}"
    if layers and method in SOFT:
        yield ("layers", "method"), f"{method} learns virtual tokens, and tunes no layers; leave layers out"
    if given.get("shard") and method not in SHARDED:
        yield (
            ("shard", "method"),
            f"{method} needs all weights in each process; methods with shard: {', '.join(SHARDED)}",
        )
    if method == "qlora" and (reason := no_4bit()):
        yield ("method",), reason


def no_4bit() -> str:
    """Return why 4-bit weights cannot be learned behind on this machine; empty where they can.

    What is installed is tried: a product and its gradient, before and after the layer was only read.
    """
    instead = "take method: lora (with schedule.precision: bf16 the weights take 2 bytes each), or prefix or ia3"
    try:
        from bitsandbytes.nn import Linear4bit
    except ImportError:
        return f"qlora needs the 4-bit kernels of bitsandbytes, which is not installed; {instead}"
    where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        layer = Linear4bit(64, 64, bias=False, compute_dtype=torch.float32, quant_type="nf4").to(where)
        x = torch.linspace(-1, 1, 128, device=where).view(2, 64).requires_grad_()
        before = layer.train()(x)
        with torch.no_grad():
            read = layer.eval()(x)
        after = layer.train()(x)
        (before.sum() + after.sum()).backward()
    except Exception as error:  # whatever a build without kernels for the device raises
        return f"qlora: bitsandbytes has no 4-bit kernel that learns on {where.type} ({str(error)[:80]}); {instead}"
    if x.grad is None or not torch.equal(before, after) or not torch.allclose(before, read, atol=0.05):
        return f"qlora: the 4-bit kernel of bitsandbytes on {where.type} gives now this and now that; {instead}"
    return ""


LORA = Tuning()


# --- which layers ----------------------------------------------------------------------------------------------------


def layers_of(model: torch.nn.Module, wanted: Iterable[str], usual: Iterable[str]) -> list[str]:
    """Return the names of the modules to tune, for peft: the last part of a name, or whole names where numbers count.

    Raises UserError where a name or a number is not in the model, with those that are.
    """
    wanted = list(wanted)
    named, numbers = [w for w in wanted if not _NUMBERS.fullmatch(w)], [w for w in wanted if _NUMBERS.fullmatch(w)]
    places = linear_layers(model)
    present = {name.rsplit(".", 1)[-1] for name in places}
    if missing := [name for name in named if name not in present]:
        raise UserError(f"layers: there is no {', '.join(missing)} in this model; {nearest(missing[0], present)}")
    if not (chosen := present & set(named or usual)):
        listed = ", ".join(sorted(present)) or "none"
        raise UserError(
            f"none of the layers {', '.join(named or usual)} is in this model; name its linear layers in layers "
            f"(as targets: {listed})"
        )
    if not numbers:
        return sorted(chosen)
    kept = _numbered(places, numbers)
    return [name for name in places if name in kept and name.rsplit(".", 1)[-1] in chosen]


def linear_layers(model: torch.nn.Module) -> list[str]:
    """Return the full names of the layers that can be tuned, but for the output head."""
    head = getattr(model, "get_output_embeddings", lambda: None)()
    kinds = ("Linear", "Conv1D", "Linear4bit", "Linear8bitLt")
    return [name for name, m in model.named_modules() if type(m).__name__ in kinds and m is not head]


def number_of(name: str) -> int | None:
    """Return the number of the layer that a module or a weight is part of: the first number in its name."""
    found = re.search(r"\.(\d+)\.", name)
    return int(found[1]) if found else None


def _numbered(places: Iterable[str], numbers: Iterable[str]) -> set[str]:
    """Return those of the places whose layer numbers are named; UserError where a number is not in the model."""
    at = {name: number for name in places if (number := number_of(name)) is not None}
    last = max(at.values(), default=-1)
    wanted: set[int] = set()
    for text in numbers:
        found = _NUMBERS.fullmatch(text)
        assert found is not None
        first = int(found[1])
        end = last if found[2] == "" else int(found[2] or first)
        if first > last or end > last:
            raise UserError(f"layers: there is no layer {text} in this model; its layers are 0 to {last}")
        wanted |= set(range(first, end + 1))
    return {name for name, number in at.items() if number in wanted}


# --- from stage to stage ---------------------------------------------------------------------------------------------


def method_now(before: str, asked: str) -> str:
    """Return the method a stage goes on with, after one that left an adapter of the method ``before`` (or none).

    Raises UserError where it cannot.
    """
    if not before:
        return asked
    if asked == "full" and before in SOFT:
        raise UserError(f"full goes on from weights, and the stage before learned virtual tokens ({before})")
    if asked == "dual_lora" and before not in ("lora", "rslora", "dual_lora"):
        raise UserError(f"dual_lora adds a second module to a LoRA, and the stage before made {before}")
    if asked not in ("full", "dual_lora", "lora", before):
        raise UserError(
            f"the stage before left an adapter of method {before}, which goes on learning as such: leave method out "
            "here, or take method: full, which merges it; or name the same method in both"
        )
    return before if asked == "lora" else asked


def across(recipe: Mapping[str, Any]) -> Iterator[Clash]:
    """Yield the methods of a recipe's training stages that cannot follow one another, or not be compressed after."""
    now = ""
    for entry in recipe.get("train") or ():
        for name, settings in entry.items():
            try:
                method = method_now(now, settings["method"]) if settings and "method" in settings else now
            except UserError as error:
                yield ("train",), f"{name}.method: {error}"
                return
            now = "" if method == "full" else method
    packing = [
        name for entry in recipe.get("compress") or () for name, settings in entry.items() if settings is not False
    ]
    if now in SOFT and packing:
        yield ("compress",), f"{now} tuning learns virtual tokens, which cannot be merged: leave {packing[0]} out"
