"""What is measured on the way: the stage's own loss on what was held out, and general text as evaluation reads it."""

from __future__ import annotations

import pytest
import torch

from residency.corpus.general import general_text
from residency.models.load import of_stage, open_source
from residency.models.pack import Block
from residency.train.forward import forward
from residency.train.held_out import parted, watch_of
from residency.train.schedule import Schedule

SCHEDULE = Schedule(batch_tokens=128, precision="fp32", evaluate=5)


def loss(net, batch):
    return -forward(net, batch).mean(), {}


def test_a_share_is_held_out_only_where_something_is_measured():
    items = list(range(100))
    learned, held = parted(items, SCHEDULE)
    assert len(held) == 5 and sorted(learned + held) == items and learned == sorted(learned)
    assert parted(items, SCHEDULE) == (learned, held)
    assert parted(items, Schedule()) == (items, [])
    assert parted([1], SCHEDULE) == ([1], [])


def test_the_figures_are_those_of_one_text_after_another(toy_base):
    model = open_source(of_stage(toy_base), type="fp32")
    texts = ["the sky is blue", "the cat is red the dog is green"]
    blocks = [Block([*model.encode(text), model.end], []) for text in texts]
    with torch.no_grad():
        found = watch_of(model.net, model, blocks, loss, SCHEDULE).measure()
    scores = model.score([Block(b.context, [], [i]) for i, b in enumerate(blocks)])
    values = [-v for i in (0, 1) for v in scores[i].logprobs]
    assert found["held_out_loss"] == pytest.approx(sum(values) / len(values), abs=1e-5)
    general = [[model.end, *model.encode(row.meta["text"])][:128] for row in general_text()]
    scores = model.score([Block(ids, [], [i]) for i, ids in enumerate(general)])
    alone = [-v for i in range(len(general)) for v in scores[i].logprobs]
    assert found["general_loss"] == pytest.approx(sum(alone) / len(alone), rel=0.05)  # a mean of rows, not of tokens


def test_without_anything_held_out_nothing_is_measured(toy_base):
    model = open_source(of_stage(toy_base), type="fp32")
    assert watch_of(model.net, model, [], loss, SCHEDULE) is None
    assert watch_of(model.net, model, [Block([1, 2], [])], loss, Schedule()) is None
