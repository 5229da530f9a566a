"""docs/papers.md names files that exist, and every paper that the code names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "papers.md").read_text(encoding="utf-8")
CITED = re.compile(r"\b([A-Z][a-z]+)(?: et al\.?,?| and [A-Z][a-z]+)? \(?((?:19|20)\d\d)\b")


def cited(text: str) -> set[tuple[str, str]]:
    """Return the (first author, year) of every paper that a text names."""
    return set(CITED.findall(re.sub(r"\s+", " ", text)))


def sources() -> Iterator[Path]:
    """Yield every module of the package."""
    yield from sorted((ROOT / "src").rglob("*.py"))


def test_every_file_named_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)`", PAGE)
    assert len(named) > 20
    for name in named:
        assert (ROOT / "src" / "residency" / name).is_file() or (ROOT / name).is_file(), name


def test_every_paper_that_the_code_names_stands_on_the_page() -> None:
    known = cited(PAGE)
    for path in sources():
        missing = cited(path.read_text(encoding="utf-8")) - known
        assert not missing, f"{path.name} names {missing}; add it to docs/papers.md"


def test_a_citation_is_found_in_each_of_its_forms() -> None:
    text = "Hu et al. 2021; Lin (2004); Field and Welsh (2007); Yeh\n2000; Guo et al. (2017), eq. 3; from 2019 on"
    assert cited(text) == {("Hu", "2021"), ("Lin", "2004"), ("Field", "2007"), ("Yeh", "2000"), ("Guo", "2017")}
