"""What finds names is ready before the first answer waits for it, in each language."""

from __future__ import annotations

from typing import Any

import pytest

from residency.corpus.deidentify import outgoing
from residency.serve.app import WARM
from residency.serve.guard.identifiers import Hider
from residency.serve.guard.words import language, words_of


def test_warming_up_asks_what_finds_names_in_each_language(monkeypatch: pytest.MonkeyPatch):
    asked: list[Any] = []
    monkeypatch.setattr(outgoing, "leaks", lambda text, finder: asked.append(finder) or [])
    finders: Any = {"en": "the English one", "es": "the Spanish one"}
    for text in WARM:
        for sentence in text.split(". "):
            Hider(finders, [text]).spans(sentence, language(words_of(text)))
    assert set(asked) == set(finders.values())
