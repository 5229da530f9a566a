"""How sure an answer is, and in which words: only what was measured for this model and this kind of task is said."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from residency.measure.calibration import confidences
from residency.serve.guard.calibration import Calibration
from residency.serve.types import Confidence

WORDS = (("very-likely", 0.9), ("likely", 0.7), ("rather", 0.5), ("unsure", 0.0))
"""A word, and how many of 100 answers so sure were right at least: the lower limit of the range that was measured."""


def confidence(made: Calibration | None, reply: Any, texts: Mapping[str, str]) -> Confidence:
    """Return how sure a reply is: not calibrated where nothing was measured, or it does not tell its options' odds."""
    odds = odds_of(reply)
    if made is None or odds is None or not made.holds_for(_options_of(reply)):
        return Confidence()
    value = float(confidences(odds, temperature=made.temperature).max())
    return Confidence(
        calibrated=True,
        value=value,
        abstain=made.threshold is not None and value < made.threshold,
        measured=_measured(made, value, texts),
    )


def odds_of(reply: Any) -> Sequence[float] | None:
    """Return the log-probabilities of a reply's options, in nats; None where it tells none."""
    about = reply if isinstance(reply, Mapping) else getattr(reply, "about", {})
    odds = about.get("choice_logprobs")
    if not isinstance(odds, list | tuple) or len(odds) < 2:
        return None
    return odds if all(isinstance(one, int | float) and math.isfinite(one) for one in odds) else None


def _options_of(reply: Any) -> Sequence[str] | None:
    about = reply if isinstance(reply, Mapping) else getattr(reply, "about", {})
    options = about.get("options")
    return options if isinstance(options, list | tuple) else None


def word(made: Calibration, value: float) -> str:
    """Return the key of the word for a confidence."""
    band = made.band(value)
    return next(name for name, least in WORDS if band is not None and band.least >= least) if band else "not-measured"


def _measured(made: Calibration, value: float, texts: Mapping[str, str]) -> str:
    band = made.band(value)
    if band is None:
        return texts["word.not-measured"]
    shares = {"share": band.share, "low": band.least, "high": band.most}
    return texts["measured"].format(
        word=texts[f"word.{word(made, value)}"],
        n=band.n,
        task=made.task,
        **{name: f"{100 * share:.0f}" for name, share in shares.items()},
    )
