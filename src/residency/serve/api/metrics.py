"""The numbers of the service for Prometheus: requests, times, tokens, queues, what the guard decided.

Labels are names of routes, models and rules: no text, no user, nothing that a request brings along.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from residency.serve.access.permissions import template_of
from residency.serve.types import Engine

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"})
STATES = {
    "working": ("residency_engine_working", "Requests that are worked on."),
    "waiting": ("residency_engine_waiting", "Requests that wait for a place."),
    "slots": ("residency_engine_slots", "Requests that can be worked on at once."),
    "alive": ("residency_engine_alive", "Whether the engine is there (1) or being started again (0)."),
}
COUNTS = {
    "restarts": ("residency_engine_restarts", "Restarts after a crash, or of a process that hung."),
    "hangs": ("residency_engine_hangs", "How often the engine was taken for hung and ended."),
}


class Numbers:
    """All counters of one service; ``watch`` is what the flow tells of each request that has ended."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        made: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("residency_http_requests", "Requests.", ["method", "route", "status"], **made)
        self.seconds = Histogram("residency_http_seconds", "Time to the end of the reply.", ["route"],
                                 buckets=SECONDS, **made)  # fmt: skip
        self.answers = Counter("residency_answers", "Requests to a model.", ["route", "model", "decision"], **made)
        self.took = Histogram("residency_answer_seconds", "Time of an answer.", ["route", "model"],
                              buckets=SECONDS, **made)  # fmt: skip
        self.first = Histogram("residency_first_token_seconds", "Time to a stream's first token.", ["model"],
                               buckets=SECONDS, **made)  # fmt: skip
        self.tokens = Counter("residency_tokens", "Tokens read and written.", ["model", "direction"], **made)
        self.rules = Counter("residency_guard_rules", "Rules of the guard that spoke.", ["rule"], **made)
        self.engines: Mapping[str, Engine] = {}
        self.registry.register(self)  # type: ignore[arg-type]

    def watch(self, line: Mapping[str, Any]) -> None:
        """Count a request that has ended, by its line of the record."""
        model, route = line["model"], line["route"]
        self.answers.labels(route, model, line["decision"]).inc()
        self.took.labels(route, model).observe(line["ms"] / 1000)
        if line["first_ms"] is not None:
            self.first.labels(model).observe(line["first_ms"] / 1000)
        self.tokens.labels(model, "in").inc(line["tokens"]["in"])
        self.tokens.labels(model, "out").inc(line["tokens"]["out"])
        for rule in line["rules"]:
            self.rules.labels(rule).inc()

    def collect(self) -> Iterator[Metric]:
        """Yield the states of the engines, as they are when they are asked for."""
        about = {name: engine.about() for name, engine in self.engines.items()}
        for key, (name, words) in STATES.items():
            gauge = GaugeMetricFamily(name, words, labels=["model"])
            for model, found in about.items():
                if key in found:
                    gauge.add_metric([model], float(found[key]))
            yield gauge
        for key, (name, words) in COUNTS.items():
            counter = CounterMetricFamily(name, words, labels=["model"])
            for model, found in about.items():
                counter.add_metric([model], float(found.get(key, 0)))
            yield counter

    def text(self, engines: Mapping[str, Engine]) -> tuple[bytes, str]:
        """Return all numbers as Prometheus reads them, and their media type."""
        self.engines = engines
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4


class Counted:
    """The outermost middleware: counts each request by its route's template, its status, and its time."""

    def __init__(self, app: ASGIApp, numbers: Numbers) -> None:
        self.app, self.numbers = app, numbers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it when its reply has ended."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.monotonic(), "499"

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            route = template_of(scope["path"]) or "(no route)"
            method = scope["method"] if scope["method"] in METHODS else "other"
            self.numbers.requests.labels(method, route, status).inc()
            self.numbers.seconds.labels(route).observe(time.monotonic() - began)
