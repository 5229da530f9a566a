"""The page that asks in a real browser: streamed, stopped, by keyboard alone, without scripts, small, dark, Spanish."""

from __future__ import annotations

import pytest

from residency.serve.types import Busy
from residency.serve.workspace.ask import router
from serve.browser import chromium, faults, serving, shot, spills, tab_to, visiting
from serve.scripted_engine import ScriptedEngine
from serve.workspace.test_ask import Shelf
from serve.workspace.ward import app

LONG = "Gout is a disease of joints [1]. " * 40


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def engines():
    def says(body):
        text = str(body["messages"][-1]["content"])
        return Busy(9) if "busy" in text else LONG if "long" in text else "An attack is sudden [1]. It hurts."

    return [ScriptedEngine(says, name="ward-small", delay=0.02), ScriptedEngine(name="ward-large")]


@pytest.fixture(scope="module")
def address(tmp_path_factory, engines):
    made = app(tmp_path_factory.mktemp("ward"), router, engines=engines, about={"indexes": [Shelf()]})
    with serving(made) as found:
        yield found


def as_clinician(address):
    return {"storage_state": {"cookies": [{"name": "as", "value": "clinician", "url": address}], "origins": []}}


@pytest.fixture
def page(browser, address):
    with visiting(browser, address, **as_clinician(address)) as found:
        found.goto("/")
        yield found


def test_an_answer_streams_in_and_its_citation_opens_the_passage(page):
    page.fill("#question", "What is gout?")
    page.check("input[value=written]")
    page.click("#ask button >> nth=0")
    page.wait_for_selector("#answer .passage")
    page.wait_for_selector("text=The model has finished.")
    assert "An attack is sudden" in page.inner_text("#answer .text")
    assert page.get_attribute("#answer", "aria-busy") == "false"
    page.click("a.cite")
    assert page.evaluate("document.querySelector('#passage-1').open")
    assert not faults(page)
    shot(page, "ask")


def test_the_whole_way_goes_by_keyboard(page):
    tab_to(page, "a.skip")
    page.keyboard.press("Enter")
    tab_to(page, "#question")
    page.keyboard.type("What does gout cause?")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("text=The sentences are here.")
    assert page.evaluate("document.activeElement.id") == "question"
    tab_to(page, "a.cite")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.matches('#passage-1 summary')")


def test_an_answer_can_be_stopped_by_key_and_what_was_written_is_called_unfinished(page, engines):
    page.fill("#question", "Tell me something long about gout.")
    page.check("input[value=written]")
    page.click("#ask button >> nth=0")
    page.wait_for_function("document.querySelector('#answer .text')?.textContent.includes('Gout is')")
    assert page.is_visible("#stop") and page.evaluate("document.activeElement.id") == "stop"
    page.keyboard.press("Escape")
    page.wait_for_selector("text=Stopped.")
    assert not page.is_visible("#stop") and page.query_selector("#answer dl") is None
    assert "Draft" in page.inner_text("#answer h2 >> nth=0")
    page.wait_for_timeout(100)
    assert engines[0].stopped >= 1


def test_a_full_queue_is_told_in_words_and_announced(page):
    page.fill("#question", "Are you busy?")
    page.check("input[value=written]")
    page.click("#ask button >> nth=0")
    page.wait_for_selector("#answer [role=alert]")
    assert "Come back in 9 seconds." in page.inner_text("#answer")


def test_without_scripts_the_form_still_answers(browser, address):
    with visiting(browser, address, java_script_enabled=False, **as_clinician(address)) as page:
        page.goto("/")
        page.fill("#question", "What does gout cause?")
        page.click("#ask button >> nth=0")
        assert "Gout causes sudden pain in one joint." in page.inner_text("#answer")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dark", {"color_scheme": "dark"}),
        ("small", {"viewport": {"width": 320, "height": 640}}),
        ("spanish", {"locale": "es-ES"}),
    ],
)
def test_it_has_no_serious_fault_and_nobody_scrolls_sideways(browser, address, name, options):
    with visiting(browser, address, **as_clinician(address), **options) as page:
        page.goto("/?language=es" if name == "spanish" else "/")
        page.fill("#question", "Signs of a stroke since noon? And gout?")
        page.check("input[value=written]")
        page.click("#ask button >> nth=0")
        page.wait_for_selector("#answer dl", state="attached")
        assert not faults(page) and spills(page) == 0
        shot(page, f"ask-{name}")


def test_on_a_narrow_page_the_navigation_is_one_line_that_unfolds(browser, address):
    with visiting(browser, address, viewport={"width": 320, "height": 640}, **as_clinician(address)) as page:
        page.goto("/")
        assert page.evaluate("document.querySelector('nav').offsetHeight") < 60
        assert page.evaluate("document.querySelector('.bar').offsetHeight") < 120
        tab_to(page, "nav summary")
        page.keyboard.press("Enter")
        tab_to(page, "nav a[href='/note']")
        assert page.is_visible("nav .folded a[href='/review']") and spills(page) == 0 and not faults(page)
