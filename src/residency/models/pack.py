"""Packing: many texts in one row without padding, each text seeing only itself.

A *block* is a context followed by any number of branches (the answers to one question). Branches share the context
and do not see each other, so a question with four options, or a prompt with a chosen and a rejected answer, is
computed once. A plain training example is a block with one branch. A *batch* is a row of blocks, with the few
positions whose next token is scored listed apart, so that only they reach the output head.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch


@dataclass(slots=True)
class Block:
    """A context and its branches, as token ids. ``owners`` names each branch (any integers the caller likes).

    ``notes`` is one number a branch that the loss needs beside it (a reference log-probability).
    """

    context: list[int]
    branches: list[list[int]]
    owners: list[int] = field(default_factory=list)
    notes: list[float] = field(default_factory=list)

    @property
    def length(self) -> int:
        """Return how many tokens the block holds."""
        return len(self.context) + sum(map(len, self.branches))

    @property
    def read(self) -> int:
        """Return how many tokens it takes in a row: a branch's last one is scored, and nothing comes after it."""
        return len(self.context) + sum(max(0, len(branch) - 1) for branch in self.branches)


@dataclass(slots=True)
class Bucket:
    """Blocks of similar length laid side by side for attention, ``B`` blocks of up to ``L`` tokens.

    ``take`` [B*L] flat positions of the row (0 where padded); ``put`` [tokens in this bucket] places in B*L;
    ``flat`` the same tokens' positions in the row; ``visible`` [B, 1, L, L] bool, True where a query may look, which is
    back and nowhere else where it is ``causal``.
    """

    take: torch.Tensor
    put: torch.Tensor
    flat: torch.Tensor
    visible: torch.Tensor
    shape: tuple[int, int]
    causal: bool = False
    _bias: torch.Tensor | None = None

    @property
    def bias(self) -> torch.Tensor:
        """Return ``visible`` as what is added to scores, fp32: 0, or a number that no score outweighs; made once."""
        if self._bias is None:
            low = torch.finfo(torch.float32).min / 2
            self._bias = torch.zeros(self.visible.shape, device=self.visible.device).masked_fill_(~self.visible, low)
        return self._bias


@dataclass(slots=True)
class Layout:
    """Who sees whom in a packed row of ``size`` tokens; ``order`` [T] undoes the bucketing.

    ``keep`` [K] are the places whose last states are asked for, in rising order; None asks for all.
    """

    buckets: list[Bucket]
    order: torch.Tensor
    size: int
    keep: torch.Tensor | None = None


@dataclass(slots=True)
class Batch:
    """A packed row: ``ids`` and ``positions`` [1, T]; scored places ``sources`` [M] predict ``targets`` [M].

    ``owners`` [M] says whose token each is. ``useful`` counts the blocks' tokens, those that are scored and not read
    among them; ``notes`` are the blocks' notes in the order of the row.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    layout: Layout
    sources: torch.Tensor
    targets: torch.Tensor
    owners: torch.Tensor
    useful: int
    notes: torch.Tensor

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch on a device."""
        if torch.device(device).type == "cpu":
            return self

        def move(t: torch.Tensor) -> torch.Tensor:
            return t.to(device)

        buckets = [
            Bucket(move(b.take), move(b.put), move(b.flat), move(b.visible), b.shape, b.causal)
            for b in self.layout.buckets
        ]
        layout = Layout(buckets, move(self.layout.order), self.layout.size)
        return Batch(
            move(self.ids),
            move(self.positions),
            layout,
            move(self.sources),
            move(self.targets),
            move(self.owners),
            self.useful,
            move(self.notes),
        )


def collate(blocks: Sequence[Block], *, fill_to: int = 0, offset: int = 0, fill_id: int = 0) -> Batch:
    """Return the blocks as one packed row, filled up to ``fill_to`` tokens (a steady shape keeps kernels warm).

    ``offset`` is the length of a shared prefix that the positions start after. Scored are all tokens of the
    branches, and where a block has no branch, its context from the second token on (running text), owned by
    ``owners[0]``. A branch's last token is scored and not read, since nothing comes after it.
    """
    ids: list[int] = []
    positions: list[int] = []
    sources: list[int] = []
    targets: list[int] = []
    owners: list[int] = []
    branch_of: list[list[int]] = []
    starts: list[int] = []
    for block in blocks:
        start = len(ids)
        starts.append(start)
        ids += block.context
        positions += range(offset, offset + len(block.context))
        marks = [0] * len(block.context)
        if not block.branches:
            sources += range(start, len(ids) - 1)
            targets += block.context[1:]
            owners += [block.owners[0] if block.owners else 0] * (len(block.context) - 1)
        for number, branch in enumerate(block.branches, 1):
            first, read = len(ids), branch[:-1]
            ids += read
            positions += range(offset + len(block.context), offset + len(block.context) + len(read))
            marks += [number] * len(read)
            sources += [start + len(block.context) - 1, *range(first, len(ids))] if branch else []
            targets += branch
            owners += [block.owners[number - 1] if block.owners else number - 1] * len(branch)
        branch_of.append(marks)
    if (empty := fill_to - len(ids)) > 0:
        starts.append(len(ids))
        branch_of.append([0] * empty)
        positions += range(empty)
        ids += [fill_id] * empty
    return Batch(
        torch.tensor([ids]),
        torch.tensor([positions]),
        lay_out(starts, branch_of),
        torch.tensor(sources, dtype=torch.long),
        torch.tensor(targets, dtype=torch.long),
        torch.tensor(owners, dtype=torch.long),
        sum(block.length for block in blocks),
        torch.tensor([n for b in blocks for n in b.notes]),
    )


def lay_out(starts: Sequence[int], branch_of: Sequence[Sequence[int]]) -> Layout:
    """Return the attention layout of blocks that begin at ``starts`` with a branch mark for every token."""
    numbered = sorted(range(len(starts)), key=lambda i: len(branch_of[i]))
    buckets, flats = [], []
    for group in grouped(numbered, [len(b) for b in branch_of]):
        bucket = _bucket([starts[i] for i in group], [branch_of[i] for i in group])
        buckets.append(bucket)
        flats.append(bucket.flat)
    flat = torch.cat(flats)
    order = torch.empty_like(flat)
    order[flat] = torch.arange(len(flat))
    return Layout(buckets, order, len(flat))


def grouped(order: Sequence[int], lengths: Sequence[int], waste: float = 0.3, free: int = 8192) -> Iterable[list[int]]:
    """Yield runs of ``order`` (sorted by length) whose padding to the longest wastes at most a share of the area.

    ``free`` places of a score matrix may be wasted in any case: to compute them takes less time than another bucket.
    """
    group: list[int] = []
    area = 0
    for i in order:
        size = lengths[i] ** 2
        whole = (len(group) + 1) * size
        if group and whole - area - size > max(free, waste * whole):
            yield group
            group, area = [], 0
        group.append(i)
        area += size
    if group:
        yield group


def _bucket(starts: Sequence[int], branch_of: Sequence[Sequence[int]]) -> Bucket:
    count, longest = len(starts), max(map(len, branch_of))
    marks = torch.zeros(count, longest, dtype=torch.long)
    lengths = torch.tensor([len(b) for b in branch_of])
    for row, branch in enumerate(branch_of):
        marks[row, : len(branch)] = torch.tensor(branch, dtype=torch.long)
    real = torch.arange(longest)[None] < lengths[:, None]
    take = (torch.tensor(starts)[:, None] + torch.arange(longest)[None]) * real
    causal = torch.ones(longest, longest, dtype=torch.bool).tril()
    same = (marks[:, None, :] == 0) | (marks[:, None, :] == marks[:, :, None])
    visible = causal & same & real[:, None, :]
    visible |= torch.eye(longest, dtype=torch.bool)  # a padded query looks at itself: no row is empty
    put = real.flatten().nonzero().squeeze(1)
    alone = int(marks.max()) <= 1 if marks.numel() else True  # one branch sees what its context sees
    return Bucket(take.flatten(), put, take.flatten()[put], visible[:, None], (count, longest), alone)


def fill_rows(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Return the items (by index, in order) packed into rows of at most ``capacity`` tokens, best fit in a window.

    Keeps roughly the given order: an item goes to the fullest of the last eight open rows that still holds it.
    Raises ValueError where an item alone is longer than a row.
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for i, length in enumerate(lengths):
        if length > capacity:
            raise ValueError(f"item {i} has {length} tokens; a row holds {capacity}")
        window = [r for r in range(max(0, len(rows) - 8), len(rows)) if room[r] >= length]
        if window:
            best = min(window, key=lambda r: room[r])
            rows[best].append(i)
            room[best] -= length
        else:
            rows.append([i])
            room.append(capacity - length)
    return rows
