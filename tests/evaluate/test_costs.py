"""What a model took: the stages of its own run up to it, and nothing where that is not known."""

from __future__ import annotations

import pytest
import yaml

from residency.core.errors import UserError
from residency.core.store import append_jsonl, write_manifest
from residency.evaluate.costs import costs, effort, stages_of
from residency.evaluate.ledger import rows
from residency.evaluate.names import apart, label
from residency.evaluate.run import shown
from residency.models.load import Source


def made(run, *stages):
    """Make a run of training stages, each of (name, seconds, memory in MB, tokens, seconds of the steps)."""
    train = [{name.partition("-")[0]: {}} for name, *_ in stages]
    run.mkdir()
    (run / "recipe.yaml").write_text(yaml.safe_dump({"train": [*train, {"prefer": False}]}))
    for name, wall, memory, tokens, seconds in stages:
        (run / name).mkdir()
        write_manifest(run / name, stage=name, cost={"wall_s": wall, "peak_rss_mb": memory})
        append_jsonl(run / name / "curve.jsonl", {"loss": 1.0, "tokens": tokens, "seconds": seconds})
    return run


@pytest.fixture
def run(tmp_path):
    return made(tmp_path / "r", ("pretrain", 100.0, 900.0, 1000, 10.0), ("reward", 7.0, 9999.0, 5, 1.0),
                ("instruct", 50.5, 1200.0, 500, 5.0))  # fmt: skip


def test_a_model_took_the_stages_up_to_its_own(run):
    took = effort(f"{run}:tuned", Source("tuned", "nowhere", "h"))
    assert took.stages == ["pretrain", "instruct"] and took.train_s == 150.5 and took.train_peak_rss_mb == 1200.0
    assert took.train_tokens == 1500 and took.train_tokens_per_s == 100.0 and took.parameters is None
    assert effort(f"{run}:pretrained", Source("pretrained", "nowhere", "h")).train_s == 100.0
    assert effort(f"{run}:reward", Source("reward", "nowhere", "h")).stages == ["pretrain", "reward"]
    assert effort(str(run), Source("tuned", "nowhere", "h")).train_s == 150.5  # the run alone, found to be that stage


def test_a_base_took_none_and_what_is_of_no_run_is_not_known(run, tmp_path):
    base = effort(f"{run}:base", Source("base", "nowhere", "h"))
    assert base.stages == [] and base.train_s == 0.0 and base.train_tokens_per_s is None
    other = effort(str(tmp_path), Source("somewhere", "nowhere", "h"))
    assert other.train_s is None and other.train_peak_rss_mb is None


def test_a_stage_that_was_done_twice_counts_twice(tmp_path):
    run = made(tmp_path / "r", ("encode", 10.0, 1.0, 10, 1.0), ("encode-2", 20.0, 1.0, 20, 1.0))
    assert [folder.name for folder in stages_of(run, "encoded")] == ["encode", "encode-2"]
    assert effort(f"{run}:encoded", Source("encoded", "nowhere", "h")).train_tokens == 30


def test_costs_stand_beside_the_value_and_a_baseline_tells_its_own_seconds(run, tmp_path):
    items = {
        name: [
            {"id": str(i), "group": str(i), "score": float(i < 5), "prediction": "A", "wanted": ["A"], "seconds": 0.5}
            for i in range(10)
        ]
        for name in ("tuned", "baseline:crf")
    }
    write_manifest(tmp_path / "out" / "baselines" / "medmcqa", seconds=12.5)
    ledger = [row for name, found in items.items() for row in rows("medmcqa", name, found, {}, None)]
    efforts = {"tuned": effort(f"{run}:tuned", Source("tuned", "nowhere", "h"))}
    tuned, crf = costs("medmcqa", items, ledger, efforts, tmp_path / "out")
    assert (tuned["value"], tuned["train_s"], tuned["seconds_per_item"]) == (0.5, 150.5, 0.5)
    assert (crf["train_s"], crf["parameters"], crf["stages"]) == (12.5, None, ["crf"])


def test_solved_examples_stand_behind_a_models_name(tmp_path):
    assert apart("runs/latest:base@3") == ("runs/latest:base", 3) and apart("runs/latest:base") == (
        "runs/latest:base", None,
    )  # fmt: skip
    assert apart("http://there/v1#m@0") == ("http://there/v1#m", 0)
    (tmp_path / "m@3").mkdir()
    assert apart(str(tmp_path / "m@3")) == (str(tmp_path / "m@3"), None)
    with pytest.raises(UserError, match="from 0 to 16"):
        apart("runs/latest:base@17")
    with pytest.raises(UserError, match="leave @3 out"):
        shown(Source("encoded", "x", "h", None, {"kind": "crf"}), 3)
    assert label("base-shots3") == "Base, 3 examples" and label("tuned-shots0") == "Tuned, no example"
