"""Sharing: every pair is scored once, and what is shared is what really is alike."""

from __future__ import annotations

import random

from residency.infer.shared import families


def restored(pairs, least):
    """Return the pairs that the families stand for, by owner."""
    found = {}
    for family in families(pairs, least=least, worth=0):
        for block in family.blocks:
            assert block.context  # what is scored first needs a token before it
            for owner, branch in zip(block.owners, block.branches, strict=True):
                assert owner not in found
                found[owner] = (family.prefix + block.context, branch)
    return found


def test_every_pair_comes_back_once_whatever_is_shared():
    rng = random.Random(0)
    for _ in range(200):
        head = [rng.randrange(3) for _ in range(rng.randrange(1, 9))]
        pairs = [
            (
                head[: rng.randrange(len(head) + 1)] + [rng.randrange(4) for _ in range(rng.randrange(1, 5))],
                [9] * (i % 3 + 1),
            )
            for i in range(rng.randrange(1, 12))
        ]
        found = restored(pairs, least=3)
        assert found == {i: (list(a), list(b)) for i, (a, b) in enumerate(pairs)}


def test_contexts_that_begin_alike_share_their_beginning_and_equal_ones_are_one_block():
    shots = list(range(100, 130))
    pairs = [([*shots, 1, 2], [7]), ([*shots, 1, 2], [8]), ([*shots, 3], [7])]
    (family,) = families(pairs, least=24, worth=0)
    assert family.prefix == shots
    assert [(b.context, b.branches) for b in family.blocks] == [([1, 2], [[7], [8]]), ([3], [[7]])]


def test_one_context_with_its_answers_needs_no_prefix():
    (family,) = families([(list(range(50)), [i]) for i in range(4)])
    assert family.prefix == [] and len(family.blocks) == 1


def test_questions_that_share_nothing_are_read_together_each_once():
    pairs = [([i, *range(50)], [answer]) for i in range(6) for answer in range(4)]
    (family,) = families(pairs)
    assert family.prefix == [] and [b.owners for b in family.blocks] == [
        [4 * i + n for n in range(4)] for i in range(6)
    ]


def test_a_beginning_is_shared_only_where_that_saves_enough():
    pairs = [([*range(30), i], [7]) for i in range(5)]  # four times 30 tokens are saved
    assert [len(f.prefix) for f in families(pairs, worth=120)] == [30]
    assert [len(f.prefix) for f in families(pairs, worth=121)] == [0]


def test_one_context_of_its_own_does_not_take_the_beginning_from_all_others():
    shots, odd = list(range(100, 160)), [*range(100, 130), *range(500, 530)]
    pairs = [([*shots, i], [7]) for i in range(20)] + [([*odd, 1], [7])]
    found = {len(f.prefix): [o for b in f.blocks for o in b.owners] for f in families(pairs)}
    assert found == {60: list(range(20)), 0: [20]}


def test_beginnings_within_beginnings_are_shared_where_that_saves_more():
    subjects = [[9] * 40 + [n] * 60 for n in range(3)]  # forty tokens for all, a hundred for each subject
    pairs = [([*subject, i], [7]) for subject in subjects for i in range(30)]
    assert sorted(len(f.prefix) for f in families(pairs)) == [100, 100, 100]
    few = [([*subject, i], [7]) for subject in subjects for i in range(5)]
    assert [len(f.prefix) for f in families(few)] == [40]


def test_long_answers_behind_one_token_do_not_lie_in_one_block():
    """As where the texts of a corpus are read, each behind the token that begins one."""
    pairs = [([0], list(range(1500))) for _ in range(5)] + [([0], [1])] * 3
    (family,) = families(pairs)
    assert family.prefix == [] and [len(b.branches) for b in family.blocks] == [1, 1, 1, 1, 1, 3]
    assert restored(pairs, least=24) == {i: ([0], list(b)) for i, (_, b) in enumerate(pairs)}
