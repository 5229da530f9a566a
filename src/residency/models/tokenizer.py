"""What transformers gets wrong about the SmolLM tokenizer, put right; and the one chat template of a Residency model.

Rebuilt from a GGUF, the tokenizer loses its split of numbers into single digits ("x  3" and "½ ²" then get other
tokens than in training). The packaged template also slips in a default system prompt: ours says only what was said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""ChatML without the default system prompt (jinja)."""


def fix_smollm(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """Return the same tokenizer, splitting digits one by one as SmolLM was trained, with our chat template."""
    from tokenizers import pre_tokenizers

    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.chat_template = CHATML
    return tokenizer
