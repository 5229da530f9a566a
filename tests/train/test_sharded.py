"""Frozen weights in parts: what two processes learn that hold half of them each is what one learns that holds all."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

from journey import launched
from residency.core.errors import UserError
from residency.core.store import read_jsonl
from residency.train.instruct import instruct
from residency.train.schedule import Schedule
from residency.train.tuning import SHARDED, Tuning

STAGES = """
import json, os, sys
from pathlib import Path
from residency.train import stage
from residency.train.instruct import instruct
from residency.train.prefer import prefer
from residency.train.processes import agreed
from residency.train.schedule import Schedule
from residency.train.tuning import Tuning
base, examples, out, method = map(Path, sys.argv[1:])
shard = int(os.environ.get("WORLD_SIZE", "1")) > 1
tuning = Tuning(method=str(method), rank=4, shard=shard)
given = dict(learning_rate=1e-2, batch_tokens=64, precision="fp32", checkpoint=2, evaluate=4)
instruct(base, examples, out=out / "instruct", tuning=tuning, schedule=Schedule(accumulate=3, **given))
agreed("done")
aligning = Schedule(accumulate=2, **given)
prefer(out / "instruct", examples, out=out / "prefer", tokens=2000, tuning=tuning, schedule=aligning)
agreed("done")
net, _ = stage.open_model(out / "prefer", schedule=aligning, tuning=tuning)
frozen = [p for name, p in net.named_parameters() if ".layers." in name and not p.requires_grad]
held = sum((p.to_local() if hasattr(p, "to_local") else p).numel() for p in frozen)
(out / f"held-{os.environ.get('RANK', '0')}.json").write_text(json.dumps(held))
"""


@pytest.mark.parametrize("method", ["lora", "ia3"])
def test_two_processes_that_share_the_weights_learn_what_one_learns(method, toy_base, toy_examples, tmp_path):
    for processes in (1, 2):
        launched(STAGES, processes, toy_base, toy_examples, tmp_path / str(processes), method)
    for stage in ("instruct", "prefer"):
        one, two = (load_file(tmp_path / n / stage / "adapter" / "adapter_model.safetensors") for n in "12")
        assert one.keys() == two.keys()
        assert all(torch.allclose(one[name], two[name], atol=1e-6) for name in one)
        looks = [list(read_jsonl(tmp_path / n / stage / "measured.jsonl")) for n in "12"]
        assert [row["step"] for row in looks[0]] == [row["step"] for row in looks[1]]
        losses = ([row["held_out_loss"] for row in some] for some in looks)
        assert next(losses) == pytest.approx(next(losses), abs=1e-5)
    whole, *parts = (json.loads((tmp_path / n / f"held-{r}.json").read_text()) for n, r in ("10", "20", "21"))
    assert max(parts) < 0.75 * whole


def test_one_process_holds_all_and_says_so(toy_base, toy_examples, tmp_path, capsys):
    schedule = Schedule(batch_tokens=64, precision="fp32")
    instruct(toy_base, toy_examples, out=tmp_path, tokens=500, tuning=Tuning(rank=4, shard=True), schedule=schedule)
    assert "torchrun" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["full", "prefix"])
def test_a_method_that_needs_all_weights_is_refused_in_parts(method):
    with pytest.raises(UserError, match="needs all weights in each process") as caught:
        Tuning(method=method, shard=True)
    assert all(name in str(caught.value) for name in SHARDED)
