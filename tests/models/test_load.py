"""Every form of a model's name leads to the model that it names, and a wrong one to the names that are legal."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM

from residency.core.errors import ModelError, UserError
from residency.core.store import read_manifest, write_json, write_manifest
from residency.models import weights
from residency.models.load import FORMS, find, load, no_base, of_stage, prepare
from residency.train.instruct import instruct
from residency.train.prefer import prefer
from residency.train.schedule import Schedule
from residency.train.tuning import Tuning
from toy import toy_tokenizer

ASK = [[{"role": "user", "content": f"{thing} ?"}] for thing in ("blood", "grass", "sky")]
RIGHT = ["red", "green", "blue"]


@pytest.fixture(scope="module")
def run(toy_base, toy_examples, tmp_path_factory):
    """A run of a base, a tuned and an aligned toy, and of a GGUF that nothing opens."""
    run = tmp_path_factory.mktemp("runs") / "toy-1"
    shutil.copytree(toy_base, run / "base")
    schedule = Schedule(learning_rate=1e-2, batch_tokens=64, precision="fp32")
    instruct(run / "base", toy_examples, out=run / "instruct", tuning=Tuning(rank=4), schedule=schedule)
    prefer(run / "instruct", toy_examples, out=run / "prefer", schedule=schedule)
    (run / "export").mkdir()
    (run / "export" / "model-q8_0.gguf").write_bytes(b"GGUF")
    write_manifest(run / "export", gguf="model-q8_0.gguf", sha256="f00d")
    write_manifest(run / "corpus", documents=3)
    (run / "recipe.yaml").write_text("base: toy\n")
    (run.parent / "latest").symlink_to(run.name)
    (run / "adapter").symlink_to("prefer/adapter")
    return run


@pytest.fixture
def weights_folder(toy_base):
    return read_manifest(toy_base)["model"]["path"]


def adapter_on(base, run, folder):
    """Return a copy of the tuned adapter that names another base."""
    shutil.copytree(run / "instruct" / "adapter", folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": base}))
    return folder


def totals(name):
    return [s.total for s in load(str(name), type="fp32").loglik(ASK, RIGHT)]


def test_a_folder_is_a_model(weights_folder):
    model = load(weights_folder, type="fp32")
    plain = AutoModelForCausalLM.from_pretrained(weights_folder, dtype=torch.float32).state_dict()
    assert all(torch.equal(value, plain[key]) for key, value in model.net.state_dict().items())
    assert model.name == "weights" and len(model.hash) == 64


@pytest.mark.parametrize("name", ["smollm2-135m", "SmolLM2-135M"])
def test_a_packaged_name_is_the_converted_folder_with_its_licence(name):
    source = find(name)
    assert source.name == "SmolLM2-135M-Instruct" and source.path == str(weights.packaged_base())
    assert source.about["licence"] == "Apache-2.0" and "4 bits" in source.about["note"]


def test_a_gguf_file_is_a_model():
    file = weights.packaged_file(weights.SMOLLM2)
    source = find(str(file))
    assert source.is_gguf and source.name == file.stem and source.hash == weights.SMOLLM2.sha256
    assert load(str(file)).generate([[{"role": "user", "content": "Hello"}]], max_tokens=2)[0].text


def test_a_run_is_its_last_model_and_its_stages_go_by_name(run):
    assert find(str(run)).path == str(run / "export" / "model-q8_0.gguf")
    assert find(f"{run.parent}/latest:gguf") == find(str(run)).__class__(
        "gguf", str(run / "export" / "model-q8_0.gguf"), "f00d"
    )
    tuned, aligned = find(f"{run}:tuned"), find(f"{run.parent / 'latest'}:aligned")
    assert tuned.name == "tuned" and tuned.adapter == run / "instruct" / "adapter"
    assert aligned.name == "aligned" and aligned.adapter.resolve() == run / "prefer" / "adapter"
    assert len({find(f"{run}:{s}").hash for s in ("base", "tuned", "aligned")}) == 3
    assert find(f"{run}:base").adapter is None


def test_which_model_of_a_run_is_taken_is_said_and_whether_it_is_out_of_date(run, tmp_path, capsys):
    find(str(run))
    assert capsys.readouterr().err == f"{run} stands for {run}:gguf; others are :base, :tuned, :aligned\n"
    find(f"{run}:tuned")
    assert capsys.readouterr().err == ""
    old = tmp_path / "old"
    shutil.copytree(run, old, symlinks=True)
    write_json(old / "run.json", {"outdated": ["export"]})
    find(f"{old}:gguf")
    assert f"{old}:gguf is out of date: its inputs changed since" in capsys.readouterr().err
    find(f"{old}:aligned")
    assert capsys.readouterr().err == ""


def test_a_run_without_a_gguf_is_its_newest_adapter(run, tmp_path):
    left = tmp_path / "left"
    shutil.copytree(run, left, symlinks=True, ignore=shutil.ignore_patterns("export", "adapter"))
    assert find(str(left)).name == "aligned"
    shutil.rmtree(left / "prefer")
    assert find(str(left)).name == "tuned"
    (left / "instruct" / "manifest.json").unlink()
    assert find(str(left)).name == "base"


def test_a_stage_folder_an_adapter_folder_and_a_name_are_one_model(run):
    by_name, by_stage, by_adapter = totals(f"{run}:aligned"), totals(run / "prefer"), totals(run / "prefer" / "adapter")
    assert by_name == by_stage == by_adapter == totals(run / "adapter")
    assert by_name != totals(run / "instruct") and totals(run / "base") != totals(run / "instruct")
    assert find(str(run / "export")).is_gguf


def test_an_adapter_on_the_packaged_model_needs_no_path(tmp_path, run, weights_folder):
    source = find(str(adapter_on("smollm2-135m", run, tmp_path / "mine")))
    assert source.path == str(weights.packaged_base()) and source.adapter == tmp_path / "mine"


def test_a_hub_model_in_the_local_cache_needs_no_network(weights_folder, tmp_path, monkeypatch):
    commit = "0123456789abcdef0123456789abcdef01234567"
    cached = tmp_path / "models--ward--toy"
    shutil.copytree(weights_folder, cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    source = find("ward/toy")
    assert source.name == "ward/toy" and source.about == {"source": "hub: ward/toy"}
    assert totals("ward/toy") == totals(weights_folder)
    assert no_base("ward/toy") is None


def test_a_hub_id_is_no_base_where_it_can_only_be_a_slip(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert no_base("ward/toy") is None  # to be fetched
    assert "it is no hub id; legal: a packaged name" in no_base("ward/to y")
    (tmp_path / "ward").mkdir()
    assert "there is no ward/toy, though there is a folder ward; legal:" in no_base("ward/toy")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "ward/toy is not in the local cache, and HF_HUB_OFFLINE=1" in no_base("ward/toy")


def test_a_base_is_noted_with_where_it_lies_and_what_it_is(weights_folder, tmp_path):
    prepare(out=tmp_path / "base", base=weights_folder)
    about = read_manifest(tmp_path / "base")["model"]
    assert about["path"] == weights_folder and about["hash"] == find(weights_folder).hash
    assert of_stage(tmp_path / "base").path == weights_folder


@pytest.mark.parametrize("form", ["adapter", "gguf"])
def test_what_cannot_be_trained_further_is_no_base(form, run, tmp_path):
    name = {"adapter": run / "instruct" / "adapter", "gguf": run / "export" / "model-q8_0.gguf"}[form]
    with pytest.raises(UserError, match="cannot be trained further: a base is a packaged name"):
        prepare(out=tmp_path / "base", base=str(name))
    assert not (tmp_path / "base").exists()


def legal(message):
    return all(form in message for form in FORMS)


def test_an_unknown_stage_is_refused_naming_the_stages(run):
    with pytest.raises(
        UserError, match="'tunned' is not a stage .* base, pretrained, tuned, aligned, reward, encoded, blended, gguf"
    ):
        find(f"{run}:tunned")


def test_a_stage_that_is_not_there_is_refused_naming_the_finished_ones(run):
    with pytest.raises(UserError, match="no finished stage pretrained; finished: base, tuned, aligned, gguf"):
        find(f"{run}:pretrained")


@pytest.mark.parametrize("name", ["runs/nothing:tuned", "runs/nothing", "elsewhere/latest"])
def test_a_run_that_is_not_there_says_how_to_list_and_make_one(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="residency runs.* lists them"):
        find(name)


@pytest.mark.parametrize("name", ["no-such-model", "nowhere/at/all", "./here", ""])
def test_a_name_of_nothing_is_refused_naming_every_form(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError) as caught:
        find(name)
    assert repr(name) in str(caught.value) and legal(str(caught.value))


def test_an_absent_gguf_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"there is no file .*gone\.gguf") as caught:
        find(str(tmp_path / "gone.gguf"))
    assert legal(str(caught.value))


def test_an_endpoint_that_is_not_running_is_told():
    with pytest.raises(ModelError, match="127.0.0.1:9/v1 cannot be asked for its models .*is it running"):
        find("http://127.0.0.1:9/v1")


@pytest.mark.parametrize("name", ["organisation/absent", "or ganisation/ab sent"])
def test_a_hub_id_out_of_reach_is_refused_naming_every_form(name, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match=name) as caught:
        find(name)
    assert legal(str(caught.value))


def test_pickled_weights_are_never_read(weights_folder, tmp_path):
    folder = tmp_path / "pickled"
    shutil.copytree(weights_folder, folder)
    (folder / "model.safetensors").unlink()
    torch.save(AutoModelForCausalLM.from_pretrained(weights_folder).state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="holds no safetensors; pickled weights are not read"):
        load(str(folder))


def test_a_pickled_adapter_is_never_read(run, tmp_path):
    shutil.copytree(run / "instruct" / "adapter", tmp_path / "pickled")
    (tmp_path / "pickled" / "adapter_model.safetensors").rename(tmp_path / "pickled" / "adapter_model.bin")
    with pytest.raises(ModelError, match="holds no safetensors; pickled weights are not read"):
        load(str(tmp_path / "pickled"))


def test_an_adapter_whose_base_is_gone_says_which_base(run, tmp_path):
    with pytest.raises(ModelError, match="/gone/base"):
        find(str(adapter_on("/gone/base", run, tmp_path / "lost")))
    with pytest.raises(ModelError, match="does not say its base"):
        find(str(adapter_on(None, run, tmp_path / "silent")))


def test_a_stage_without_a_model_is_refused_naming_every_form(run):
    with pytest.raises(ModelError, match="corpus holds no model") as caught:
        find(str(run / "corpus"))
    assert legal(str(caught.value))


def test_a_folder_without_weights_is_refused(tmp_path):
    toy_tokenizer().save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="no safetensors"):
        find(str(tmp_path))


def test_code_in_a_model_folder_is_not_run(weights_folder, tmp_path):
    shutil.copytree(weights_folder, tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}}
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    (tmp_path / "model" / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    with pytest.raises(ModelError, match="no causal language model could be read"):
        load(str(tmp_path / "model"))
    assert not (tmp_path / "ran").exists()
