"""A PDF is its pages' text: cut words whole, running heads gone; one without text, or locked, says so."""

import io
import logging

import pytest

from fixture_files import MORE, WORDS, pdf
from residency.core.types import Document
from residency.corpus.readers import read_part
from residency.corpus.readers.guard import Given, Limits
from residency.corpus.readers.pdf import joined, whole_words
from residency.corpus.records import Bad


def read(tmp_path, content, limits=None, name="a.pdf"):
    path = tmp_path / name
    path.write_bytes(content)
    return list(read_part([Given(path, name, "made", "CC0-1.0", limits=limits or Limits())]))


ABOUT = {"title": "Brimtail fever", "author": "A. Writer"}


def test_pages_are_joined_and_the_file_says_title_author_and_day(tmp_path):
    [found] = read(tmp_path, pdf([["First page.", "It goes on."], ["Second page."]]))
    assert found == Document(
        "a",
        "First page.\nIt goes on.\nSecond page.",
        "made",
        "CC0-1.0",
        meta={"kind": "page", "format": "pdf", "pages": 2, **ABOUT, "file_date": "2021-03-05"},
    )  # the day of the file is not that of what it tells


def test_running_heads_page_numbers_and_cut_words_are_mended(tmp_path):
    lines = ["The patient had hyper-", "tension and a Smith-", "Jones sign for 3-", "4 days."]
    ends = ["Calm.", "Awake.", "Well.", "Gone."]
    heads = [["Made Hospital 2021", f"Visit report, page {n}", f"Text of page {n}."] for n in range(1, 5)]
    pages = [[*heads[n], *lines, ends[n], f"- {n + 1} -"] for n in range(4)]
    [found] = read(tmp_path, pdf(pages))
    body = "The patient had hypertension and a Smith-\nJones sign for 3-\n4 days."
    assert found.text == "\n".join(f"Text of page {n + 1}.\n{body}\n{ends[n]}" for n in range(4))


def test_what_repeats_inside_pages_or_on_two_pages_only_stays():
    pages = [[*edges[:2], "Result normal", *edges[2:]] for edges in ("abcd", "efgh", "jkmn")]
    assert joined(pages).count("Result normal") == 3
    assert joined([["Head", "one"], ["Head", "two"]]) == "Head\none\nHead\ntwo"
    assert joined([["Head", "one"], ["Head", "two"], ["other", "three"]]) == "one\ntwo\nother\nthree"
    assert joined([["12", "Dose 40 mg", "iv"], ["Page 2 of 9", "X-ray", "mild"]]) == "Dose 40 mg\nX-ray\nmild"
    assert joined([["of pneumo-"], ["nia, and ﬁne ﬂow"]]) == "of pneumonia, and fine flow"


def test_words_are_joined_only_where_they_go_on_in_lower_case():
    assert whole_words("a non-\nsteroidal, IL-\nsix, Type-\nB, 3-\nfold, anti-\n  body") == (
        "a nonsteroidal, IL-\nsix, Type-\nB, 3-\nfold, antibody"
    )


def test_a_scan_says_that_it_has_no_text_and_how_many_pages(tmp_path):
    [found] = read(tmp_path, pdf([[], [], []]))
    assert found == Bad("a.pdf", None, "no text on its 3 pages: a scan? recognise its text (OCR) first")


def test_a_locked_file_says_so_and_one_with_an_empty_password_is_read(tmp_path):
    from pypdf import PdfReader, PdfWriter

    for algorithm in ("RC4-128", "AES-256"):
        for password, readable in (("secret", False), ("", True)):
            writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf())))
            writer.encrypt(password, owner_password="owner", algorithm=algorithm)
            out = io.BytesIO()
            writer.write(out)
            [found] = read(tmp_path, out.getvalue())
            if readable:
                assert WORDS[:20] in found.text and MORE[:20] in found.text
            else:
                assert found == Bad("a.pdf", None, "encrypted; save it without a password")


def test_a_malformed_file_is_bad(tmp_path):
    for content in (b"%PDF-1.7\nnothing", pdf()[:40], b"%PDF-1.4\n%%EOF", pdf().replace(b"/Pages", b"/Sages")):
        found = read(tmp_path, content)
        assert len(found) == 1 and isinstance(found[0], Bad), content[:20]


def test_a_page_that_cannot_be_read_is_named_and_the_others_are_kept(tmp_path):
    content = pdf([["First page."], ["Second page."], ["Third page."], []])
    for old, new in (
        (b"<< /Length 52 >>", b"<< /Filter /Nonsense /Length 52 >>"),
        (b"/F1 12 Tf 72 720 Td 14 TL (Second", b"/F9 12 Tf 72 720 Td 14 TL (Second"),
    ):
        assert content.count(old) == 1
        bad, document = read(tmp_path, content.replace(old, new))
        assert bad == Bad("a.pdf", None, "1 of 4 pages cannot be read, the first of them page 2")
        assert document.text == "First page.\nThird page."
        assert document.meta["pages"] == 4 and document.meta["pages_without_text"] == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the first alarm may be swallowed
def test_a_file_that_takes_too_long_is_stopped(tmp_path):
    [found] = read(tmp_path, pdf([["word"] * 40_000]), Limits(seconds=0.1))
    assert isinstance(found, Bad) and "seconds" in found.reason


def test_nothing_of_the_file_is_logged(tmp_path, caplog):
    with caplog.at_level(logging.DEBUG):
        read(tmp_path, pdf().replace(b"xref", b"xfer").replace(b"endobj", b"Vornak"))
    assert not caplog.records
