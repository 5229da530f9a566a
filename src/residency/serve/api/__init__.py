"""The OpenAI-compatible API and, beside it, the medical endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import APIRouter


def routers() -> tuple[APIRouter, ...]:
    """Return the routers of the API."""
    from residency.serve.api import applications, chat, medical, models

    return (chat.routes, models.routes, models.outside, medical.routes, applications.routes)
