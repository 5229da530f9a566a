"""A GGUF file as a ``Model``, through llama.cpp inside this process (xllamacpp): many prompts at once, no open port.

llama.cpp's own tokenizer and chat template are used, so that what is measured is what a user of the file gets.
Its server listens on a socket file in a private folder. A given text is scored by a grammar that allows only its
tokens, while the probabilities reported are those before the grammar.
"""

from __future__ import annotations

import contextlib
import json
import queue
import shutil
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from residency.core.errors import ResidencyError, Unsupported
from residency.core.store import sha256_file
from residency.core.types import Message, Reply, TokenScores
from residency.models.llama import SocketConnection, check_magic, socket_folder, start
from residency.models.loops import EVERY, loops

if TYPE_CHECKING:
    import numpy as np

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class Step:
    """One position of a forced text: its token, the log-probability of that token (nats), the greedy choice."""

    token: int
    logprob: float
    greedy: int


class GgufModel:
    """Generation and scoring on the CPU from one GGUF file.

    ``parallel`` prompts run at once, each with room for ``context`` tokens (prompt and reply); memory grows with
    their product. Raises ModelError when the file is not a GGUF that llama.cpp can load.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        name: str = "",
        context: int = 2048,
        parallel: int = 4,
        threads: int | None = None,
        exact: bool = False,
    ) -> None:
        """Load the file; ``threads`` defaults to OMP_NUM_THREADS, or to the cores this process may use.

        ``exact`` keeps keys and values in fp32 instead of llama.cpp's usual fp16: what differs is then the file's.
        """
        self.path = Path(path)
        check_magic(self.path)
        self.name = name or self.path.stem
        self.hash = sha256_file(self.path)
        self.context, self.parallel = context, parallel
        folder = socket_folder()
        self._socket = folder / "llama.sock"
        weakref.finalize(self, shutil.rmtree, folder, True)
        self._server = start(self.path, self._socket, context, parallel, threads, exact)

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
        end_loops: bool = False,
    ) -> list[Reply]:
        """Return ``n`` replies a prompt, in prompt order; a stop text is not part of the reply.

        With ``schema`` the reply is JSON that obeys it, unless ``max_tokens`` cuts it short. ``end_loops`` ends replies
        that only repeat themselves.
        """
        settings = _sampling(max_tokens, temperature, stop, schema)
        jobs = [{**settings, "prompt": self.encode_prompt(p), "seed": seed + i} for p in prompts for i in range(n)]
        return self._each(self._until_it_loops if end_loops else lambda job: _reply(self._complete(job)), jobs)

    def stream(
        self,
        prompt: list[Message],
        *,
        max_tokens: int = 512,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Sequence[str] = (),
        schema: dict[str, Any] | None = None,
    ) -> Iterator[str]:
        """Yield the reply in pieces; a consumer that stops early stops the generation."""
        job = {**_sampling(max_tokens, temperature, stop, schema), "prompt": self.encode_prompt(prompt), "seed": seed}
        pieces: queue.Queue[dict[str, Any] | BaseException | None] = queue.Queue()
        left = threading.Event()

        def receive(piece: dict[str, Any]) -> bool:
            pieces.put(piece)
            return left.is_set()  # True makes llama.cpp stop

        def run() -> None:
            try:
                self._server.handle_completions({**job, "stream": True}, receive)
                pieces.put(None)
            except BaseException as error:  # handed to the reader of the stream, who raises it
                pieces.put(error)

        threading.Thread(target=run, daemon=True).start()
        try:
            yield from _texts(pieces)
        finally:
            left.set()

    def loglik(self, prompts: Sequence[list[Message]], answers: Sequence[str]) -> list[TokenScores]:
        """Return the token scores of each answer after its prompt, end of turn not included.

        About 100 answer tokens a second on two cores: the torch form of a model is faster. Prompts that repeat
        should stand together: they are then read once.
        """
        jobs = [(self.encode_prompt(p), self.encode(a)) for p, a in zip(prompts, answers, strict=True)]
        same_prompt = [list(group) for _, group in groupby(jobs, key=lambda job: job[0])]
        scored = self._each(lambda group: [self._force(*job)[:-1] for job in group], same_prompt)
        return [
            TokenScores([s.logprob for s in steps], [s.token == s.greedy for s in steps])
            for group in scored
            for steps in group
        ]

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Raise Unsupported: a chat model's GGUF gives no sentence vectors here."""
        raise Unsupported(
            f"{self.name} is a GGUF and gives no embeddings. Models that do: the packaged encoder "
            "all-MiniLM-L6-v2, or the torch form of this model (its folder, or runs/latest:aligned)."
        )

    def force_each(self, jobs: Sequence[tuple[list[int], list[int]]]) -> list[list[Step]]:
        """Return, for each prompt and answer in tokens, the steps of the answer and one for the position after it.

        The last step's token is 0 and its log-probability nan: only its greedy choice says something.
        """
        return self._each(lambda job: self._force(*job), jobs)

    def greedy_each(self, prompts: Sequence[list[int]], max_tokens: int) -> list[list[Step]]:
        """Return, for each prompt in tokens, the steps of the greedy reply; the end of turn is a step like another."""
        jobs = [{"prompt": p, "max_tokens": max_tokens, "temperature": 0, "n_probs": 1} for p in prompts]
        return self._each(lambda job: _steps(self._complete(job)), jobs)

    @property
    def end(self) -> str:
        """Return the mark that ends a turn."""
        return str(self._ask("/props")["eos_token"])

    def encode_prompt(self, messages: list[Message]) -> list[int]:
        """Return the tokens of a chat by the file's own template, ready for the assistant's turn."""
        return self.encode(self.render(messages))

    def render(self, messages: list[Message]) -> str:
        """Return a chat as text by the file's own template, ready for the assistant's turn."""
        return str(self._ask("/apply-template", {"messages": messages})["prompt"])

    def encode(self, text: str) -> list[int]:
        """Return llama.cpp's tokens of a text; marks such as <|im_end|> are one token, as they are in transformers."""
        return list(self._ask("/tokenize", {"content": text, "add_special": False, "parse_special": True})["tokens"])

    def _force(self, prompt: list[int], answer: list[int]) -> list[Step]:
        grammar = "root ::= " + " ".join(f"<[{token}]>" for token in answer) if answer else ""
        job = {"prompt": prompt, "grammar": grammar, "max_tokens": len(answer) + 1, "temperature": 0, "n_probs": 1}
        steps = _steps(self._complete(job))
        if [s.token for s in steps[: len(answer)]] != answer or len(steps) != len(answer) + 1:
            raise ResidencyError(f"llama.cpp did not follow a forced answer of {len(answer)} tokens: cannot score it")
        return [*steps[:-1], Step(0, float("nan"), steps[-1].greedy)]

    def _complete(self, job: dict[str, Any]) -> dict[str, Any]:
        return _checked(self._server.handle_completions(job), self.context)

    def _until_it_loops(self, job: dict[str, Any]) -> Reply:
        """Return a reply as ``_complete`` would give it, or as far as it says something new."""
        pieces: list[dict[str, Any]] = []
        ids: list[int] = []
        looping = False

        def receive(piece: dict[str, Any]) -> bool:
            nonlocal looping
            pieces.append(piece)
            looked = len(ids) // EVERY
            ids.extend(token["id"] for token in _tokens_of_piece(piece))
            looping = looping or (len(ids) // EVERY > looked and loops(ids))
            return looping  # True makes llama.cpp stop

        self._server.handle_completions({**job, "stream": True}, receive)
        for piece in pieces:
            _checked(piece, self.context)
        full = any(piece["choices"][0]["finish_reason"] == "length" for piece in pieces if piece["choices"])
        text = "".join(piece["choices"][0]["text"] for piece in pieces if piece["choices"])
        logprob = sum(token["logprob"] for piece in pieces for token in _tokens_of_piece(piece))
        return Reply(text, len(ids), "loop" if looping else "length" if full else "stop", logprob)

    def _each(self, work: Callable[[In], Out], jobs: Sequence[In]) -> list[Out]:
        """Return the results in order; llama.cpp batches what its slots work on at the same time."""
        pool = ThreadPoolExecutor(self.parallel)
        try:
            return list(pool.map(work, jobs))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        with contextlib.closing(SocketConnection(str(self._socket))) as connection:
            method, data = ("POST", json.dumps(body)) if body is not None else ("GET", None)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            return _checked(json.loads(connection.getresponse().read()), self.context)


def _sampling(max_tokens: int, temperature: float, stop: Sequence[str], schema: dict | None) -> dict[str, Any]:
    """Return llama.cpp's settings for greedy choice, or for plain sampling from all of the vocabulary."""
    how: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature, "stop": list(stop), "n_probs": 1}
    if temperature > 0:
        how |= {"samplers": ["temperature"], "top_k": 0, "top_p": 1.0, "min_p": 0.0}
    if schema is not None:
        how["json_schema"] = schema
    return how


def _reply(answer: dict[str, Any]) -> Reply:
    choice = answer["choices"][0]
    return Reply(
        text=choice["text"],
        tokens=answer["usage"]["completion_tokens"],
        finish="length" if choice["finish_reason"] == "length" else "stop",
        logprob=sum(token["logprob"] for token in _tokens(answer)),
    )


def _tokens(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return answer["choices"][0]["logprobs"]["content"]


def _tokens_of_piece(piece: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the tokens of a piece of a stream; an error, and the piece that only says why it ended, have none."""
    choices = piece.get("choices")
    return ((choices[0].get("logprobs") or {}).get("content") or []) if choices else []


def _steps(answer: dict[str, Any]) -> list[Step]:
    return [Step(token["id"], token["logprob"], token["top_logprobs"][0]["id"]) for token in _tokens(answer)]


def _texts(pieces: queue.Queue[dict[str, Any] | BaseException | None]) -> Iterator[str]:
    while (piece := pieces.get()) is not None:
        if isinstance(piece, BaseException):
            raise piece
        if "error" in piece:
            _checked(piece, 0)
        if text := piece["choices"][0]["text"]:
            yield text


def _checked(answer: dict[str, Any], context: int) -> dict[str, Any]:
    """Return llama.cpp's answer; its error becomes ours, in our words (its own may quote the prompt)."""
    error = answer.get("error")
    if not error:
        return answer
    if error.get("type") == "exceed_context_size_error":
        raise Unsupported(
            f"a prompt of {error.get('n_prompt_tokens')} tokens does not fit the {error.get('n_ctx', context)} tokens "
            "of this model's context: shorten it, or load the model with a larger context"
        )
    raise ResidencyError(f"llama.cpp refused a request ({error.get('type')}, code {error.get('code')})")
