"""/v1/models and /v1/embeddings, /health and /metrics."""

from __future__ import annotations

import base64
import time
from array import array
from typing import Any

from fastapi import APIRouter, Request, Response

from residency.serve.api.bodies import Embedding
from residency.serve.api.reply import ERRORS, as_json, caller_of, nobody, router, service_of, while_wanted
from residency.serve.api.schemas import Held, Models, Vectors
from residency.serve.types import Engine, Refused

routes = router()
outside = APIRouter()
STARTED = int(time.time())


@routes.post("/v1/embeddings", responses={200: {"model": Vectors}}, response_model=None)
async def embed(request: Request, body: Embedding) -> Response:
    """Return a vector of unit length for each text."""
    texts = [body.input] if isinstance(body.input, str) else body.input
    if not all(text.strip() for text in texts):
        raise Refused("an empty text has no vector", param="input")
    flow = service_of(request).flow
    found = await while_wanted(request, flow.embed(caller_of(request), texts, engine=body.model))
    if found is None:
        return nobody()
    vectors, tokens, about = found
    packed = body.encoding_format == "base64"
    data = [
        {"object": "embedding", "index": at, "embedding": _packed(vector) if packed else vector}
        for at, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    reply = {"object": "list", "data": data, "model": flow.engine(body.model).name, "usage": usage}
    return as_json({**reply, "residency": about})


def _packed(vector: list[float]) -> str:
    """Return a vector as base64 of little-endian float32."""
    numbers = array("f", vector)
    if array("H", [1]).tobytes() != b"\x01\x00":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()


@routes.get("/v1/models", responses={200: {"model": Models}}, response_model=None)
async def listed(request: Request) -> Response:
    """Return the models that answer here, the default first."""
    engines = service_of(request).engines
    return as_json({"object": "list", "data": [_held(name, engine) for name, engine in engines.items()]})


@routes.get("/v1/models/{name:path}", responses={200: {"model": Held}}, response_model=None)
async def one(request: Request, name: str) -> Response:
    """Return one model."""
    return as_json(_held(name, service_of(request).flow.engine(name)))


def _held(name: str, engine: Engine) -> dict[str, Any]:
    about = {"hash": engine.hash, "context": engine.context}
    return {"id": name, "object": "model", "created": STARTED, "owned_by": "residency", **about}


@outside.get("/health", responses={200: {"content": {"application/json": {"example": {"status": "ok"}}}}})
async def health() -> dict[str, str]:
    """Return that the service is alive, and nothing else: whoever asks needs no key for this."""
    return {"status": "ok"}


@outside.get("/metrics", response_model=None, responses={**ERRORS, 200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """Return the numbers of the service as Prometheus reads them: no text, no name of a user."""
    service = service_of(request)
    text, kind = service.about["numbers"].text(service.engines)
    return Response(text, media_type=kind)
