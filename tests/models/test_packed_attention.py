"""Packed attention against transformers' own eager attention, one text at a time."""

from itertools import pairwise

import pytest
import torch
from transformers import Gemma2Config

from architectures import BLOCKS, CONFIGS, PACKED, SMALL, one_by_one, packed, shaken, tiny
from residency.models import attention, tiles
from residency.models.attention import _score, use_packed
from residency.models.pack import Block, collate, fill_rows, grouped


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("grad", [False, True])
def test_a_packed_row_scores_every_branch_as_eager_attention_does_alone(name, grad):
    model = shaken(tiny(PACKED[name]))
    wanted = one_by_one(model)
    use_packed(model)
    with torch.set_grad_enabled(grad):
        got = packed(model, fill_to=64)
    assert got.keys() == wanted.keys()
    for owner in wanted:
        assert float(got[owner]) == pytest.approx(float(wanted[owner]), abs=2e-5)


@pytest.mark.parametrize("name", PACKED)
def test_packed_gradients_are_the_gradients_of_the_texts_alone(name):
    model = shaken(tiny(PACKED[name]))
    sum(one_by_one(model).values()).backward()
    wanted = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    use_packed(model)
    sum(packed(model).values()).backward()
    for n, p in model.named_parameters():
        if n in wanted:
            assert torch.allclose(p.grad, wanted[n], atol=2e-5, rtol=1e-4), n


@pytest.mark.parametrize("name", PACKED)
def test_long_blocks_in_tiles_have_the_scores_and_gradients_of_short_ones(name, monkeypatch):
    found = []
    for long, tile in ((192, 128), (2, 3), (2, 64)):
        monkeypatch.setattr(attention, "LONG", long)
        monkeypatch.setattr(tiles, "TILE", tile)
        model = use_packed(shaken(tiny(PACKED[name])))
        values = packed(model, fill_to=64)
        sum(values.values()).backward()
        found.append((values, {n: p.grad for n, p in model.named_parameters() if p.grad is not None}))
    (wanted, grads), *others = found
    for values, mine in others:
        assert all(float(values[o]) == pytest.approx(float(wanted[o]), abs=1e-5) for o in wanted)
        assert grads.keys() == mine.keys() and all(torch.allclose(mine[n], grads[n], atol=1e-5) for n in grads)


def test_long_texts_keep_no_square_of_their_length(monkeypatch):
    draw = torch.Generator().manual_seed(0)
    kept = []
    for length in (200, 400):
        layout = collate([Block(list(range(length)), [])]).layout
        q, k, v = (torch.randn(length, n, 8, generator=draw, requires_grad=True) for n in (4, 2, 2))
        monkeypatch.setattr(attention, "LONG", 100)
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, sizes=sizes: sizes.append(t.numel()) or t, lambda t: t):
            attention._train(q, k, v, layout, 0.5)
        bias = length * length  # what may be seen, which all layers share
        kept.append(sum(sizes) - bias)
    assert kept[1] == 2 * kept[0]


def test_changing_one_packed_neighbour_changes_nothing_else():
    model = use_packed(tiny(CONFIGS["llama"]))
    with torch.inference_mode():
        before = packed(model)
        changed = [*BLOCKS[:1], Block([70, 71], [[22, 23, 24, 25]], [3]), *BLOCKS[2:]]
        after = packed(model, changed)
    assert float(before[3]) != float(after[3])
    for owner in (0, 1, 2, 4, 5):
        assert float(before[owner]) == pytest.approx(float(after[owner]), abs=1e-6)


def embedded_row(model, blocks):
    """Return (a packed row's embeddings, which learn; the log-probability of each owner's tokens)."""
    batch = collate(blocks, fill_to=64)
    embedded = model.get_input_embeddings()(batch.ids).detach().requires_grad_()
    states = model.base_model(
        inputs_embeds=embedded, position_ids=batch.positions, layout=batch.layout, use_cache=False
    ).last_hidden_state[0]
    scores = model.get_output_embeddings()(states[batch.sources]).log_softmax(-1)
    chosen = scores.gather(1, batch.targets[:, None]).squeeze(1)
    return embedded, {o: chosen[batch.owners == o].sum() for o in batch.owners.unique().tolist()}


@pytest.mark.parametrize("name", PACKED)
def test_no_gradient_passes_between_packed_neighbours_or_branches(name):
    model = use_packed(shaken(tiny(PACKED[name])))
    embedded, sums = embedded_row(model, BLOCKS)
    own = {1: range(5), 3: range(8, 13), 5: range(24, 28)}  # the first block is 5 tokens, and branches of 1, 0 and 2
    for owner, places in own.items():
        (found,) = torch.autograd.grad(sums[owner], embedded, retain_graph=True)
        touched = found[0].abs().sum(-1).nonzero().flatten().tolist()
        assert touched and set(touched) <= set(places), owner


@pytest.mark.parametrize("name", PACKED)
def test_another_neighbour_or_place_changes_neither_a_score_nor_its_gradient(name):
    model = use_packed(shaken(tiny(PACKED[name])))
    changed = [BLOCKS[3], Block([70, 71, 72, 73, 74], [[60], [61, 62]], [0, 1]), BLOCKS[1]]
    found = []
    for blocks in (BLOCKS, changed):
        model.zero_grad()
        value = packed(model, blocks, fill_to=64)[3]
        value.backward()
        found.append((value.detach(), [p.grad.clone() for p in model.parameters() if p.grad is not None]))
    assert torch.allclose(found[0][0], found[1][0], atol=1e-5)
    for one, other in zip(found[0][1], found[1][1], strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_a_branch_does_not_see_its_sibling():
    model = use_packed(tiny(CONFIGS["llama"]))
    with torch.inference_mode():
        before = packed(model)
        changed = [Block([5, 6, 7, 8, 9], [[10, 60], [12], [13, 14, 15]], [0, 1, 2]), *BLOCKS[1:]]
        after = packed(model, changed)
    assert float(before[0]) != float(after[0])
    assert float(before[1]) == pytest.approx(float(after[1]), abs=1e-6)
    assert float(before[2]) == pytest.approx(float(after[2]), abs=1e-6)


def test_a_model_that_caps_its_scores_is_refused_rather_than_computed_wrongly():
    model = use_packed(tiny(Gemma2Config(**SMALL, num_key_value_heads=2, head_dim=8)))
    with pytest.raises(Exception, match="softcap|sliding"), torch.inference_mode():
        packed(model)


def test_rows_are_filled_but_never_beyond_their_capacity():
    lengths = [30, 70, 20, 50, 50, 10, 90]
    rows = fill_rows(lengths, 100)
    assert sorted(i for row in rows for i in row) == list(range(len(lengths)))
    assert all(sum(lengths[i] for i in row) <= 100 for row in rows)
    assert len(rows) == 4
    with pytest.raises(ValueError, match="item 1 has 70"):
        fill_rows(lengths, 60)


def test_buckets_waste_at_most_the_share_they_are_allowed():
    lengths = [5, 5, 6, 40, 41, 100]
    assert list(grouped(range(6), lengths, waste=0.3, free=0)) == [[0, 1, 2], [3, 4], [5]]
    assert list(grouped(range(6), lengths, waste=0.3, free=6000)) == [[0, 1, 2, 3, 4], [5]]


@pytest.mark.parametrize("prefix", [0, 3])
def test_the_runs_of_a_row_see_what_its_buckets_see(prefix):
    batch = collate(BLOCKS, fill_to=64)
    draw = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(64, heads, 8, generator=draw) for heads in (4, 2, 2))
    before = tuple(torch.randn(2, prefix, 8, generator=draw) for _ in "kv") if prefix else None
    wanted = _score(q, k, v, batch.layout, 0.5, before)
    if before:
        k, v = (torch.cat([p.transpose(0, 1), x]) for p, x in zip(before, (k, v), strict=True))
    runs = batch.layout.runs(prefix)
    assert runs.queries[-1] == 64 and runs.longest[0] == max((runs.queries[1:] - runs.queries[:-1]).tolist())
    bounds = (pairwise(each.tolist()) for each in (runs.queries, runs.stretches))
    for (first, last), (begin, end) in zip(*bounds, strict=True):
        places = runs.keys[begin:end]
        bound = torch.ones(last - first, end - begin, dtype=torch.bool).tril(end - begin - (last - first))
        scores = torch.einsum("qhd,khd->hqk", q[first:last], k[places].repeat_interleave(2, 1)) * 0.5
        found = scores.masked_fill(~bound, -torch.inf).softmax(-1) @ v[places].repeat_interleave(2, 1).transpose(0, 1)
        assert torch.allclose(found.transpose(0, 1), wanted[first:last], atol=1e-5)


def test_a_row_in_which_nothing_is_shared_needs_no_keys_of_its_own():
    runs = collate([Block([5, 6, 7], [[8, 9]]), Block([5, 6], [[7], [8]])], fill_to=16).layout.runs()
    assert runs.keys is None and runs.queries.tolist() == runs.stretches.tolist() == [0, 4, 6, 16]
