"""A row of pieces for an encoder, side by side without padding, and the call that gives the scores of kept places.

Only the places that are asked about reach the head. One way serves every head of transformers: the body's last states
are cut down to the kept places, each as a text of one token, before the head sees them. Encoders whose attention takes
no interface are read padded instead; which of the two is right is found by trying, never by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import PreTrainedModel

from residency.core.errors import Unsupported
from residency.models import attention
from residency.models.pack import Layout
from residency.models.windows import Piece

FILL = 16
"""Tokens of a block that only fills a row up: short ones cost little attention."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a network is read: packed or padded, the first position, whether it takes types, and the fill token."""

    packed: bool
    first: int = 0
    typed: bool = False
    fill: int = 0


@dataclass(slots=True)
class Sheet:
    """A row of ``count`` pieces: ``ids``, ``positions`` and ``types`` [1, T], of which ``keep`` [M] are asked about.

    ``targets`` [M] is what is to be found there, ``owners`` and ``numbers`` [M] whose and which it is; ``words`` [T]
    the word of each token, numbered through the row (-1: a mark). ``useful`` counts the pieces' tokens.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    types: torch.Tensor
    layout: Layout
    keep: torch.Tensor
    targets: torch.Tensor
    owners: torch.Tensor
    numbers: torch.Tensor
    words: torch.Tensor
    count: int
    useful: int

    def to(self, device: torch.device | str) -> Sheet:
        """Return the row on a device."""
        if torch.device(device).type == "cpu":
            return self
        moved = {name: value.to(device) for name in self.__slots__ if torch.is_tensor(value := getattr(self, name))}
        return replace(self, **moved, layout=Layout(self.layout.starts, self.layout.marks, device, two_way=True))

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Return the first token of each piece and the one behind its last."""
        pairs = zip(self.layout.starts[: self.count], self.layout.marks[: self.count], strict=True)
        return [(start, start + len(marks)) for start, marks in pairs]


def lay(pieces: Sequence[Piece], form: Form, *, fill_to: int = 0) -> Sheet:
    """Return pieces as one row, filled up to ``fill_to`` tokens (a steady shape keeps kernels warm)."""
    ids: list[int] = []
    types: list[int] = []
    words: list[int] = []
    starts, sizes, last = [], [], 0
    for piece in pieces:
        starts.append(len(ids))
        sizes.append(len(piece.ids))
        ids += piece.ids
        types += piece.types
        mine = piece.words or [-1] * len(piece.ids)
        words += [word + last if word >= 0 else -1 for word in mine]
        last += max(mine) + 1
    useful = len(ids)
    while len(ids) < fill_to:
        starts.append(len(ids))
        sizes.append(min(FILL, fill_to - len(ids)))
        ids += [form.fill] * sizes[-1]
    empty = len(ids) - useful

    def flat(name: str) -> torch.Tensor:
        return torch.tensor([each for piece in pieces for each in getattr(piece, name)], dtype=torch.long)

    return Sheet(
        torch.tensor([ids]),
        torch.cat([torch.arange(size) for size in sizes])[None] + form.first,
        torch.tensor([types + [0] * empty]),
        Layout(starts, [[0] * size for size in sizes], two_way=True),
        torch.tensor([start + place for start, p in zip(starts, pieces, strict=False) for place in p.keep]).long(),
        flat("targets"),
        torch.tensor([piece.owner for piece in pieces for _ in piece.keep], dtype=torch.long),
        flat("numbers"),
        torch.tensor(words + [-1] * empty),
        len(pieces),
        useful,
    )


def scores(net: PreTrainedModel, sheet: Sheet, form: Form) -> torch.Tensor:
    """Return what the head says of each kept place, [M, labels] in fp32."""
    if form.packed:
        sheet.layout.keep = sheet.keep
        return _called(net, sheet, form).logits.flatten(0, -2).float()
    logits, rows, columns = _padded(net, sheet, form).logits, *_places(sheet)
    return (logits[rows, columns] if logits.dim() == 3 else logits[rows]).float()


def states(net: PreTrainedModel, sheet: Sheet, form: Form) -> torch.Tensor:
    """Return the body's last states of the pieces' tokens, [tokens, width] in fp32, piece by piece."""
    if form.packed:
        sheet.layout.keep = None
        return _called(net.base_model, sheet, form).last_hidden_state[0, : sheet.useful].float()
    found = _padded(net.base_model, sheet, form).last_hidden_state
    return torch.cat([found[i, : end - start] for i, (start, end) in enumerate(sheet.spans)]).float()


def _called(net: Any, sheet: Sheet, form: Form) -> Any:
    typed = {"token_type_ids": sheet.types} if form.typed else {}
    return net(input_ids=sheet.ids, position_ids=sheet.positions, layout=sheet.layout, **typed)


def _padded(net: Any, sheet: Sheet, form: Form) -> Any:
    """Return what a network says of the pieces side by side, filled up to the longest of them."""
    longest = max(end - start for start, end in sheet.spans)
    ids = sheet.ids.new_full((sheet.count, longest), form.fill)
    types, real = torch.zeros_like(ids), torch.zeros_like(ids)
    for i, (start, end) in enumerate(sheet.spans):
        ids[i, : end - start], types[i, : end - start] = sheet.ids[0, start:end], sheet.types[0, start:end]
        real[i, : end - start] = 1
    typed = {"token_type_ids": types} if form.typed else {}
    return net(input_ids=ids, attention_mask=real, **typed)


def _places(sheet: Sheet) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the row and the column of each kept place where pieces lie one a row."""
    starts = torch.tensor([start for start, _ in sheet.spans], device=sheet.keep.device)
    rows = torch.searchsorted(starts, sheet.keep, right=True) - 1
    return rows, sheet.keep - starts[rows]


# --- which way is right ------------------------------------------------------------------------------------------


def _cut_down(body: Any, given: Any, named: dict[str, Any], out: Any) -> Any:
    """Return a body's output with the kept places alone, each as a text of one token, where a layout says which."""
    layout = named.get("layout")
    if layout is None or layout.keep is None:
        return out
    out.last_hidden_state = out.last_hidden_state[0].index_select(0, layout.keep)[:, None]
    if getattr(body, "pooler", None) is not None:
        out.pooler_output = body.pooler(out.last_hidden_state)
    return out


@torch.no_grad()
def prepared(net: PreTrainedModel) -> Form:
    """Return how a network in fp32 is to be read, after setting it to that: packed where that is what it computes.

    Two texts are read alone as transformers reads them, and then side by side.
    """
    learns = net.training
    net.eval()
    pad = net.config.pad_token_id
    typed = "token_type_ids" in inspect.signature(net.base_model.forward).parameters
    typed = typed and getattr(net.config, "type_vocab_size", 2) > 1
    plain = Form(False, typed=typed, fill=pad if pad is not None else 0)
    sample = [_sample(net, size, plain) for size in (9, 5)]
    wanted = torch.cat([_answers(net, lay([piece], plain), plain) for piece in sample])
    hook = net.base_model.register_forward_hook(_cut_down, with_kwargs=True)
    before = net.config._attn_implementation
    attention.register()
    for first in dict.fromkeys((0, plain.fill + 1)):
        form = replace(plain, packed=True, first=first)
        if _agrees(net, lay(sample, form, fill_to=20), form, wanted):
            net.train(learns)
            return form
    hook.remove()
    net.set_attn_implementation(before)
    net.train(learns)
    return plain


def _agrees(net: PreTrainedModel, sheet: Sheet, form: Form, wanted: torch.Tensor) -> bool:
    try:
        net.set_attn_implementation(attention.NAME)
        found = _answers(net, sheet, form)
    except (TypeError, ValueError, RuntimeError, IndexError, AttributeError, KeyError, Unsupported):
        return False  # it takes no interface, no positions, or fewer of them
    size = float(wanted.abs().max())
    return found.shape == wanted.shape and torch.allclose(found, wanted, rtol=0.0, atol=1e-4 * max(1.0, size))


def _answers(net: PreTrainedModel, sheet: Sheet, form: Form) -> torch.Tensor:
    has_head = net.base_model is not net
    return scores(net, sheet, form) if has_head else states(net, sheet, form)


def _sample(net: PreTrainedModel, size: int, form: Form) -> Piece:
    """Return a piece of ``size`` tokens, none of which is the fill token, with two types where it takes types."""
    many = net.config.get_text_config().vocab_size
    ids = [(form.fill + 1 + (7 * i + size) % (many - 1)) % many for i in range(size)]
    return Piece(ids, [int(i > 3) for i in range(size)], [0], targets=[0], numbers=[0])
