"""Files are whole or absent, hashes are of content, and a full disk is one clear error."""

from __future__ import annotations

import errno
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from residency.core import store
from residency.core.errors import SourceError, StorageError
from residency.core.types import Example, Span


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_killed_processes_left_half_made_is_swept_and_nothing_else(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    half = [tmp_path / f".{process.pid}.rows.jsonl", tmp_path / "export" / f".{process.pid}.model" / "part.safetensors"]
    kept = [tmp_path / ".lock", tmp_path / "rows.1.jsonl", tmp_path / "export" / f".{os.getpid()}.model.gguf"]
    for path in (*half, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    store.sweep(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)
    assert names(tmp_path / "export") == [f".{os.getpid()}.model.gguf"]


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    def rows() -> object:
        yield {"a": 1}
        raise RuntimeError("stopped half way")

    with pytest.raises(RuntimeError):
        store.write_jsonl(tmp_path / "rows.jsonl", rows())  # type: ignore[arg-type]
    assert names(tmp_path) == []


def test_an_old_file_stays_when_the_new_one_fails(tmp_path: Path) -> None:
    store.write_json(tmp_path / "x.json", {"old": True})
    with pytest.raises(ZeroDivisionError), store.atomic_path(tmp_path / "x.json") as temporary:
        temporary.write_text("half")
        _ = 1 / 0
    assert store.read_json(tmp_path / "x.json") == {"old": True}
    assert names(tmp_path) == ["x.json"]


def test_a_whole_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    for content in ("one", "two"):
        with store.atomic_path(tmp_path / "adapter") as temporary:
            temporary.mkdir()
            (temporary / content).write_text(content)
    assert names(tmp_path / "adapter") == ["two"]
    assert names(tmp_path) == ["adapter"]


def test_the_temporary_file_keeps_its_suffix(tmp_path: Path) -> None:
    with store.atomic_path(tmp_path / "page.parquet") as temporary:
        assert temporary.suffix == ".parquet" and temporary.parent == tmp_path
        temporary.touch()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_a_storage_error_that_says_what_to_do(tmp_path: Path, code: int) -> None:
    with pytest.raises(StorageError, match="no room left.*free some space"), store.atomic_path(tmp_path / "x"):
        raise OSError(code, "from the system")
    assert names(tmp_path) == []


def test_a_full_disk_is_recognised_in_another_librarys_words(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no room left"), store.storage_errors(tmp_path):
        raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write .*x.json"):
        store.write_json(tmp_path / "file" / "x.json", 1)


def test_an_unreadable_source_elsewhere_is_not_blamed_on_the_run_folder(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), store.storage_errors(tmp_path / "runs" / "one"):
        raise PermissionError(errno.EACCES, "Permission denied", "/elsewhere/notes.txt")


def test_nan_becomes_null_everywhere(tmp_path: Path) -> None:
    store.write_json(tmp_path / "x.json", {"a": math.nan, "b": [math.inf, 1.5], "c": np.float32("nan")})
    assert store.read_json(tmp_path / "x.json") == {"a": None, "b": [None, 1.5], "c": None}


def test_numpy_paths_sets_and_dataclasses_are_written(tmp_path: Path) -> None:
    value = {"n": np.int64(3), "a": np.array([1, 2]), "p": Path("x/y"), "s": {"b", "a"}, "d": Span(0, 1, "x")}
    store.write_json(tmp_path / "x.json", value)
    span = {"start": 0, "end": 1, "label": "x", "score": 1.0}
    assert store.read_json(tmp_path / "x.json") == {"n": 3, "a": [1, 2], "p": "x/y", "s": ["a", "b"], "d": span}


def test_what_json_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="cannot write a object"):
        store.write_json(tmp_path / "x.json", object())


def test_rows_come_back_as_they_went(tmp_path: Path) -> None:
    rows = [{"id": "1", "text": "Ünïcode\nline"}, {"id": "2", "text": None}]
    assert store.write_jsonl(tmp_path / "rows.jsonl", rows) == 2
    assert list(store.read_jsonl(tmp_path / "rows.jsonl")) == rows


def test_a_bad_line_is_named_by_number_and_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n\n{"name": "Jane Doe"\n', encoding="utf-8")
    with pytest.raises(SourceError, match="line 3") as caught:
        list(store.read_jsonl(path))
    assert "Jane" not in str(caught.value)


def test_half_a_line_left_by_a_kill_is_passed_over_and_then_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "curve.jsonl"
    store.append_jsonl(path, {"step": 1})
    with open(path, "a") as handle:
        handle.write('{"step": 2, "lo')
    assert list(store.read_jsonl(path, torn=True)) == [{"step": 1}]
    with pytest.raises(SourceError):
        list(store.read_jsonl(path))
    store.append_jsonl(path, {"step": 2}, {"step": 3})
    assert list(store.read_jsonl(path)) == [{"step": 1}, {"step": 2}, {"step": 3}]


def test_equal_values_have_equal_hashes_whatever_their_order(tmp_path: Path) -> None:
    assert store.sha256_json({"a": 1, "b": [2]}) == store.sha256_json({"b": [2], "a": 1})
    assert store.sha256_json({"a": 1}) != store.sha256_json({"a": 1.5})
    (tmp_path / "x").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert store.sha256_file(tmp_path / "x") == store.sha256_text("abc") == known


def test_a_folder_without_a_whole_manifest_is_not_finished(tmp_path: Path) -> None:
    assert store.read_manifest(tmp_path) is None
    (tmp_path / "manifest.json").write_text('{"half":')
    assert store.read_manifest(tmp_path) is None
    store.write_manifest(tmp_path, stage="corpus")
    found = store.read_manifest(tmp_path)
    assert found is not None and found["stage"] == "corpus" and found["residency"]


def test_examples_are_read_by_split_and_task(tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "Is it?"}]
    examples = [
        Example("1", chat, ["yes"], ["no"], ["yes", "no"], [Span(0, 1, "x")], "hpo", "g", "train", {"task": "qa"}),
        Example("2", chat, ["no"], split="test", meta={"task": "qa"}),
        Example("3", chat, ["no"], split="test", meta={"task": "nli"}),
    ]
    path = tmp_path / "examples.jsonl"
    assert store.write_examples(path, examples) == 3
    assert list(store.read_examples(path)) == examples
    assert [example.id for example in store.read_examples(path, split="test")] == ["2", "3"]
    assert [example.id for example in store.read_examples(path, "test", "nli")] == ["3"]


@pytest.mark.parametrize("values", [[], [1], [{"b": "ß", "a": [None, 0.1]}, "x", math.nan]])
def test_a_list_has_the_same_hash_value_by_value(values: list[object]) -> None:
    digest = store.ListHash()
    for value in values:
        digest.add(value)
    assert digest.hexdigest() == store.sha256_json(values) == digest.hexdigest()


def test_a_line_that_is_not_utf8_is_named_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a": "M\xc3\xbcller"}\n' + '{"a": "Müller"}\n'.encode("latin-1"))
    with pytest.raises(SourceError, match=r"x.jsonl, line 2: not UTF-8$"):
        list(store.read_jsonl(path))
    path.write_bytes(b'{"a": 1}\n{"a": "\xc3')  # a killed process may stop within a letter
    assert list(store.read_jsonl(path, torn=True)) == [{"a": 1}]
