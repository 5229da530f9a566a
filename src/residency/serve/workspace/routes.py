"""The router of a page: outside the API's schema, and an error of the service becomes a page that says what to do."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from residency.core.errors import ResidencyError
from residency.serve.workspace.render import problem_of


def router() -> APIRouter:
    """Return a router for pages."""
    return APIRouter(include_in_schema=False, route_class=_Page)


class _Page(APIRoute):
    """A route whose errors, where they say what to do, are told on a page in the reader's language."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await handle(request)
            except ResidencyError as error:
                return problem_of(request, error)

        return told
