"""A strategy asks in rounds: it yields what it wants to know, is sent the replies, and returns what comes of them.

So one driver can take many examples through a strategy at once: what all of them ask in a round goes to the model in
one batch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any, TypeVar

from residency.core.errors import UserError
from residency.core.types import Example, Message, Model, Reply

TOO_LONG = "too long"
"""The finish of a reply that was not asked for, since prompt and reply do not fit into the model's context."""
TURN = 32
"""Tokens that a chat template may put around a turn, amply."""


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to be asked, ``n`` times: a chat, the tokens of a reply, and how it is drawn (0: greedily)."""

    prompt: list[Message]
    max_tokens: int
    temperature: float = 0.0
    seed: int = 0
    n: int = 1
    stop: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """Return what ``generate`` is given beside the prompt."""
        names = ("max_tokens", "temperature", "seed", "n", "stop", "schema")
        return {name: getattr(self, name) for name in names}


T = TypeVar("T")
Steps = Generator[list[Request], list[list[Reply]], T]
"""Yields the requests of a round, is sent the replies to each, and returns what comes of them."""
Strategy = Callable[..., Steps[Reply]]
"""Takes an example, and settings by keyword."""


def together(strategy: Strategy, examples: Sequence[Example], model: Model, **settings: Any) -> list[Reply]:
    """Return a strategy's reply to each example, in order; each round of all of them is one batch.

    Replies that are drawn depend on what is asked beside them, as with ``generate`` itself.
    """
    running = [strategy(example, **settings) for example in examples]
    done: dict[int, Reply] = {}
    wanted: dict[int, list[Request]] = {}

    def step(place: int, replies: list[list[Reply]] | None) -> None:
        wanted.pop(place, None)
        try:
            wanted[place] = next(running[place]) if replies is None else running[place].send(replies)
        except StopIteration as end:
            done[place] = end.value

    for place in range(len(running)):
        step(place, None)
    while wanted:
        places = sorted(wanted)
        replies = iter(ask(model, [request for place in places for request in wanted[place]]))
        for place, count in [(place, len(wanted[place])) for place in places]:
            step(place, [next(replies) for _ in range(count)])
    return [done[place] for place in range(len(running))]


def alone(strategy: Strategy, **settings: Any) -> Callable[[Example, Model], Reply]:
    """Return a strategy as a function of one example and a model."""
    return lambda example, model: together(partial(strategy, **settings), [example], model)[0]


def ask(model: Model, requests: Sequence[Request]) -> list[list[Reply]]:
    """Return the replies to each request; those of the same settings are written together.

    What does not fit into the model's context is not asked: its reply has no text and says "too long".
    """
    groups: dict[str, list[int]] = {}
    made: dict[int, list[Reply]] = {}
    for place, request in enumerate(requests):
        if fits(model, request.prompt, request.max_tokens):
            groups.setdefault(json.dumps(request.settings, sort_keys=True), []).append(place)
        else:
            made[place] = [Reply(None, 0, TOO_LONG)] * request.n
    for places in groups.values():
        settings, n = requests[places[0]].settings, requests[places[0]].n
        found = model.generate([requests[place].prompt for place in places], **settings, **_ending(model))
        made |= {place: found[n * row : n * row + n] for row, place in enumerate(places)}
    return [made[place] for place in range(len(requests))]


def _ending(model: Model) -> dict[str, Any]:
    """Return the setting that ends a reply which only repeats itself, of models that have it."""
    return {"end_loops": True} if "end_loops" in signature(model.generate).parameters else {}


def fits(model: Model, turns: Sequence[Message], reply: int) -> bool:
    """Return whether a chat and a reply of so many tokens fit into a model's context; one that tells none takes all."""
    room = getattr(model, "context", None)
    if room is None:  # an endpoint, which says so itself
        return True
    if sum(len(turn["content"].encode()) + TURN for turn in turns) + reply <= room:  # no token is shorter than a byte
        return True
    return len(model.encode_prompt(turns)) + reply <= room  # type: ignore[attr-defined]


def spent(replies: Iterable[Reply]) -> int:
    """Return how many tokens were written in all."""
    return sum(reply.tokens for reply in replies)


def shares(tokens: int, least: int, *, apart: int = 0, **parts: tuple[int, int]) -> dict[str, int]:
    """Return the tokens that one of each kind of part may take, of ``tokens`` without those set ``apart``.

    A part is (its weight, how many of it there are). Raises UserError where one would have fewer than ``least``.
    """
    whole = sum(weight * count for weight, count in parts.values())
    found = {name: (tokens - apart) * weight // whole for name, (weight, _) in parts.items()}
    if min(found.values()) < least:
        needed = apart + max(-(-least * whole // weight) for weight, _ in parts.values())
        raise UserError(f"{tokens} tokens are too few for this way of asking; give {needed} or more")
    return found
