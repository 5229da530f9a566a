"""The parts that the catalog's pictures are drawn with as SVG: texts of known width, boxes, lines and marks.

A picture is laid out before any browser sees it, so the width of a text is taken from the widths of DejaVu Sans, which
is wider than most: in another font there is room left, and no label touches its neighbour. Colours are classes of
``page/pictures.css``, so a picture follows light and dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from markupsafe import Markup, escape

XMLNS = "http://www.w3.org/2000/svg"
SIZE = 12.0
"""Font size of labels, in pixels."""

NOTHING: Mapping[str, str] = MappingProxyType({})

_GROUPS = {
    0.34: "'ijlIJ ,./:;\\|f-",
    0.42: "()[]tr!",
    0.53: '"*_`sz?',
    0.61: "cLFkvxyPTYao",
    0.64: "eESbdghnpqu$0123456789{}",
    0.71: "KAVBRXZC",
    0.79: "UHNDG&OQ",
    0.86: "w#+<=>^~M",
    1.0: "%mW@",
}
_EM = {sign: width for width, signs in _GROUPS.items() for sign in signs}
_OTHER, _WIDE = 0.7, 1.0  # other letters of Europe; those of East Asia


def text_width(text: str, size: float = SIZE) -> float:
    """Return how many pixels a text takes at most."""
    return size * sum(_EM.get(sign, _WIDE if ord(sign) > 0x2E80 else _OTHER) for sign in text)


def wrapped(text: str, width: float, size: float = SIZE) -> list[str]:
    """Return the lines of a text that is broken between words where it would be wider than ``width``."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def label(x: float, y: float, text: Any, look: str = "", anchor: str = "start") -> Markup:
    """Return a text at a place; ``y`` is its baseline."""
    where = "" if anchor == "start" else Markup(' text-anchor="{}"').format(anchor)
    return Markup('<text{} x="{:.1f}" y="{:.1f}"{}>{}</text>').format(_class(look), x, y, where, text)


def box(x: float, y: float, width: float, height: float, look: str = "", round_: float = 3) -> Markup:
    """Return a rectangle."""
    return Markup('<rect{} x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="{:g}"/>').format(
        _class(look), x, y, width, height, round_
    )


def line(x1: float, y1: float, x2: float, y2: float, look: str = "") -> Markup:
    """Return a straight line."""
    return Markup('<line{} x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(_class(look), x1, y1, x2, y2)


def path(steps: str, look: str = "", data: Mapping[str, str] = NOTHING) -> Markup:
    """Return a path of SVG commands; ``data`` is what a script of the page may ask of it."""
    return Markup('<path{}{} d="{}"/>').format(_class(look), _data(data), steps)


SHAPES = ("disc", "square", "up", "diamond", "plus", "down", "ring", "bar", "cross")
"""Marks that are told apart without colour."""


def mark(shape: str, x: float, y: float, look: str = "", r: float = 4.5) -> Markup:
    """Return a mark around a middle; ``shape`` is one of SHAPES."""
    a, b = r * 0.92, r * 0.36
    if shape in ("disc", "ring"):
        radius = r if shape == "disc" else r - 1
        return Markup('<circle{} cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>').format(_class(f"{look} {shape}"), x, y, radius)
    corners = {
        "square": [(-a, -a), (a, -a), (a, a), (-a, a)],
        "up": [(0, -r), (r, a), (-r, a)],
        "down": [(0, r), (r, -a), (-r, -a)],
        "diamond": [(0, -r - 0.8), (r + 0.8, 0), (0, r + 0.8), (-r - 0.8, 0)],
        "bar": [(-r, -b - 0.6), (r, -b - 0.6), (r, b + 0.6), (-r, b + 0.6)],
        "plus": [
            (-b, -r), (b, -r), (b, -b), (r, -b), (r, b), (b, b), (b, r), (-b, r), (-b, b), (-r, b), (-r, -b), (-b, -b),
        ],
    }  # fmt: skip
    turned = [((px - py) * 0.78, (px + py) * 0.78) for px, py in corners["plus"]]
    points = " ".join(f"{x + px:.1f},{y + py:.1f}" for px, py in corners.get(shape, turned))
    return Markup('<polygon{} points="{}"/>').format(_class(f"{look} {shape}"), points)


def group(
    parts: Sequence[Markup], look: str = "", *, title: str = "", href: str = "", data: Mapping[str, str] = NOTHING
) -> Markup:
    """Return parts as one, a link where ``href`` is given; ``title`` is what a pointer that rests on it is told."""
    told = Markup("<title>{}</title>").format(title) if title else Markup("")
    tag = Markup('a href="{}"').format(href) if href else Markup("g")
    close = Markup("a" if href else "g")
    return Markup("<{}{}{}>{}{}</{}>").format(tag, _class(look), _data(data), told, Markup("").join(parts), close)


def picture(
    parts: Sequence[Markup], width: float, height: float, *, name: str, title: str, description: str, look: str = ""
) -> Markup:
    """Return a whole picture, at its own size; it moves in a box of its own where that is wider than the page."""
    head = Markup(
        '<svg xmlns="{}" class="{}" viewBox="0 0 {w:.0f} {h:.0f}" width="{w:.0f}" height="{h:.0f}" role="group"'
    )
    spoken = Markup(' aria-label="{}" aria-describedby="{name}-desc"><desc id="{name}-desc">{}</desc>{}</svg>')
    classes = f"picture {name} {look}".strip()
    return head.format(XMLNS, classes, w=width, h=height) + spoken.format(
        title, description, Markup("").join(parts), name=name
    )


def _data(data: Mapping[str, str]) -> Markup:
    return Markup("").join(Markup(' data-{}="{}"').format(name, value) for name, value in data.items())


def _class(look: str) -> Markup:
    return Markup(' class="{}"').format(escape(look.strip())) if look.strip() else Markup("")
