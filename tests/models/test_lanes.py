"""Passes side by side: the same answers as one after the other, and no trace of the lanes afterwards."""

from __future__ import annotations

import threading

import pytest
import torch

from residency.models import decode
from residency.models.lanes import lanes, side_by_side
from residency.models.load import of_stage, open_source
from residency.models.pack import Block
from toy import WORDS

CPU = torch.device("cpu")


@pytest.fixture
def threads():
    """A function that sets the number of threads, which is put back at the end."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_lanes_share_the_threads_and_give_them_back(threads):
    threads(4)
    seen = side_by_side(lambda i: (i, torch.get_num_threads(), threading.get_ident()), [0, 1], CPU)
    assert [i for i, _, _ in seen] == [0, 1]
    assert {each for _, each, _ in seen} == {2}
    assert threading.get_ident() not in {ident for _, _, ident in seen}
    assert torch.get_num_threads() == 4


def test_both_lanes_work_at_the_same_time(threads):
    threads(2)
    together = threading.Barrier(2, timeout=30)
    assert sorted(side_by_side(lambda i: together.wait(), [0, 1], CPU)) == [0, 1]


def test_one_thread_one_item_or_another_device_has_no_lanes(threads):
    threads(1)
    assert lanes(8, CPU) == 1
    threads(4)
    assert lanes(1, CPU) == lanes(8, torch.device("cuda")) == 1
    assert side_by_side(lambda i: threading.get_ident(), [0], CPU) == [threading.get_ident()]


def test_work_inside_a_lane_has_no_lanes_of_its_own(threads):
    threads(2)
    inner = side_by_side(lambda i: side_by_side(lambda j: threading.get_ident(), [0, 1], CPU), [0, 1], CPU)
    assert all(len(set(idents)) == 1 for idents in inner)


def test_an_error_in_a_lane_is_raised_and_leaves_the_lanes_free(threads):
    threads(2)
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda i: 1 // i, [0, 1], CPU)
    assert torch.get_num_threads() == 2
    assert threading.get_ident() not in side_by_side(lambda i: threading.get_ident(), [0, 1], CPU)


def prompts(count):
    """Return chats of one to six words, no two neighbours alike."""
    words = [w for w in WORDS if w.isalpha()]
    return [
        [{"role": "user", "content": " ".join(words[(i + j) % len(words)] for j in range(1 + i % 6))}]
        for i in range(count)
    ]


def test_scores_and_replies_do_not_depend_on_the_lanes(toy_base, threads):
    model = open_source(of_stage(toy_base), type="fp32")
    model.row = 64  # many rows
    asked = prompts(40)
    blocks = [
        Block(model.encode_prompt(p), [model.encode("red"), model.encode("blue green")], [2 * i, 2 * i + 1])
        for i, p in enumerate(asked)
    ]
    found = {}
    for count in (1, 2):
        threads(count)
        found[count] = model.score(blocks), model.generate(asked, max_tokens=12)
    (scores, replies), (others, same) = found[1], found[2]
    assert scores.keys() == others.keys()
    for owner, one in scores.items():
        assert one.logprobs == pytest.approx(others[owner].logprobs, abs=1e-4)
        assert one.greedy == others[owner].greedy
    assert [r.text for r in replies] == [r.text for r in same]
    assert [r.logprob for r in replies] == pytest.approx([r.logprob for r in same], abs=1e-3)


def test_drawn_replies_do_not_depend_on_the_lanes(toy_base, threads, monkeypatch):
    model = open_source(of_stage(toy_base), type="fp32")
    monkeypatch.setattr(decode, "ROOM", 40 * decode.cache_bytes(model.net))  # several waves
    found = []
    for count in (1, 2):
        threads(count)
        asked = [*prompts(20), *([{"role": "user", "content": " ".join(["blood cat"] * 15)}] for _ in range(4))]
        found.append([r.text for r in model.generate(asked, max_tokens=6, temperature=1.0, seed=3)])
    assert found[0] == found[1]
    assert len(set(found[0])) > 1
