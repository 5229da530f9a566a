"""Every shape of model that packing serves, at tiny size, and a packed pass over a few blocks."""

import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PhiConfig,
    Qwen2Config,
    Qwen3Config,
)

from residency.models.pack import Block, collate

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
BOTH = {"layer_types": ["sliding_attention", "full_attention"], "num_key_value_heads": 1, "head_dim": 8}
PACKED = {
    **CONFIGS,
    "phi3": Phi3Config(**SMALL, num_key_value_heads=2, sliding_window=20),
    "gemma3": Gemma3TextConfig(**SMALL, **BOTH, sliding_window=20),
    "mistral that sees 20 tokens": MistralConfig(**SMALL, num_key_value_heads=2, sliding_window=20),
}
"""Those, and the ones that packing serves while no text is longer than what a token sees."""
ALONE = {
    "gemma2 (softcap)": Gemma2Config(**SMALL, **BOTH, sliding_window=20, final_logit_softcapping=3.0),
    "gemma3 that sees 4 tokens": Gemma3TextConfig(**SMALL, **BOTH, sliding_window=4),
    "mistral that sees 4 tokens": MistralConfig(**SMALL, num_key_value_heads=2, sliding_window=4),
    "phi3 that sees 4 tokens": Phi3Config(**SMALL, num_key_value_heads=2, sliding_window=4),
}
"""Those whose attention packing cannot run: they are read one text at a time."""
BLOCKS = [
    Block([5, 6, 7, 8, 9], [[10, 11], [12], [13, 14, 15]], [0, 1, 2]),
    Block([20, 21], [[22, 23, 24, 25]], [3]),
    Block([30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40], [[41]], [4]),
    Block([50, 51, 52, 53], [], [5]),
]


def tiny(config, seed=0):
    torch.manual_seed(seed)
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()


def shaken(model):
    """Return the model with every bias and the weight of every norm drawn: none is left where it does nothing."""
    torch.manual_seed(1)
    for weight in model.parameters():
        if weight.dim() == 1:
            weight.data.add_(torch.randn_like(weight) * 0.3)
    return model


def texts():
    """Yield (owner, context, branch) of every text of the blocks."""
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
