"""The limits of a bootstrap interval, kept honest where groups are few or all alike.

Draws can only repeat the groups that were seen: with few groups their quantiles lie too close together, and with equal
groups they do not differ at all. So the quantiles are taken further out, and the limits reach at least as far as groups
unlike any that was seen could move the value.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

FEW = 20
"""Below so many groups an interval is rough, and is marked."""
LEAST = 6
"""With fewer groups no exchange of them reaches a p below 0.05, and quantiles of draws are worth nothing alone."""
_NORMAL = NormalDist()


def limits(
    draws: np.ndarray, value: float, groups: int, span: tuple[float, float] | None, *, graded: bool
) -> tuple[float, float]:
    """Return the limits of a 95% interval around ``value``, or nans where its draws cannot tell.

    ``span`` is the least and the most that the value can be (None: no bounds are known), ``graded`` whether an item is
    scored by degrees. Items that are right or wrong always allow for groups not seen; graded ones, whose worst case
    is far from what they do, only where there are fewer than LEAST groups or all are alike.
    """
    known = draws[~np.isnan(draws)]
    if groups < 2 or not len(known):
        return math.nan, math.nan
    level = tail(groups)
    low, high = (float(q) for q in np.quantile(known, [level, 1 - level]))
    alike, rough = high - low < 1e-12, groups < LEAST
    if span is None:
        return (math.nan, math.nan) if alike or rough else (low, high)
    if graded and not alike and not rough:
        return low, high
    share = unseen(groups)
    return min(low, value - share * (value - span[0])), max(high, value + share * (span[1] - value))


def tail(groups: int) -> float:
    """Return the share of draws left out on each side: 0.025 for many groups, less for few.

    The expanded percentile interval (Hesterberg 2015, What teachers should know about the bootstrap, section 5.3): the
    quantile of Student's t with its larger spread, read on the normal scale of the draws.
    """
    return _NORMAL.cdf(-math.sqrt(groups / (groups - 1)) * student(groups - 1))


def student(freedom: int) -> float:
    """Return the 97.5% quantile of Student's t, by its expansion in 1/freedom; within 0.1% from 4 degrees on.

    With fewer it is too small, by a tenth at most, which no quantile of draws would show.
    """
    z = _NORMAL.inv_cdf(0.975)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, start=1))


def unseen(groups: int) -> float:
    """Return the largest share that groups unlike all these may have, with the certainty of a 95% interval.

    Were it larger, drawing so many without one of them would happen less than 2.5 times in 100: the exact binomial
    limit for 0 of ``groups`` (Clopper and Pearson 1934, The use of confidence or fiducial limits).
    """
    return float(1 - 0.025 ** (1 / groups))
