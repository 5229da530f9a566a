"""The catalog as a page: every wish narrows it, and what is unknown is said to be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest

from residency.catalog.entries import load
from residency.catalog.query import Query, answer
from residency.serve.workspace.catalog import A_PAGE
from residency.serve.workspace.words import words
from serve.workspace.desk_app import Ward, ward, words_of


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with ward(tmp_path_factory.mktemp("catalog")) as one:
        yield one


def entries(page: str) -> list[str]:
    return re.findall(r"of=\w+&amp;entry=([^\"]+)\"", page)


@pytest.mark.parametrize("kind", ["models", "datasets", "methods", "metrics", "results"])
def test_every_kind_has_its_page(clinic: Ward, kind: str) -> None:
    page = clinic.see("otto", f"/catalog?of={kind}")
    assert page.status_code == 200
    assert 'aria-current="page"' in page.text


def test_wishes_narrow_the_list_as_the_query_does(clinic: Ward) -> None:
    found = answer(load(), "models", Query(task=("qa",), max_params="3B"))
    page = clinic.see("otto", "/catalog?of=models&task=qa&max_params=3B")
    assert entries(page.text) == [entry.id for entry in found.entries]
    assert f"{len(found.entries)} fit." in words_of(page)
    assert f"Of {found.undecided} more nobody can tell." in words_of(page)


def test_the_language_of_a_model_is_not_the_language_of_the_page(clinic: Ward) -> None:
    found = answer(load(), "models", Query(language=("es",)))
    page = clinic.see("otto", "/catalog?of=models&lang=es")
    assert 'lang="en"' in page.text
    assert entries(page.text) == [entry.id for entry in found.entries]
    spanish = clinic.see("otto", "/catalog?of=models&language=es")
    assert '<html lang="es">' in spanish.text
    assert len(entries(spanish.text)) == A_PAGE


def test_a_wish_that_there_is_not_is_explained(clinic: Ward) -> None:
    page = clinic.see("otto", "/catalog?of=models&task=qq")
    assert page.status_code == 422
    assert "there is none such" in words_of(page)


def test_filters_and_cells_are_words_and_those_of_few_are_folded(clinic: Ward) -> None:
    page = clinic.see("otto", "/catalog?of=models&task=qa").text
    assert '<option value="qa" selected>Answering questions</option>' in page
    assert re.search(r'<details class="part">\s*<summary>More filters</summary>', page)
    table = page.partition("<tbody>")[2]
    assert "Answering questions" in table and not re.search(r"<td>[^<]*\b(qa|vqa|nli|deid)\b", table)
    assert page.index('id="task"') < page.index("More filters") < page.index('id="algorithm"')
    assert re.search(r'<details class="part" open>', clinic.see("otto", "/catalog?of=models&algorithm=rag").text)
    spanish = clinic.see("otto", "/catalog?of=models&task=qa&language=es").text
    assert "Responder preguntas" in spanish and "(de memoria" in spanish and "(from memory" not in spanish


def test_every_value_of_every_axis_has_a_name_in_both_languages() -> None:
    values = {value for axis in load().axes.values() for value in axis}
    for language in ("en", "es"):
        assert {one for one in values if not words(language).has(f"catalog.value.{one}")} == set()


def test_an_entry_says_once_what_a_value_rests_on(clinic: Ward) -> None:
    entry = next(one for one in load().entries["models"].values() if any(c.mark == "M" for c in one.cells.values()))
    page = clinic.see("otto", f"/catalog?of=models&entry={entry.id}").text
    assert "<td>From memory" in page and "(from memory" not in page.partition("<tbody>")[2].partition("</tbody>")[0]


def test_a_kind_or_an_entry_that_there_is_not_is_not_found(clinic: Ward) -> None:
    assert clinic.see("otto", "/catalog?of=people").status_code == 404
    assert clinic.see("otto", "/catalog?of=models&entry=none-such").status_code == 404
    assert clinic.see("otto", "/catalog?of=results&entry=biogpt").status_code == 404


def test_a_long_list_is_paged_without_losing_the_wishes(clinic: Ward) -> None:
    first = clinic.see("otto", "/catalog?of=models&access=open")
    every = answer(load(), "models", Query(access=("open",))).entries
    further = re.search(rf'href="(/catalog\?[^"]*skip={A_PAGE})"', first.text)
    if len(every) <= A_PAGE:
        assert not further
        every, first = answer(load(), "models", Query()).entries, clinic.see("otto", "/catalog?of=models")
        further = re.search(rf'href="(/catalog\?[^"]*skip={A_PAGE})"', first.text)
    assert further
    second = clinic.see("otto", unescape(further[1]))
    assert entries(first.text) + entries(second.text) == [one.id for one in every][: 2 * A_PAGE]


def test_an_entry_says_what_each_value_rests_on(clinic: Ward) -> None:
    said = words_of(clinic.see("otto", "/catalog?of=models&entry=biogpt"))
    entry = load().entries["models"]["biogpt"]
    assert entry.name in said
    assert entry.about in said
    assert any(f"{words}" in said for words in ("Read in the survey", "From its paper, card or page"))


def test_results_of_different_protocols_are_not_ranked_together(clinic: Ward) -> None:
    said = words_of(clinic.see("otto", "/catalog?of=results&set=medqa"))
    assert "not to be ranked" in said
    assert "Protocol:" in said


def test_no_address_of_the_outside_is_a_link(clinic: Ward) -> None:
    for kind, found in load().entries.items():
        linked = next((one for one in found.values() if one.links), None)
        if linked and kind != "sources":
            page = clinic.see("otto", f"/catalog?of={kind}&entry={linked.id}").text
            assert linked.links[0] in unescape(page)
            assert not re.search(r'(href|src)="http', page)


@pytest.mark.parametrize("wish", ["text=%3Cscript%3E", "max_params=%22%3E%3Cb%3E", "skip=-1", "skip=9999999999"])
def test_what_is_written_into_the_address_stays_words(clinic: Ward, wish: str) -> None:
    page = clinic.see("otto", f"/catalog?of=models&{wish}")
    assert page.status_code in (200, 422)
    assert "<script>" not in page.text.replace('<script type="module"', "")
    assert '"><b>' not in page.text


@pytest.mark.parametrize(("who", "status"), [("ana", 403), ("rosa", 403), ("adam", 200), ("otto", 200)])
def test_the_catalog_is_for_administrators_and_auditors(clinic: Ward, who: str, status: int) -> None:
    assert clinic.see(who, "/catalog?of=metrics").status_code == status
