"""Packed attention against transformers' own eager attention, one text at a time."""

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GemmaConfig,
    LlamaConfig,
    MistralConfig,
    PhiConfig,
    Qwen2Config,
    Qwen3Config,
)

from residency.models.attention import keep_residual, use_packed
from residency.models.pack import Block, collate, fill_rows, grouped

SMALL = {
    "vocab_size": 90,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
CONFIGS = {
    "llama": LlamaConfig(**SMALL, num_key_value_heads=2),
    "qwen2": Qwen2Config(**SMALL, num_key_value_heads=2),
    "qwen3": Qwen3Config(**SMALL, num_key_value_heads=2, head_dim=8),
    "mistral": MistralConfig(**SMALL, num_key_value_heads=2, sliding_window=None),
    "gemma": GemmaConfig(**SMALL, num_key_value_heads=1, head_dim=8),
    "phi": PhiConfig(**SMALL),
}
BLOCKS = [
    Block([5, 6, 7, 8, 9], [[10, 11], [12], [13, 14, 15]], [0, 1, 2]),
    Block([20, 21], [[22, 23, 24, 25]], [3]),
    Block([30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40], [[41]], [4]),
    Block([50, 51, 52, 53], [], [5]),
]


def tiny(config, seed=0):
    torch.manual_seed(seed)
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()


def texts():
    for block in BLOCKS:
        for owner, branch in zip(block.owners, block.branches or [[]], strict=True):
            yield owner, block.context, branch


def one_by_one(model):
    """The summed log-probability of every branch (or text), each alone and unpadded, by eager attention."""
    sums = {}
    for owner, context, branch in texts():
        ids = context + branch
        scores = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        first = len(context) if branch else 1
        sums[owner] = sum(scores[i - 1, ids[i]] for i in range(first, len(ids)))
    return sums


def packed(model, blocks=BLOCKS, fill_to=0):
    batch = collate(blocks, fill_to=fill_to)
    states = model.base_model(
        input_ids=batch.ids, position_ids=batch.positions, layout=batch.layout, use_cache=False
    ).last_hidden_state[0]
    scores = model.get_output_embeddings()(states[batch.sources]).log_softmax(-1)
    chosen = scores.gather(1, batch.targets[:, None]).squeeze(1)
    return {o: chosen[batch.owners == o].sum() for o in batch.owners.unique().tolist()}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("grad", [False, True])
def test_a_packed_row_scores_every_branch_as_eager_attention_does_alone(name, grad):
    model = tiny(CONFIGS[name])
    wanted = one_by_one(model)
    use_packed(model)
    with torch.set_grad_enabled(grad):
        got = packed(model, fill_to=64)
    assert got.keys() == wanted.keys()
    for owner in wanted:
        assert float(got[owner]) == pytest.approx(float(wanted[owner]), abs=2e-5)


@pytest.mark.parametrize("name", ["llama", "gemma", "phi"])
def test_packed_gradients_are_the_gradients_of_the_texts_alone(name):
    model = tiny(CONFIGS[name])
    sum(one_by_one(model).values()).backward()
    wanted = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    use_packed(model)
    sum(packed(model).values()).backward()
    for n, p in model.named_parameters():
        if n in wanted:
            assert torch.allclose(p.grad, wanted[n], atol=2e-5, rtol=1e-4), n


def test_changing_one_packed_neighbour_changes_nothing_else():
    model = use_packed(tiny(CONFIGS["llama"]))
    with torch.inference_mode():
        before = packed(model)
        changed = [*BLOCKS[:1], Block([70, 71], [[22, 23, 24, 25]], [3]), *BLOCKS[2:]]
        after = packed(model, changed)
    assert float(before[3]) != float(after[3])
    for owner in (0, 1, 2, 4, 5):
        assert float(before[owner]) == pytest.approx(float(after[owner]), abs=1e-6)


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
    groups = list(grouped(range(6), lengths, waste=0.3))
    assert groups == [[0, 1, 2], [3, 4], [5]]


def test_a_residual_stream_in_fp32_brings_a_bf16_gradient_nearer_to_the_exact_one():
    def gradient(model):
        sum(packed(model).values()).backward()
        return torch.cat([p.grad.float().flatten() for n, p in model.named_parameters() if "proj" in n])

    exact = gradient(use_packed(tiny(CONFIGS["llama"])))
    plain = gradient(use_packed(tiny(CONFIGS["llama"]).bfloat16()))
    kept = gradient(keep_residual(use_packed(tiny(CONFIGS["llama"]).bfloat16())))
    assert torch.norm(kept - exact) < torch.norm(plain - exact)


def test_only_a_bf16_model_with_rms_norms_gets_an_fp32_residual_stream():
    for model in (tiny(CONFIGS["llama"]), tiny(CONFIGS["phi"]).bfloat16()):
        keep_residual(model)
        assert not model.get_input_embeddings()._forward_hooks
