"""A Llama of random weights over made-up words, and made-up questions for it: the work of a real one, without a hub.

What a model costs hangs on its shape, not on its weights; and two devices that agree on random weights agree.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

SHAPES: dict[str, dict[str, Any]] = {
    "tiny": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    | {"num_key_value_heads": 2, "vocab_size": 2000, "initializer_range": 0.12, "tie_word_embeddings": False},
    "smollm2-135m": {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9}
    | {"num_key_value_heads": 3, "vocab_size": 49152, "initializer_range": 0.04, "tie_word_embeddings": True},
    "smollm2-360m": {"hidden_size": 960, "intermediate_size": 2560, "num_hidden_layers": 32, "num_attention_heads": 15}
    | {"num_key_value_heads": 5, "vocab_size": 49152, "initializer_range": 0.03, "tie_word_embeddings": True},
    "llama-1b": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32}
    | {"num_key_value_heads": 8, "vocab_size": 128256, "initializer_range": 0.02, "tie_word_embeddings": True},
}
SPECIAL = ("<|im_start|>", "<|im_end|>", "user", "assistant", "[UNK]")
TEMPLATE = (
    "{% for m in messages %}<|im_start|> {{ m.role }} {{ m.content }} <|im_end|> {% endfor %}"
    "{% if add_generation_prompt %}<|im_start|> assistant {% endif %}"
)
CONTEXT = 8192


def make_base(folder: Path, shape: str, dtype: str = "float32") -> Path:
    """Return the manifest folder of a base stage whose weights are random, kept in ``dtype``."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from residency.core.store import write_manifest

    tokenizer = word_tokenizer(SHAPES[shape]["vocab_size"])
    torch.manual_seed(0)
    ends = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    config = LlamaConfig(**SHAPES[shape], **ends, max_position_embeddings=CONTEXT)
    LlamaForCausalLM(config).to(getattr(torch, dtype)).save_pretrained(folder / "weights")
    tokenizer.save_pretrained(folder / "weights")
    stage = folder / "base"
    stage.mkdir()
    write_manifest(stage, stage="base", model={"path": str(folder / "weights"), "name": shape, "hash": shape})
    return stage


def word_tokenizer(size: int) -> Any:
    """Return a tokenizer of whole words: w5, w6 ... and the marks of a chat."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {**{w: i for i, w in enumerate(SPECIAL)}, **{f"w{i}": i for i in range(len(SPECIAL), size)}}
    inner = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Split(pattern=" ", behavior="removed")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token=SPECIAL[1], pad_token=SPECIAL[1], unk_token=SPECIAL[4]
    )
    tokenizer.chat_template, tokenizer.model_max_length = TEMPLATE, CONTEXT
    return tokenizer


def questions(count: int, vocabulary: int, *, seed: int, longest: int = 900) -> list[dict[str, Any]]:
    """Return so many questions, ``{"prompt", "wanted", "choices"}``: of some hundred words, answered in about forty."""
    draw = random.Random(seed)

    def words(size: float) -> str:
        return " ".join(f"w{draw.randrange(len(SPECIAL), vocabulary)}" for _ in range(max(2, int(size))))

    found = []
    for _ in range(count):
        prompt = words(min(longest - 100, draw.lognormvariate(4.9, 0.8)))
        answers = [words(min(60, draw.lognormvariate(3.2, 0.8))) for _ in range(4)]
        found.append({"prompt": [{"role": "user", "content": prompt}], "wanted": answers[0], "choices": answers})
    return found


def make_examples(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Return the folder of an examples stage that holds the questions, every other one for preference alignment."""
    from residency.core.store import write_examples, write_manifest
    from residency.core.types import Example

    folder.mkdir(parents=True)
    made = [
        Example(
            f"{i:05d}",
            row["prompt"],
            [row["wanted"]],
            row["choices"][1:],
            row["choices"] if i % 4 == 0 else [],
            meta={"use": ("instruct", "prefer")[i % 2]},
        )
        for i, row in enumerate(rows)
    ]
    write_examples(folder / "examples.jsonl", made)
    write_manifest(folder, stage="examples")
    return folder
