"""Every page of a clinician in a real browser on the real app: from the first key on, each role, wide and narrow.

No page has a serious fault (axe-core), nobody scrolls sideways at 320 pixels, the console is silent, and nothing is
asked of any other address.
"""

from __future__ import annotations

import json

import pytest

from residency.serve.access.first import first_key
from residency.serve.app import create
from serve.browser import chromium, faults, serving, shot, spills, visiting
from serve.scripted_engine import ScriptedEngine
from serve.service import made
from serve.workspace.signed import cookies
from serve.workspace.small_graph import small_graph
from serve.workspace.test_ask import Shelf
from serve.workspace.test_note import NOTE, STRUCTURE

pytestmark = pytest.mark.slow

PAGES = ("/", "/note", "/applications", "/applications/triage", "/applications/screening", "/tutor", "/password")
NARROW = {"viewport": {"width": 320, "height": 640}}


def says(body):
    asked = json.dumps(body)
    return json.dumps(STRUCTURE) if "past_history" in asked else "An attack is sudden [1]. It hurts."


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ward")
    with made(folder, ScriptedEngine(says, name="ward-model")) as service:
        service.about |= {"first": first_key(service.access), "indexes": [Shelf()], "graph": small_graph(folder)}
        with serving(create(service)) as address, chromium() as browser:
            yield service, address, browser


def sound(page, name):
    assert not faults(page), name
    assert spills(page) == 0, name


def name_of(path):
    return path.strip("/").replace("/", "-") or "ask-blank"


@pytest.mark.parametrize("role", ["clinician", "reviewer"])
def test_the_pages_of_a_role_have_no_serious_fault_wide_narrow_and_dark(ward, role):
    service, address, browser = ward
    options = {} if role == "clinician" else {**NARROW, "color_scheme": "dark"}
    with visiting(browser, address, **cookies(service, address, role, f"{role}.all"), **options) as page:
        for path in PAGES:
            page.goto(path)
            sound(page, path)
            shot(page, f"{name_of(path)}{'-narrow' if options else ''}")


@pytest.mark.parametrize(("role", "home"), [("administrator", "/users"), ("auditor", "/audit")])
def test_who_has_nothing_to_do_with_patients_is_told_so_and_finds_their_own_pages(ward, role, home):
    service, address, browser = ward
    signed = cookies(service, address, role, f"{role}.all")
    with visiting(browser, address, allow=["403"], **signed) as page:
        for path in ("/", "/note", "/tutor", "/applications"):
            assert page.goto(path).status == 403
        assert "Not for your role" in page.inner_text("h1") and page.query_selector(f'nav a[href="{home}"]')
        sound(page, role)


def test_the_first_key_becomes_a_password_and_the_door_closes_again(ward):
    service, address, browser = ward
    name, key = service.about["first"]
    with visiting(browser, address, allow=["401"]) as page:
        page.goto("/")
        page.wait_for_url("**/login")
        sound(page, "login")
        shot(page, "login")
        page.fill("#name", name)
        page.fill("#password", key + "x")
        page.keyboard.press("Enter")
        page.wait_for_selector("[role=alert]")
        sound(page, "login, wrong")
        page.fill("#password", key)
        page.keyboard.press("Enter")
        page.wait_for_url("**/password")
        sound(page, "password")
        shot(page, "password")
        page.fill("#new", "four violet lanterns hum")
        page.fill("#again", "four violet lanterns hum")
        page.keyboard.press("Enter")
        page.wait_for_url("**/users?done=password")
        page.click("summary:has-text('administrator')")
        page.click("text=Sign out")
        page.wait_for_url("**/login?done=signed_out")
        assert "You are signed out." in page.inner_text("[role=status]")


def test_an_answer_of_the_real_app_streams_under_its_own_policy(ward):
    service, address, browser = ward
    with visiting(browser, address, **cookies(service, address, "clinician", "ask.anna")) as page:
        page.goto("/")
        page.fill("#question", "What is gout?")
        page.check("input[value=written]")
        page.click("#ask button >> nth=0")
        page.wait_for_selector("text=The model has finished.")
        page.click("a.cite")
        sound(page, "answer")
        shot(page, "ask")
        page.fill("#question", "My patient has crushing chest pain and sweats. What now?")
        page.click("#ask button >> nth=0")
        page.wait_for_selector("text=Call first.")
        shot(page, "ask-urgent")
        sound(page, "urgent")


def test_a_session_that_has_ended_is_told_in_words_where_one_asks(ward):
    service, address, browser = ward
    with visiting(browser, address, allow=["401"], **cookies(service, address, "clinician", "late.anna")) as page:
        page.goto("/")
        page.context.clear_cookies()
        page.fill("#question", "What is gout?")
        page.click("#ask button >> nth=0")
        page.wait_for_selector("text=Your session has ended.")


def test_a_note_becomes_drafts_on_the_page(ward):
    service, address, browser = ward
    with visiting(browser, address, **cookies(service, address, "clinician", "note.anna")) as page:
        page.goto("/note")
        page.fill("#note", NOTE)
        page.check("[name=unproven]")
        page.click("text=Make the drafts")
        page.wait_for_selector("#made")
        sound(page, "drafts")
        shot(page, "note-drafts")
        page.click("text=Open the draft for review")
        page.wait_for_url("**/review/*")


def test_the_tutor_asks_and_explains_by_keyboard(ward):
    service, address, browser = ward
    with visiting(browser, address, **cookies(service, address, "clinician", "tutor.anna")) as page:
        page.goto("/tutor")
        page.fill("#topic", "Damp disease")
        page.keyboard.press("Enter")
        page.wait_for_selector("legend")
        sound(page, "question")
        page.focus("[name=chosen]")
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        page.wait_for_selector("#came")
        sound(page, "marked")
        page.click("text=Let the model explain it")
        page.wait_for_selector("#answer-head")
        sound(page, "explained")
        shot(page, "tutor")


def test_the_language_is_switched_where_one_stands(ward):
    service, address, browser = ward
    with visiting(browser, address, **cookies(service, address, "clinician", "ana.ask")) as page:
        page.goto("/")
        page.fill("#question", "What does gout cause?")
        page.click("#ask button >> nth=0")
        page.wait_for_selector("#answer mark")
        page.fill("#question", "And what helps?")
        page.click("text=Español")
        page.wait_for_selector("html[lang=es]")
        assert "De las fuentes" in page.inner_text("#answer-head") and "sudden pain" in page.inner_text("#answer")
        assert page.input_value("#question") == "And what helps?" and "gout" not in page.url
        page.click("nav a >> nth=0")
        page.wait_for_url(address + "/")
    with visiting(browser, address, **cookies(service, address, "clinician", "ana.es")) as page:
        page.goto("/note")
        page.click("text=Español")
        page.wait_for_selector("html[lang=es]")
        assert page.url.endswith("/note") and "Nota" in page.inner_text("h1")
        sound(page, "es")
        shot(page, "note-es")
