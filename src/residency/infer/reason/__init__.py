"""Ways to think before an answer is given, each a function of an example and a model; by name in ``STRATEGIES``."""

from __future__ import annotations

from inspect import signature
from typing import Any

from residency.infer.reason.ask import Strategy, alone, together
from residency.infer.reason.chain import cot, direct
from residency.infer.reason.decompose import decompose
from residency.infer.reason.diagnose import diagnose
from residency.infer.reason.refine import refine
from residency.infer.reason.vote import vote

__all__ = ["STRATEGIES", "alone", "together", "usual"]

STRATEGIES: dict[str, Strategy] = {
    "direct": direct,
    "cot": cot,
    "vote": vote,
    "refine": refine,
    "decompose": decompose,
    "diagnose": diagnose,
}
"""``together(STRATEGIES[name], examples, model)`` asks many at once, ``alone(STRATEGIES[name])`` is for one."""


def usual(name: str, setting: str = "tokens") -> Any:
    """Return what a strategy's setting is where nothing is said of it."""
    return signature(STRATEGIES[name]).parameters[setting].default
