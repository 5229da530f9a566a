"""Front and back matter is cut, and nothing else."""

from __future__ import annotations

import time

import pytest

from residency.corpus.clean.books import Matter, trim

PROSE = (
    "The heart is a muscle that pumps blood through the body, and it does so about seventy times a minute.\n"
    "When its own vessels are narrowed it hurts, first when it works hard and later at rest as well.\n"
    "References to earlier chapters are given where they help, and an index of risk is worked out for each patient.\n"
)
BODY = "Chapter 1\nThe heart\n\n" + PROSE * 8 + "\nChapter 2\nThe lungs\n\n" + PROSE * 8
TITLE = "DISEASES OF THE HEART\nA manual for students\n\nJane Example, MD\n\nExample Press\nTown\n\n"
COPYRIGHT = "Copyright © 1999 Example Press\nAll rights reserved.\nISBN 0-00-000000-0\nPrinted in Nowhere\n\n"
DEDICATION = "To my mother\n\n"
CONTENTS = "Contents\nPreface ........ ix\n1 The heart . . . . . . 1\n2 The lungs\t57\nIndex ........ 300\n\n"
THANKS = "Acknowledgements\nI thank all who read the drafts of this book and told me what was wrong with them.\n\n"
REFERENCES = "\nReferences\n" + "\n".join(
    f"{n}. Example A, Sample B. On the heart and its vessels. Journal of Examples {1980 + n};{n}:1-{n + 9}."
    for n in range(1, 15)
)
WORDS = "aorta atrium blood cough heart lung murmur pulse valve".split()
INDEX = "\n\nIndex\n" + "\n".join(f"{word}, {n}, {n + 7}-{n + 9}" for n, word in enumerate(WORDS, 3))


def test_what_stands_before_and_behind_the_text_is_cut_and_counted():
    text = TITLE + COPYRIGHT + DEDICATION + CONTENTS + THANKS + BODY + REFERENCES + INDEX
    kept, cut = trim(text, Matter())
    assert kept == BODY.strip("\n")
    front = {f"front matter: {kind}" for kind in "title page,copyright,dedication,contents,acknowledgements".split(",")}
    assert set(cut) == front | {"back matter: bibliography", "back matter: index"}
    assert abs(sum(cut.values()) - (len(text) - len(kept))) <= 3


def test_a_text_without_matter_is_kept_to_the_letter():
    for text in (PROSE, BODY, "\n " + PROSE, "Title\n\n" + PROSE, "", "Short."):
        assert trim(text, Matter()) == (text, {})


def test_nothing_is_cut_from_the_middle():
    middle = PROSE * 6 + CONTENTS + COPYRIGHT + REFERENCES + "\n\nChapter 3\n" + PROSE * 6
    assert trim(middle, Matter()) == (middle, {})


def test_more_than_the_share_is_never_cut():
    text = CONTENTS * 10 + PROSE
    assert trim(text, Matter(front=0.2)) == (text, {})
    only = REFERENCES * 3
    assert trim(only, Matter())[0].strip()


def test_references_without_a_heading_are_known_by_their_look():
    kept, cut = trim(BODY + "\n" + "\n".join(REFERENCES.splitlines()[2:]), Matter())
    assert kept == BODY.strip("\n") and set(cut) == {"back matter: bibliography"}


def test_a_heading_over_something_else_cuts_nothing():
    text = BODY + "\nReferences\n" + PROSE * 3
    assert trim(text, Matter()) == (text, {})


HEADINGS = [
    "Referencias bibliográficas",
    "Literaturverzeichnis",
    "参考文献",
    "REFERENCES",
    "## 7. References",
    "Références :",
]


@pytest.mark.parametrize("heading", HEADINGS)
def test_headings_are_known_in_other_languages_and_spellings(heading):
    kept, cut = trim(BODY + REFERENCES.replace("References", heading, 1), Matter())
    assert set(cut) == {"back matter: bibliography"} and kept == BODY.strip("\n")


@pytest.mark.parametrize("line", [".", ". ", "a, 1, ", "\n", "1 x", "_ ", "A B 1", "© ", "# "])
def test_hostile_lines_take_no_time(line):
    start = time.process_time()
    trim(line * 60_000, Matter())
    assert time.process_time() - start < 5
