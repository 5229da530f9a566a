"""What fits into a model's context: how long a text is for it, and evidence in pieces that leave room for the reply."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from residency.core.errors import UserError
from residency.core.types import Model
from residency.infer.evidence import RULE, Evidence, fenced

Size = Callable[[str], int]
UNKNOWN = 4096
"""Tokens of context of a model that does not say (an endpoint); another number can be given."""
AROUND = 64
"""Tokens of a chat template around a prompt, at most."""
FENCE = "<evidence>\n</evidence>"
LEAST = 256
"""Tokens of evidence below which reading in pieces makes no sense."""


def sizes(model: Model) -> Size:
    """Return what counts a text's tokens: the model's own tokenizer, else an upper bound of half its bytes."""
    encode = getattr(model, "encode", None)
    return (lambda text: len(encode(text))) if encode else (lambda text: (len(text.encode()) + 1) // 2)


def room(model: Model, prompt: str, reply: int, *, context: int | None = None) -> int:
    """Return how many tokens of evidence, its fence counted, fit beside a prompt and a reply.

    Raises UserError where too few do.
    """
    whole = context or int(getattr(model, "context", UNKNOWN))
    left = whole - reply - AROUND - sizes(model)(f"{RULE}\n\n{prompt}")
    if left < LEAST:
        raise UserError(
            f"the context of {whole} tokens leaves {max(left, 0)} for the record beside a reply of {reply}; at least "
            f"{LEAST} are needed: ask for fewer statements, or take a model with a larger context"
        )
    return left


def packed(evidence: Iterable[Evidence], space: int, size: Size) -> Iterator[list[Evidence]]:
    """Yield evidence in its order in pieces that fit a space of tokens; one that alone is too long is a piece."""
    piece: list[Evidence] = []
    used = size(FENCE)
    for one in evidence:
        cost = cost_of(one, size)
        if piece and used + cost > space:
            yield piece
            piece, used = [], size(FENCE)
        piece.append(one)
        used += cost
    if piece:
        yield piece


def cost_of(one: Evidence, size: Size) -> int:
    """Return how many tokens a piece of evidence takes within the fence, its heading and a long number counted."""
    return size(fenced([one])) - size(FENCE) + 3


def cut(one: Evidence, space: int, size: Size) -> Iterator[Evidence]:
    """Yield a piece of evidence, in parts between words where it does not fit; each keeps its own characters."""
    if cost_of(one, size) + size(FENCE) <= space:
        yield one
        return
    middle = len(one.text) // 2
    at = one.text.rfind(" ", 1, middle)
    at = at if at > 0 else middle
    if at <= 0:
        yield one  # a letter with a heading that alone is too long
        return
    left, right = one.text[:at].rstrip(), one.text[at:].lstrip()
    for text, start in ((left, one.start), (right, one.start + len(one.text) - len(right))):
        if text:
            yield from cut(replace(one, text=text, start=start, end=start + len(text)), space, size)
