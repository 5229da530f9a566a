"""Makers as a recipe names them: each is there, is handed known things, and takes its settings from plain data."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from residency.core.settings import call_settings, load, settings_of
from residency.corpus.make import MAKERS
from residency.corpus.make.passages import Cut
from residency.corpus.make.rewrite import Way
from residency.corpus.make.rows import Asking
from residency.corpus.make.support import Rule

HANDED = {"documents", "model", "strong", "weak", "rate"}


@pytest.mark.parametrize("name", MAKERS)
def test_a_maker_is_handed_only_known_things_and_has_a_seed(name: str) -> None:
    maker = load(MAKERS[name])
    positional = {p.name for p in inspect.signature(maker).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD}
    assert positional <= HANDED
    assert "seed" in settings_of(maker)
    assert not HANDED & settings_of(maker).keys()


def test_nested_settings_of_a_recipe_become_what_the_maker_takes() -> None:
    plain = {"count": 2, "cut": {"words": 90}, "support": {"words": 0.4, "negation": False}, "asking": {"batch": 4}}
    found = call_settings(load(MAKERS["questions"]), plain)
    way = Way(cut=Cut(90), support=Rule(words=0.4, negation=False), asking=Asking(batch=4))
    assert found == {"count": 2, "way": way}


def test_paths_and_lists_of_a_recipe_are_typed() -> None:
    found = call_settings(load(MAKERS["people"]), {"forms": ["a.csv", "b.csv"]})
    assert found == {"forms": [Path("a.csv"), Path("b.csv")]}
    assert call_settings(load(MAKERS["graph_questions"]), {"patterns": ["hops"]}) == {"patterns": ("hops",)}
