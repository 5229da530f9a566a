"""What training reads off a row, packed or one text at a time, against each text alone by eager attention."""

from __future__ import annotations

import math

import pytest
import torch
from transformers.integrations.neftune import neftune_post_forward_hook

from architectures import ALONE, BLOCKS, PACKED, one_by_one, shaken, tiny
from residency.models.attention import use_packed
from residency.models.pack import Block, collate
from residency.train.forward import forward, noisy, text_lengths
from residency.train.methods import begin
from residency.train.noise import drawn_from
from residency.train.tuning import Tuning

BOTH = {**PACKED, **ALONE}
CPU = torch.device("cpu")


def summed(model, batch):
    found = forward(model, batch)
    return {o: found[batch.owners == o].sum() for o in batch.owners.unique().tolist()}


@pytest.mark.parametrize("name", BOTH)
def test_scores_and_gradients_are_those_of_each_text_alone(name):
    model = shaken(tiny(BOTH[name]))
    for name_, weight in model.named_parameters():  # the scores reach the cap where there is one
        weight.data.mul_(3 if "proj" in name_ else 1)
    if model.get_output_embeddings().bias is not None:
        torch.nn.init.normal_(model.get_output_embeddings().bias)
    wanted = one_by_one(model)
    sum(wanted.values()).backward()
    gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    use_packed(model)
    found = summed(model, collate(BLOCKS, fill_to=64))
    assert found.keys() == wanted.keys()
    for owner, value in wanted.items():
        assert float(found[owner]) == pytest.approx(float(value), abs=2e-5), owner
    sum(found.values()).backward()
    for key, weight in model.named_parameters():
        if key in gradients:
            scale = float(gradients[key].abs().max())
            assert torch.allclose(weight.grad, gradients[key], atol=1e-5 * max(1.0, scale)), key


@pytest.mark.parametrize("name", ALONE)
def test_a_neighbour_changes_nothing_where_texts_are_read_alone(name):
    model = use_packed(shaken(tiny(ALONE[name])))
    changed = [BLOCKS[2], Block([70, 71, 72], [[22, 23], [4, 5]], [0, 1]), BLOCKS[1]]
    found = []
    for blocks in (BLOCKS, changed):
        model.zero_grad()
        value = summed(model, collate(blocks, fill_to=64))[3]
        value.backward()
        found.append((float(value.detach()), [p.grad.clone() for p in model.parameters() if p.grad is not None]))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-6)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(found[0][1], found[1][1], strict=True))


# --- NEFTune ---------------------------------------------------------------------------------------------------------


def noise_of(model, batch, seed="a"):
    net = model.get_base_model()
    with drawn_from(seed, CPU):
        found = noisy(model, net, batch)
    return None if found is None else (found - net.get_input_embeddings()(batch.ids))[0].detach()


def test_one_texts_noise_is_that_of_transformers_from_the_same_draw():
    model = begin(use_packed(tiny(PACKED["llama"])), Tuning(neftune=5)).train()
    batch = collate([Block(list(range(3, 23)), [])])
    ours = noise_of(model, batch)
    embedding = model.get_base_model().get_input_embeddings()
    embedding.neftune_noise_alpha = 5
    seed = int.from_bytes(__import__("hashlib").sha256(b"a").digest()[:7], "big")
    torch.manual_seed(seed)
    exact = embedding(batch.ids)
    theirs = (neftune_post_forward_hook(embedding.train(), None, exact) - exact)[0].detach()
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert float(ours.abs().max()) == pytest.approx(5 / math.sqrt(20 * 32), rel=0.05)


def test_each_text_of_a_row_has_noise_of_its_own_length():
    assert text_lengths(collate(BLOCKS).layout, CPU).tolist() == [6] * 6 + [7] * 2 + [5] * 5 + [11] * 11 + [4] * 4
    model = begin(use_packed(tiny(PACKED["llama"])), Tuning(neftune=8)).train()
    batch = collate([Block([3] * 16, []), Block([4] * 400, [])])
    found = noise_of(model, batch).abs()
    for places, length in ((slice(0, 16), 16), (slice(16, 416), 400)):
        most = 8 / math.sqrt(length * 32)
        assert 0.95 * most < float(found[places].max()) <= most
        assert float(found[places].mean()) == pytest.approx(most / 2, rel=0.1)


def test_noise_is_the_rows_own_and_none_outside_of_training():
    model = begin(use_packed(tiny(PACKED["llama"])), Tuning(neftune=5)).train()
    batch = collate(BLOCKS)
    assert torch.equal(noise_of(model, batch), noise_of(model, batch))
    assert not torch.equal(noise_of(model, batch), noise_of(model, batch, "b"))
    assert noise_of(model.eval(), batch) is None
    assert noise_of(begin(use_packed(tiny(PACKED["llama"])), Tuning()).train(), batch) is None


def test_the_noise_changes_what_a_row_says_alike_packed_and_alone():
    model = begin(use_packed(tiny(PACKED["llama"])), Tuning(neftune=20)).train()
    batch, found = collate(BLOCKS, fill_to=40), []
    for reach in (math.inf, 0):
        model.get_base_model().reach = reach
        with drawn_from("row", CPU):
            found.append(forward(model, batch).detach())
    assert torch.allclose(found[0], found[1], atol=1e-5)
    assert not torch.allclose(found[0], forward(model.eval(), batch), atol=1e-3)
