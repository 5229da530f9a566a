"""The comparison on a GPU: what it counts and compares, and its work on a made-up model, here on the CPU."""

from __future__ import annotations

from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    import gpu

    return gpu


def test_the_same_made_up_model_leaves_the_same_gradient_and_bf16_one_near_it(gpu, tmp_path):
    for shape_and_side in ("fp32", "again", "bf16"):
        folder = tmp_path / shape_and_side
        folder.mkdir()
        base = gpu.made_up_model.make_base(folder, "tiny")
        precision = "bf16" if shape_and_side == "bf16" else "fp32"
        figures = gpu.on_a_device.gradient(folder, "tiny", base, tmp_path, precision)
        assert 5 < figures["loss"] < 12  # of 2,000 words, by random weights: about ln 2000 = 7.6
    first = tmp_path / "fp32" / "gradient.safetensors"
    assert gpu.relative(tmp_path / "again" / "gradient.safetensors", first) == 0
    assert 1e-4 < gpu.relative(tmp_path / "bf16" / "gradient.safetensors", first) < 0.1


def test_replies_are_followed_until_they_part_and_options_ranked_by_question(gpu):
    assert gpu.until_apart("a b c d", "a b x d") == 0.5 and gpu.until_apart("a b", "a b") == 1
    assert gpu.best({"10": -3.0, "11": -1.0, "20": -2.0, "21": -2.5}) == {1: 11, 2: 20}


def test_the_operations_of_a_token_are_those_of_smollm2s_layers(gpu):
    assert gpu.flops("smollm2-135m") == pytest.approx(4 * 106.2e6, rel=0.001)
