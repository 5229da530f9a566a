"""The page holds every entry with its evidence, fetches nothing, and its colours can be read in light and in dark."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from residency.catalog.entries import Catalog, load
from residency.catalog.lineage import lineage
from residency.catalog.page import HERE, page, picture_file, write_page
from residency.catalog.page.tables import FILTERS
from residency.catalog.place_run import place_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that was measured on PubMedQA."""
    folder = tmp_path_factory.mktemp("runs") / "ours-1"
    folder.mkdir()
    recipe = {"base": {"base": "alpha"}, "train": [{"instruct": {"method": "lora"}}]}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    row = {"model": "tuned", "task": "pubmedqa", "family": "Med-QA", "metric": "accuracy", "value": 0.552, "low": 0.51}
    row |= {"high": 0.6, "n": 500, "protocol": {"method": "likelihood", "shots": 0, "split": "test"}}
    (folder / "ledger.json").write_text(json.dumps({"rows": [row]}), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def text(ours: Catalog, run: Path) -> str:
    """Return the page of our own catalog with a run of ours."""
    return page(ours, [place_run(run, ours)])


class Ids(HTMLParser):
    """The ids of a page, where its links lead, and what it would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.inner: set[str] = set()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        link = found.get("href") or ""
        if link.startswith("#"):
            self.inner.add(link[1:])
        if tag not in ("a", "use") and link and not link.startswith("data:"):
            self.fetched.append(link)
        self.fetched += [str(found[name]) for name in ("src", "srcset", "action", "poster") if found.get(name)]


def test_every_entry_is_in_its_table_and_has_all_its_evidence(text, ours):
    for kind, entries in ours.entries.items():
        for name in entries:
            assert f'<tr data-entry="{kind}-{name}"' in text, f"{kind}/{name} is in no table"
            assert f'<article id="{kind}-{name}"' in text
    article = text[text.index('<article id="models-biogpt"') :]
    article = article[: article.index("</article>")]
    assert 'href="#sources-biogpt2022"' in article and "from its paper, card or page" in article
    assert '<span class="memory">347M, 1.5B</span>' in article  # from memory: never shown as a fact
    assert "44.98%" in article and "Protocol: end-to-end relation extraction" in article


def test_what_is_from_memory_is_said_to_be_in_every_table(small):
    text = page(small)
    row = text[text.index('<tr data-entry="models-beta"') :]
    row = row[: row.index("</tr>")]
    assert row.count("from memory</small>") == 5 and row.count('class="memory"') == 5
    assert "placed by us</small>" in text[text.index('<tr data-entry="models-alpha"') :].split("</tr>")[0]


def test_links_lead_somewhere_ids_are_unique_and_nothing_is_fetched(text):
    found = Ids()
    found.feed(text)
    assert len(found.ids) == len(set(found.ids))
    assert found.inner - {*found.ids, "closed"} == set()
    assert found.fetched == []
    assert "url(" not in text and "@import" not in text and "default-src 'none'" in text


def test_rows_carry_what_they_can_be_found_by(small):
    text = page(small)
    found = {
        name: json.loads(facets.replace("&#34;", '"'))
        for name, facets in re.findall(r'data-entry="models-(\w+)" data-facets="([^"]*)"', text)
    }
    assert found["alpha"]["tasks"] == [["ner", "qa"], True] and found["alpha"]["most"] == [[7e9], True]
    assert found["beta"]["tasks"] == [["ner"], False] and found["beta"]["since"] == [["2024"], False]
    assert "tasks" not in found["gamma"]


def test_every_axis_of_the_catalog_can_be_filtered_by(ours):
    assert set(ours.axes) <= {name for names in FILTERS.values() for name in names}


def test_a_run_stands_among_the_models_and_beside_what_is_published(text):
    assert '<tr data-entry="runs-ours_1"' in text and 'id="runs-ours_1"' in text
    beside = text[text.index('id="tab-beside"') : text.index('id="tab-axes"')]
    assert "55.2% [51.0, 60.0], 500 items" in beside and "ours-1, tuned" in beside
    assert "not ranked with the other groups" in beside and "BioGPT-Large" in beside


def test_without_runs_there_is_no_word_of_them(small, tmp_path):
    write_page(small, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "tab-beside" not in text and text.count("<svg") == 3


def test_words_of_entries_are_escaped(folder, tmp_path):
    path = folder / "models" / "gamma.yaml"
    path.write_text(
        path.read_text().replace("name: Gamma", "name: <script>alert('x')</script> & \"co\""), encoding="utf-8"
    )
    assert "<script>alert" not in page(load(folder))


def test_a_picture_is_a_file_of_its_own_with_its_colours(small):
    text = picture_file(lineage(small))
    assert text.startswith('<svg xmlns="http://www.w3.org/2000/svg"') and "prefers-color-scheme: dark" in text
    assert "--sheet: #ffffff" in text and "href" not in text


# --- colours ---------------------------------------------------------------------------------------------------------


def colours(scheme: str) -> dict[str, str]:
    """Return the colours of the page in light or dark."""
    found = re.search(rf"macro {scheme}\(\) %}}(.*?){{% endmacro", (HERE / "colours.css").read_text(), flags=re.S)
    assert found
    return dict(re.findall(r"--(\w+): (#\w{6});", found[1]))


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Return the contrast of two colours, 1 to 21."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def pairs() -> Iterator[tuple[str, str, float]]:
    """Yield (colour, ground, least contrast): 4.5 for texts, 3 for marks and the edges of what can be chosen."""
    grounds = ("paper", "sheet", "tint")
    yield from ((text, ground, 4.5) for text in ("ink", "soft", "accent", "rule", "red", "good") for ground in grounds)
    yield from ((f"c{number}", "sheet", 3) for number in range(1, 10))
    yield from (("edge", ground, 3) for ground in ("sheet", "paper", "tint"))
    yield from (("ink", ground, 4.5) for ground in ("grid", "n1", "n2", "m1", "m2"))
    yield from (("on3", ground, 4.5) for ground in ("n3", "m3"))
    yield from (("sheet", ground, 4.5) for ground in ("n4", "m4"))


def test_contrast_is_measured_as_the_guidelines_define_it():
    assert contrast("#000000", "#ffffff") == pytest.approx(21) and contrast("#777777", "#ffffff") == pytest.approx(
        4.48, abs=0.01
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_marks_stand_out_from_their_ground(scheme):
    found = colours(scheme)
    weak = [
        (a, b, round(contrast(found[a], found[b]), 2))
        for a, b, least in pairs()
        if contrast(found[a], found[b]) < least
    ]
    assert weak == []
