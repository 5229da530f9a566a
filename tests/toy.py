"""A toy model with the real tokenizer's interface, saved as a base stage: trains in a second."""

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from residency.core.store import write_examples, write_jsonl, write_manifest
from residency.core.types import Example

WORDS = (
    "<|im_start|> <|im_end|> user assistant \n red green blue one two three ? sky grass blood cat dog the is [UNK]"
).split(" ")


def toy_tokenizer():
    inner = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Split(pattern=" ", behavior="removed")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>", unk_token="[UNK]")
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|> {{ m.role }} {{ m.content }} <|im_end|> {% endfor %}"
        "{% if add_generation_prompt %}<|im_start|> assistant {% endif %}"
    )
    return tokenizer


def toy_stage(folder, tokenizer, name, **sizes):
    """Write a two-layer Llama of random weights, and return the manifest folder of a stage that holds it."""
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=sizes.pop("hidden_size", 32),
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        bos_token_id=0,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
        initializer_range=0.4,
        **sizes,
    )
    LlamaForCausalLM(config).save_pretrained(folder / "weights")
    tokenizer.save_pretrained(folder / "weights")
    stage = folder / "base"
    stage.mkdir()
    write_manifest(stage, stage="base", model={"path": str(folder / "weights"), "name": name, "hash": name})
    return stage


@pytest.fixture(scope="session")
def toy_base(tmp_path_factory):
    """The manifest folder of a two-layer Llama over twenty words."""
    sizes = {"vocab_size": len(WORDS), "max_position_embeddings": 128, "tie_word_embeddings": True}
    return toy_stage(tmp_path_factory.mktemp("toy"), toy_tokenizer(), "toy", **sizes)


@pytest.fixture(scope="session")
def toy_examples(tmp_path_factory):
    """Three questions with one right and two wrong answers each, many times over, and running text."""
    folder = tmp_path_factory.mktemp("examples")
    colours = {"sky": "blue", "grass": "green", "blood": "red"}
    rows = []
    for i in range(60):
        thing = sorted(colours)[i % 3]
        wrong = [c for c in sorted(colours.values()) if c != colours[thing]]
        rows.append(
            Example(
                f"{i:03d}",
                [{"role": "user", "content": f"{thing} ?"}],
                [colours[thing]],
                wrong,
                [colours[thing], *wrong],
                group=thing,
                meta={"use": ("instruct", "prefer")[i % 2]},
            )
        )
    write_examples(folder / "examples.jsonl", rows)
    write_jsonl(folder / "text.jsonl", [{"id": str(i), "text": "the sky is blue the cat is red"} for i in range(30)])
    write_manifest(folder, stage="examples")
    return folder


def byte_tokenizer():
    """Return a byte-level tokenizer with a few merges, as those of real models are: it can write any text."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("[", '"'), ('"', "]"), ("Ġ", '"'), ('"', ","), ("e", "s")]
    vocab = {piece: i for i, piece in enumerate([*letters, *(a + b for a, b in merges)])}
    inner = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="<|im_end|>", additional_special_tokens=["<|im_start|>"]
    )
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }} {{ m.content }}<|im_end|>{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant {% endif %}"
    )
    return tokenizer


@pytest.fixture(scope="session")
def toy_bytes(tmp_path_factory):
    """The manifest folder of a two-layer Llama over bytes, with more logits than its tokenizer has tokens."""
    tokenizer = byte_tokenizer()
    sizes = {"vocab_size": len(tokenizer) + 5, "max_position_embeddings": 1024}
    return toy_stage(tmp_path_factory.mktemp("toy-bytes"), tokenizer, "bytes", **sizes)
