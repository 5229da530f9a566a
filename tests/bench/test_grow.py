"""How training grows: the operations of a token by hand, kinds of operations, and a tiny case for real."""

from __future__ import annotations

from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def growing(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    from parts import growing

    return growing


def test_the_operations_of_a_token_are_those_of_each_part(growing):
    found = growing.operations("smollm2-135m", 1000)
    assert found["layers"] == pytest.approx(4 * 106.2e6, rel=0.001)  # as its card has them without the embedding
    assert found["head"] == 4 * 49152 * 576
    assert found["attention"] == 30 * (1000 / 2) * 576 * 2 * 2 * 3  # half of the square, two products, back twice


def test_a_1b_shape_has_the_parameters_of_llama(growing):
    sizes = growing.SHAPES["llama-1b"]
    layers = growing.operations("llama-1b", 1)["layers"] / 4
    assert layers + sizes["vocab_size"] * sizes["hidden_size"] == pytest.approx(1.236e9, rel=0.001)


def test_operations_are_sorted_by_their_names(growing):
    kinds = {name: growing.kind_of(name) for name in ("aten::mm", "aten::copy_", "aten::mul_", "_LowRankBackward")}
    assert [kind.split()[0].rstrip(",") for kind in kinds.values()] == ["products", "copies", "elementwise", "our"]
    assert growing.kind_of("aten::_foreach_add_").startswith("optimizer")


def test_a_tiny_case_is_trained_for_real_with_its_peak_beside_it(growing, tmp_path):
    base = growing.base(str(tmp_path), "tiny")
    settings = {"shape": "tiny", "precision": "fp32", "length": 32, "row": 64, "rows": 1}
    found = growing.pace(base, {**settings, "steps": 3, "memory": 4.0, "square": 128})
    assert found["fits"] and len(found["seconds"]) == 3 and found["tokens"] == 64
    assert found["peak"] > 1e8 and found["products"] > 1e7 and found["peak_mb"] > 50


def test_a_profile_shares_out_the_whole_time(growing, tmp_path):
    found = growing.profile(growing.base(str(tmp_path), "tiny"), "fp32", 32, 4.0)
    assert sum(found["kinds"].values()) == pytest.approx(1.0) and found["milliseconds"] > 0
    assert max(found["kinds"].values()) < 1 and found["row"] == 512
