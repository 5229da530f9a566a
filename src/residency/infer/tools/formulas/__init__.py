"""The formulas behind the calculators of ``data``, by the same names; each takes the calculator's inputs by keyword."""

from __future__ import annotations

from collections.abc import Callable

from residency.infer.tools.formulas import acute, balance, blood, body, heart, kidney, liver, lungs

FORMULAS: dict[str, Callable[..., float]] = {
    **kidney.FORMULAS,
    **balance.FORMULAS,
    **lungs.FORMULAS,
    **heart.FORMULAS,
    **liver.FORMULAS,
    **body.FORMULAS,
    **acute.FORMULAS,
    **blood.FORMULAS,
}
