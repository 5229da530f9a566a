"""A model behind an OpenAI-compatible endpoint (``http(s)://…/v1``), as a `Model`: chat completions over HTTP.

Nothing is sent anywhere but to the address that was given. What times out, is refused for a while or comes back as
garbage is asked again with growing pauses; then it is a reply without text, "not scored", and the work goes on. So is
one question that is refused as it stands (too long, say), unless the first ones all are.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from residency.core.errors import ModelError, Unsupported
from residency.core.types import Message, Reply, TokenScores

if TYPE_CHECKING:
    import numpy as np

KEY = "RESIDENCY_API_KEY"
AGAIN = (408, 409, 425, 429, 500, 502, 503, 504)
"""Answers of a server that is busy or broken for the moment."""
REFUSED = (400, 413, 422)
"""Answers to a question that cannot be put so: it is too long, or everything is wrong with how we ask."""
FIRST = 16
"""So many questions refused, and none answered: then it is not they that are wrong, but the name or the address."""
NO_LIKELIHOOD = "an endpoint gives no likelihood of a given text here; a folder, hub id or run does"


@dataclass(slots=True)
class RemoteModel:
    """An endpoint and the model's name there; ``tries`` a question of ``timeout`` seconds, ``at_once`` questions.

    ``faults`` counts what came back instead of answers, by kind; ``answered`` says whether anything ever was.
    """

    name: str
    url: str
    model: str
    tries: int = 5
    timeout: float = 120.0
    at_once: int = 4
    pause: Callable[[float], None] = field(default=time.sleep, repr=False)
    hash: str = ""
    faults: Counter[str] = field(default_factory=Counter, repr=False)
    answered: bool = False
    _client: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Know the model by its address and name, since its weights are not to be seen."""
        self.hash = hashlib.sha256(f"{self.url} {self.model}".encode()).hexdigest()

    @property
    def client(self) -> Any:
        """Return the open connection; the key of ``$RESIDENCY_API_KEY`` goes with it where there is one."""
        if self._client is None:
            import httpx

            key = os.environ.get(KEY)
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            self._client = httpx.Client(timeout=self.timeout, headers=headers, follow_redirects=False)
        return self._client

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
    ) -> list[Reply]:
        """Return ``n`` replies a prompt, in prompt order; a reply without text is one that could not be got.

        Raises ModelError where the endpoint wants a key, knows no such address, or refuses all first questions.
        """
        base: dict[str, Any] = {"model": self.model, "max_tokens": max_tokens, "temperature": temperature, "seed": seed}
        if stop:
            base["stop"] = list(stop)[:4]  # more than four are refused by most servers
        if schema is not None:
            held = {"name": "answer", "schema": schema, "strict": True}  # else some servers take it as advice
            base["response_format"] = {"type": "json_schema", "json_schema": held}
        asked = [{**base, "messages": list(p), "seed": seed + i} for p in prompts for i in range(n)]
        with ThreadPoolExecutor(self.at_once) as pool:
            replies = list(pool.map(lambda body: self._reply(body, tuple(stop)), asked))
        if not self.answered and self._refused >= FIRST:
            raise self.refusal()
        return replies

    def refusal(self) -> ModelError:
        """Return the error of an endpoint that refuses what it is asked."""
        codes = [code for code in REFUSED if self.faults[f"HTTP {code}"]]
        return self._unusable(", ".join(map(str, codes)))

    @property
    def _refused(self) -> int:
        return sum(self.faults[f"HTTP {code}"] for code in REFUSED)

    def _unusable(self, code: object) -> ModelError:
        return ModelError(
            f"{self.url} answers {code} to a question for {self.model}; look at the address, the model's name "
            f"(URL#NAME) and the key in ${KEY}"
        )

    def _reply(self, body: dict[str, Any], stop: tuple[str, ...]) -> Reply:
        for number in range(self.tries):
            if number:
                self.pause(min(30.0, 0.5 * 2**number))
            found = self._ask(body)
            if found is not None:
                text = found.text or ""  # none where the question was refused
                cuts = [place for place in (text.find(s) for s in stop) if place >= 0]
                return Reply(text[: min(cuts)], found.tokens, "stop") if cuts else found
        return Reply(None, finish="failed")

    def _ask(self, body: dict[str, Any]) -> Reply | None:
        """Return one answer, or None where it is worth asking again; ModelError where it never will be."""
        import httpx

        try:
            answer = self.client.post(f"{self.url}/chat/completions", json=body)
        except httpx.RequestError as error:  # timeouts, refused and broken connections, what cannot be unpacked
            self.faults[type(error).__name__] += 1
            return None
        if answer.status_code in (*AGAIN, *REFUSED):
            self.faults[f"HTTP {answer.status_code}"] += 1
            return None if answer.status_code in AGAIN else Reply(None, finish="refused")
        if answer.status_code >= 300:
            raise self._unusable(answer.status_code)
        found = _read(answer)
        if found is None:
            self.faults["no chat completion"] += 1
        else:
            self.answered = True
        return found

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
        """Yield the reply to one prompt (whole); ModelError where the endpoint gives none."""
        (reply,) = self.generate(
            [prompt], max_tokens=max_tokens, temperature=temperature, seed=seed, stop=stop, schema=schema
        )
        if reply.finish == "refused":
            raise self.refusal()
        if reply.text is None:
            raise ModelError(f"{self.url} gave no answer in {self.tries} tries")
        yield reply.text

    def loglik(self, prompts: Sequence[list[Message]], answers: Sequence[str]) -> list[TokenScores]:
        """Raise Unsupported."""
        raise Unsupported(NO_LIKELIHOOD)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Raise Unsupported."""
        raise Unsupported("an endpoint's embeddings are not used here; load an encoder such as minilm")


def _read(answer: Any) -> Reply | None:
    """Return the reply that an answer holds, None where it is no chat completion."""
    try:
        body = answer.json()
        choice = body["choices"][0]
        text = choice["message"]["content"]
        tokens = int((body.get("usage") or {}).get("completion_tokens") or 0)
        finish = str(choice.get("finish_reason") or "stop")
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        return None
    return Reply(text, tokens, finish) if isinstance(text, str) else None


def open_remote(address: str, **settings: Any) -> RemoteModel:
    """Return the model of ``http(s)://HOST/v1#NAME``; without a name, the only one the endpoint lists.

    Raises ModelError where it cannot be reached, or lists several.
    """
    url, _, name = address.partition("#")
    model = RemoteModel(address, url.rstrip("/"), name, **settings)
    if name:
        return model
    only = only_model(model)
    return RemoteModel(f"{model.url}#{only}", model.url, only, **settings)


def only_model(remote: RemoteModel) -> str:
    """Return the one model that an endpoint lists."""
    import httpx

    try:
        answer = remote.client.get(f"{remote.url}/models")
        names = [str(row["id"]) for row in answer.json()["data"]]
    except (httpx.RequestError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(
            f"{remote.url} cannot be asked for its models ({type(error).__name__}); is it running?"
        ) from None
    if len(names) != 1:
        listed = ", ".join(names[:20]) or "none"
        raise ModelError(f"{remote.url} lists {len(names)} models ({listed}); name one: {remote.url}#NAME")
    return names[0]
