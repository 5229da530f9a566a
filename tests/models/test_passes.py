"""Every block is read once behind its own prefix, in full rows, as many in each lane."""

from __future__ import annotations

import random

import pytest
import torch

from residency.models.pack import Block
from residency.models.passes import passes_of, together

CPU = torch.device("cpu")


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def blocks(count, longest, owner=0):
    draw = random.Random(count)
    return [Block([1] * draw.randint(1, longest), [[2]], [owner + i]) for i in range(count)]


def test_every_block_lies_in_one_pass_behind_its_prefix(two_threads):
    families = [([7, 8], blocks(40, 60)), ([], blocks(9, 30, 100)), ([9], [])]
    passes = passes_of(families, 300, CPU)
    found = sorted((p.prefix, o) for p in passes for b in p.blocks for o in b.owners)
    assert found == [*(((), 100 + i) for i in range(9)), *(((7, 8), i) for i in range(40))]
    assert all(p.read <= 300 for p in passes)
    assert [p.read for p in passes] == sorted((p.read for p in passes), reverse=True)


def test_lanes_have_as_many_full_rows(two_threads):
    passes = passes_of([([], blocks(137, 230))], 2048, CPU)
    assert len(passes) % 2 == 0
    assert min(p.read for p in passes) > 0.7 * max(p.read for p in passes)


def test_a_block_longer_than_a_row_is_a_row():
    assert [p.read for p in passes_of([([], [Block([1] * 500, [])])], 100, CPU)] == [500]
    assert passes_of([([], [])], 100, CPU) == []


def test_prefixes_that_are_held_at_once_have_room():
    families = [([1] * size, []) for size in (40, 50, 20, 300, 10, 0)]
    assert [[len(p) for p, _ in some] for some in together(families, 100)] == [[40, 50], [20], [300], [10, 0]]
