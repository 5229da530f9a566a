"""Which words occur in a corpus, told by keyed hashes alone."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest

from residency.core.errors import UserError
from residency.corpus.deidentify.hide import Hider
from residency.corpus.deidentify.settings import Hiding
from residency.corpus.deidentify.taken import Taken, hashes_of, load_hashes, merged, save_hashes, siphash
from residency.corpus.identify.found import Found

KEY = b"t" * 32
TEXTS = ["Ada O'Brien-Okonjo, ptSmith (312)555-0123", "José called\n42 times; straße, 田中太郎", "", "\ud83d \u200b"]


def test_siphash_agrees_with_the_vector_of_its_paper() -> None:
    key = np.frombuffer(bytes(range(16)), np.uint64)
    message = np.frombuffer(bytes(range(15)) + bytes([15]), np.uint64)
    assert int(siphash(message, key[0], key[1])) == 0xA129CA6149BE45E5


@pytest.mark.parametrize(
    "word",
    ["Okonjo", "OKONJO", "okonjo", "O\u200bkonjo", "Оkonjo", "Jose", "JOSÉ", "Jose\u0301", "O'Brien-Okonjo", "42",
     "pt", "Smith", "ptSmith", "(312)555-0123", "3125550123", "Brien", "田"],
)  # fmt: skip
def test_a_word_that_occurs_is_taken_however_it_is_written(word: str) -> None:
    assert Taken(hashes_of(TEXTS, KEY), KEY)(word)


@pytest.mark.parametrize("word", ["Weller", "Okonj", "konjo", "4", "421", "3125550124", "", "-", "\u200b", "Adacalled"])
def test_a_word_that_does_not_occur_is_free(word: str) -> None:
    assert not Taken(hashes_of(TEXTS, KEY), KEY)(word)


def test_parts_make_the_same_list_as_the_whole() -> None:
    whole = hashes_of(TEXTS, KEY)
    assert np.array_equal(whole, merged(hashes_of([text], KEY) for text in TEXTS))
    assert np.array_equal(whole, np.unique(whole))
    assert len(merged([])) == 0


def test_another_key_makes_other_hashes() -> None:
    assert not np.intersect1d(hashes_of(TEXTS, KEY), hashes_of(TEXTS, b"u" * 32)).size


def test_hashes_are_kept_for_their_owner_alone_and_other_files_are_refused(tmp_path: Path) -> None:
    save_hashes(tmp_path / "words.npy", hashes_of(TEXTS, KEY))
    assert Taken(load_hashes(tmp_path / "words.npy"), KEY)("Okonjo")
    assert stat.S_IMODE((tmp_path / "words.npy").stat().st_mode) == 0o600
    np.save(tmp_path / "other.npy", np.arange(3.0))
    (tmp_path / "text.npy").write_text("words")
    for name in ("other.npy", "text.npy"):
        with pytest.raises(UserError, match="no list of hashes"):
            load_hashes(tmp_path / name)


def test_a_surrogate_is_no_word_of_the_corpus() -> None:
    text = "Ada Okonjo"
    found = [Found(0, len(text), "NAME", 1.0, "")]
    seen: list[str] = [text]
    for _ in range(5):  # each round's surrogates join the corpus, so the next have to be others
        hider = Hider(Hiding(operator="surrogate"), KEY, "en", Taken(hashes_of(seen, KEY), KEY))
        now = hider.hide(text, found, "p").text
        words = {word for other in seen for word in other.split()}
        assert not words & set(now.split())
        seen.append(now)
