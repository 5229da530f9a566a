"""Writing what follows many prompts at once, where no row waits for another.

The keys and values of each row lie in a slot. A row that ends gives its slot to the last one, so that nothing else
moves, and the next prompts are read as soon as a quarter of the slots is free. On a CPU the rows go in lanes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from residency.core.types import Reply
from residency.models.cache import Cache
from residency.models.constrain import Guide
from residency.models.lanes import lanes, side_by_side
from residency.models.logits import logits_of
from residency.models.loops import EVERY, loops
from residency.models.pack import Block, collate

ROOM = 1 << 30
"""Bytes of keys and values that a batch of replies keeps, prompts included (SmolLM2-135M in bf16: 23 kB a token)."""
LANE = 16
"""Rows that a lane of its own is worth: fewer are written no sooner than the weights are read from memory."""
States = Callable[..., torch.Tensor]
"""The last hidden states [T, width] of ids and positions [1, T], with a layout or a cache; ``keep``: of those alone."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How replies are written: greedy at temperature 0, ended by ``stop`` texts (left out) or after ``max_tokens``.

    ``schema`` is what they must obey as JSON. ``end_loops`` ends a reply that only repeats itself, with "loop" as its
    ``finish``.
    """

    max_tokens: int
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None
    end_loops: bool = False


@dataclass(slots=True)
class _Row:
    owner: int
    tokens: list[int] = field(default_factory=list)
    logprob: float = 0.0


class Writer:
    """Writes replies with a network; ``prefix`` is a cache that holds the ``offset`` tokens before all prompts.

    ``start`` is the beginning of a ``Guide`` that all replies follow.
    """

    def __init__(
        self,
        net: PreTrainedModel,
        states: States,
        tokenizer: PreTrainedTokenizerBase,
        end: int,
        sampling: Sampling,
        prefix: Cache,
        offset: int,
        start: Any = None,
    ) -> None:
        self.net, self.states, self.tokenizer, self.end = net, states, tokenizer, end
        self.sampling, self.prefix, self.offset, self.start = sampling, prefix, offset, start
        self.generator = torch.Generator().manual_seed(sampling.seed)
        self.window = max((len(s.encode()) for s in sampling.stop), default=0) + 4
        """Tokens whose text holds every stop text that the newest of them can have completed."""

    def write(self, prompts: Sequence[list[int]], *, rows: int, row: int) -> list[Reply]:
        """Return the reply to each prompt; at most ``rows`` are written at once and ``row`` tokens read in one pass.

        On a CPU the rows go in lanes, but for replies that are drawn, whose order must not vary.
        """
        drawn = self.sampling.temperature > 0
        count = 1 if drawn else max(1, lanes(min(rows, len(prompts)) // LANE, self.net.device))
        room = ROOM // cache_bytes(self.net) // count
        shares = []
        for part, slots in waves([len(p) + self.sampling.max_tokens for p in prompts], max(1, rows // count), room):
            pieces = max(1, min(count, len(part) // LANE))
            shares += [(part[piece::pieces], slots) for piece in range(pieces)]
        replies: dict[int, Reply] = {}

        def wave(share: tuple[list[int], int]) -> dict[int, Reply]:
            return self._wave([prompts[i] for i in share[0]], share[1], row)

        done = side_by_side(wave, shares, self.net.device) if count > 1 else [wave(share) for share in shares]
        for (part, _), found in zip(shares, done, strict=True):
            replies |= {part[i]: reply for i, reply in found.items()}
        return [replies[i] for i in range(len(prompts))]

    @torch.inference_mode()
    def _wave(self, prompts: Sequence[list[int]], slots: int, row: int) -> dict[int, Reply]:
        """Return the replies to prompts, the longest first; new ones are read before any is written further.

        Many replies end with their first token: none of these then waits beside a few that are long.
        """
        slots, lengths = min(slots, len(prompts)), [len(p) for p in prompts]
        cache = self.prefix.for_rows(slots, lengths[0] + self.sampling.max_tokens, self.net.device)
        waiting, alive, guide = deque(range(len(prompts))), list[_Row](), Guide(self.start, len(prompts))
        replies: dict[int, Reply] = {}
        while waiting or alive:
            free = slots - len(alive)
            if waiting and free >= max(1, slots // 4):
                fresh = [_Row(i) for i in first(waiting, lengths, free, row)]
                alive += fresh
                hidden = self.read([prompts[one.owner] for one in fresh], cache)
            else:
                fresh = alive
                hidden = self.next(torch.tensor([one.tokens[-1] for one in alive], device=self.net.device), cache)
            if found := self._take(fresh, hidden, guide):
                replies |= found
                ended = [place for place, one in enumerate(alive) if one.owner in found]
                alive = [alive[i] for i in cache.leave(ended)]
        return replies

    def _take(self, rows: Sequence[_Row], hidden: torch.Tensor, guide: Guide) -> dict[int, Reply]:
        """Add the next token, after its last hidden state [B, width], to each row; return the replies that it ends."""
        logits, owners = logits_of(self.net, hidden), [one.owner for one in rows]
        allowed = guide.allowed(owners, logits.shape[1])
        chosen, values = pick(logits, self.sampling.temperature, self.generator, allowed)
        tokens = chosen.tolist()
        guide.take(owners, tokens)
        replies = {}
        for one, token, value in zip(rows, tokens, values.tolist(), strict=True):
            one.tokens.append(token)
            one.logprob += value
            if (reply := self.ended(one.tokens, one.logprob)) is not None:
                replies[one.owner] = reply
        return replies

    @torch.inference_mode()
    def read(self, prompts: Sequence[list[int]], cache: Cache) -> torch.Tensor:
        """Return the last hidden state [B, width] of prompts, whose keys and values go to the next free slots."""
        where = self.net.device
        cache.arriving = [len(p) for p in prompts]
        batch = collate([Block(p, []) for p in prompts], offset=self.offset).to(where)
        last = torch.tensor(cache.arriving, device=where).cumsum(0) - 1
        hidden = self.states(batch.ids, batch.positions, keep=last, layout=batch.layout, cache=cache)
        cache.arrived()
        return hidden

    @torch.inference_mode()
    def next(self, chosen: torch.Tensor, cache: Cache) -> torch.Tensor:
        """Return the hidden state [B, width] of one new token a row, which is added to the row."""
        cache.step()
        hidden = self.states(chosen[None], (cache.lengths + self.offset)[None], cache=cache)
        cache.lengths = cache.lengths + 1
        return hidden

    def ended(self, tokens: list[int], logprob: float) -> Reply | None:
        """Return the reply where its newest token ends it, else None."""
        end, full = tokens[-1] == self.end, len(tokens) == self.sampling.max_tokens
        looping = self.sampling.end_loops and len(tokens) % EVERY == 0 and loops(tokens)
        stopped = bool(self.sampling.stop) and self.cut(self.text(tokens[-self.window :])) is not None
        if not (end or full or looping or stopped):
            return None
        text = self.text(tokens[:-1] if end else tokens)
        length = self.cut(text)
        if length is not None:
            return Reply(text[:length], len(tokens), "stop", logprob)
        if end or full or looping:
            return Reply(text, len(tokens), "stop" if end else "length" if full else "loop", logprob)
        return None

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, special ones left out."""
        return self.tokenizer.decode(tokens, skip_special_tokens=True)

    def cut(self, text: str) -> int | None:
        """Return where the first stop text begins, None where there is none."""
        return min((place for place in (text.find(s) for s in self.sampling.stop) if place >= 0), default=None)

    @torch.inference_mode()
    def tokens(self, prompt: list[int]) -> Iterator[int]:
        """Yield the token ids of one reply as they come, without the end token; stop texts are the caller's."""
        cache = self.prefix.for_rows(1, len(prompt) + self.sampling.max_tokens, self.net.device)
        guide = Guide(self.start, 1)
        hidden = self.read([prompt], cache)
        for _ in range(self.sampling.max_tokens):
            logits = logits_of(self.net, hidden)
            allowed = guide.allowed([0], logits.shape[1])
            chosen, _values = pick(logits, self.sampling.temperature, self.generator, allowed)
            guide.take([0], chosen.tolist())
            token = int(chosen[0])
            if token == self.end:
                return
            yield token
            hidden = self.next(chosen, cache)


def waves(lengths: Sequence[int], rows: int, room: int) -> Iterator[tuple[list[int], int]]:
    """Yield (indices, slots), the longest rows first, with as many slots as ``room`` tokens allow.

    Rows of any length share slots where the longest leaves room for half of ``rows``; else those of like length do.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    while order:
        longest = lengths[order[0]]
        enough = 2 * (room // longest) >= min(rows, len(order))
        part = order if enough else [i for i in order if 2 * lengths[i] >= longest]
        yield part, max(1, min(rows, room // longest, len(part)))
        order = order[len(part) :]


def first(waiting: deque[int], lengths: Sequence[int], most: int, room: int) -> list[int]:
    """Return up to ``most`` of the first that wait, taken off, while their lengths fit into ``room``; one at least."""
    taken = [waiting.popleft()]
    size = lengths[taken[0]]
    while waiting and len(taken) < most and size + lengths[waiting[0]] <= room:
        taken.append(waiting.popleft())
        size += lengths[taken[-1]]
    return taken


def pick(
    logits: torch.Tensor, temperature: float, generator: torch.Generator, allowed: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the next token of each row [B] and its log-probability (nats); greedy at temperature 0.

    Only ``allowed`` tokens, bool [B, width], are chosen; the log-probability is that among all.
    """
    legal = logits if allowed is None else logits.masked_fill(~allowed.to(logits.device), float("-inf"))
    if temperature <= 0:
        chosen = legal.argmax(-1)
    else:
        weights = (legal / temperature).softmax(-1).cpu()
        chosen = torch.multinomial(weights, 1, generator=generator).squeeze(1).to(logits.device)
    return chosen, logits.gather(1, chosen[:, None]).squeeze(1) - logits.logsumexp(-1)


def cache_bytes(net: PreTrainedModel) -> int:
    """Return how many bytes the keys and values of one token take in all layers."""
    config = net.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * width * net.dtype.itemsize)


def unsure(text: str, stops: Sequence[str]) -> int:
    """Return how many last characters could still change or belong to a stop text: half a letter, half a stop."""
    letters = len(text) - len(text.rstrip("\ufffd"))
    begun = (n for s in stops for n in range(1, len(s)) if text.endswith(s[:n]))
    return max(letters, *begun, 0)
