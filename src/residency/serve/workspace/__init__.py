"""Room of the pages: what a clinician, a reviewer, an administrator and an auditor see in a browser.

Pages are rendered here and need no script: a script only makes an answer stream, or a form say that it is at work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import APIRouter


def routers() -> list[APIRouter]:
    """Return the routes of all pages, in the order in which they are tried."""
    from residency.serve.workspace import (
        applications,
        ask,
        audit,
        catalog,
        compare,
        keys,
        note,
        review,
        runs,
        session,
        static_files,
        tutor,
        users,
    )

    pages = (ask, note, applications, tutor, compare, review, catalog, runs, audit, users, keys)
    return [one.router for one in (static_files, session, *pages)]
