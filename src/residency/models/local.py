"""A transformers causal language model on this machine, as a `Model`.

Everything runs packed: prompts of any length lie in one row without padding, the options of a question share its
context, a few-shot prefix is computed once, only scored positions reach the output head, and a finished answer
leaves the batch at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from residency.core.errors import ModelError, Unsupported
from residency.core.types import Message, Reply, TokenScores
from residency.models.alone import states_alone
from residency.models.attention import use_packed
from residency.models.cache import Cache
from residency.models.constrain import start_of
from residency.models.decode import ROOM, Sampling, Writer, cache_bytes, unsure
from residency.models.device import device, precision
from residency.models.fused import fuse
from residency.models.lanes import side_by_side
from residency.models.logits import logits_of
from residency.models.pack import Block, collate
from residency.models.passes import Behind, Pass, passes_of, together
from residency.models.products import pack
from residency.models.rotary import turn_faster
from residency.models.soft import read_soft, soft_method
from residency.models.weights import quiet_transformers

ROW, GPU_ROW = 2048, 16384
"""Tokens of one packed pass: on a GPU a short one takes as long as it takes to start its kernels."""


@dataclass(slots=True)
class LocalModel:
    """A causal LM with its tokenizer; ``row`` is how many tokens one packed pass holds.

    ``plain``: the model has no chat template, or is asked without it. A chat is then its texts, each answer behind
    "Answer:", as benchmarks put it to models that only continue. ``soft`` gives the keys and values of the ``virtual``
    tokens that stand before all it reads.
    """

    name: str
    hash: str
    net: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    row: int = ROW
    plain: bool = False
    soft: Callable[[], Cache] = Cache
    virtual: int = 0

    @property
    def context(self) -> int:
        """Return how many tokens a prompt and its reply may have together (a million where the model does not say)."""
        config = self.net.config.get_text_config()
        found = (getattr(config, key, None) for key in ("max_position_embeddings", "n_positions", "seq_length"))
        return next((int(size) for size in found if size), 1_000_000) - self.virtual

    def is_beyond(self, tokens: int) -> bool:
        """Return whether a text of so many tokens, virtual ones apart, is too long for packed attention to serve."""
        return bool(tokens + self.virtual > getattr(self.net, "reach", math.inf))

    @property
    def end(self) -> int:
        """Return the id of the token that ends a turn."""
        return int(self.tokenizer.eos_token_id)

    @property
    def width(self) -> int:
        """Return the number of logits: the tokens known to the model, of which the tokenizer may use fewer."""
        return int(self.net.get_output_embeddings().out_features)

    def encode_prompt(self, messages: Sequence[Message], *, reply: bool = True) -> list[int]:
        """Return the token ids of a chat, with the opening of the reply where ``reply``."""
        return self.encode(self.render(messages, reply=reply))

    def render(self, messages: Sequence[Message], *, reply: bool = True) -> str:
        """Return a chat as the text that is encoded."""
        if self.plain:
            return plain_text(messages, reply)
        return str(self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=reply))

    def encode(self, text: str) -> list[int]:
        """Return the token ids of bare text."""
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def encode_answer(self, text: str) -> list[int]:
        """Return the token ids of a reply, as it follows a prompt."""
        return self.encode(f" {text}" if self.plain else text)

    # ---- the protocol -------------------------------------------------------------------------------------

    def generate(
        self,
        prompts: Sequence[list[Message]],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Sequence[str] = (),
        schema: dict[str, Any] | None = None,
        n: int = 1,
        prefix: Sequence[int] = (),
        rows: int = 64,
        end_loops: bool = False,
    ) -> list[Reply]:
        """Return ``n`` replies a prompt; greedy at temperature 0. ``prefix`` ids go before every prompt (few-shot).

        With ``schema`` a reply is JSON that obeys it, unless ``max_tokens`` cuts it short; its log-probability is that
        before the constraint. At most ``rows`` prompts are written at once, fewer where they are long. ``end_loops``
        ends replies that only repeat themselves.
        """
        encoded = [self.encode_prompt(p) for p in prompts for _ in range(n)]
        sampling = Sampling(max_tokens, temperature, seed, tuple(stop), schema, end_loops)
        return self.write(encoded, sampling, prefix=prefix, rows=rows)

    def write(
        self, encoded: Sequence[list[int]], sampling: Sampling, *, prefix: Sequence[int] = (), rows: int = 64
    ) -> list[Reply]:
        """Return what follows each row of token ids, as ``generate`` does for chats."""
        longest = max(map(len, encoded), default=0)
        return self._writer(sampling, longest, prefix).write(encoded, rows=rows, row=self.row)

    def _writer(self, sampling: Sampling, longest: int, prefix: Sequence[int] = ()) -> Writer:
        start = start_of(sampling.schema, self.tokenizer, self.width, self.end)
        alone = self.is_beyond(len(prefix) + longest + sampling.max_tokens)
        cache, offset = self.read_prefix(prefix, alone=alone), self.virtual + len(prefix)
        return Writer(self.net, self.states, self.tokenizer, self.end, sampling, cache, offset, start)

    def stream(
        self,
        prompt: list[Message],
        *,
        max_tokens: int = 256,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Sequence[str] = (),
        schema: dict[str, Any] | None = None,
    ) -> Iterator[str]:
        """Yield the reply in pieces; half a letter, or what may become a stop text, is held back."""
        encoded = self.encode_prompt(prompt)
        writer = self._writer(Sampling(max_tokens, temperature, seed, tuple(stop), schema), len(encoded))
        tokens, shown, text = [], 0, ""
        for token in writer.tokens(encoded):
            tokens.append(token)
            text = writer.text(tokens)
            length = writer.cut(text)
            if length is not None:
                yield text[shown:length]
                return
            safe = len(text) - unsure(text, stop)
            if safe > shown:
                yield text[shown:safe]
                shown = safe
        if len(text) > shown:
            yield text[shown:]

    def loglik(self, prompts: Sequence[list[Message]], answers: Sequence[str]) -> list[TokenScores]:
        """Return the token scores of each answer after its prompt (no end token), one block an answer."""
        blocks = [
            Block(self.encode_prompt(p), [self.encode_answer(a)], [i])
            for i, (p, a) in enumerate(zip(prompts, answers, strict=True))
        ]
        scores = self.score(blocks)
        return [scores.get(i, TokenScores([], [])) for i in range(len(blocks))]  # an empty answer has no token

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Raise Unsupported: a generator's states are no sentence vectors."""
        raise Unsupported("a causal language model gives no sentence vectors here; load an encoder such as minilm")

    # ---- packed scoring -----------------------------------------------------------------------------------

    def score(self, blocks: Sequence[Block], *, prefix: Sequence[int] = ()) -> dict[int, TokenScores]:
        """Return the token scores (nats) of every branch by its owner; blocks without branches score their text."""
        return self.score_families([(prefix, blocks)])

    def score_families(self, families: Sequence[Behind]) -> dict[int, TokenScores]:
        """Return what ``score`` does for blocks behind several prefixes, whose passes share the lanes."""
        scores: dict[int, TokenScores] = {}
        for some in together(families, ROOM // cache_bytes(self.net)):
            prefixes = [prefix for prefix in dict.fromkeys(tuple(prefix) for prefix, _ in some) if prefix]
            read = side_by_side(self.read_prefix, prefixes, self.net.device)
            caches = {(): self.soft(), **dict(zip(prefixes, read, strict=True))}
            passes = passes_of(some, self.row, self.net.device)
            for found in side_by_side(partial(self._read, caches), passes, self.net.device):
                scores |= found
        return scores

    @torch.inference_mode()
    def _read(self, caches: dict[tuple[int, ...], Cache], one: Pass) -> dict[int, TokenScores]:
        """Return the token scores of a pass by their owners."""
        batch = collate(one.blocks, offset=self.virtual + len(one.prefix)).to(self.net.device)
        places, sources = torch.unique(batch.sources, return_inverse=True)
        alone = self.is_beyond(len(one.prefix) + batch.layout.longest)
        cache = replace(caches[one.prefix], alone=True) if alone else caches[one.prefix]
        hidden = self.states(batch.ids, batch.positions, keep=places, layout=batch.layout, cache=cache)
        scores: dict[int, TokenScores] = {}
        for owner, value, best in self._head(hidden, sources, batch.targets, batch.owners):
            mine = scores.setdefault(owner, TokenScores([], []))
            mine.logprobs.append(value)
            mine.greedy.append(best)
        return scores

    def states(
        self, ids: torch.Tensor, positions: torch.Tensor, *, keep: torch.Tensor | None = None, **kwargs: Any
    ) -> torch.Tensor:
        """Return the last hidden states [T, width] of a packed row [1, T]; [K, width] where K places are to keep."""
        layout, cache = kwargs.get("layout"), kwargs.get("cache")
        if cache is not None and cache.alone:
            found = states_alone(self.net, ids, layout, cache, None if layout is None else self.soft())
            return found if keep is None else found[keep]
        if keep is not None:
            kwargs["layout"].keep = keep
        out = self.net.base_model(input_ids=ids, position_ids=positions, use_cache=False, **kwargs)
        hidden: torch.Tensor = out.last_hidden_state[0]
        return hidden if keep is None or len(hidden) == len(keep) else hidden[keep]

    def _head(
        self, hidden: torch.Tensor, sources: torch.Tensor, targets: torch.Tensor, owners: torch.Tensor
    ) -> Iterator[tuple[int, float, bool]]:
        """Yield (owner, log-probability, was greedy) of each scored place, so many places of the head at a time.

        The first tokens of a question's answers come from one place of it, which reaches the head once.
        """
        size = 64 if hidden.device.type == "cpu" else 2048
        for part, target, owner in zip(sources.split(size), targets.split(size), owners.split(size), strict=True):
            places, row = torch.unique(part, return_inverse=True)
            logits = logits_of(self.net, hidden[places])
            chosen = logits[row, target] - logits.logsumexp(-1)[row]
            best = logits.argmax(-1)[row] == target
            yield from zip(owner.tolist(), chosen.tolist(), best.tolist(), strict=True)

    @torch.inference_mode()
    def read_prefix(self, prefix: Sequence[int], *, alone: bool = False) -> Cache:
        """Return a cache that holds the keys and values of a shared prefix, behind those of the virtual tokens.

        It is empty where there is neither. What is read ``alone`` reads the prefix anew each time.
        """
        cache = self.soft()
        cache.before, cache.alone = prefix, alone
        if prefix and not self.is_beyond(len(prefix)):
            cache.record, cache.alone = True, False
            batch = collate([Block(list(prefix), [])], offset=self.virtual).to(self.net.device)
            self.states(batch.ids, batch.positions, layout=batch.layout, cache=cache)
            cache.record, cache.alone = False, alone
        return cache


def plain_text(messages: Sequence[Message], reply: bool) -> str:
    """Return a chat as running text: each answer behind "Answer:", and that word last where a reply is to come."""
    parts = [f"Answer: {m['content']}\n\n" if m["role"] == "assistant" else f"{m['content']}\n" for m in messages]
    return "".join(parts) + ("Answer:" if reply else "")


def open_folder(
    folder: Path | str, *, name: str, hash: str, adapter: Path | None = None, type: str = "auto"
) -> LocalModel:
    """Return the causal LM of a folder (or hub id), with an adapter merged in where one is given.

    The merge is made in fp32 before any cast to ``type`` ("fp32", "bf16", "auto"); virtual tokens are no weights, and
    stand before all that is read. Only safetensors are read and no code of the folder is run. Raises ModelError where
    there is no model.
    """
    soft = adapter is not None and bool(soft_method(adapter))
    net = read_net(folder, "fp32" if adapter and not soft else type)
    if adapter is not None and not soft:
        from peft import PeftModel

        with quiet_transformers():
            net = PeftModel.from_pretrained(net, str(adapter)).merge_and_unload().to(precision(type))
    return dressed(net, folder, name=name, hash=hash, soft=adapter if soft else None)


def dressed(net: PreTrainedModel, folder: Path | str, *, name: str, hash: str, soft: Path | None = None) -> LocalModel:
    """Return a network made ready to be asked, with its folder's tokenizer; ``soft``: virtual tokens before all."""
    tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    net = use_packed(net).to(device()).eval()
    before, virtual = read_soft(net, soft) if soft is not None else (Cache, 0)
    net = pack(fuse(turn_faster(net)))
    row = ROW if net.device.type == "cpu" else GPU_ROW
    return LocalModel(name, hash, net, tokenizer, row, not tokenizer.chat_template, before, virtual)


def read_net(folder: Path | str, type: str = "auto") -> PreTrainedModel:
    """Return the bare network of a folder or hub id in a precision; ModelError where it cannot be read."""
    try:
        with quiet_transformers():
            return AutoModelForCausalLM.from_pretrained(
                str(folder), dtype=precision(type), use_safetensors=True, trust_remote_code=False
            )
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        raise ModelError(f"no causal language model could be read from {folder}: {reason}") from error
