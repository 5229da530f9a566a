"""A note outlives the session of who writes it: it waits in the page until one has signed in again."""

from __future__ import annotations

import json
import secrets

import pytest

from residency.serve.access import sessions
from residency.serve.app import create
from serve.browser import chromium, faults, serving, shot, visiting
from serve.scripted_engine import ScriptedEngine
from serve.service import made
from serve.workspace.signed import session
from serve.workspace.test_note import NOTE, STRUCTURE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    with (
        made(tmp_path_factory.mktemp("ward"), ScriptedEngine(json.dumps(STRUCTURE))) as service,
        serving(create(service)) as address,
        chromium() as browser,
    ):
        yield service, address, browser


def sign_in(page, service, address, user=None):
    """Let a browser be signed in, as in another tab: a new user, or a new session of one."""
    if user is None:
        token, _ = session(service, "clinician", f"anna-{secrets.token_hex(4)}")
    else:
        token, statements = sessions.begin(service.access, user)
        with service.access.database.begin() as connection:
            for statement in statements:
                statement(connection) if callable(statement) else connection.execute(statement)
    page.context.clear_cookies()
    page.context.add_cookies([{"name": "session", "value": token, "url": address, "httpOnly": True}])
    return sessions.look_up(service.access, token).principal.user


def test_a_note_is_still_there_when_the_session_has_ended_and_is_sent_after_signing_in_again(ward):
    service, address, browser = ward
    with visiting(browser, address, allow=["401", "403"]) as page:
        user = sign_in(page, service, address)
        page.goto("/note")
        page.fill("#note", NOTE)
        page.check('input[name="unproven"]')
        page.context.clear_cookies()
        page.click("text=Make the drafts")
        page.wait_for_selector(".told [role=alert]")
        assert "Your words are still here" in page.inner_text(".told") and page.input_value("#note") == NOTE
        assert page.get_attribute(".told a", "href") == "/login" and not faults(page)
        assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
        shot(page, "note-session-ended")
        other = sign_in(page, service, address)
        page.click("text=Make the drafts")
        page.wait_for_selector(".told >> text=Someone else")
        assert other != user and page.input_value("#note") == NOTE
        sign_in(page, service, address, user)
        page.click("text=Make the drafts")
        page.wait_for_selector("#made")
        assert page.input_value("#note") == NOTE and "No fracture on X-ray." in page.inner_text("main")
        assert page.evaluate("document.activeElement.id") == "made"
        shot(page, "note-made")


def test_what_is_wrong_with_a_note_is_said_in_the_page_and_it_can_be_sent_again(ward):
    service, address, browser = ward
    with visiting(browser, address, allow=["422"]) as page:
        sign_in(page, service, address)
        page.goto("/note")
        page.fill("#note", NOTE)
        page.uncheck('input[value="structure"]')
        page.click("text=Make the drafts")
        page.wait_for_selector("[role=alert] >> text=Choose what to make")
        page.check('input[value="structure"]')
        page.check('input[name="unproven"]')
        page.click("text=Make the drafts")
        page.wait_for_selector("#made")
        page.goto("/applications/screening")
        shot(page, "screening")


def test_a_service_that_is_gone_leaves_the_words_in_the_page(ward):
    service, address, browser = ward
    with visiting(browser, address, allow=["ERR_FAILED"]) as page:
        sign_in(page, service, address)
        page.goto("/applications/coding")
        page.fill("#note", NOTE)
        page.context.route("**/applications/coding", lambda route: route.abort())
        page.click("text=Use it")
        page.wait_for_selector(".told >> text=could not be reached")
        assert page.input_value("#note") == NOTE and page.is_enabled("text=Use it")


def test_a_change_of_language_asks_before_what_is_typed_is_lost(ward):
    service, address, browser = ward
    with visiting(browser, address) as page:
        sign_in(page, service, address)
        page.goto("/note")
        said = []
        page.once("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.fill("#note", NOTE)
        page.click("#language button")
        assert "is lost when the language changes" in said[0] and page.input_value("#note") == NOTE
        page.fill("#note", "")
        page.click("#language button")
        page.wait_for_selector("html[lang=es]")
        assert len(said) == 1
    with visiting(browser, address, java_script_enabled=False) as page:
        sign_in(page, service, address)
        for path in ("/", "/note"):
            page.goto(path)
            assert "a change of language empties this page" in page.inner_text("main")
