"""Every shape of model that packing serves, at tiny size, and a packed pass over a few blocks."""

import torch
from transformers import (
    AutoModelForCausalLM,
    GemmaConfig,
    LlamaConfig,
    MistralConfig,
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
BLOCKS = [
    Block([5, 6, 7, 8, 9], [[10, 11], [12], [13, 14, 15]], [0, 1, 2]),
    Block([20, 21], [[22, 23, 24, 25]], [3]),
    Block([30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40], [[41]], [4]),
    Block([50, 51, 52, 53], [], [5]),
]


def tiny(config, seed=0):
    torch.manual_seed(seed)
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()


def packed(model, blocks=BLOCKS, fill_to=0):
    batch = collate(blocks, fill_to=fill_to)
    states = model.base_model(
        input_ids=batch.ids, position_ids=batch.positions, layout=batch.layout, use_cache=False
    ).last_hidden_state[0]
    scores = model.get_output_embeddings()(states[batch.sources]).log_softmax(-1)
    chosen = scores.gather(1, batch.targets[:, None]).squeeze(1)
    return {o: chosen[batch.owners == o].sum() for o in batch.owners.unique().tolist()}
