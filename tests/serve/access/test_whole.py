"""The whole service behind the door: the authorisation matrix on its real routes."""

from __future__ import annotations

from pathlib import Path

from residency.serve.access.dependency import served
from residency.serve.access.permissions import ROUTES, bare
from residency.serve.app import create
from serve.access.house import House
from serve.access.matrix import problems
from serve.scripted_engine import ScriptedEngine
from serve.service import made


def test_each_route_of_the_service_lets_in_whom_the_table_names(tmp_path: Path) -> None:
    with made(tmp_path, ScriptedEngine("hello")) as service:
        app = create(service)
        there = {(method, bare(path)) for method, path in served(app)}
        lines = {line: one for line, one in ROUTES.items() if (line[0], bare(line[1])) in there}
        assert problems(app, House(service.access, service.settings), lines=lines) == []
        assert {(method, bare(path)) for method, path in ROUTES} - there == set()
