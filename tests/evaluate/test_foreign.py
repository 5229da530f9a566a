"""Python of task files, metrics and models that did not come with the harness: by no way does it run unasked."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import lm_eval
import pandas
import pytest

from residency.core.errors import UserError
from residency.core.store import read_manifest
from residency.evaluate.foreign import no_foreign_code
from residency.evaluate.harness import run_harness

_yaml_loader = importlib.import_module("lm_eval.tasks._yaml_loader")  # after ours, which keeps data sets from counting
utils = importlib.import_module("lm_eval.utils")

BODY = """dataset_path: json
dataset_kwargs:
  data_files:
    test: {folder}/t.jsonl
test_split: test
output_type: multiple_choice
doc_to_target: 0
doc_to_choice: [red, blue]
"""
TEXT = 'doc_to_text: "{{q}}"\n'
FUNCTION = "doc_to_text: !function evil.text\n"
PACKAGE = Path(lm_eval.__file__).parent


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with Python that leaves a trace when it runs, and one item."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    for place in (tmp_path / "tasks", tmp_path / "hidden"):
        place.mkdir()
        (place / "evil.py").write_text(
            f"open({str(tmp_path / 'ran')!r}, 'w').close()\ndef text(doc):\n    return 'x'\nclass Task:\n    pass\n"
        )
    (tmp_path / "t.jsonl").write_text('{"q": "the sky is"}\n')
    return tmp_path


def write(folder, text, name="tasks/evil.yaml"):
    (folder / name).write_text(text.replace("{folder}", str(folder)))


def attempt(folder, toy_base, given, **settings):
    path = read_manifest(toy_base)["model"]["path"]
    run_harness([*given, "--model_args", f"pretrained={path}"], **settings)


FILES = {
    "plain": "task: evil\n" + BODY + FUNCTION,
    "included": "task: evil\ninclude: ../hidden/base.yml.txt\n" + BODY,
    "alias": "%TAG !e! !func\n---\ntask: evil\n" + BODY + FUNCTION.replace("!function", "!e!tion"),
    "class": "task: evil\nclass: !function evil.Task\n",
    "metric": "task: evil\n" + BODY + TEXT + "metric_list:\n  - metric: !function evil.text\n",
    "data": "task: evil\ncustom_dataset: !function evil.text\n" + BODY + TEXT,
    "packaged include": f"task: evil\ninclude: {PACKAGE}/tasks/hellaswag/hellaswag.yaml\n{FUNCTION}",
}


WAYS = [(way, "file") for way in FILES]  # each costs a scan of all packaged tasks, so not all pairs
WAYS += [("included", "include_path"), ("plain", "abbreviated"), ("alias", "config"), ("class", "folder")]


@pytest.mark.parametrize(("way", "asked"), WAYS)
def test_functions_of_task_files_are_refused_by_every_way_to_them(way, asked, folder, toy_base):
    write(folder, FUNCTION, "hidden/base.yml.txt")
    write(folder, FILES[way])
    (folder / "conf.yaml").write_text(f"include_path: {folder}/tasks\ntasks: [evil]\n")
    given = {
        "file": ["--tasks", f"{folder}/tasks/evil.yaml"],
        "include_path": ["--include_path", f"{folder}/tasks", "--tasks", "evil"],
        "abbreviated": [f"--incl={folder}/tasks", "--tasks", "evil"],
        "config": ["--config", f"{folder}/conf.yaml"],
        "folder": ["--tasks", f"{folder}/tasks"],
    }[asked]
    with pytest.raises(UserError, match=r"\.(yaml|txt) runs Python .!function.; read it, then add --allow-code"):
        attempt(folder, toy_base, given)
    assert not (folder / "ran").exists()


def test_they_run_once_that_is_allowed(folder, toy_base):
    write(folder, FILES["plain"])
    attempt(folder, toy_base, ["--tasks", f"{folder}/tasks/evil.yaml"], allow_code=True)
    assert (folder / "ran").exists()


@pytest.mark.parametrize("name", ["./evilm.py", "evilm", "someone/evilm"])
def test_metrics_that_are_files_or_repositories_are_refused(name, folder, toy_base):
    (folder / "evilm").mkdir()
    for path in (folder / "evilm.py", folder / "evilm" / "evilm.py"):
        shutil.copy(folder / "tasks" / "evil.py", path)
    write(folder, "task: evil\n" + BODY + TEXT + f"metric_list:\n  - metric: {name}\n    hf_evaluate: true\n")
    with pytest.raises(UserError, match="the metric .*evilm.* of a task is Python"):
        attempt(folder, toy_base, ["--tasks", f"{folder}/tasks/evil.yaml"])
    assert not (folder / "ran").exists()


def test_templates_cannot_reach_into_python(folder, toy_base):
    reach = "{{ cycler.__init__.__globals__.os.system('touch {folder}/ran') }}"
    write(folder, "task: evil\n" + BODY + f'doc_to_text: "{reach}"\n')
    with pytest.raises(UserError, match="template would reach into Python"):
        attempt(folder, toy_base, ["--tasks", f"{folder}/tasks/evil.yaml"])
    assert not (folder / "ran").exists()


def test_python_of_models_and_pickles_is_refused_and_the_guards_are_taken_away_again(tmp_path):
    from transformers import AutoConfig

    (tmp_path / "config.json").write_text('{"model_type": "odd", "auto_map": {"AutoConfig": "evil.Odd"}}')
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    before = (_yaml_loader._mk_function_ctor, pandas.read_pickle, utils.env)
    with pytest.raises(UserError, match="the Python of a model or tokenizer"), no_foreign_code():
        AutoConfig.from_pretrained(str(tmp_path), trust_remote_code=True)
    with pytest.raises(UserError, match="pickle"), no_foreign_code():
        pandas.read_pickle(tmp_path / "x")
    assert not (tmp_path / "ran").exists()
    assert before == (_yaml_loader._mk_function_ctor, pandas.read_pickle, utils.env)


def test_packaged_tasks_keep_their_own_functions_and_templates():
    with no_foreign_code():
        found = _yaml_loader.load_yaml(PACKAGE / "tasks" / "pubmedqa" / "pubmedqa.yaml")
        assert callable(found["doc_to_text"])
        assert utils.apply_template("{{q|regex_replace('a', 'b')}}", {"q": "aa"}) == "bb"
