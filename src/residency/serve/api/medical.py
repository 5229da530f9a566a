"""The medical endpoints: a cited answer, entities with codes, de-identification, a summary, a classification.

Each is a strategy of ``infer/`` or ``corpus/`` that runs in a thread, and goes the way of every request: guarded before
and after, and on record before its reply is sent. Where a rule answers instead, the reply has no result, and what the
rule says stands under ``residency.note``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any, TypeVar

from fastapi import Request, Response

from residency.core.types import Document, Model
from residency.corpus.deidentify.hide import KEY_BYTES, Hider
from residency.corpus.deidentify.hide import Hidden as HiddenText
from residency.corpus.deidentify.settings import Hiding
from residency.corpus.identify.finder import Finder, Language, Mode, finder
from residency.infer.answer import Answer, answer
from residency.infer.records.lines import record_of
from residency.infer.records.summary import Summary, summary
from residency.serve.api.classifying import Chosen, classify
from residency.serve.api.extracting import Found, entities
from residency.serve.api.medical_bodies import (
    AnswerBody,
    AnswerReply,
    Asking,
    ClassifyBody,
    ClassifyReply,
    DeidentifyBody,
    DeidentifyReply,
    ExtractBody,
    ExtractReply,
    SummariseBody,
    SummariseReply,
)
from residency.serve.api.reply import as_json, caller_of, nobody, router, service_of, while_wanted
from residency.serve.engine.flow import Told
from residency.serve.engine.sources import Sources, sources_of
from residency.serve.types import Refused

routes = router()
T = TypeVar("T")
Told_ = Mapping[str, Any]


@routes.post("/v1/medical/answer", responses={200: {"model": AnswerReply}}, response_model=None)
async def answered(request: Request, body: AnswerBody) -> Response:
    """Return an answer from the service's sources, each sentence with the places that it stands on, or none and why."""
    sources = sources_of(service_of(request).about)
    if not sources.any:
        raise Refused("this service was started without --sources or --graph: there is nothing to cite", code="sources")

    def work(model: Model) -> Answer:
        ways: dict[str, Any] = {"facts": sources.facts if sources.graph else None, "still": sources.still}
        how: dict[str, Any] = {"style": body.style, "most": body.most, "max_tokens": body.max_tokens}
        return answer(body.question, model, sources.search, **ways, **how)

    def describe(found: Answer) -> Told_:
        texts, ids = [one.text for one in found.evidence], [one.id for one in found.evidence]
        return {"answer": found.answer, "known": texts, "evidence": ids, "snapshots": _hashes(sources)}

    def shown(found: Answer | None) -> dict[str, Any]:
        if found is None:
            return {"answer": None, "why": "a rule of the guard", "missing": [], "sentences": [], "dated": None,
                    "language": None, "snapshots": {}}  # fmt: skip
        kept = ("answer", "why", "sentences", "dated", "language")
        told = {**{name: found.told()[name] for name in kept}, "missing": list(found.missing)}
        return {**told, "snapshots": _hashes(sources)}

    return await _run(request, body, "answer", [body.question], work, describe, shown)


def _hashes(sources: Sources) -> dict[str, Any]:
    return {name: hashes for name, hashes in sources.snapshots.items() if hashes}


@routes.post("/v1/medical/extract", responses={200: {"model": ExtractReply}}, response_model=None)
async def extracted(request: Request, body: ExtractBody) -> Response:
    """Return the entities of a text: where each stands, what it is, whether it is denied and whose, its codes."""
    service = service_of(request)
    graph, rules = sources_of(service.about).graph, service.flow.guard.rules

    def work(model: Model) -> Found:
        how: dict[str, Any] = {"labels": body.labels, "graph": graph, "systems": body.codes, "rules": rules}
        return entities(body.text, model, max_tokens=body.max_tokens, **how)

    def describe(found: Found) -> Told_:
        return {"answer": found.written(), "snapshots": {"graph": graph.snapshot} if graph else {}}

    def shown(found: Found | None) -> dict[str, Any]:
        return asdict(found) if found else {"entities": [], "absent": 0}

    return await _run(request, body, "extract", [body.text], work, describe, shown)


@routes.post("/v1/medical/deidentify", responses={200: {"model": DeidentifyReply}}, response_model=None)
async def deidentified(request: Request, body: DeidentifyBody) -> Response:
    """Return a text whose identifiers are hidden, and where they stood. No model is asked: a finder reads it."""

    def work(model: Model) -> HiddenText:
        hider = Hider(Hiding(operator=body.operator), secrets.token_bytes(KEY_BYTES), body.language)
        return hider.hide(body.text, _finder(body.language, body.mode).find(body.text), "")

    def describe(found: HiddenText) -> Told_:
        return {"answer": found.text, "known": [found.text]}  # what was made up here is nobody's

    def shown(found: HiddenText | None) -> dict[str, Any]:
        if found is None:
            return {"text": "", "hidden": []}
        names = ("start", "end", "new_start", "new_end", "kind")
        return {"text": found.text, "hidden": [dict(zip(names, one, strict=True)) for one in found.spans]}

    return await _run(request, body, "deidentify", [body.text], work, describe, shown)


@lru_cache(maxsize=4)
def _finder(language: Language, mode: Mode) -> Finder:
    return finder(language=language, mode=mode)


@routes.post("/v1/medical/summarise", responses={200: {"model": SummariseReply}}, response_model=None)
async def summarised(request: Request, body: SummariseBody) -> Response:
    """Return a summary of a patient's notes, however long, each statement with the lines that it stands on."""
    notes = [
        Document(one.id or f"note-{at}", one.text, "request", "", date=one.date) for at, one in enumerate(body.notes, 1)
    ]
    if len({one.id for one in notes}) < len(notes):
        raise Refused("two notes have the same id", param="notes")
    context = service_of(request).flow.engine(body.model).context

    def work(model: Model) -> Summary:
        return summary(record_of(notes), model, how=body.how, style=body.style, most=body.most, context=context)

    def describe(found: Summary) -> Told_:
        return {"answer": "\n".join(one.text for one in found.statements)}

    def shown(found: Summary | None) -> dict[str, Any]:
        told = found.told() if found else {"statements": [], "lines": 0, "calls": 0, "left": {}}
        return {name: told[name] for name in ("statements", "lines", "calls", "left")}

    return await _run(request, body, "summarise", [one.text for one in notes], work, describe, shown)


@routes.post("/v1/medical/classify", responses={200: {"model": ClassifyReply}}, response_model=None)
async def classified(request: Request, body: ClassifyBody) -> Response:
    """Return which of the labels is right for a text."""

    def work(model: Model) -> Chosen:
        return classify(body.text, body.labels, model, body.instruction)

    def describe(found: Chosen) -> Told_:
        return {"answer": found.label, "known": body.labels, "choice_logprobs": list(found.odds) or None,
                "options": body.labels}  # fmt: skip

    def shown(found: Chosen | None) -> dict[str, Any]:
        found = found or Chosen(None, "schema")
        return {"label": found.label, "how": found.how, "shares": found.shares}

    return await _run(request, body, "classify", [body.text, body.instruction], work, describe, shown)


async def _run(
    request: Request,
    body: Asking,
    kind: str,
    given: Sequence[str],
    work: Callable[[Model], T],
    describe: Callable[[T], Told_],
    shown: Callable[[T | None], dict[str, Any]],
) -> Response:
    """Return the reply of a strategy, guarded and on record."""
    flow, route = service_of(request).flow, f"/v1/medical/{kind}"
    how: dict[str, Any] = {"kind": kind, "known": [text for text in given if text], "engine": body.model}
    running = flow.run(caller_of(request), work, describe=describe, route=route, **how)
    done = await while_wanted(request, running)
    if done is None:
        return nobody()
    result, told = done
    return as_json({**shown(result), "residency": _about(told, ruled=result is None)})


def _about(told: Told, *, ruled: bool) -> dict[str, Any]:
    """Return what is known of a reply; where a rule spoke instead of it, with what the rule says."""
    return {**told.about, "note": told.text or ""} if ruled else told.about
