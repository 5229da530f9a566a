"""How much of each source goes to training: a plan of numbers, made from the sources' sizes alone.

Every number of it can be worked out by hand; ``ordering.py`` takes rows by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import numpy as np

from residency.core.errors import UserError
from residency.core.legal import Above0, AtLeast0, Clash, Count, Range, Seed, Share, agree, nearest
from residency.core.settings import plain

Weights = dict[str, AtLeast0]
CHARACTERS = 4.0
"""Characters that count as one token where no tokenizer is at hand: about right for English, too many for Chinese."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of training."""

    # Its share of all tokens.
    share: Share
    # Its own weights; empty: those of the mixture.
    weights: Weights = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mixture:
    """What the training tokens are made of.

    Temperature: XLM (Conneau and Lample 2019, arXiv 1901.07291) and mT5 (Xue et al. 2021, arXiv 2010.11934: 1/0.3).
    Four epochs are nearly as good as new text (Muennighoff et al. 2023, arXiv 2305.16264). Replay: Ibrahim et al. 2024,
    arXiv 2403.08763. Priority: HuatuoGPT-II (Chen et al. 2023, arXiv 2311.09774).
    """

    # Proportions of the tokens by source, of all sources; empty: by size and temperature.
    weights: Weights = field(default_factory=dict)
    # Without weights, a source of n tokens counts n^(1/temperature): 1 is as they are, more is more even.
    temperature: Annotated[float, Range(least=1, most=100)] = 1.0
    # The most times that a document is seen.
    most_epochs: Above0 = 4.0
    # How many tokens are trained on; 0: each once.
    tokens: Count = 0
    # The sources of general text, which replay draws from.
    general: tuple[str, ...] = ()
    # The share of the tokens that is general text, against forgetting.
    replay: Share = 0.0
    # Parts of training that follow one another: each a share of the tokens, with weights of its own.
    stages: tuple[Stage, ...] = ()
    # By source: of twice the number is twice as likely to come next, so its rate falls as training goes on; unnamed:
    # 1.
    priority: dict[str, Above0] = field(default_factory=dict)
    # What the order is drawn by.
    seed: Seed = 0

    def __post_init__(self) -> None:
        """Hold the settings against each other."""
        agree(self._clashes())

    def _clashes(self) -> Iterator[Clash]:
        if bool(self.general) != (self.replay > 0):
            text = "replay needs both: its share (replay: 0.05) and the general sources (general: [NAME])"
            yield ("replay", "general"), text
        if self.replay >= 1:
            yield ("replay",), "replay: 1 leaves nothing for the other sources; give a share below 1"
        if (self.weights or any(stage.weights for stage in self.stages)) and self.temperature != 1:
            text = "weights and temperature both say how much of each source; give one of them"
            yield ("temperature", "weights", "stages"), text
        total = sum(stage.share for stage in self.stages)
        if self.stages and abs(total - 1) > 1e-6:
            yield ("stages",), f"the shares of the stages are {total:g} together; they must be 1"
        for field_, weights in weighted(self):
            if not sum(weights.values()):
                yield (field_,), "all weights are 0; give at least one that is more"
            elif self.general and self.replay > 0 and not any(weights.get(name, 1) for name in self.general):
                text = f"the weights leave no general source; replay is {self.replay:g}"
                yield (field_, "general", "replay"), text


def weighted(settings: Mixture | Mapping[str, Any]) -> list[tuple[str, Weights]]:
    """Return the weights that a mixture (or plain settings of one) gives, each with the setting that they stand in."""
    given = plain(settings)
    stages = [stage["weights"] for stage in given.get("stages") or () if stage and stage.get("weights")]
    return [*([("weights", given["weights"])] if given.get("weights") else []), *(("stages", each) for each in stages)]


@dataclass(frozen=True, slots=True)
class Rate:
    """What a stage takes of a source: its share of the stage's tokens, how often it is seen, and tokens in all.

    ``asked`` is the share that the settings ask for, which a source ``capped`` by its epochs does not come to.
    """

    stage: int
    source: str
    share: float
    epochs: float
    tokens: float
    capped: bool
    asked: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Rates by stage and source; ``budget`` was asked for, ``tokens`` are what the caps leave of it."""

    rates: tuple[Rate, ...]
    sizes: dict[str, int]
    budget: float
    tokens: float
    priority: dict[str, float]

    def words(self) -> list[str]:
        """Return what a reader must know beside the numbers."""
        short = [
            f"{self.tokens:,.0f} of {self.budget:,.0f} tokens: the sources hold no more at the epochs that are allowed"
        ]
        unused = sorted(set(self.sizes) - {rate.source for rate in self.rates if rate.tokens})
        short = short if self.tokens < self.budget * (1 - 1e-9) else []
        return [*short, *self._missed(), *(f"{name} is not used" for name in unused)]

    def _missed(self) -> Iterator[str]:
        """Yield the shares that a source at its cap falls short of, by more than a hundredth of them."""
        several = len({rate.stage for rate in self.rates}) > 1
        for rate in self.rates:
            if rate.capped and rate.share < rate.asked * 0.99:
                where = f" of stage {rate.stage + 1}" if several else ""
                yield (
                    f"{rate.source} is {rate.share:.1%} of the tokens{where} and not the {rate.asked:.1%} that is "
                    "asked for: it may be seen no more often (most_epochs)"
                )

    def facts(self) -> dict[str, Any]:
        """Return the plan as plain data, for the card."""
        return {**asdict(self), "words": self.words()}


def plan(settings: Mixture, sizes: Mapping[str, int]) -> Plan:
    """Return how many tokens of each source each stage takes; ``sizes`` are tokens by source (or kind), 0
    for one without text, which may be named and gives nothing.

    Where the caps bind, a source's surplus goes to the others in proportion, and never over the line between general
    and other text: the share of replay is kept, and the total falls short instead. What may still be seen of a source
    is given to the last stage first. Raises UserError for names that there are not, and for weights that miss some.
    """
    known = sizes
    sizes = {name: int(size) for name, size in sorted(sizes.items()) if size > 0}
    _check_names(settings, sizes, known)
    budget = float(settings.tokens) or sum(n for s, n in sizes.items() if s not in settings.general) / (
        1 - settings.replay
    )
    stages = settings.stages or (Stage(1.0),)
    left = {name: settings.most_epochs * size for name, size in sizes.items()}
    rates: list[Rate] = []
    for number in reversed(range(len(stages))):
        wanted = _wanted(settings, stages[number].weights or settings.weights, sizes)
        taken, capped = _stage(settings, wanted, stages[number].share * budget, left)
        asked = _asked(settings, wanted)
        total = sum(taken.values())
        left = {name: left[name] - taken[name] for name in left}
        rates[:0] = [
            Rate(
                number,
                name,
                taken[name] / total if total else 0.0,
                taken[name] / sizes[name],
                taken[name],
                name in capped,
                asked[name],
            )
            for name in sizes
        ]
    return Plan(tuple(rates), sizes, budget, sum(rate.tokens for rate in rates), dict(settings.priority))


def misnamed(settings: Mixture | Mapping[str, Any], known: Iterable[str], needed: Iterable[str]) -> Iterator[Clash]:
    """Yield the names that no ``known`` source has, and the sources of ``needed`` that weights do not name."""
    given, known, needed = plain(settings), list(known), list(needed)
    for place, names in (*((key, given.get(key) or ()) for key in ("general", "priority")), *weighted(settings)):
        for name in names:
            if name not in known:
                yield (place,), f"there is no source {name}; {nearest(name, known)}"
    for place, named in weighted(settings):
        if missing := [name for name in needed if name not in named]:
            text = f"weights name {', '.join(named)} and not {', '.join(missing)}; name all (0 leaves one out)"
            yield (place,), text


def _check_names(settings: Mixture, sizes: Mapping[str, int], known: Iterable[str]) -> None:
    if not sizes:
        raise UserError("there is nothing to mix: no source holds a token")
    agree(misnamed(settings, known, sizes))
    for _, weights in weighted(settings):
        if not sum(weights[name] for name in sizes):
            raise UserError(f"all that weights leave holds no text to train on; text is in {', '.join(sizes)}")


def _wanted(settings: Mixture, weights: Weights, sizes: Mapping[str, int]) -> dict[str, float]:
    """Return each source's proportion: its weight, or its size to the power of 1/temperature."""
    if weights:
        return {name: float(weights[name]) for name in sizes}
    largest = max(sizes.values())
    return {name: (size / largest) ** (1 / settings.temperature) for name, size in sizes.items()}


def _asked(settings: Mixture, wanted: Mapping[str, float]) -> dict[str, float]:
    """Return each source's share of a stage as the proportions ask for it, of general text and of the others."""
    sides = {True: settings.replay, False: 1 - settings.replay}
    totals = {side: sum(n for name, n in wanted.items() if (name in settings.general) == side) for side in sides}
    side_of = {name: name in settings.general for name in wanted}
    return {name: n and sides[side_of[name]] * n / totals[side_of[name]] for name, n in wanted.items()}


def _stage(
    settings: Mixture, wanted: Mapping[str, float], budget: float, left: Mapping[str, float]
) -> tuple[dict[str, float], set[str]]:
    """Return the tokens of each source in a stage of ``budget``, and the sources at their cap."""
    sides = {True: settings.replay, False: 1 - settings.replay}
    held = {
        side: [name for name in wanted if (name in settings.general) == side and wanted[name] > 0] for side in sides
    }
    most = [sum(left[name] for name in held[side]) / share for side, share in sides.items() if share]
    if empty := [side for side, share in sides.items() if share and not held[side]]:
        raise UserError(
            f"the weights leave no {'general' if empty[0] else 'other'} source; replay is {settings.replay:g}"
        )
    budget = min(budget, *most)
    taken, capped = dict.fromkeys(wanted, 0.0), set[str]()
    for side, share in sides.items():
        filled, full = fill({name: wanted[name] for name in held[side]}, share * budget, left)
        taken |= filled
        capped |= full
    return taken, capped


def fill(wanted: Mapping[str, float], budget: float, most: Mapping[str, float]) -> tuple[dict[str, float], set[str]]:
    """Return ``budget`` parted in the proportions ``wanted``, none above its ``most``, and those that stand at it.

    The surplus of a full one goes to the others in their proportions, again until none is over.
    """
    taken: dict[str, float] = {}
    open_, full = dict(wanted), set[str]()
    while open_:
        scale = max(budget - sum(taken.values()), 0.0) / sum(open_.values())
        over = [name for name, weight in open_.items() if weight * scale > most[name]]
        if not over:
            return {**taken, **{name: weight * scale for name, weight in open_.items()}}, full
        for name in over:
            taken[name] = most[name]
            full.add(name)
            del open_[name]
    return taken, full


def token_counts(texts: Sequence[str], count: Callable[[Sequence[str]], Sequence[int]] | None = None) -> np.ndarray:
    """Return how many tokens each text has: counted where a tokenizer's function is handed in, else estimated by
    characters, and at least 1. The card must say which."""
    found = count(texts) if count else [len(text) / CHARACTERS for text in texts]
    return np.maximum(np.ceil(np.asarray(found, np.float64)), 1).astype(np.int64)
