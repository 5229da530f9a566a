"""A reward model: a causal language model with a head that reads a score off a chat's last token.

Its folder is that of an adapter for transformers' sequence classification with one label, which peft loads as it does
TRL's: the chat is rendered whole by its template, and the score is that of its last token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import torch

from residency.core.errors import Unsupported
from residency.core.store import sha256_json
from residency.core.texts import shortened
from residency.core.types import Message, Reply, TokenScores
from residency.models.device import precision
from residency.models.lanes import side_by_side
from residency.models.load import Source
from residency.models.local import LocalModel, dressed, read_net
from residency.models.pack import Batch, Block, collate
from residency.models.passes import Pass, passes_of
from residency.models.weights import quiet_transformers

KIND = "reward"
HEAD = "base_model.model.score.weight"
"""The name of the head's weight [1, width] in the adapter's file."""


@dataclass(slots=True)
class RewardModel:
    """A judge by scores: the higher, the better. It writes nothing.

    ``longest`` are the characters of an answer that it reads, as it was trained. ``cuts`` are, by axis, the scores
    between one rating and the next.
    """

    name: str
    hash: str
    local: LocalModel
    head: torch.nn.Linear
    longest: int
    cuts: dict[str, list[float]]

    def score_answers(self, prompts: Sequence[Sequence[Message]], answers: Sequence[str]) -> list[float]:
        """Return the score of each answer to its prompt."""
        chats = [chat_ids(self.local, p, a, self.longest) for p, a in zip(prompts, answers, strict=True)]
        blocks = [Block(ids, [[self.local.end]], [i]) for i, ids in enumerate(chats)]
        scores: dict[int, float] = {}
        passes = passes_of([((), blocks)], self.local.row, self.local.net.device)
        for found in side_by_side(self._read, passes, self.local.net.device):
            scores |= found
        return [scores[i] for i in range(len(blocks))]

    @torch.inference_mode()
    def _read(self, one: Pass) -> dict[int, float]:
        batch = collate(one.blocks).to(self.local.net.device)
        states = self.local.states(batch.ids, batch.positions, keep=batch.sources, layout=batch.layout)
        values = self.head(states.float()).squeeze(-1)
        return dict(zip(batch.owners.tolist(), values.tolist(), strict=True))

    # ---- what every model can be asked, and this one cannot -------------------------------------------------

    def generate(self, prompts: Sequence[list[Message]], **settings: Any) -> list[Reply]:
        """Raise Unsupported."""
        self._no_writer()

    def stream(self, prompt: list[Message], **settings: Any) -> Iterator[str]:
        """Raise Unsupported."""
        self._no_writer()

    def loglik(self, prompts: Sequence[list[Message]], answers: Sequence[str]) -> list[TokenScores]:
        """Raise Unsupported."""
        self._no_writer()

    def embed(self, texts: Sequence[str]) -> Any:
        """Raise Unsupported."""
        self._no_writer()

    def _no_writer(self) -> NoReturn:
        raise Unsupported(f"{self.name} is a reward model: it scores answers and writes none; let it judge instead")


def chat_ids(model: LocalModel, prompt: Sequence[Message], answer: str, longest: int) -> list[int]:
    """Return the token ids of a whole chat, its answer shortened to ``longest`` characters."""
    said = {"role": "assistant", "content": shortened(answer, longest)}
    return model.encode_prompt([*prompt, said], reply=False)


def chat_scores(net: Any, batch: Batch, count: int) -> torch.Tensor:
    """Return the scores [count] of a packed row's branches, read off the last token before each branch's end.

    ``net`` is a causal LM with a ``score`` head; a branch ends with a token that is not read.
    """
    states = net.base_model(input_ids=batch.ids, position_ids=batch.positions, layout=batch.layout, use_cache=False)
    last = torch.bincount(batch.owners, minlength=count).cumsum(0) - 1
    picked = states.last_hidden_state[0].index_select(0, batch.sources[last])
    return net.score(picked.float()).squeeze(-1)


def with_head(net: Any, seed: int = 0) -> Any:
    """Return a causal LM with a fresh head in fp32, drawn from the seed as transformers draws its own."""
    config = net.config.get_text_config()
    draw = torch.Generator().manual_seed(seed)
    head = torch.nn.Linear(config.hidden_size, 1, bias=False, dtype=torch.float32)
    with torch.no_grad():
        head.weight.normal_(0.0, getattr(config, "initializer_range", 0.02), generator=draw)
    net.score = head.to(net.device)
    return net


def open_reward(source: Source, *, type: str = "auto") -> RewardModel:
    """Return the reward model of a finished stage, its adapter merged in fp32 before any cast to ``type``."""
    from peft import PeftModel

    about = (source.about or {})[KIND]
    with quiet_transformers():
        net = with_head(read_net(source.path, "fp32"))
        net = PeftModel.from_pretrained(net, str(source.adapter)).merge_and_unload()
    head = net.score
    del net.score
    digest = sha256_json([source.hash, about])
    local = dressed(net.to(precision(type)), source.path, name=source.name, hash=digest)
    return RewardModel(source.name, digest, local, head.to(local.net.device), int(about["longest"]), about["cuts"])
