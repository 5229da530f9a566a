"""The page that teaches: a question drawn from the knowledge graph, the answer, and the explanation with its source.

What is right and why comes from the graph, never from the model; its own explanation is asked for apart, behind the
same facts, and is marked as a draft. Nothing of a learner is kept: the form carries the question.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from residency.infer.evidence import RULE, fenced
from residency.serve.engine.sources import sources_of
from residency.serve.types import Refused
from residency.serve.workspace import quiz, routes
from residency.serve.workspace.given import Form, given
from residency.serve.workspace.render import page, spoken
from residency.serve.workspace.shown import Shown, cut, shown

router = routes.router()
KIND, TOKENS = "tutor", 400
NAMES = tuple(f"option_{number}" for number in range(1, quiz.OPTIONS + 1))
EXPLAIN = "Explain to a medical student, from the numbered facts alone, why {right} is a finding of {disease}."


@router.get("/tutor")
async def begin(request: Request) -> Response:
    """Return the page with the choice of a topic."""
    return await _page(request)


@router.post("/tutor")
async def answer(request: Request) -> Response:
    """Return the next question, or what came of an answer to the one that the form carries."""
    form = await given(request)
    graph = sources_of(request.app.state.service.about).graph
    if graph is None:
        raise Refused("the service was started without a graph", status=409, code="no_graph")
    if "disease" not in form:
        return await _drawn(request, graph, _topic(form))
    options = [form[name] for name in NAMES if name in form]
    question = await asyncio.to_thread(quiz.again, graph, form["disease"], options)
    chosen = form["chosen"]
    if question is None or chosen not in options:
        raise Refused("the form holds no question, or no answer to it", status=422, code="no_answer")
    marked = await asyncio.to_thread(quiz.mark, graph, question, chosen)
    told = await _explained(request, marked) if "explain" in form else None
    return await _page(request, topic=_topic(form), marked=marked, explanation=told)


async def _drawn(request: Request, graph: Any, topic: str) -> Response:
    """Return a question about a topic: a node's id or name; a drawn one where none is given."""
    known = await asyncio.to_thread(quiz.topics, graph)
    node = await asyncio.to_thread(graph.code, topic) if topic else None
    if node is None and not topic and known:
        node = secrets.choice(known)[0]
    seed = secrets.randbits(32)
    question = await asyncio.to_thread(quiz.draw, graph, node, seed=seed) if node else None
    return await _page(request, topic=topic, question=question, nothing=question is None)


async def _explained(request: Request, marked: quiz.Marked) -> Shown:
    """Return the model's explanation behind the facts, guarded and on record."""
    service = request.app.state.service
    names = dict(marked.question.options)
    right = ", ".join(names[one] for one in marked.listed)
    asked = EXPLAIN.format(right=right, disease=marked.question.name)
    facts_first = {"role": "system", "content": f"{RULE}\n{fenced(marked.evidence)}"}
    messages = [facts_first, {"role": "user", "content": asked}]
    body = {"messages": messages, "max_tokens": TOKENS, "temperature": 0}
    facts = [one.told() for one in marked.evidence]
    told = await service.flow.ask(request.state.principal, body, kind=KIND, evidence=facts, route="/tutor")
    pieces, language = cut(told.text or "", len(facts)), spoken(request).language
    return shown(service.guard, told.about, language, pieces=pieces, evidence=facts, model=service.engine.name)


def _topic(form: Form) -> str:
    return form["topic"].strip()[:200]


async def _page(request: Request, **values: Any) -> Response:
    graph = sources_of(request.app.state.service.about).graph
    known = await asyncio.to_thread(quiz.topics, graph) if graph else []
    frame = {"topic": "", "question": None, "marked": None, "explanation": None, "nothing": False}
    named = graph.about.get("acknowledgement") or "" if graph else ""
    return page(request, "tutor", topics=known, has_graph=graph is not None, named=named, **{**frame, **values})
