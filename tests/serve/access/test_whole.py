"""The whole service behind the door: the authorisation matrix on its real routes."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI

from residency.serve.access.dependency import served
from residency.serve.access.permissions import ROUTES, bare
from residency.serve.app import create
from serve.access.house import House
from serve.access.matrix import problems
from serve.scripted_engine import ScriptedEngine
from serve.service import made


def there(app: FastAPI) -> set[tuple[str, str]]:
    return {(method, bare(path)) for method, path in served(app)}


def test_each_route_of_the_service_lets_in_whom_the_table_names(tmp_path: Path) -> None:
    with made(tmp_path, ScriptedEngine("hello")) as service:
        app = create(service)
        lines = {(method, path): one for (method, path), one in ROUTES.items() if (method, bare(path)) in there(app)}
        assert problems(app, House(service.access, service.settings), lines=lines) == []


def test_each_line_of_the_table_has_its_route(tmp_path: Path) -> None:
    with made(tmp_path, ScriptedEngine("hello")) as service:
        assert {(method, bare(path)) for method, path in ROUTES} == there(create(service))
