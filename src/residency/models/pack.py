"""Packing: many texts in one row without padding, each text seeing only itself.

A *block* is a context followed by any number of branches (the answers to one question). Branches share the context
and do not see each other, so a question with four options, or a prompt with a chosen and a rejected answer, is
computed once. A plain training example is a block with one branch. A *batch* is a row of blocks, with the few
positions whose next token is scored listed apart, so that only they reach the output head.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress, groupby, pairwise

import torch

NEAR = 1 << 17
"""Places of a bucket's score matrices for an encoder: they are walked through often, and are to stay in the cache."""


@dataclass(slots=True)
class Block:
    """A context and its branches, as token ids. ``owners`` names each branch (any integers the caller likes).

    ``notes`` is one number a branch that the loss needs beside it (a reference log-probability). ``id`` is that of the
    example, for messages. ``scored`` marks, branch by branch, the tokens that are scored: all where it is empty.
    """

    context: list[int]
    branches: list[list[int]]
    owners: list[int] = field(default_factory=list)
    notes: list[float] = field(default_factory=list)
    id: str = ""
    scored: list[list[bool]] = field(default_factory=list)

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
    ``flat`` the same tokens' positions in the row; ``visible`` [B, 1, L, L] bool ([B, 1, 1, L] where every query sees
    its whole block), True where a query may look, which is back and nowhere else where it is ``causal``.
    """

    take: torch.Tensor
    put: torch.Tensor
    flat: torch.Tensor
    visible: torch.Tensor
    shape: tuple[int, int]
    causal: bool = False
    _bias: torch.Tensor | None = None

    @property
    def padded(self) -> bool:
        """Return whether some of its blocks are shorter than others."""
        return len(self.put) < len(self.take)

    @property
    def bias(self) -> torch.Tensor:
        """Return ``visible`` as what is added to scores, fp32: 0, or a number that no score outweighs; made once."""
        if self._bias is None:
            low = torch.finfo(torch.float32).min / 2
            self._bias = torch.zeros(self.visible.shape, device=self.visible.device).masked_fill_(~self.visible, low)
        return self._bias

    def to(self, device: torch.device | str) -> Bucket:
        """Return the bucket on a device."""
        if torch.device(device).type == "cpu":
            return self
        take, put, flat, visible = (each.to(device) for each in (self.take, self.put, self.flat, self.visible))
        return Bucket(take, put, flat, visible, self.shape, self.causal)


@dataclass(slots=True)
class Runs:
    """The same row for kernels that take sequences of any length: runs of queries, each with its stretch of keys.

    A run's last query sees the whole stretch, the one before it all but the last key, and so on. ``keys`` [S] are the
    stretches' places, in the row or behind a prefix (None: the row itself); run i has the queries from ``queries[i]``
    to ``queries[i + 1]`` and the keys from ``stretches[i]`` on, both int32 [N + 1]; ``longest`` of either.
    """

    keys: torch.Tensor | None
    queries: torch.Tensor
    stretches: torch.Tensor
    longest: tuple[int, int]


@dataclass(slots=True)
class Layout:
    """Who sees whom in a packed row of ``size`` tokens: blocks that begin at ``starts``, a branch mark for every token.

    Made when they are asked for: ``buckets``, and ``order`` [T], which undoes the bucketing; or ``runs``. ``keep`` [K]
    are the places whose last states are asked for, in rising order; None asks for all. Where the row is ``filled``, its
    last block holds nothing. ``two_way``: a token sees the whole of its block, as an encoder's does, and ``draw`` is
    what dropout of its attention draws from.
    """

    starts: Sequence[int]
    marks: Sequence[Sequence[int]]
    device: torch.device | str = "cpu"
    keep: torch.Tensor | None = None
    filled: bool = False
    two_way: bool = False
    draw: torch.Generator | None = None
    _buckets: list[Bucket] = field(default_factory=list)
    _order: torch.Tensor | None = None
    _runs: dict[int, Runs] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Return how many tokens the row has."""
        return sum(map(len, self.marks))

    @property
    def longest(self) -> int:
        """Return the tokens of the longest block that holds something."""
        return max(map(len, self.marks[:-1] if self.filled else self.marks), default=0)

    @property
    def buckets(self) -> list[Bucket]:
        """Return the blocks in buckets of like length."""
        if not self._buckets:
            with torch.inference_mode(False):  # a row that was read may still be learned from
                self._buckets = [b.to(self.device) for b in _buckets(self.starts, self.marks, self.two_way)]
        return self._buckets

    @property
    def order(self) -> torch.Tensor:
        """Return [T] where each token of the row lies among those of all buckets."""
        if self._order is None:
            with torch.inference_mode(False):
                flat = torch.cat([bucket.flat for bucket in self.buckets])
                self._order = torch.empty_like(flat)
                self._order[flat] = torch.arange(len(flat), device=flat.device)
        return self._order

    def runs(self, prefix: int = 0) -> Runs:
        """Return the row's runs, every stretch of keys behind a prefix of so many tokens, which lies before the row."""
        if prefix not in self._runs:
            with torch.inference_mode(False):
                self._runs[prefix] = _runs(self.starts, self.marks, prefix, self.device)
        return self._runs[prefix]


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

        layout = Layout(self.layout.starts, self.layout.marks, device, filled=self.layout.filled)
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

    ``offset`` is the length of a shared prefix that the positions start after. Scored are all tokens of the branches
    (or those that a block marks), and where a block has no branch, its context from the second token on (running text),
    owned by ``owners[0]``. A branch's last token is scored and not read, since nothing comes after it.
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
            scored = block.scored[number - 1] if block.scored else [True] * len(branch)
            places = [start + len(block.context) - 1, *range(first, len(ids))] if branch else []
            sources += compress(places, scored)
            targets += compress(branch, scored)
            owners += [block.owners[number - 1] if block.owners else number - 1] * sum(scored)
        branch_of.append(marks)
    if (empty := fill_to - len(ids)) > 0:
        starts.append(len(ids))
        branch_of.append([0] * empty)
        positions += range(empty)
        ids += [fill_id] * empty
    return Batch(
        torch.tensor([ids]),
        torch.tensor([positions]),
        Layout(starts, branch_of, filled=empty > 0),
        torch.tensor(sources, dtype=torch.long),
        torch.tensor(targets, dtype=torch.long),
        torch.tensor(owners, dtype=torch.long),
        sum(block.length for block in blocks),
        torch.tensor([n for b in blocks for n in b.notes]),
    )


def _buckets(starts: Sequence[int], marks: Sequence[Sequence[int]], two_way: bool = False) -> list[Bucket]:
    """Return the blocks that begin at ``starts`` in buckets of like length."""
    numbered = sorted(range(len(starts)), key=lambda i: len(marks[i]))
    sizes = [len(b) for b in marks]
    groups = grouped(numbered, sizes, waste=0.15, most=NEAR) if two_way else grouped(numbered, sizes)
    return [_bucket([starts[i] for i in group], [marks[i] for i in group], two_way) for group in groups]


def _runs(starts: Sequence[int], marks: Sequence[Sequence[int]], prefix: int, device: torch.device | str) -> Runs:
    """Return the runs of blocks that begin at ``starts``: a context, then each branch behind its context.

    A block with one branch is one run, since that sees the whole context as a continuation of it does.
    """
    ends, stretches, places, shared = [0], [0], [torch.arange(0)], bool(prefix)
    for start, block in zip(starts, marks, strict=True):
        sizes = [len(list(same)) for _, same in groupby(block)]
        context = sizes[0] if block and block[0] == 0 else 0
        branches = sizes[1:] if context else sizes
        pieces = [(0, len(block))] if len(branches) < 2 else [(0, context)] if context else []
        if len(branches) > 1:
            shared, first = True, context
            for size in branches:
                pieces.append((first, first + size))
                first += size
        for first, last in (piece for piece in pieces if piece[1] > piece[0]):
            before = min(first, context)
            ends.append(ends[-1] + last - first)
            stretches.append(stretches[-1] + prefix + before + last - first)
            places += [torch.arange(prefix), torch.arange(before) + (prefix + start)]
            places.append(torch.arange(first, last) + (prefix + start))
    most = (max((b - a for a, b in pairwise(each)), default=0) for each in (ends, stretches))
    keys = torch.cat(places).to(device) if shared else None
    first, begin = (torch.tensor(each, dtype=torch.int32, device=device) for each in (ends, stretches))
    return Runs(keys, first, begin, (next(most), next(most)))


def grouped(
    order: Sequence[int], lengths: Sequence[int], waste: float = 0.3, free: int = 8192, most: int = 1 << 40
) -> Iterable[list[int]]:
    """Yield runs of ``order`` (sorted by length) whose padding to the longest wastes at most a share of the area.

    ``free`` places of a score matrix may be wasted in any case: to compute them takes less time than another bucket.
    A run of several has an area of at most ``most``.
    """
    group: list[int] = []
    area = 0
    for i in order:
        size = lengths[i] ** 2
        whole = (len(group) + 1) * size
        if group and (whole - area - size > max(free, waste * whole) or whole > most):
            yield group
            group, area = [], 0
        group.append(i)
        area += size
    if group:
        yield group


def _bucket(starts: Sequence[int], branch_of: Sequence[Sequence[int]], two_way: bool = False) -> Bucket:
    count, longest = len(starts), max(map(len, branch_of))
    marks = torch.zeros(count, longest, dtype=torch.long)
    lengths = torch.tensor([len(b) for b in branch_of])
    for row, branch in enumerate(branch_of):
        marks[row, : len(branch)] = torch.tensor(branch, dtype=torch.long)
    real = torch.arange(longest)[None] < lengths[:, None]
    take = (torch.tensor(starts)[:, None] + torch.arange(longest)[None]) * real
    put = real.flatten().nonzero().squeeze(1)
    if two_way:
        return Bucket(take.flatten(), put, take.flatten()[put], real[:, None, None], (count, longest))
    causal = torch.ones(longest, longest, dtype=torch.bool).tril()
    same = (marks[:, None, :] == 0) | (marks[:, None, :] == marks[:, :, None])
    visible = causal & same & real[:, None, :]
    visible |= torch.eye(longest, dtype=torch.bool)  # a padded query looks at itself: no row is empty
    alone = int(marks.max()) <= 1 if marks.numel() else True  # one branch sees what its context sees
    return Bucket(take.flatten(), put, take.flatten()[put], visible[:, None], (count, longest), alone)


def fill_rows(lengths: Sequence[int], capacity: int, *, open_rows: int = 8) -> list[list[int]]:
    """Return the items (by index, in order) packed into rows of at most ``capacity`` tokens, best fit in a window.

    Keeps roughly the given order: an item goes to the fullest of the last ``open_rows`` rows that still holds it.
    Raises ValueError where an item alone is longer than a row.
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for i, length in enumerate(lengths):
        if length > capacity:
            raise ValueError(f"item {i} has {length} tokens; a row holds {capacity}")
        window = [r for r in range(max(0, len(rows) - open_rows), len(rows)) if room[r] >= length]
        if window:
            best = min(window, key=lambda r: room[r])
            rows[best].append(i)
            room[best] -= length
        else:
            rows.append([i])
            room.append(capacity - length)
    return rows
