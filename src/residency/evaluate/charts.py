"""The report's pictures as inline SVG: drawn here, so that they stand without scripts and print as they are.

Colours are classes of the page's style sheet, so a chart follows light and dark. Each has a title and a description
for those who cannot see it; the page gives the numbers of each as a table beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from markupsafe import Markup, escape

WIDTH, LABELS, VALUES, COUNTS = 600, 128, 140, 40  # pixels: whole chart, names, numbers, counts of items at the right
PLOT = WIDTH - LABELS - VALUES - COUNTS
HEAD = 22  # what stands above the rows
_ids = count(1)


@dataclass(frozen=True, slots=True)
class Bar:
    """A named value with its limits, all on the chart's scale; None: not scored.

    ``look`` holds classes of the style, the first being the kind of model; ``n`` counts the items behind the value.
    """

    label: str
    value: float | None
    low: float | None
    high: float | None
    look: str
    text: str
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A named difference with its limits and number of items; ``look`` is its verdict: better, worse or open."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    look: str
    text: str
    n: int | None = None


def bars(rows: Sequence[Bar], *, title: str, description: str, mark: tuple[float, str] | None = None) -> Markup:
    """Return a horizontal bar chart from 0, whiskers for the limits; ``mark`` draws one named value across all rows."""
    top = _ceiling([number for row in rows for number in (row.value, row.high) if number is not None])
    heights = [20 if is_thin(row) else 26 for row in rows]
    parts, y = [_grid(_ticks(0, top), 0, top, HEAD, HEAD + sum(heights)), _counts_head()], float(HEAD)
    for row, height in zip(rows, heights, strict=True):
        parts.append(_bar(row, top, y, height))
        y += height
    if mark:
        x = _x(mark[0], 0, top)
        parts.append(_line(x, HEAD - 4, x, y, "mark"))
        parts.append(_text(_inside(x), 11, mark[1], "mark-label", "middle"))
    return _picture("".join(parts), y + 24, title, description)


def is_thin(row: Bar) -> bool:
    """Return whether a bar is a rule's, which is drawn thinner than a model's."""
    return row.look.split()[0] == "rule"


def _bar(row: Bar, top: float, y: float, height: int) -> str:
    middle, thick = y + height / 2, height - (12 if is_thin(row) else 9)
    parts = [_text(LABELS - 10, middle + 4, row.label, f"name {row.look}", "end")]
    parts.append(_text(LABELS + PLOT + 10, middle + 4, row.text, f"number {row.look}", "start"))
    if row.value is not None:
        width = max(1.0, _x(row.value, 0, top) - LABELS)
        parts.append(
            f'<rect class="bar {row.look}" x="{LABELS}" y="{middle - thick / 2:.1f}" width="{width:.1f}" '
            f'height="{thick}"/>'
        )
    parts += [_whisker(row.low, row.high, 0, top, middle), _count(row.n, middle)]
    return "".join(parts)


def forest(rows: Sequence[Difference], *, title: str, description: str) -> Markup:
    """Return a forest plot: each difference as a square on its interval, against a line at zero."""
    known = [number for row in rows for number in (row.value, row.low, row.high) if number is not None]
    reach = max([abs(number) for number in known] or [1.0])
    low, high = min([0.0, *known]) - reach * 0.08, max([0.0, *known]) + reach * 0.08
    parts, y = [_grid(_ticks(low, high), low, high, HEAD, HEAD + 34 * len(rows), signed=True)], float(HEAD)
    zero = _x(0, low, high)
    parts += [_line(zero, HEAD - 4, zero, y + 34 * len(rows), "zero"), _counts_head()]
    for row in rows:
        middle = y + 17
        parts.append(_text(LABELS - 10, middle + 4, row.label, "name", "end"))
        parts.append(_text(LABELS + PLOT + 10, middle + 4, row.text, "number", "start"))
        if row.low is not None and row.high is not None:
            parts.append(_line(_x(row.low, low, high), middle, _x(row.high, low, high), middle, f"span {row.look}"))
        if row.value is not None:
            x = _x(row.value, low, high)
            parts.append(f'<rect class="dot {row.look}" x="{x - 5:.1f}" y="{middle - 5:.1f}" width="10" height="10"/>')
        parts.append(_count(row.n, middle))
        y += 34
    return _picture("".join(parts), y + 24, title, description)


def curve(points: Sequence[tuple[float, float]], *, title: str, description: str) -> Markup:
    """Return a loss curve: every step faint, their running mean over a tenth of the steps in front."""
    width, height, left, bottom = 330, 190, 40, 30
    xs, ys = [x for x, _ in points], [y for _, y in points]
    low, high = min(ys), max(ys)
    ticks = _ticks(low, high, 4)
    low, high = min(low, ticks[0]), max(high, ticks[-1])

    def place(x: float, y: float) -> str:
        right = left + (width - left - 12) * (x - xs[0]) / ((xs[-1] - xs[0]) or 1)
        return f"{right:.1f},{10 + (height - bottom - 10) * (1 - (y - low) / ((high - low) or 1)):.1f}"

    smooth = _running_mean(ys, max(1, len(ys) // 10))
    parts = []
    for tick in ticks:
        y = place(xs[0], tick).split(",")[1]
        parts.append(_line(left, float(y), width - 12, float(y), "grid"))
        parts.append(_text(left - 6, float(y) + 4, f"{tick:g}", "tick", "end"))
    for values, look in ((ys, "raw"), (smooth, "smooth")):
        line = " ".join(place(x, y) for x, y in zip(xs, values, strict=True))
        parts.append(f'<polyline class="{look}" points="{line}"/>')
    parts.append(_text(left, height - 8, f"{_thousands(xs[0])} tokens", "tick", "start"))
    parts.append(_text(width - 12, height - 8, f"{_thousands(xs[-1])} tokens", "tick", "end"))
    return _picture("".join(parts), height, title, description, width=width)


def share(value: float, largest: float) -> Markup:
    """Return a small bar for a table cell, its length being the share of the largest."""
    width = 0.0 if largest <= 0 else 100 * value / largest
    return Markup(f'<span class="share" aria-hidden="true"><i style="width:{width:.1f}%"></i></span>')


# --- parts ---------------------------------------------------------------------------------------------------------


def _picture(body: str, height: float, title: str, description: str, *, width: int = WIDTH) -> Markup:
    number = next(_ids)
    return Markup(
        f'<svg class="chart" viewBox="0 0 {width} {height:.0f}" role="img" aria-labelledby="t{number} d{number}">'
        f'<title id="t{number}">{escape(title)}</title><desc id="d{number}">{escape(description)}</desc>{body}</svg>'
    )


def _grid(ticks: Sequence[float], low: float, high: float, y0: float, y1: float, *, signed: bool = False) -> str:
    parts = []
    for tick in ticks:
        x = _x(tick, low, high)
        parts.append(_line(x, y0, x, y1, "grid"))
        parts.append(_text(x, y1 + 16, f"{tick:+g}" if signed and tick else f"{tick:g}", "tick", "middle"))
    return "".join(parts)


def _counts_head() -> str:
    return _text(WIDTH - 4, 11, "items", "tick", "end")


def _count(n: int | None, y: float) -> str:
    return "" if n is None else _text(WIDTH - 4, y + 4, str(n), "tick count", "end")


def _whisker(low: float | None, high: float | None, bottom: float, top: float, y: float) -> str:
    if low is None or high is None:
        return ""
    left, right = _x(low, bottom, top), _x(high, bottom, top)
    ends = "".join(_line(x, y - 4, x, y + 4, "whisker") for x in (left, right))
    return _line(left, y, right, y, "halo") + _line(left, y, right, y, "whisker") + ends


def _x(value: float, low: float, high: float) -> float:
    return LABELS + PLOT * (value - low) / ((high - low) or 1)


def _inside(x: float) -> float:
    return min(max(x, LABELS + 70), LABELS + PLOT + 50)


def _ceiling(values: Sequence[float]) -> float:
    """Return the end of a scale from 0 that holds all values: the next multiple of 10, at most 100 where that fits."""
    largest = max(values, default=100.0)
    return 10.0 * max(1, -(-largest // 10))


def _ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return round numbers within the range, about ``wanted`` of them."""
    span = (high - low) or 1.0
    step = next((s for s in _steps() if span / s <= wanted), span)
    first = int(-(-low // step))
    return [round(i * step, 10) for i in range(first, int(high // step) + 1)] or [round(low, 2)]


def _steps() -> list[float]:
    return [m * 10.0**e for e in range(-4, 6) for m in (1, 2, 5)]


def _running_mean(values: Sequence[float], window: int) -> list[float]:
    """Return each value's mean with those around it; the window is cut at the ends."""
    half = window // 2
    return [sum(part) / len(part) for part in (values[max(0, i - half) : i + half + 1] for i in range(len(values)))]


def _thousands(number: float) -> str:
    return f"{number / 1000:.0f}k" if number >= 1000 else f"{number:.0f}"


def _text(x: float, y: float, text: Any, look: str, anchor: str) -> str:
    return f'<text class="{look}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, look: str) -> str:
    return f'<line class="{look}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
