"""The settings of tuning: they reach a stage from a recipe, and what cannot be is refused before any work."""

from __future__ import annotations

import sys

import pytest

from residency import pipeline
from residency.core.errors import Contradiction, RecipeError
from residency.core.recipe import resolve
from residency.core.settings import call_settings
from residency.making import across
from residency.train.instruct import instruct
from residency.train.tuning import LORA, Tuning, no_4bit


def stage(text, name="instruct"):
    """Return the tuning that a stage is called with."""
    recipe = resolve(f"corpus: {{sources: [{{hpo: {{}}}}]}}\ntrain:\n  - {name}: {{{text}}}\n", [], pipeline.sections())
    return call_settings(instruct, recipe["train"][0][name])["tuning"]


def problems(text):
    with pytest.raises(RecipeError) as error:
        stage(text)
    return str(error.value)


def test_a_recipes_keys_are_the_tunings():
    found = stage("method: dora, rank: 8, neftune: 5, layers: [q_proj, 2-]")
    assert found == Tuning(method="dora", rank=8, neftune=5.0, layers=("q_proj", "2-"))


def test_without_keys_or_with_rank_and_alpha_it_is_lora_as_ever():
    assert stage("tokens: 1k") == LORA == Tuning()
    assert stage("rank: 8, alpha: 16") == Tuning(rank=8, alpha=16.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("method: lorra", "did you mean lora"),
        ("method: prefix, layers: [q_proj]", "tunes no layers"),
        ("method: ia3, dropout: 0.1", "no low-rank module to drop from"),
        ("layers: [3-1]", "is no layer; legal: a name such as q_proj"),
        ("layers: ['q proj']", "is no layer"),
        ("virtual_tokens: 0", "from 1 to 1024"),
        ("dropout: 1.0", "from 0 to 0.9"),
        ("neftune: -1", "at least 0"),
    ],
)
def test_what_cannot_be_is_told_by_the_recipes_check(text, words):
    assert words in problems(text)


@pytest.mark.parametrize(
    ("train", "words"),
    [
        ("[{instruct: {method: prefix}}, {prefer: {}}]", "cannot be merged: leave quantize out"),
        (
            "[{pretrain: {}}, {instruct: {method: ia3}}]",
            "instruct.method: the stage before left an adapter of method lora",
        ),
        ("[{instruct: {method: prompt}}, {prefer: {method: full}}]", "learned virtual tokens"),
        ("[{instruct: {method: dora}}, {prefer: {method: dual_lora}}]", "adds a second module to a LoRA"),
        ("[{pretrain: {method: full}}, {instruct: {method: ia3}}, {prefer: {}}]", ""),
        ("[{pretrain: {}}, {instruct: {method: dual_lora}}]", ""),
    ],
)
def test_methods_that_cannot_follow_one_another_are_told_before_anything_runs(train, words):
    text = f"corpus: {{sources: [{{hpo: {{}}}}]}}\ntrain: {train}\ncompress: [{{quantize: {{}}}}]\n"
    if not words:
        assert resolve(text, [], pipeline.sections(), across=across)
        return
    with pytest.raises(RecipeError, match=words):
        resolve(text, [], pipeline.sections(), across=across)


def test_the_same_is_refused_in_python():
    with pytest.raises(Contradiction, match="tunes no layers"):
        Tuning(method="prompt", layers=("q_proj",))


def test_four_bits_are_refused_with_the_reason_and_what_to_take_instead(monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    monkeypatch.setitem(sys.modules, "bitsandbytes.nn", None)
    assert "bitsandbytes, which is not installed; take method: lora" in no_4bit()
    assert "bitsandbytes" in problems("method: qlora")


def test_a_build_without_a_kernel_for_the_device_is_found_by_trying_it(monkeypatch):
    class Linear4bit:
        def __init__(self, *given, **named):
            raise RuntimeError("no kernel image")

    monkeypatch.setitem(sys.modules, "bitsandbytes", type(sys)("bitsandbytes"))
    monkeypatch.setitem(sys.modules, "bitsandbytes.nn", type("nn", (), {"Linear4bit": Linear4bit}))
    assert "no 4-bit kernel that learns" in no_4bit() and "no kernel image" in no_4bit()
