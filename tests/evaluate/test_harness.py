"""lm-evaluation-harness with our scorer beside its own ``hf`` model: the same numbers, on a toy model, to the digit."""

from __future__ import annotations

import json

import pytest
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from residency.cli import main
from residency.core.errors import UserError
from residency.core.store import read_manifest
from residency.evaluate.harness import ResidencyLM, run_harness


@pytest.fixture(scope="module")
def both(toy_base):
    folder = read_manifest(toy_base)["model"]["path"]
    return ResidencyLM(pretrained=folder), HFLM(pretrained=folder, dtype="float32", device="cpu", batch_size=2)


def requests(kind, rows):
    return [Instance(kind, {}, row, i) for i, row in enumerate(rows)]


HEAD = "red green blue one two three " * 5
PAIRS = [
    *((HEAD + "the sky is", f" {c}") for c in ("blue", "green", "red dog")),
    (HEAD + "the grass is", " green"),
    ("the dog", " is red"),
    ("the dog ", "is red"),
    ("", "red green blue"),
    ("cat " * 200, "the dog is green"),  # longer than the model's context
]


def test_likelihoods_and_greedy_choices_are_those_of_hf(both):
    ours, theirs = (m.loglikelihood(requests("loglikelihood", PAIRS), disable_tqdm=True) for m in both)
    assert [g for _, g in ours] == [g for _, g in theirs]
    for (a, _), (b, _) in zip(ours, theirs, strict=True):
        assert a == pytest.approx(b, abs=1e-4)


def test_whole_texts_in_windows_are_those_of_hf(both):
    texts = [("the sky is blue",), ("red green blue cat dog " * 60,)]
    ours, theirs = (m.loglikelihood_rolling(requests("loglikelihood_rolling", texts), disable_tqdm=True) for m in both)
    assert ours == pytest.approx(theirs, abs=1e-3)


def test_written_replies_are_those_of_hf(both):
    asked = {"until": [" two"], "max_gen_toks": 12, "do_sample": False}
    rows = [("the sky is", dict(asked)), ("red green", dict(asked)), ("cat dog the", {"until": [], "max_gen_toks": 5})]
    ours, theirs = (m.generate_until(requests("generate_until", rows), disable_tqdm=True) for m in both)
    assert [" ".join(t.split()) for t in ours] == [" ".join(t.split()) for t in theirs]
    assert any(t.strip() for t in ours)


def test_an_argument_that_it_does_not_know_is_refused(toy_base):
    with pytest.raises(UserError, match="pretrained, type, max_length and max_gen_toks; not dtype"):
        ResidencyLM(pretrained="x", dtype="float32")


def test_settings_that_run_code_need_to_be_allowed(tmp_path):
    (tmp_path / "on.yaml").write_text("tasks: [x]\ntrust_remote_code: true\n")
    (tmp_path / "args.yaml").write_text("tasks: [x]\nmodel_args: {pretrained: x, trust_remote_code: true}\n")
    for given in (
        ["--trust_remote_code"],
        ["--trust_rem"],
        ["--confirm_run"],
        ["--config", f"{tmp_path}/on.yaml"],
        [f"-C{tmp_path}/args.yaml"],
        ["--model", "hf", "--model_args", "pretrained=x,trust_remote_code=True"],
    ):
        with pytest.raises(UserError, match="(trust_remote|confirm_run_unsafe)_code runs code.*--allow-code"):
            run_harness(["--tasks", "x", *given])


def test_what_its_command_line_does_not_understand_is_the_users_to_mend(tmp_path):
    with pytest.raises(UserError, match="unrecognized arguments: --tusks"):
        run_harness(["--tusks", "x"])
    with pytest.raises(UserError, match="--config: .*not found"):
        run_harness(["--config", str(tmp_path / "none.yaml"), "--tasks", "x"])


def test_no_model_is_a_mistake_that_says_what_to_give():
    with pytest.raises(UserError, match="say which model: --model_args pretrained="):
        ResidencyLM()
    with pytest.raises(UserError, match="say which model: --model_args pretrained="):
        run_harness(["--tasks", "pubmedqa"])


def test_runs_are_found_where_the_runs_folder_is(toy_base, tmp_path, monkeypatch):
    folder = read_manifest(toy_base)["model"]["path"]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine").symlink_to(folder)
    monkeypatch.setenv("RESIDENCY_RUNS", str(tmp_path / "elsewhere"))
    monkeypatch.chdir(tmp_path)
    assert ResidencyLM(pretrained="runs/mine").max_length > 0


def test_a_task_that_the_harness_does_not_know_is_the_users_to_mend(toy_base):
    asked = ["--tasks", "no_such_task", "--model_args", f"pretrained={toy_base}"]
    with pytest.raises(UserError, match="lm-evaluation-harness: .*no_such_task"):
        run_harness(asked)


def local_task(tmp_path, monkeypatch):
    rows = [{"q": f"the {thing} is", "a": i % 2} for i, thing in enumerate(("sky", "grass", "blood", "cat"))]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    (tmp_path / "t.yaml").write_text(
        f"task: colours\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {tmp_path}/t.jsonl\n"
        'test_split: test\noutput_type: multiple_choice\ndoc_to_text: "{{q}}"\ndoc_to_target: a\n'
        "doc_to_choice: [red, blue]\nmetric_list:\n  - metric: acc\n"
    )
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))


def test_its_command_line_runs_a_local_task_with_our_model(toy_base, tmp_path, monkeypatch, capsys):
    local_task(tmp_path, monkeypatch)
    folder = read_manifest(toy_base)["model"]["path"]
    given = ["--include_path", str(tmp_path), "--tasks", "colours", "--model_args", f"pretrained={folder}"]
    run_harness([*given, "--output_path", str(tmp_path / "out")])
    (found,) = (tmp_path / "out").rglob("results_*.json")
    assert 0 <= json.loads(found.read_text())["results"]["colours"]["acc,none"] <= 1
    out = capsys.readouterr().out
    assert "colours" in out and "Tasks" in out and "Metric" in out  # an older table writer left its head out


def test_with_json_the_results_are_the_only_thing_on_standard_output(toy_base, tmp_path, monkeypatch, capsys):
    local_task(tmp_path, monkeypatch)
    folder = read_manifest(toy_base)["model"]["path"]
    given = ["--include_path", str(tmp_path), "--tasks", "colours", "--model_args", f"pretrained={folder}"]
    assert main(["lm-eval", "--json", *given]) == 0
    out, err = capsys.readouterr()
    assert 0 <= json.loads(out)["results"]["colours"]["acc,none"] <= 1
    assert "Tasks" in err and "Metric" in err
    assert main(["lm-eval", "--json", "ls", "no_such"]) == 2
    assert "invalid choice" in json.loads(capsys.readouterr().out)["error"]["message"]
