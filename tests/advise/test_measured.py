"""Every figure that a rule quotes stands where it says, and the page is made from the rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from residency.advise import conflicts, form, gates, missing, stages
from residency.advise.evidence import measured
from residency.advise.page import page

ROOT = Path(__file__).parents[2]


def section(file: str, head: str) -> str:
    """Return a section of a page, spaces and line ends alike."""
    text = (ROOT / file).read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(head)}$(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert found, f"{file} has no section {head}"
    return " ".join(found[1].split())


@pytest.mark.parametrize("name", measured())
def test_a_figure_stands_in_the_section_that_it_names(name: str) -> None:
    one = measured()[name]
    told = section(one.page, one.section)
    assert [words for words in one.holds if words not in told] == []
    assert one.protocol and one.machine and re.fullmatch(r"\d{4}-\d\d-\d\d", one.date)


def test_the_page_is_made_from_the_rules() -> None:
    made = "python -m residency.advise.page > docs/advise.md"
    assert (ROOT / "docs" / "advise.md").read_text(encoding="utf-8") == page(), f"make it again: {made}"


def test_every_rule_says_what_it_is() -> None:
    rules = (*form.RULES, *stages.RULES, *gates.RULES, *conflicts.RULES, *missing.RULES, *missing.UNKNOWN)
    assert all(rule.__doc__ and rule.__doc__.strip().endswith(".") for rule in rules)
    names = [rule.__name__ for rule in rules]
    assert len(names) == len(set(names))
