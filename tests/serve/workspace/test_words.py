"""The words of the pages: every language has each of them, and no template has words of its own."""

from __future__ import annotations

import re
import string

import pytest

from residency.serve.guard import Guard
from residency.serve.workspace.render import PAGES
from residency.serve.workspace.words import LANGUAGES, language_of, words

TEMPLATES = sorted(PAGES.glob("*.html"))
TAGS = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
KEYS = re.compile(r"\bt\(\s*\"([a-z0-9_.]+)\"\s*[,)]")
SPOKEN = ("aria-label", "placeholder", "title", "alt", "label")


def fields(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_every_language_has_the_same_keys_and_the_same_names_to_fill_in(language):
    english, other = words("en").by_key, words(language).by_key
    assert english.keys() == other.keys()
    assert {key: fields(text) for key, text in english.items()} == {key: fields(text) for key, text in other.items()}
    assert all(text.strip() for text in other.values())


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_a_bare_string(template):
    text = TAGS.sub("", template.read_text(encoding="utf-8")).replace(' class="wide"', "")
    spoken = re.findall(rf"\b(?:{'|'.join(SPOKEN)})=\"([^\"]*)\"", text)
    between = re.sub(r"<[^>]*>|/\w+\?|&amp;|\w+=", " ", text)  # tags, and pieces of addresses
    left = re.findall(r"[^\W\d_]{2,}", " ".join([*spoken, between]))
    assert not left


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_key_that_a_template_names_has_words(template):
    named = set(KEYS.findall(template.read_text(encoding="utf-8")))
    assert named <= words("en").by_key.keys()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_a_script_or_a_style_of_its_own_or_anything_from_elsewhere(template):
    text = template.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|https?://|<script(?![^>]*src=\"/static/)", text)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_form_that_posts_carries_the_token(template):
    text = template.read_text(encoding="utf-8")
    forms = re.findall(r"<form[^>]*method=\"post\".*?</form>", text, re.DOTALL)
    assert all("parts.token()" in form or 'name="csrf"' in form for form in forms)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_that_can_speak_has_a_title(language):
    guard, noted = Guard(), ("dose-told", "advice-told", "reassured", "method-told", "leak", "echo", "repeated")
    assert set(noted) <= guard.texts(language).keys()
    names = [*(rule.name for rule in guard.rules.rules), *(f"after.{name}" for name in (*noted, "template"))]
    lacking = [name for name in (*names, "abstained") if not words(language).has(f"rule.{name}")]
    assert not lacking


def test_what_is_chosen_goes_before_ones_own_language_and_that_before_the_browsers():
    assert language_of("es", "en", "en", "en") == "es"
    assert language_of(None, "es", "en", "en") == "es"
    assert language_of(None, None, "de-DE,es-ES;q=0.8", "en") == "es"
    assert language_of("xx", None, "de", "en") == "en"
    assert language_of(None, "en", "es", "es") == "en"
