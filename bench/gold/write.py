"""From templates to a text with spans: ``[[a~b]]`` is one of a and b, ``{slot}`` what the cast says, ``{slot|mess}``
that in a mess. Then the whole text may get a style: all small, all capitals, hasty, scanned, wrapped at a width.
"""

from __future__ import annotations

import random
import re
import textwrap
from dataclasses import dataclass, replace

from .people import Cast
from .slots import say
from .spoil import SPOILERS, misread, typo, unseen

STYLES = {"plain": 56, "hasty": 12, "lower": 6, "upper": 5, "scanned": 7, "wrapped": 10, "unseen": 4}
"""How many of a hundred written texts have which style."""
KEPT = ("initials", "dictation", "wrapped", "typo", "ocr")
"""Messes of a template that a style leaves as they are."""
Fill = dict[str, list[str]]
"""What other slots may say, each once in a document."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text; ``entity`` is "" where it identifies no one."""

    text: str
    entity: str = ""
    mess: str = ""


def written_from(template: str, made: Cast, draw: random.Random, fill: Fill) -> list[Piece]:
    """Return the pieces of a template; a slot of ``fill`` is one of its texts, taken out of it."""
    template = re.sub(r"\[\[(.*?)\]\]", lambda found: draw.choice(found[1].split("~")), template, flags=re.S)
    pieces: list[Piece] = []
    for part in re.split(r"(\{[^{}]+\})", template):
        if not part.startswith("{"):
            pieces.append(Piece(part))
            continue
        slot, _, mess = part[1:-1].partition("|")
        if slot in fill:
            left = fill[slot]
            drawn = left.pop(draw.randrange(len(left))) if len(left) > 1 else left[0]
            pieces += written_from(drawn, made, draw, fill)
        else:
            pieces.append(spoilt(*say(slot, made, draw), mess, draw))
    return [piece for piece in pieces if piece.text]


def spoilt(entity: str, text: str, mess: str, draw: random.Random) -> Piece:
    """Return the piece of a slot in its mess; what could not be spoilt is clean."""
    if not entity:
        return Piece(text)
    if mess in ("lower", "upper"):
        return Piece(text.lower() if mess == "lower" else text.upper(), entity, mess)
    if mess in SPOILERS:
        changed = SPOILERS[mess](text, draw)
        return Piece(changed, entity, mess if changed != text else "clean")
    return Piece(text, entity, mess or "clean")


def styled(pieces: list[Piece], style: str, draw: random.Random) -> list[Piece]:
    """Return the pieces in a style."""
    if style in ("lower", "upper"):
        return [recased(piece, style) for piece in pieces]
    if style == "hasty":
        return hasty(pieces, draw)
    change = {"plain": slip, "scanned": scanned, "unseen": hidden}.get(style)
    return [change(piece, draw) if change else piece for piece in pieces]


def recased(piece: Piece, style: str) -> Piece:
    """Return a piece in small or capital letters; a span that this changes has it as its mess."""
    text = piece.text.lower() if style == "lower" else piece.text.upper()
    mess = style if piece.entity and text != piece.text and piece.mess not in KEPT else piece.mess
    return replace(piece, text=text, mess=mess)


def slip(piece: Piece, draw: random.Random) -> Piece:
    """Return a clean span with a typing error, one in sixteen."""
    if piece.mess != "clean" or draw.random() > 1 / 16:
        return piece
    text = typo(piece.text, draw)
    return replace(piece, text=text, mess="typo" if text != piece.text else piece.mess)


def scanned(piece: Piece, draw: random.Random) -> Piece:
    """Return half the spans misread, and now and then a word elsewhere."""
    if not piece.entity:
        words = re.split(r"(\s+)", piece.text)
        return Piece("".join(misread(word, draw) if len(word) > 3 and draw.random() < 0.03 else word for word in words))
    text = misread(piece.text, draw) if draw.random() < 0.55 and piece.mess not in KEPT else piece.text
    return replace(piece, text=text, mess="ocr" if text != piece.text else piece.mess)


def hidden(piece: Piece, draw: random.Random) -> Piece:
    """Return a third of the spans with signs that nobody sees."""
    if not piece.entity or piece.mess in KEPT or draw.random() > 0.35:
        return piece
    text = unseen(piece.text, draw)
    return replace(piece, text=text, mess="ocr" if text != piece.text else piece.mess)


def hasty(pieces: list[Piece], draw: random.Random) -> list[Piece]:
    """Return the pieces with spaces lost before four spans in ten, where one can still tell what stands together."""
    made = list(pieces)
    for at in range(1, len(made)):
        before, piece = made[at - 1], made[at]
        if piece.mess not in ("clean", "header") or before.entity or draw.random() > 0.4:
            continue
        if re.search(r"[\w:,.;#] $", before.text) and (piece.text[0].isupper() or piece.text[0].isdecimal()):
            if before.text[-2].isdecimal() and piece.text[0].isdecimal():
                continue
            made[at - 1], made[at] = replace(before, text=before.text[:-1]), replace(piece, mess="glued")
    return made


def wrapped(text: str, width: int) -> str:
    """Return the text with spaces turned to line ends, so that prose keeps to a width and every offset stays."""
    lines = []
    for line in text.split("\n"):
        told = "|" in line or "\t" in line
        parts = (
            [line]
            if told
            else textwrap.wrap(line, width, drop_whitespace=False, break_long_words=False, break_on_hyphens=False)
        )
        joined = "".join(part[:-1] + "\n" if part.endswith(" ") else part for part in parts[:-1]) + "".join(parts[-1:])
        lines.append(joined if len(joined) == len(line) else line)
    return "\n".join(lines)


Spans = tuple[tuple[int, int, str, str], ...]


def joined(pieces: list[Piece], width: int = 0) -> tuple[str, Spans]:
    """Return the text and its spans; with a width, what the wrapping breaks is of the mess "wrapped"."""
    text, spans = "", []
    for piece in pieces:
        if piece.entity:
            spans.append((len(text), len(text) + len(piece.text), piece.entity, piece.mess))
        text += piece.text
    if width:
        text = wrapped(text, width)
        spans = [(s, e, kind, "wrapped" if "\n" in text[s:e] else mess) for s, e, kind, mess in spans]
    return text, tuple(spans)
