"""Passages hold every word of a document, each with its exact place, under the heading that it stands under."""

from __future__ import annotations

import pytest

from residency.core.errors import UserError
from residency.infer.retrieve.cut import Cut, pieces
from residency.infer.retrieve.pages import page_at, starts_of

GUIDE = """# Gout

Gout is a painful swelling of a joint.

## Treatment

### Acute

Give colchicine early. Rest the joint. Use ice for twenty minutes.

### Long term

Start allopurinol at 100 mg. Raise the dose each month. Aim for a urate below 360 µmol/L.
"""


def cut(text, form="", **sizes):
    return [(one, text[one.start : one.end]) for one in pieces(text, Cut(**sizes), form)]


def test_every_word_is_in_a_passage_and_none_is_longer_than_allowed():
    text = "\n\n".join(f"Sentence {n} has some words in it. Another follows, of {n} mg." for n in range(200))
    found = cut(text, words=50, overlap=10)
    covered = set()
    for one, shown in found:
        covered |= set(range(one.start, one.end))
        assert len(shown.split()) <= 50 and shown == shown.strip()
    assert all(text[at].isspace() for at in set(range(len(text))) - covered)


def test_neighbours_share_whole_sentences_and_move_on():
    text = " ".join(f"Sentence number {n} is here now." for n in range(100))
    found = [shown for _, shown in cut(text, words=40, overlap=12)]
    assert all(later.startswith("Sentence number") for later in found)
    assert all(before.endswith(later.split(". ")[0].rstrip(".") + ". " + later.split(". ")[1].rstrip(".") + ".")
               for before, later in zip(found, found[1:], strict=False) if len(later.split(". ")) > 2)  # fmt: skip
    starts = [one.start for one, _ in cut(text, words=40, overlap=12)]
    assert starts == sorted(set(starts)) and len(found) < 5 + 600 / 28


def test_without_overlap_no_word_is_twice():
    text = "One two three four. " * 60
    assert " ".join(shown for _, shown in cut(text, words=20, overlap=0)).split() == text.split()


def test_a_section_begins_a_passage_and_names_it_with_the_headings_above():
    found = cut(GUIDE, "markdown", words=40, overlap=5, least=10)
    assert [one.section for one, _ in found] == ["Gout", "Treatment > Acute", "Treatment > Long term"]
    assert found[2][1].startswith("### Long term\n\nStart allopurinol")


def test_a_short_section_joins_the_next():
    [(one, shown)] = cut("# A\n\nShort.\n\n# B\n\nAlso short.", "markdown", least=20)
    assert one.section == "A" and "Also short." in shown


def test_code_is_no_heading():
    found = cut("# A\n\nText is here.\n\n```\n# not so\n```\n", "markdown", least=0)
    assert {one.section for one, _ in found} == {"A"}


def test_lines_that_look_like_headings_and_labels_in_capitals_open_sections():
    text = (
        "Warning signs\nSeek help at once where breathing becomes hard or the lips turn blue.\n"
        "METHODS: We followed forty people for a year and counted their attacks in a diary.\n"
        "- one item\n- another\nPotassium | 4.1\n"
    )
    assert [one.section for one, _ in cut(text, least=3, words=20, overlap=0)][:2] == ["Warning signs", "METHODS"]


def test_letters_without_spaces_count_as_words():
    text = "糖尿病患者应定期监测血糖。" * 30
    found = cut(text, words=50, overlap=0)
    assert len(found) > 6 and "".join(shown for _, shown in found) == text


def test_a_sentence_longer_than_a_passage_is_cut_between_words():
    text = "word " * 500
    assert [len(shown.split()) for _, shown in cut(text, words=100, overlap=0)] == [100] * 5


def test_a_text_without_a_word_has_no_passage():
    assert cut(" \n\n ") == []


def test_sizes_that_make_no_sense_are_refused_with_the_legal_ones():
    with pytest.raises(UserError, match="20 to 2000 words, at most half of them repeated"):
        Cut(words=50, overlap=40)


def test_pages_are_found_again_by_their_first_line_that_is_kept():
    pages = ["Hospital guide 1\nThe first page is about gout and its treat-\nment with", "Hospital guide 2\n",
             "Hospital guide 3\nThe third page is about asthma in adults"]  # fmt: skip
    text = "The first page is about gout and its treatment with\nThe third page is about asthma in adults"
    starts = starts_of(pages, text)
    third = text.index("The third")
    assert starts == [0, third, third]
    assert (page_at(starts, 5), page_at(starts, third + 3), page_at([], 5)) == (1, 3, None)


def test_a_passage_keeps_to_one_page_and_repeats_nothing_of_another():
    pages = ["One is said. Two is said.", "Three is said. Four is said.", "five ends here. Six is said."]
    text, starts = "\n".join(pages), [0, 26, 55]
    assert [text.index(page) for page in pages] == starts
    shown = [text[one.start : one.end] for one in pieces(text, Cut(words=20, overlap=10), pages=starts)]
    assert shown == pages  # what ended with a full stop does not run on, however the next begins
    assert [text[one.start : one.end] for one in pieces(text, Cut(words=20, overlap=10))] != pages


def test_a_page_is_known_by_short_lines_too():
    pages = ["Gout\nTreatment lasts three months.", "Pain\nTreatment is with ice.", "Ice\nTwice a day.\n3"]
    text = "\n".join(pages)[:-2]
    assert starts_of(pages, text) == [text.index(page) for page in ("Gout", "Pain", "Ice\nTwice")]
