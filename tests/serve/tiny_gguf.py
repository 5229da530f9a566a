"""A GGUF that llama.cpp loads in milliseconds: a two-layer Llama of random weights over bytes. It writes any text.

What it says has no meaning, and is the same each time (greedy). ``encoder`` makes a two-layer BERT instead.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
from tokenizers import pre_tokenizers

WIDTH, HEADS, INNER, LAYERS = 64, 2, 128, 2
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }} {{ m.content }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant {% endif %}"
)
MARKS = ("<|im_start|>", "<|im_end|>")


def write_tiny(path: Path, *, context: int = 4096, seed: int = 0) -> Path:
    """Write the model and return where it lies."""
    writer = _writer(path, "llama", context)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    words = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *MARKS]
    _vocabulary(writer, "gpt2", words, marks=MARKS)
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_merges(["Ġ t"])  # llama.cpp wants one
    writer.add_chat_template(TEMPLATE)
    draw = np.random.default_rng(seed)
    for name, shape in _llama(len(words)).items():
        ones = name.endswith("norm.weight")
        tensor = np.ones(shape) if ones else draw.normal(scale=0.3, size=shape)
        writer.add_tensor(name, tensor.astype(np.float32))
    return _done(writer, path)


def write_tiny_encoder(path: Path, *, context: int = 128) -> Path:
    """Write a BERT over twenty-six letters and return where it lies."""
    writer = _writer(path, "bert", context)
    writer.add_layer_norm_eps(1e-5)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    marks = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    words = [*marks, *(chr(97 + i) for i in range(26)), *(f"▁{chr(97 + i)}" for i in range(26))]
    _vocabulary(writer, "bert", words, marks=marks)
    writer.add_token_type_count(2)
    for name, number in (("bos", 2), ("eos", 3), ("unk", 1), ("pad", 0), ("seperator", 3), ("cls", 2), ("mask", 4)):
        writer.add_uint32(f"tokenizer.ggml.{name}_token_id", number)
    draw = np.random.default_rng(0)
    for name, shape in _bert(len(words), context).items():
        tensor = np.ones(shape) if name.endswith("norm.weight") else draw.normal(scale=0.3, size=shape)
        writer.add_tensor(name, tensor.astype(np.float32))
    return _done(writer, path)


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the tiny model."""
    return write_tiny(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


def _writer(path: Path, kind: str, context: int) -> gguf.GGUFWriter:
    writer = gguf.GGUFWriter(str(path), kind)
    writer.add_name("tiny")
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    return writer


def _vocabulary(writer: gguf.GGUFWriter, kind: str, words: list[str], *, marks: tuple[str, ...]) -> None:
    writer.add_tokenizer_model(kind)
    writer.add_token_list(words)
    types = (gguf.TokenType.CONTROL, gguf.TokenType.NORMAL)
    writer.add_token_types([types[word not in marks] for word in words])
    if kind == "gpt2":
        writer.add_eos_token_id(words.index(MARKS[1]))
        writer.add_bos_token_id(words.index(MARKS[0]))
        writer.add_add_bos_token(False)


def _llama(words: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (words, WIDTH), "output_norm.weight": (WIDTH,)}
    for i in range(LAYERS):
        shapes |= {f"blk.{i}.{part}.weight": (WIDTH, WIDTH) for part in ("attn_q", "attn_k", "attn_v", "attn_output")}
        shapes |= {f"blk.{i}.{part}.weight": (INNER, WIDTH) for part in ("ffn_gate", "ffn_up")}
        shapes |= {f"blk.{i}.ffn_down.weight": (WIDTH, INNER)}
        shapes |= {f"blk.{i}.{part}.weight": (WIDTH,) for part in ("attn_norm", "ffn_norm")}
    return shapes


def _bert(words: int, context: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (words, WIDTH),
        "position_embd.weight": (context, WIDTH),
        "token_types.weight": (2, WIDTH),
        "token_embd_norm.weight": (WIDTH,),
        "token_embd_norm.bias": (WIDTH,),
    }
    for i in range(LAYERS):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            shapes |= {f"blk.{i}.{part}.weight": (WIDTH, WIDTH), f"blk.{i}.{part}.bias": (WIDTH,)}
        for part in ("attn_output_norm", "layer_output_norm"):
            shapes |= {f"blk.{i}.{part}.weight": (WIDTH,), f"blk.{i}.{part}.bias": (WIDTH,)}
        shapes |= {f"blk.{i}.ffn_up.weight": (INNER, WIDTH), f"blk.{i}.ffn_up.bias": (INNER,)}
        shapes |= {f"blk.{i}.ffn_down.weight": (WIDTH, INNER), f"blk.{i}.ffn_down.bias": (WIDTH,)}
    return shapes


def _done(writer: gguf.GGUFWriter, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
