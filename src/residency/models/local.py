"""A transformers causal language model on this machine, as a `Model`.

Everything runs packed: prompts of any length lie in one row without padding, the options of a question share its
context, a few-shot prefix is computed once, only scored positions reach the output head, and a finished answer
leaves the batch at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from residency.core.errors import ModelError, Unsupported
from residency.core.types import Message, Reply, TokenScores
from residency.models.attention import Cache, use_packed
from residency.models.constrain import Guide, start_of
from residency.models.device import device, precision
from residency.models.pack import Block, collate, fill_rows
from residency.models.weights import quiet_transformers

ROOM = 12_288
"""Tokens that a batch of replies keeps keys and values for, prompts included (SmolLM2-135M in bf16: 23 kB each)."""
Stop = Callable[[str], int | None]
"""Given the text so far, the length to cut it to, or None to go on."""


@dataclass(slots=True)
class LocalModel:
    """A causal LM with its tokenizer; ``row`` is how many tokens one packed pass holds.

    ``plain``: the model has no chat template, or is asked without it. A chat is then its texts, each answer behind
    "Answer:", as benchmarks put it to models that only continue.
    """

    name: str
    hash: str
    net: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    row: int = 2048
    plain: bool = False

    @property
    def end(self) -> int:
        """Return the id of the token that ends a turn."""
        return int(self.tokenizer.eos_token_id)

    @property
    def width(self) -> int:
        """Return the number of logits: the tokens known to the model, of which the tokenizer may use fewer."""
        return int(self.net.get_output_embeddings().weight.shape[0])

    def encode_prompt(self, messages: Sequence[Message], *, reply: bool = True) -> list[int]:
        """Return the token ids of a chat, with the opening of the reply where ``reply``."""
        if self.plain:
            return self.encode(plain_text(messages, reply))
        text = self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=reply)
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

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
    ) -> list[Reply]:
        """Return ``n`` replies a prompt; greedy at temperature 0. ``prefix`` ids go before every prompt (few-shot).

        With ``schema`` a reply is JSON that obeys it, unless ``max_tokens`` cuts it short; its log-probability is that
        before the constraint. At most ``rows`` prompts are written at once, fewer where they are long: memory grows
        with ROOM, not with them.
        """
        encoded = [self.encode_prompt(p) for p in prompts for _ in range(n)]
        return self.write(
            encoded,
            max_tokens=max_tokens,
            temperature=temperature,
            seed=seed,
            stop=stop,
            schema=schema,
            prefix=prefix,
            rows=rows,
        )

    def write(
        self,
        encoded: Sequence[list[int]],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Sequence[str] = (),
        schema: dict[str, Any] | None = None,
        prefix: Sequence[int] = (),
        rows: int = 64,
    ) -> list[Reply]:
        """Return what follows each row of token ids, as ``generate`` does for chats."""
        order = sorted(range(len(encoded)), key=lambda i: len(encoded[i]))
        cut = first_of(stop)
        replies: list[Reply | None] = [None] * len(encoded)
        generator = torch.Generator().manual_seed(seed)
        cache_prefix = self.read_prefix(prefix)
        start = start_of(schema, self.tokenizer, self.width, self.end)
        for part in in_batches(order, [len(e) + max_tokens for e in encoded], rows):
            guide = Guide(start, len(part))
            done = self._decode(
                [encoded[i] for i in part], cache_prefix, len(prefix), max_tokens, cut, temperature, generator, guide
            )
            for i, reply in zip(part, done, strict=True):
                replies[i] = reply
        return [r for r in replies if r is not None]

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
        cut, tokens, shown, text = first_of(stop), [], 0, ""
        for token in self._tokens(self.encode_prompt(prompt), max_tokens, temperature, seed, schema):
            tokens.append(token)
            text = self.tokenizer.decode(tokens, skip_special_tokens=True)
            length = cut(text)
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

    @torch.inference_mode()
    def score(self, blocks: Sequence[Block], *, prefix: Sequence[int] = ()) -> dict[int, TokenScores]:
        """Return the token scores (nats) of every branch by its owner; blocks without branches score their text."""
        cache = self.read_prefix(prefix)
        order = sorted(range(len(blocks)), key=lambda i: blocks[i].read)
        longest = max((b.read for b in blocks), default=0)
        logprobs: dict[int, list[float]] = {}
        greedy: dict[int, list[bool]] = {}
        for row in fill_rows([blocks[i].read for i in order], max(self.row, longest)):
            batch = collate([blocks[order[i]] for i in row], offset=len(prefix)).to(self.net.device)
            hidden = self._hidden(batch.ids, batch.positions, layout=batch.layout, cache=cache)
            for owner, value, best in self._head(hidden, batch.sources, batch.targets, batch.owners):
                logprobs.setdefault(owner, []).append(value)
                greedy.setdefault(owner, []).append(best)
        return {owner: TokenScores(values, greedy[owner]) for owner, values in logprobs.items()}

    def _hidden(self, ids: torch.Tensor, positions: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """Return the last hidden states [T, width] of a packed row [1, T]."""
        out = self.net.base_model(input_ids=ids, position_ids=positions, use_cache=False, **kwargs)
        return out.last_hidden_state[0]

    def _head(
        self, hidden: torch.Tensor, sources: torch.Tensor, targets: torch.Tensor, owners: torch.Tensor
    ) -> Iterator[tuple[int, float, bool]]:
        """Yield (owner, log-probability, was greedy) of each scored place, some 512 places of the head at a time.

        The first tokens of a question's answers come from one place of it, which reaches the head once.
        """
        head = self.net.get_output_embeddings()
        for part in torch.arange(len(sources)).split(512):
            places, row = torch.unique(sources[part], return_inverse=True)
            logits = head(hidden[places]).float()
            chosen = logits[row, targets[part]] - logits.logsumexp(-1)[row]
            best = logits.argmax(-1)[row] == targets[part]
            yield from zip(owners[part].tolist(), chosen.tolist(), best.tolist(), strict=True)

    # ---- decoding -----------------------------------------------------------------------------------------

    @torch.inference_mode()
    def read_prefix(self, prefix: Sequence[int]) -> Cache:
        """Return a cache that holds the keys and values of a shared prefix (empty where there is none)."""
        cache = Cache()
        if prefix:
            cache.record = "prefix"
            batch = collate([Block(list(prefix), [])]).to(self.net.device)
            self._hidden(batch.ids, batch.positions, layout=batch.layout, cache=cache)
            cache.record = ""
        return cache

    @torch.inference_mode()
    def _decode(
        self,
        prompts: list[list[int]],
        prefix: Cache,
        offset: int,
        max_tokens: int,
        cut: Stop,
        temperature: float,
        generator: torch.Generator,
        guide: Guide,
    ) -> list[Reply]:
        """Return the replies to one batch of encoded prompts; a finished row leaves the batch at once."""
        where = self.net.device
        cache = Cache(prefix=prefix.prefix, record="rows")
        cache.lengths = torch.tensor([len(p) for p in prompts], device=where)
        cache.room = max(map(len, prompts)) + max_tokens
        batch = collate([Block(p, []) for p in prompts], offset=offset).to(where)
        hidden = self._hidden(batch.ids, batch.positions, layout=batch.layout, cache=cache)
        hidden = hidden[cache.lengths.cumsum(0) - 1]
        cache.record, cache.decoding = "", True
        tokens: list[list[int]] = [[] for _ in prompts]
        sums = [0.0] * len(prompts)
        replies: list[Reply | None] = [None] * len(prompts)
        alive = list(range(len(prompts)))
        head = self.net.get_output_embeddings()
        for step in range(max_tokens):
            logits = head(hidden).float()
            chosen, values = pick(logits, temperature, generator, guide.allowed(alive, logits.shape[1]))
            guide.take(alive, chosen.tolist())
            stay = []
            for place, (row, token, value) in enumerate(zip(alive, chosen.tolist(), values.tolist(), strict=True)):
                sums[row] += value
                tokens[row].append(token)
                replies[row] = self._finished(tokens[row], sums[row], cut, step + 1 == max_tokens)
                if replies[row] is None:
                    stay.append(place)
            if not stay:
                break
            if len(stay) < len(alive):
                kept = torch.tensor(stay, device=where)
                cache.keep(kept)
                chosen = chosen[kept]
                alive = [alive[place] for place in stay]
            hidden = self._hidden(chosen[None], (cache.lengths + offset)[None], cache=cache)
            cache.lengths = cache.lengths + 1
        return [r for r in replies if r is not None]

    def _finished(self, tokens: list[int], logprob: float, cut: Stop, full: bool) -> Reply | None:
        ended = tokens[-1] == self.end
        text = self.tokenizer.decode(tokens[:-1] if ended else tokens, skip_special_tokens=True)
        length = cut(text)
        if length is not None:
            return Reply(text[:length], len(tokens), "stop", logprob)
        if ended or full:
            return Reply(text, len(tokens), "stop" if ended else "length", logprob)
        return None

    @torch.inference_mode()
    def _tokens(
        self, prompt: list[int], max_tokens: int, temperature: float, seed: int, schema: dict[str, Any] | None = None
    ) -> Iterator[int]:
        """Yield the token ids of one reply, without the end token."""
        generator = torch.Generator().manual_seed(seed)
        guide = Guide(start_of(schema, self.tokenizer, self.width, self.end), 1)
        cache = Cache(record="rows", room=len(prompt) + max_tokens)
        cache.lengths = torch.tensor([len(prompt)], device=self.net.device)
        batch = collate([Block(prompt, [])]).to(self.net.device)
        hidden = self._hidden(batch.ids, batch.positions, layout=batch.layout, cache=cache)[-1:]
        cache.record, cache.decoding = "", True
        head = self.net.get_output_embeddings()
        for _step in range(max_tokens):
            logits = head(hidden).float()
            chosen, _values = pick(logits, temperature, generator, guide.allowed([0], logits.shape[1]))
            guide.take([0], chosen.tolist())
            token = int(chosen[0])
            if token == self.end:
                return
            yield token
            hidden = self._hidden(chosen[None], cache.lengths[None], cache=cache)
            cache.lengths = cache.lengths + 1


def plain_text(messages: Sequence[Message], reply: bool) -> str:
    """Return a chat as running text: each answer behind "Answer:", and that word last where a reply is to come."""
    parts = [f"Answer: {m['content']}\n\n" if m["role"] == "assistant" else f"{m['content']}\n" for m in messages]
    return "".join(parts) + ("Answer:" if reply else "")


def pick(
    logits: torch.Tensor, temperature: float, generator: torch.Generator, allowed: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the next token of each row [B] and its log-probability; greedy at temperature 0.

    Only ``allowed`` tokens, bool [B, width], are chosen; the log-probability is that among all.
    """
    logprobs = logits.log_softmax(-1)
    if allowed is not None:
        logits = logits.masked_fill(~allowed.to(logits.device), float("-inf"))
    if temperature <= 0:
        chosen = logits.argmax(-1)
    else:
        weights = (logits / temperature).softmax(-1).cpu()
        chosen = torch.multinomial(weights, 1, generator=generator).squeeze(1).to(logits.device)
    return chosen, logprobs.gather(1, chosen[:, None]).squeeze(1)


def in_batches(order: Sequence[int], lengths: Sequence[int], rows: int, room: int = ROOM) -> Iterator[list[int]]:
    """Yield ``order`` (indices, the longest last) in runs of at most ``rows`` whose number times longest fits room."""
    part: list[int] = []
    for i in order:
        if part and (len(part) == rows or (len(part) + 1) * lengths[i] > room):
            yield part
            part = []
        part.append(i)
    if part:
        yield part


def first_of(stops: Sequence[str]) -> Stop:
    """Return a stop rule: cut right before the first of these strings (none: never)."""

    def cut(text: str) -> int | None:
        found = [place for place in (text.find(s) for s in stops) if place >= 0]
        return min(found) if found else None

    return cut


def unsure(text: str, stops: Sequence[str]) -> int:
    """Return how many last characters could still change or belong to a stop text: half a letter, half a stop."""
    letters = len(text) - len(text.rstrip("\ufffd"))
    begun = (n for s in stops for n in range(1, len(s)) if text.endswith(s[:n]))
    return max(letters, *begun, 0)


def open_folder(
    folder: Path | str, *, name: str, hash: str, adapter: Path | None = None, type: str = "auto"
) -> LocalModel:
    """Return the causal LM of a folder (or hub id), with an adapter merged in where one is given.

    The merge is made in fp32 before any cast to ``type`` ("fp32", "bf16", "auto"). Only safetensors are read and no
    code of the folder is run. Raises ModelError where there is no model.
    """
    net = read_net(folder, "fp32" if adapter else type)
    if adapter is not None:
        from peft import PeftModel

        with quiet_transformers():
            net = PeftModel.from_pretrained(net, str(adapter)).merge_and_unload().to(precision(type))
    tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    net = use_packed(net).to(device()).eval()
    return LocalModel(name, hash, net, tokenizer, plain=not tokenizer.chat_template)


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
