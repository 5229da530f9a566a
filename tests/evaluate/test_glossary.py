"""The words at the end of the report: those that it uses, and no others."""

from __future__ import annotations

import re

from residency.evaluate import glossary


def names(html: str) -> list[str]:
    return [term.name for term in glossary.occurring(html)]


def test_only_words_that_can_be_read_on_the_page_are_explained() -> None:
    assert names("<p>p after <b>Holm</b></p>") == ["p, Holm"]
    assert (
        names('<p class="aligned" title="perplexity">nothing</p><script>var loss</script><style>.tuned {}</style>')
        == []
    )


def test_the_words_that_readers_asked_about_are_all_there() -> None:
    for asked in (
        "Holm",
        "hypothesis only",
        "negation pattern",
        "clause",
        "dictionary",
        "pretrained",
        "tuned",
        "aligned",
    ):
        assert names(f"<td>{asked}</td>"), asked


def test_a_meaning_is_a_sentence_or_a_few_and_no_two_terms_share_a_name() -> None:
    assert len({term.name for term in glossary.TERMS}) == len(glossary.TERMS)
    for term in glossary.TERMS:
        assert term.means.endswith(".") and 20 < len(term.means) < 400
        assert "  " not in term.means and not re.search(r"\d{2,}", term.means.replace("ICD-10-CM", ""))
