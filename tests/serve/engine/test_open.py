"""From a name to an engine: by what the name leads to."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from residency.core.errors import ModelError, Unsupported
from residency.core.store import write_manifest
from residency.serve.engine import open as opened
from residency.serve.engine.gguf import is_encoder
from residency.serve.engine.llama import LlamaEngine
from residency.serve.engine.local import LocalEngine
from residency.serve.engine.open import open_engine
from residency.serve.engine.remote import RemoteEngine
from residency.serve.settings import Settings
from serve.tiny_gguf import tiny_gguf, write_tiny_encoder  # noqa: F401


def test_a_runs_gguf_is_called_by_its_run_and_has_the_context_that_was_set(tmp_path, tiny_gguf):  # noqa: F811
    run = tmp_path / "ward-1"
    (run / "export").mkdir(parents=True)
    (run / "recipe.yaml").write_text("base: x\n")
    (run / "export" / "model.gguf").write_bytes(tiny_gguf.read_bytes())
    write_manifest(run / "export", stage="export", gguf="model.gguf", sha256="ab12")
    engine = open_engine(str(run), Settings(tmp_path, parallel=2, context=300))
    try:
        assert isinstance(engine, LlamaEngine)
        assert (engine.name, engine.hash, engine.context) == ("ward-1-gguf", "ab12", 512)
        assert asyncio.run(engine.complete({"prompt": "x", "max_tokens": 2}))["model"] == "ward-1-gguf"
    finally:
        engine.close()


def test_an_endpoint_is_asked_for_nothing_where_its_model_is_named(tmp_path):
    engine = open_engine("http://127.0.0.1:9/v1#big", Settings(tmp_path))
    assert isinstance(engine, RemoteEngine) and engine.name == "big"


def test_another_model_answers_in_this_process(tmp_path, monkeypatch):
    from residency.models.load import Source
    from residency.models.scripted import ScriptedModel

    monkeypatch.setattr(opened, "find", lambda name: Source("toy", str(tmp_path), "ab"))
    monkeypatch.setattr(opened, "open_source", lambda source: ScriptedModel({}))
    assert isinstance(open_engine("toy", Settings(tmp_path)), LocalEngine)


def test_what_writes_nothing_or_is_no_model_is_refused(tmp_path):
    with pytest.raises(Unsupported, match="writes nothing"):
        open_engine("minilm", Settings(tmp_path))
    with pytest.raises(ModelError):
        open_engine(str(tmp_path / "absent.gguf"), Settings(tmp_path))
    (tmp_path / "notes.gguf").write_text("not a model")
    with pytest.raises(ModelError, match="not a GGUF"):
        open_engine(str(tmp_path / "notes.gguf"), Settings(tmp_path))


def test_an_encoder_is_known_by_the_head_of_its_file(tmp_path: Path, tiny_gguf: Path):  # noqa: F811
    encoder = write_tiny_encoder(tmp_path / "encoder.gguf")
    assert is_encoder(encoder) and not is_encoder(tiny_gguf)
    for size in (3, 30, 200):  # cut anywhere, it is no encoder, and nothing breaks
        (tmp_path / "cut.gguf").write_bytes(encoder.read_bytes()[:size])
        assert is_encoder(tmp_path / "cut.gguf") in (False, size == 200)
