"""What fits: the rows that a training may hold in memory at once, by what was measured, and the least it can do with.

No setting is proposed whose memory was not measured.
"""

from __future__ import annotations

from dataclasses import dataclass

from residency.advise.case import Case
from residency.advise.evidence import figure
from residency.advise.needs import size
from residency.advise.reason import Point, Reason
from residency.core.errors import UserError

ENOUGH = 20
"""Steps of an epoch below which shorter rows make more of them."""
TOKENS_A_WORD, TOKENS_A_TEXT = 1.4, 2
"""Of the packaged encoder's tokens, and those that mark the ends of a text: of 160 made-up calls it has 2,780."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of ``batch_tokens``, ``accumulate`` of them a step, and the peak memory in bytes that was measured."""

    batch_tokens: int
    accumulate: int
    peak: float
    shown_by: str

    @property
    def step(self) -> int:
        """Tokens of a step."""
        return self.batch_tokens * self.accumulate

    @property
    def point(self) -> Point:
        """What shows the peak."""
        return figure(self.shown_by).point


ROWS = {
    "encoder": (Rows(1024, 2, 2.9e9, "encoder_tags"), Rows(256, 1, 0.8e9, "small_encoder")),
    "generator": (
        Rows(1024, 2, 4.5e9, "generator_tags"),
        Rows(256, 2, 4.1e9, "quickstart"),
        Rows(256, 1, 1.9e9, "small_generator"),
    ),
    "prompting": (Rows(2048, 1, 2.4e9, "asked"),),
}
"""The rows whose memory was measured on a processor, the longest first."""
ON_GPU = (Rows(2048, 1, 6.3e9, "on_a_gpu"), Rows(1024, 2, 1.3e9, "on_a_gpu"))
"""The same on a GPU, of a generator: a step of as many tokens as the measured recipes have, in one row where it fits.
(Of rows of 2,048 it is an upper bound: 8,192 were measured.)"""


def rows_for(case: Case, form: str) -> tuple[Rows, Reason]:
    """Return the rows that fit and why. Raises UserError, with the nearest that is possible, where none do."""
    known = ON_GPU if case.learns_on_gpu and form == "generator" else ROWS[form]
    room = case.needs.accelerator if known is ON_GPU else case.memory
    fit = [rows for rows in known if rows.peak <= room]
    if not fit:
        raise UserError(too_small(case, form, known))
    chosen = _enough_steps(case, form, fit)
    text = f"rows of {chosen.batch_tokens} tokens, {_count(chosen.accumulate)}: "
    if chosen is fit[0]:
        text += f"at most {size(chosen.peak)} as measured, and {size(room)} may be taken"
    else:
        text += f"with longer ones an epoch of so few texts would have fewer than {ENOUGH} steps"
    return chosen, Reason(text, (chosen.point,))


def _count(rows: int) -> str:
    return "one at a time" if rows == 1 else f"{rows} a step"


def _enough_steps(case: Case, form: str, fit: list[Rows]) -> Rows:
    """Return the longest rows that still make enough steps of an epoch; the longest where its size is not known."""
    tokens = tokens_of(case)
    if form != "encoder" or not tokens:
        return fit[0]
    return next((rows for rows in fit if tokens / rows.step >= ENOUGH), fit[-1])


def tokens_of(case: Case) -> float:
    """Return about how many tokens an epoch of what is learned has; 0 where that is not known."""
    return case.taught.words * TOKENS_A_WORD + case.taught.count * TOKENS_A_TEXT if case.taught else 0.0


def too_small(case: Case, form: str, known: tuple[Rows, ...]) -> str:
    """Return what is said where nothing fits: the least that does, and what a smaller form would do."""
    least, name = known[-1], {"encoder": "an encoder", "prompting": "a generator"}.get(form, "a generator")
    where = "--accelerator" if known is ON_GPU else "--memory"
    room = case.needs.accelerator if known is ON_GPU else case.memory
    how = "when it is asked" if form == "prompting" else f"with rows of {least.batch_tokens} tokens"
    found = f"{where} {size(room)}: {name} of the smallest base takes {size(least.peak)} {how} ({least.point}), and "
    found += f"nothing smaller was measured. The nearest that is possible: {where} {least.peak / 1e9:.2g}GB"
    small = ROWS["encoder"][-1]
    if form != "encoder" and case.memory >= small.peak:
        found += f"; or a task that is read and not written, such as --task cls or ner (an encoder: {size(small.peak)})"
    return found
