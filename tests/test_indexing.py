"""`residency index` makes an index, keeps it, searches it, and says what goes with what."""

from __future__ import annotations

import argparse

import pytest

from residency.core.errors import UserError
from residency.indexing import add_arguments, index


@pytest.fixture
def guides(tmp_path):
    """Return a folder of two made-up guidelines."""
    folder = tmp_path / "guides"
    folder.mkdir()
    (folder / "gout.md").write_text("---\nedition: 2\ndate: 2024\n---\n# Gout\n\nGive colchicine early.\n")
    (folder / "old.txt").write_text("---\ntitle: Old\nvalid_until: 2001\n---\nGive theophylline for wheeze.\n")
    return folder


def asked(*words):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return index(parser.parse_args([str(word) for word in words]))


def test_an_index_is_built_searched_updated_and_shown(guides, tmp_path):
    path = tmp_path / "index"
    document, words = asked("build", path, guides, "--no-vectors", "--words", 60)
    assert document["documents"] == 2 and "2 documents (2 on the evidence shelf) in 2 passages" in words
    document, words = asked("search", path, "when", "colchicine", "--k", 1)
    [one] = document["evidence"]
    assert one["document"] == "guides/gout.md" and one["text"].endswith("Give colchicine early.")
    assert "guides/gout.md, Gout, characters 0-30, edition 2, 2024" in words and document["snapshot"][:16] in words
    (guides / "new.txt").write_text("Migraine is treated with triptans.")
    document, words = asked("update", path, guides)
    assert document["read"] == 1 and "1 files read (0 of them changed), 2 as they were, 0 gone" in words
    document, words = asked("delete", path, "guides/new.txt")
    assert document["documents"] == 2
    document, words = asked("show", path)
    assert document["sources"] == {"guides": 2} and "vectors: none, words alone" in words


def test_what_is_no_longer_valid_is_said_instead_of_shown(guides, tmp_path):
    asked("build", tmp_path / "index", guides, "--no-vectors")
    document, words = asked("search", tmp_path / "index", "theophylline")
    assert document["evidence"] == [] and document["expired"] == 1
    assert "1 left out that are no longer valid" in words
    assert "all that was found is no longer valid: Old (until 2001-12-31)" in words


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["build", "I"], "give folders or files to index: residency index build I …"),
        (["search", "I"], "give a question"),
        (["search", "I", ""], "the question is blank"),
        (["search", "I", " ", ""], "the question is blank"),
        (["build", "I", ""], "one of the names given to build is blank"),
        (["update", "I", "F", "--k", "3"], "--k goes with search, not with update"),
        (["search", "I", "q", "--fresh"], "--fresh goes with build, not with search"),
        (["build", "I", "F", "--embedder", "minilm", "--no-vectors"], "give one of them"),
        (["show", "I", "F"], "show takes the index alone"),
        (["search", "nowhere", "q"], "nowhere is no index; make one with: residency index build nowhere FOLDER…"),
    ],
)
def test_what_does_not_go_together_is_refused(given, said):
    with pytest.raises(UserError) as caught:
        asked(*given)
    assert said in str(caught.value)


def test_a_document_with_broken_front_matter_is_kept_aside_and_named(guides, tmp_path):
    (guides / "bad.md").write_text("---\nedition: [1\nvalid_until: 2001\n---\nGive theriac for gout.\n")
    document, words = asked("build", tmp_path / "index", guides, "--no-vectors")
    assert (document["documents"], document["bad"]) == (2, 1)
    assert "not read: 1" in words and "bad.md, line 3: " in words and "theriac" not in words


def test_an_index_of_charts_says_that_it_needs_a_patient(tmp_path):
    (tmp_path / "note.txt").write_text("---\npatient: p7\n---\nSwollen toe.\n")
    asked("build", tmp_path / "index", tmp_path / "note.txt", "--no-vectors")
    document, words = asked("search", tmp_path / "index", "toe")
    assert document["evidence"] == [] and "this index holds charts alone: give --patient" in words
    assert len(asked("search", tmp_path / "index", "toe", "--patient", "p7")[0]["evidence"]) == 1


@pytest.mark.parametrize("how", ["gone", "cut"])
@pytest.mark.parametrize("files", ["data/*", "_versions/*.manifest", "_indices/*/*tokens*"])
def test_an_index_whose_files_are_not_whole_is_damaged(guides, tmp_path, files, how):
    asked("build", tmp_path / "index", guides, "--no-vectors")
    for file in (tmp_path / "index").glob(f"table-*/*.lance/{files}"):
        if how == "gone":
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(UserError, match="index is damaged .*--fresh"):
        asked("search", tmp_path / "index", "colchicine")
    asked("build", tmp_path / "index", guides, "--no-vectors", "--fresh")
    assert asked("search", tmp_path / "index", "colchicine")[0]["evidence"]


def test_a_place_that_cannot_be_written_is_told_before_anything_is_read(guides, tmp_path, monkeypatch):
    monkeypatch.setattr("residency.infer.retrieve.build", lambda *given, **how: pytest.fail("it was begun"))
    with pytest.raises(UserError, match="/proc/x/index cannot be written"):
        asked("build", "/proc/x/index", guides)
    with pytest.raises(UserError, match="there is a file of that name; give the name of a folder"):
        asked("build", guides / "old.txt", guides)
    with pytest.raises(UserError, match="cannot be written"):
        asked("build", guides / "old.txt" / "index", guides)


def test_what_is_no_index_is_not_begun_by_an_update(guides, tmp_path):
    for what in ("update", "delete"):
        with pytest.raises(UserError, match="is no index; make one with"):
            asked(what, tmp_path / "none", guides)
        with pytest.raises(UserError, match="is no index; make one with"):
            asked(what, guides / "old.txt", guides)
    assert not (tmp_path / "none").exists()


def test_days_in_the_wrong_order_are_refused(guides, tmp_path):
    asked("build", tmp_path / "index", guides, "--no-vectors")
    with pytest.raises(UserError, match="no day lies between 2025 and 2024"):
        asked("search", tmp_path / "index", "gout", "--since", "2025", "--until", "2024")


def test_what_cannot_be_read_is_told_without_settings_that_the_verb_does_not_have(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "rows.csv").write_text("a,b\none,two\n")
    (folder / "note.txt").write_bytes("Gr\xf6\xdfe".encode("latin-1"))
    document, words = asked("build", tmp_path / "index", folder, "--no-vectors")
    assert document["bad"] == 2 and "columns: {" not in words and "encoding:" not in words
    assert "call the column of the text text" in words and "; save it as UTF-8" in words
    assert not any("encoding:" in one or "columns: {" in one for one in document["bad_first"])


def test_a_search_shows_the_title_of_what_it_found(guides, tmp_path):
    (guides / "wheeze.txt").write_text("---\ntitle: Wheeze in children\n---\nGive salbutamol for wheeze.\n")
    asked("build", tmp_path / "index", guides, "--no-vectors")
    _, words = asked("search", tmp_path / "index", "salbutamol")
    assert "guides/wheeze.txt, Wheeze in children, characters 0-27" in words


def test_a_patient_whom_the_index_does_not_hold_is_told(tmp_path):
    (tmp_path / "note.txt").write_text("---\npatient: p7\n---\nSwollen toe.\n")
    asked("build", tmp_path / "index", tmp_path / "note.txt", "--no-vectors")
    with pytest.raises(UserError, match="index holds nothing of this patient; look at the id"):
        asked("search", tmp_path / "index", "toe", "--patient", "nobody")


def test_an_update_tells_again_what_stays_unread(guides, tmp_path):
    (guides / "note.txt").write_bytes("Gr\xf6\xdfe".encode("latin-1"))
    asked("build", tmp_path / "index", guides, "--no-vectors")
    document, words = asked("update", tmp_path / "index", guides)
    assert document["still_bad"] == 1 and "not read before, and as they were: 1 (--again reads them again)" in words
    assert "note.txt" in words and "; save it as UTF-8" in words and "encoding:" not in words
