"""What a training will take, told before it: held against what it takes, and refused where it does not fit."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import torch

from residency import estimate as estimating
from residency import pipeline, probing
from residency.core.errors import OutOfMemory, UserError
from residency.core.recipe import resolve
from residency.core.store import read_manifest, write_manifest
from residency.estimate import does_not_fit, estimate
from residency.plan import Stage, needed_by
from residency.probing import Probe
from residency.sample import Sample
from residency.train.probe import Seen
from residency.train.schedule import Schedule
from toy import toy_base, toy_examples, toy_stage, toy_tokenizer  # noqa: F401
from toy_encoder import bert_stage, toy_bert  # noqa: F401

SHORT = "{batch_tokens: 64, precision: fp32, accumulate: 2}"
RECIPE = f"""\
name: toy
train:
  - pretrain: {{tokens: 120, rank: 4, schedule: {SHORT}}}
  - instruct: {{tokens: 0, rank: 4, schedule: {SHORT}}}
  - prefer: {{tokens: 600, rank: 4, schedule: {SHORT}}}
"""


@pytest.fixture
def stages(toy_base, toy_examples):  # noqa: F811
    """The real training stages, behind a base and examples that are the toy's."""

    def base(*, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        write_manifest(out, model=(read_manifest(toy_base) or {})["model"])

    def examples(*, out: Path, qa: int = 30) -> None:
        shutil.copytree(toy_examples, out, dirs_exist_ok=True)

    real = {name: pipeline.STAGES[name] for name in ("pretrain", "instruct", "prefer")}
    return {"base": Stage(base, model="base"), "examples": Stage(examples), **real}


def resolved(stages, text=RECIPE, *arguments):
    return resolve(text, arguments, pipeline.sections(stages))


def by_stage(document):
    return {row["stage"]: row for row in document["stages"]}


def test_steps_and_tokens_of_built_examples_are_those_that_the_run_then_takes(stages, own_runs_folder):
    recipe = resolved(stages)
    before = {name: stage for name, stage in stages.items() if not stage.section}
    pipeline.walk(recipe, {}, stages=before)
    document, words = estimate(recipe, stages)
    folder = pipeline.walk(recipe, {}, stages=stages)
    for name, row in by_stage(document).items():
        totals = read_manifest(folder / name)["totals"]
        assert (row["steps"], row["tokens"]) == (totals["steps"], totals["tokens"]), name
        assert row["known"] == "the examples, counted" and 0 < row["seconds"] < 60 and row["peak_mb"] > 50
    assert document["not_counted"] == [] and document["whole"]["peak_mb"] == max(
        row["peak_mb"] for row in document["stages"]
    )
    assert "in all" in words and "instruct" in words


def test_where_nothing_is_built_the_setting_says_how_much_there_is_or_the_recipe_or_nothing(stages, own_runs_folder):
    document, words = estimate(resolved(stages), stages)
    assert not own_runs_folder.exists()  # nothing is left behind, and no stage is done
    found = by_stage(document)
    assert found["pretrain"]["tokens"] == 120 and "setting tokens" in found["pretrain"]["known"]
    assert found["pretrain"]["steps"] in (1, 2)  # two rows of 64 a step, seldom full
    assert "30" not in found["instruct"]["known"] and "guess" in found["instruct"]["known"]
    assert found["instruct"]["tokens"] == pytest.approx(30 * 25, rel=0.5)  # 30 asked for, some 25 tokens each
    assert document["not_counted"] == ["base", "examples"] and "(base, examples)" in words
    document, _ = estimate(resolved(stages, RECIPE, "examples.qa=0"), stages)
    assert by_stage(document)["instruct"]["seconds"] is None and document["whole"]["seconds"] is None


def test_what_is_done_is_told_and_not_counted(stages):
    recipe = resolved(stages)
    until = {name: stage for name, stage in stages.items() if name not in ("instruct", "prefer")}
    pipeline.walk(recipe | {"train": recipe["train"][:1]}, {}, stages=until, root=None)
    folder = pipeline.run_folder(recipe, pipeline.runs.runs_root())
    shutil.move(next(pipeline.runs.runs_root().glob("toy-*")), folder)
    document, words = estimate(recipe, stages)
    found = by_stage(document)
    assert found["pretrain"]["done"] and not found["instruct"]["done"] and "Done before, and not counted" in words
    rest = [row for row in document["stages"] if not row["done"]]
    assert document["whole"]["steps"] == sum(row["steps"] for row in rest)


def test_memory_at_shorter_rows_is_what_two_lengths_say(tmp_path):
    sizes = {"hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 6, "max_position_embeddings": 4096}
    base = toy_stage(tmp_path, toy_tokenizer(), "wide", vocab_size=64, **sizes)
    step = stage_step("pretrain", {"tokens": 0, "rank": 4, "alpha": None, "schedule": plain(batch_tokens=2048)})
    sample = Sample(toy_text(tmp_path / "text"), {}, whole=True)
    (tmp_path / "probe").mkdir()
    probe = probing.probed(step, lambda tokens, row: ([base, sample.folder], sample), tmp_path / "probe")
    assert (probe.shorter, probe.size) == (1024, 2048) and not probe.refused
    (tmp_path / "real").mkdir()
    real, _ = probing._run(step, lambda tokens, row: ([base, sample.folder], sample), tmp_path / "real", 1536, 3)
    bare = probe.seen.bare_mb  # what an earlier training left in the process comes on top, or does not
    assert probe.memory_mb(1536) - bare == pytest.approx(real.peak_mb - bare, rel=0.4)
    assert probe.memory_mb(2048) - bare > 1.5 * (probe.memory_mb(1024) - bare)


def plain(**settings):
    from residency.core.settings import plain as as_data

    return as_data(Schedule(precision="fp32", **settings))


def stage_step(name, settings):
    from residency.plan import Step

    return Step(name, name, pipeline.STAGES[name], settings, ["base", "examples"], [])


def toy_text(folder):
    from residency.core.store import write_jsonl

    folder.mkdir()
    text = " ".join(["the sky is"] * 21)  # 64 tokens with the end: rows of 1,024, 1,536 and 2,048 are all full
    rows = [{"id": str(i), "text": text} for i in range(480)]
    write_jsonl(folder / "text.jsonl", rows)
    write_manifest(folder)
    return folder


def made(*, peaks=(1600.0, 2600.0), batch_tokens=1024, accumulate=2, refused=False):
    """A probe at rows of 512 and 1024 tokens, one row in memory at once."""
    small, seen = (Seen(3, plan=9, peak_mb=peak, start_mb=900.0, bare_mb=700.0) for peak in peaks)
    schedule = Schedule(batch_tokens=batch_tokens, accumulate=accumulate, precision="fp32")
    return Probe(seen, Sample(Path(), {}), 1024, small, 512, schedule, refused)


@pytest.fixture
def one_lane():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_a_stage_that_does_not_fit_is_refused_with_the_longest_row_that_does(one_lane):
    probe = made(batch_tokens=2048)
    assert probe.fixed_mb == pytest.approx(600) and probe.token_mb == pytest.approx(1000 / 512)
    need = {"peak_mb": probe.memory_mb(2048)}
    assert need["peak_mb"] == pytest.approx(600 + 4000) and does_not_fit(probe, "train.instruct", need, 4700) is None
    told = does_not_fit(probe, "train.instruct", need, 2000.0)
    tokens, rows = (int(re.search(rf"train.instruct.schedule.{name}=(\d+)", told)[1]) for name in SETTINGS)
    assert probe.memory_mb(tokens) <= 2000 < probe.memory_mb(tokens + 16)
    assert tokens * rows >= 2048 * 2 > tokens * (rows - 1)  # as many tokens a step as before


SETTINGS = ("batch_tokens", "accumulate")


def test_where_not_even_the_shortest_row_fits_no_length_of_row_is_named(one_lane):
    probe = made()
    told = does_not_fit(probe, "train.instruct", {"peak_mb": probe.memory_mb(1024)}, 500.0)
    assert "batch_tokens" not in told and "smaller base" in told and "precision=bf16" in told


def test_rows_that_were_tried_and_failed_are_not_named_as_fitting(one_lane):
    probe = made(batch_tokens=2048, refused=True)
    told = does_not_fit(probe, "train.instruct", {"peak_mb": probe.memory_mb(2048)}, 4700.0)
    assert int(re.search(r"batch_tokens=(\d+)", told)[1]) <= 1024


def test_a_recipe_that_needs_more_memory_or_disk_than_there_is_is_refused(stages, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(estimating, "_memory_left", lambda: 30e6)
        with pytest.raises(UserError, match="train.instruct needs .* of memory, and 30 MB are free"):
            estimate(resolved(stages), stages)
    monkeypatch.setattr(estimating, "_disk_left", lambda folder: 1.2e6)
    text = "train: [{instruct: {rank: 64, schedule: {batch_tokens: 64, precision: fp32, checkpoint: 1}}}]"
    with pytest.raises(UserError, match=r"needs 2 MB of disk, and 1 MB are free") as caught:
        estimate(resolved(stages, text), stages)
    assert re.search(r"train.instruct.schedule.checkpoint=\d+", str(caught.value))


def test_a_stage_that_runs_out_of_memory_at_its_rows_is_probed_at_shorter_ones(monkeypatch, tmp_path):
    tried = []

    def run(step, hands, scratch, row, steps):
        tried.append(row)
        if row > 200:
            raise OutOfMemory("too large")
        return Seen(steps, plan=9, rows=9, useful=[row] * 9, seconds=[1.0] * steps), Sample(Path(), {}, whole=True)

    monkeypatch.setattr(probing, "_run", run)
    step = stage_step("instruct", {"schedule": plain(batch_tokens=1024)})
    probe = probing.probed(step, lambda tokens, row: ([], Sample(Path(), {})), tmp_path)
    assert probe.refused and probe.size == 128 and tried == [512, 256, 128, 256, 64, 128]


def test_rows_of_millions_of_tokens_are_told_from_shorter_ones_and_refused(monkeypatch, tmp_path):
    tried = []

    def run(step, hands, scratch, row, steps):
        tried.append(row)
        useful = [row] * 9
        seen = Seen(steps, plan=9, rows=9, useful=useful, seconds=[1.0] * steps, peak_mb=500 + row / 10, bare_mb=500.0)
        return seen, Sample(Path(), {}, whole=True)

    monkeypatch.setattr(probing, "_run", run)
    settings = {"schedule": plain(batch_tokens=4_000_000)}
    probe = probing.probed(stage_step("instruct", settings), lambda tokens, row: ([], Sample(Path(), {})), tmp_path)
    assert tried == [probing.LONGEST // 2, probing.LONGEST]
    row = probing.figures(probe, settings)
    assert row["peak_mb"] == pytest.approx(400_500, rel=0.01)
    why = estimating.does_not_fit(probe, "train.instruct", row, 20_000.0)
    assert why and "train.instruct.schedule.batch_tokens=" in why


def test_a_repeated_stage_is_named_by_its_place(stages):
    from residency.plan import make_plan

    recipe = resolved(stages, "train: [instruct, pretrain, instruct]")
    plan = make_plan(recipe, stages)
    paths = [estimating._path_of(plan, step) for step in plan if step.stage.section]
    assert paths == ["train.0.instruct", "train.pretrain", "train.2.instruct"]


def test_a_module_may_offer_a_shorter_way_to_the_first_step(stages, monkeypatch):
    from residency.train import prefer as module

    asked = []

    def short(model, examples, *, out, **settings):
        asked.append(settings["tokens"])
        module.prefer(model, examples, out=out, **settings)

    monkeypatch.setattr(module, "probe", short, raising=False)
    estimate(resolved(stages), stages)
    assert asked == [600, 600]


def test_the_stages_that_training_needs_are_all_before_it_and_none_after():
    names = list(needed_by("train", pipeline.STAGES))
    assert names[:5] == ["base", "corpus", "make", "examples", "gather"]
    assert not {"quantize", "evaluate", "report", "card"} & set(names)


def test_what_is_gathered_in_seconds_is_gathered_for_the_probe_and_a_crf_is_not_counted(bert_stage, own_runs_folder):  # noqa: F811
    pytest.importorskip("faker", reason="what makes up notes is not installed")

    def base(*, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        write_manifest(out, model=(read_manifest(bert_stage) or {})["model"])

    real = {name: pipeline.STAGES[name] for name in ("gather", "encode", "blend")}
    table = {"base": Stage(base, model="base"), **real}
    encode = "encode: {task: tag, labels: [DATE, NAME], schedule: {batch_tokens: 64, precision: fp32}}"
    text = f"gather: {{identifiers: 40}}\ntrain:\n  - {encode}\n  - blend: {{}}\n"
    document, words = estimate(resolved(table, text), table)
    assert [row["stage"] for row in document["stages"]] == ["encode"] and document["stages"][0]["steps"] > 0
    assert document["not_counted"] == ["base", "examples", "blend"] and "blend" in words
    assert not own_runs_folder.exists()
