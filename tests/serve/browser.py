"""A browser for tests of the pages: Chromium, driven by Playwright, that may speak with the service alone.

A request to anywhere else fails the test, and so does an error in the browser's console. Where RESIDENCY_SCREENS names
a folder, ``shot`` keeps pictures for the docs; else it keeps none.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from serve.port import on_port

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SERIOUS = ("serious", "critical")
serving = on_port
"""Under this name the tests of pages have it."""


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a browser; skips the test where Chromium is not installed."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not shutil.which(CHROMIUM):
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(browser: Any, address: str, *, allow: Sequence[str] = (), **options: Any) -> Iterator[Any]:
    """Yield a page of a fresh context (no cookies of another test); ``options`` are those of the context.

    Afterwards nothing may have been asked of any other address, and the console may hold no error but one that has a
    text of ``allow`` in it.
    """
    context = browser.new_context(base_url=address, **{"reduced_motion": "reduce", **options})
    context.set_default_timeout(30_000)
    strange: list[str] = []
    errors: list[str] = []

    def gate(route: Any) -> None:
        url = route.request.url
        if url.startswith(f"{address}/"):
            route.continue_()
        else:
            strange.append(url)
            route.abort()

    context.route("**/*", gate)
    page = context.new_page()
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    assert not strange, f"the page asked elsewhere: {strange}"
    left = [text for text in errors if not any(part in text for part in allow)]
    assert not left, f"the console has errors: {left}"


def faults(page: Any) -> list[str]:
    """Return axe-core's serious and critical findings: rule, and the first elements that break it."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {[node['target'] for node in one['nodes'][:3]]}" for one in found if one["impact"] in SERIOUS
    ]


def spills(page: Any) -> int:
    """Return by how many pixels a page is wider than its window: 0 where nobody has to scroll sideways."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def shot(page: Any, name: str) -> None:
    """Keep a picture of the whole page as ``<name>.png``, where RESIDENCY_SCREENS names a folder for them."""
    if folder := os.environ.get("RESIDENCY_SCREENS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def tab_to(page: Any, selector: str, *, most: int = 60) -> None:
    """Press Tab until an element has the focus; fails where the keyboard does not come to it."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement?.matches(selector) ?? false", selector):
            return
    raise AssertionError(f"Tab does not come to {selector}")
