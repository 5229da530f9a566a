"""The tokenizer of the converted base gives llama.cpp's own tokens, on plain text and on the odd corners of Unicode."""

from __future__ import annotations

import random

import pytest

from residency.models.gguf import GgufModel
from residency.models.tokenizer import CHATML
from residency.models.weights import SMOLLM2, packaged_base, packaged_file

MEDICAL = [
    "BP 120/80 mmHg, HR 72/min, T 38.5°C, SpO₂ 97%",
    "Kreatinin 1,2 mg/dL; µg/mL ≥5 ×10⁹/L",
    "HP:0000252 Microcephaly (OFC < -2 SD), no evidence of seizures.",
    "E11.9: Type 2 diabetes mellitus without complications\n\nE78.00\t§ 3",
    "naïve café Ångström İstanbul ß ſ",
    "高血压 患者 3 次, 糖尿病２型",
    "it's I'VE we'll 'S don't",
    "1234567890 12.5mg 1,000 000",
    "②③ ٣٤ १२ 𝟙𝟚 Ⅻ ⅷ 〇 零 ㊿",
    "e\u0301 \u200b \u00a0x\u3000y \u2028 \u0085 \r\n\t x",
    "😀👩‍⚕️ ok  ",
    "<|im_start|>user\nhi<|im_end|>\n<|endoftext|><repo_name>",
]
RANGES = [(32, 127)] * 6 + [
    (9, 14),
    (160, 592),
    (0x370, 0x530),
    (0x590, 0x700),
    (0x900, 0x980),
    (0x2000, 0x2100),
    (0x2150, 0x2190),
    (0x2460, 0x2500),
    (0x3040, 0x3100),
    (0x4E00, 0x5000),
    (0xFF00, 0xFFEF),
    (0x1D7CE, 0x1D800),
    (0x1F300, 0x1F600),
]


def random_texts(count: int) -> list[str]:
    rng = random.Random("0:texts")
    return ["".join(chr(rng.randrange(*rng.choice(RANGES))) for _ in range(rng.randrange(1, 30))) for _ in range(count)]


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(packaged_base())


@pytest.fixture(scope="module")
def llama():
    return GgufModel(packaged_file(SMOLLM2), context=256, parallel=1, threads=1)


def tokens(tokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("text", ["x  3", "½ ²", *MEDICAL])
def test_a_text_gets_the_tokens_llama_cpp_gives_it(tokenizer, llama, text):
    assert tokens(tokenizer, text) == llama.encode(text)


def test_four_hundred_random_unicode_texts_get_the_tokens_llama_cpp_gives_them(tokenizer, llama):
    differing = [text for text in random_texts(400) if tokens(tokenizer, text) != llama.encode(text)]
    assert differing == []


def test_without_the_fix_the_tokens_would_differ(tokenizer, llama):
    from tokenizers import pre_tokenizers

    tokenizer.backend_tokenizer.pre_tokenizer, right = (
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        tokenizer.backend_tokenizer.pre_tokenizer,
    )
    try:
        assert [tokens(tokenizer, text) == llama.encode(text) for text in ("x  3", "½ ²")] == [False, False]
    finally:
        tokenizer.backend_tokenizer.pre_tokenizer = right


def test_every_digit_is_a_token_of_its_own(tokenizer):
    assert tokenizer.convert_ids_to_tokens(tokens(tokenizer, "2024")) == ["2", "0", "2", "4"]


def test_the_chat_template_says_nothing_the_user_did_not_say(tokenizer):
    assert tokenizer.chat_template == CHATML
    chat = [{"role": "user", "content": "What is fever?"}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert text == "<|im_start|>user\nWhat is fever?<|im_end|>\n<|im_start|>assistant\n"


def test_text_comes_back_whole_from_its_tokens(tokenizer):
    for text in MEDICAL:
        assert tokenizer.decode(tokens(tokenizer, text), clean_up_tokenization_spaces=False) == text
