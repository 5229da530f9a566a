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
    assert "1 left out that are no longer valid" in words and "all that was found is no longer valid" in words


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["build", "I"], "give folders or files to index: residency index build I …"),
        (["search", "I"], "give a question"),
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
