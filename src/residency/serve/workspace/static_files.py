"""The style, the scripts and the icon: the files that lie beside this one, and no other."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fastapi import Request
from fastapi.responses import Response

from residency.serve.workspace import routes
from residency.serve.workspace.render import problem

router = routes.router()
FOLDER = Path(__file__).parent / "static"
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@cache
def _files() -> dict[str, tuple[bytes, str]]:
    """Return each file's content and type by its name, read once: a name that is none of these reads nothing."""
    return {path.name: (path.read_bytes(), KINDS[path.suffix]) for path in FOLDER.iterdir() if path.suffix in KINDS}


@router.get("/static/{file:path}")
async def static(request: Request, file: str) -> Response:
    """Return a file of the pages."""
    found = _files().get(file)
    if found is None:
        return problem(request, 404)
    return Response(found[0], media_type=found[1], headers={"cache-control": "no-cache"})
