"""The verbs: what they print, for people and as JSON, and the exit codes that programs go by."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from residency import asking, cli, doctor, examine, pipeline
from residency.core import runs
from residency.core.errors import RecipeError, StorageError
from residency.core.store import write_json, write_manifest
from residency.models import load as loading
from residency.models.scripted import ScriptedModel
from residency.plan import Stage

DOCS = Path(__file__).parent.parent / "docs" / "cli.md"
PATIENT = "Jane Doe, born 1956"


def prepare(*, out: Path, base: str = "small") -> None:
    write_manifest(out, model={"name": base})


def report(run: Path, *, out: Path) -> None:
    """Leave a ledger as the real stage does, of one family."""
    row = {"task": "qa", "family": "Med-QA", "metric": "accuracy"}
    compared = {**row, "kind": "base", "from": "base-3shot", "to": "aligned", "from_value": 0.31, "to_value": 0.56}
    compared |= {"difference": 0.25, "low": 0.1, "high": 0.4, "p": 0.001, "p_holm": 0.004}
    exported = {**row, "kind": "gguf", "from": "aligned", "to": "gguf", "difference": -0.004}
    write_json(run / "ledger.json", {"rows": [], "comparisons": [compared, exported]})
    (run / "report.html").write_text("<html>")
    write_manifest(out)


def breaks(*, out: Path, how: str = "") -> None:
    if how == "fault":
        raise KeyError(PATIENT)
    if how == "disk":
        raise StorageError("no room left")
    if how == "stop":
        raise KeyboardInterrupt
    write_manifest(out)


def stops(*, out: Path, how: str = "") -> None:
    raise KeyboardInterrupt


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a recipe of three small stages, which stand in for the real table."""
    stages = {"base": Stage(prepare, model="base"), "corpus": Stage(breaks), "report": Stage(report, ("run",))}
    monkeypatch.setattr(pipeline, "STAGES", stages)
    path = tmp_path / "small.yaml"
    path.write_text("base: small\n")
    return str(path)


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    """Return (exit code, the JSON document, standard error) of a command."""
    code = cli.main([*arguments, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out), err


def test_a_run_ends_with_its_table_its_paths_and_what_to_try(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", recipe]) == 0
    out, err = capsys.readouterr()
    head, row = out.splitlines()[:2]
    assert (
        head.split()
        == ["family", "metric", "base", "trained", "difference", "[95%]", "p", "(Holm)"] + "gguf - trained".split()
    )
    assert row.split() == "Med-QA accuracy 0.310 0.560 +0.250 [+0.100, +0.400] 0.004 -0.004".split()
    assert 'latest "What is microcephaly?"' in out and "report.html" in out and "It took" in out
    assert "base: done in" in err and "base: done in" not in out


def test_a_run_answers_programs_with_one_document(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, document, _ = answer(capsys, "run", recipe, "base=other")
    assert code == 0 and document["families"][0]["difference"] == 0.25
    assert document["run"].startswith("small-") and Path(document["paths"]["report"]).is_file()
    passed = (runs.runs_root() / "latest" / "passed.yaml").read_text()
    assert "base=other" in passed and "small.yaml" in passed


def test_a_wrong_recipe_exits_2_with_every_problem_at_once(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(recipe).write_text("base: small\ncorpse: {}\nreport: {page: 1}\n")
    code, document, err = answer(capsys, "run", recipe)
    assert code == 2 and document["error"]["kind"] == "RecipeError" and document["exit_code"] == 2
    told = document["error"]["message"]
    assert "line 2: corpse" in told and "did you mean corpus?" in told and "line 3: report.page" in told
    assert err == "" and not runs.runs_root().exists()  # once is enough
    assert cli.main(["run", recipe]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "line 2: corpse" in err and "Traceback" not in err


def test_a_fault_of_ours_exits_1_and_quotes_no_text(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, document, err = answer(capsys, "run", recipe, "corpus.how=fault")
    assert code == 1 and "KeyError in" in document["error"]["message"] and "--trace" in document["error"]["message"]
    assert "Jane" not in err + json.dumps(document) and "Traceback" not in err


def test_an_error_that_finds_standard_output_full_is_told_beside_it() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "residency", "runs", "--json"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr and "residency runs:" in done.stderr


def test_the_trace_is_shown_when_asked_for(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = answer(capsys, "run", recipe, "corpus.how=fault", "--trace")
    assert "Traceback" in err and "breaks" in err


@pytest.mark.parametrize(("how", "code"), [("disk", 1), ("stop", 130)])
def test_a_full_disk_exits_1_and_ctrl_c_130(
    how: str, code: int, recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["run", recipe, f"corpus.how={how}"]) == code
    assert "Traceback" not in capsys.readouterr().err


def test_settings_may_stand_behind_a_flag(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, document, _ = answer(capsys, "run", recipe, "--trace", "base=other")
    assert code == 0 and document["families"][0]["difference"] == 0.25
    with pytest.raises(SystemExit):
        cli.main(["run", recipe, "--trace", "--bsae=other"])


def test_two_recipes_are_refused(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", recipe, "other"]) == 2
    assert "one recipe at a time" in capsys.readouterr().err


def test_recipes_are_found_by_file_and_by_name() -> None:
    assert cli.find_recipe("quickstart").name == "quickstart.yaml"
    with pytest.raises(RecipeError, match="there is no recipe quick: .*quickstart"):
        cli.find_recipe("quick")


def test_runs_are_listed(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["runs"]) == 0
    assert "start one with: residency run" in capsys.readouterr().out
    cli.main(["run", recipe])
    capsys.readouterr()
    assert cli.main(["runs"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == [(runs.runs_root() / "latest").resolve().name, "done"]
    code, document, _ = answer(capsys, "runs")
    assert code == 0 and document["runs"][0]["status"] == "done" and document["runs"][0]["outdated"] == []


def test_a_stage_switched_off_is_said_at_the_beginning_and_in_the_summary_with_what_needs_it(
    recipe: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(pipeline.STAGES, "report", Stage(report, ("run",), after=("corpus",)))
    assert cli.main(["run", recipe, "corpus=false"]) == 0
    out, err = capsys.readouterr()
    told = "corpus (switched off), report (needs corpus)"
    assert err.index(f"left out: {told}") < err.index("base: starts") and f"Left out: {told}." in out
    _, document, _ = answer(capsys, "run", recipe, "corpus=false")
    assert document["left_out"] == {"corpus": "switched off", "report": "needs corpus"}
    _, document, err = answer(capsys, "run", recipe)
    assert document["left_out"] == {} and "left out" not in err


def test_results_that_are_out_of_date_are_listed_until_they_are_made_again(
    tmp_path: Path, recipe: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = tmp_path / "Jane.txt"
    notes.write_text(PATIENT)
    change = f"corpus.how={notes}"
    assert cli.main(["run", recipe, change]) == 0
    notes.write_text(f"{PATIENT} again")
    with monkeypatch.context() as patch:
        patch.setitem(pipeline.STAGES, "corpus", Stage(stops))
        patch.setattr(stops, "__qualname__", breaks.__qualname__)
        assert cli.main(["run", recipe, change]) == 130
    capsys.readouterr()
    _, document, _ = answer(capsys, "runs")
    assert document["runs"][0]["outdated"] == ["report"] and document["runs"][0]["status"] == "stopped"
    cli.main(["runs"])
    assert f"{document['runs'][0]['id']} is out of date in report" in capsys.readouterr().out
    assert answer(capsys, "run", recipe, change)[1]["outdated"] == []
    assert answer(capsys, "runs")[1]["runs"][0]["outdated"] == []


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names asked for, of a model that always answers the same."""
    asked: list[str] = []

    def load(name: str) -> ScriptedModel:
        asked.append(name)
        return ScriptedModel(lambda prompt: "A small head.")

    monkeypatch.setattr(loading, "load", load)
    return asked


def test_an_answer_streams_to_standard_output_with_its_caution_beside(
    scripted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["ask", "smollm2-135m", "What is microcephaly?"]) == 0
    out, err = capsys.readouterr()
    assert out.replace(" ", "") == "Asmallhead.\n" and "not for decisions" in err


def test_an_answer_is_one_document_for_programs(scripted: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, document, _ = answer(capsys, "ask", "runs/latest", "What is microcephaly?")
    assert code == 0 and document["question"] == "What is microcephaly?" and document["seconds"] >= 0
    assert document["taken"] == "scripted" and document["caution"] == asking.CAUTION
    assert scripted == [str(runs.runs_root() / "latest")]  # runs/… is read in the runs folder


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ask", "m", ""], "argument QUESTION: it is blank; write it out"),
        (["ask", "m", " \n"], "argument QUESTION: it is blank"),
        (["ask", "", "What?"], "argument MODEL: it is blank"),
        (["ask", "m", "What?", "--max-tokens", "0"], "--max-tokens: 0 is out of range; legal: from 1 to 2048"),
        (["ask", "m", "What?", "--max-tokens", "-3"], "--max-tokens: -3 is out of range; legal: from 1 to 2048"),
        (["ask", "m", "What?", "--max-tokens", "many"], "--max-tokens: 'many' is not a whole number; legal: from 1"),
        (["evaluate", "m", "--limit", "0"], "--limit: 0 is out of range; legal: at least 1"),
        (["evaluate", "m", "--limit", "-1"], "--limit: -1 is out of range; legal: at least 1"),
        (["evaluate", "m", "--limit", "2.5"], "--limit: '2.5' is not a whole number; legal: at least 1"),
        (["evaluate", "m", "--tasks", ""], "argument --tasks: it is blank"),
    ],
)
def test_arguments_that_mean_nothing_are_refused_with_what_is_legal(
    arguments: list[str], words: str, scripted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2 and words in capsys.readouterr().err and scripted == []
    with pytest.raises(SystemExit) as caught:
        cli.main([*arguments, "--json"])
    out, err = capsys.readouterr()
    found = json.loads(out)  # one document, as of every other error
    assert caught.value.code == found["exit_code"] == 2 and err == ""
    assert words in found["error"]["message"] and found["error"]["kind"] == "UserError"


def test_a_run_is_the_one_in_the_runs_folder_whatever_lies_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "latest").mkdir(parents=True)
    assert examine.model_name("runs/latest:tuned") == f"{runs.runs_root()}/latest:tuned"
    assert examine.model_name("smollm2-135m") == "smollm2-135m"
    monkeypatch.delenv("RESIDENCY_RUNS")
    assert examine.model_name("runs/latest:tuned") == "runs/latest:tuned"


def test_a_model_that_is_not_there_exits_2_and_says_what_is_legal(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ask", "no-such-model", "?"]) == 2
    assert "packaged name" in capsys.readouterr().err


EXAMINED = {
    "model": "base", "family": "Med-QA", "task": "qa", "metric": "accuracy", "groups": 100, "care": "diagnosis",
    "stakeholder": "students", "detectable": 0.2, "unparsed": 3,
    "not_scored": 0, "contaminated": None, "protocol": {"method": "likelihood", "shots": 0, "precision": "fp32"},
}  # fmt: skip


def test_the_same_examination_has_the_same_folder_and_another_one_another(capsys, monkeypatch):
    from residency.evaluate import run as evaluation

    row = {**EXAMINED, "value": 0.5, "low": 0.4, "high": 0.6, "n": 20}
    monkeypatch.setattr(evaluation, "evaluate_models", lambda names, **given: {"rows": [row], "comparisons": []})
    outs = [
        answer(capsys, "evaluate", "smollm2-135m", *more)[1]["out"]
        for more in ((), (), ("--limit", "5"), ("--method", "cot"), ("--suite", "med"))
    ]
    assert outs[0] == outs[1] and len(set(outs)) == 4


def test_metrics_of_which_less_is_better_are_named():
    rows = [{"metric": name} for name in ("accuracy", "ece", "position_bias", "ece")]
    assert examine._less_is_better(rows) == "lower is better: ece, position_bias"
    assert examine._less_is_better(rows[:1]) == ""


def test_an_examination_prints_its_rows_and_says_where_the_items_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from residency.evaluate import run as evaluation

    def evaluate_models(names: list[str], **given: Any) -> dict[str, Any]:
        seen.update(given, names=names)
        return {"rows": [{**EXAMINED, "value": 0.5, "low": 0.4, "high": None, "n": 20}], "comparisons": []}

    seen: dict[str, Any] = {}
    monkeypatch.setattr(evaluation, "evaluate_models", evaluate_models)
    assert cli.main(["evaluate", "smollm2-135m", "--tasks", "qa", "--limit", "20"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[1].split() == ["Med-QA", "qa", "accuracy", "0.500", "0.400", "-", "20", "3", "0", "?"]
    page = Path(seen["out"]) / "evaluation.html"
    assert str(page) in out and "Questions with given options" in page.read_text() and "peak memory" in out
    assert seen["shots"] == 0 and seen["protocol"].method == "likelihood"
    assert [task.name for task in seen["tasks"]] == ["qa"] and seen["limit"] == 20 and str(seen["out"]) in out
    assert "fewer than" not in out


def test_an_examination_on_few_concepts_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from residency.evaluate import run as evaluation

    row = {**EXAMINED, "value": 1.0, "low": 0.54, "high": 1.0, "n": 6, "groups": 6, "contaminated": True}
    monkeypatch.setattr(evaluation, "evaluate_models", lambda names, **given: {"rows": [row], "comparisons": []})
    assert cli.main(["evaluate", "smollm2-135m"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[1].split()[-5:] == ["6", "\u2020", "3", "0", "YES"]
    assert "\u2020 fewer than 20 concepts, patients or documents stand behind" in out


def test_an_examination_says_why_items_are_not_scored(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from residency.evaluate import run as evaluation

    about = {**EXAMINED["protocol"], "left_out": {"refused": 1, "too long": 3}, "context": 2048}
    row = {**EXAMINED, "value": 0.5, "low": 0.4, "high": 0.6, "n": 20, "not_scored": 4, "protocol": about}
    found = {"rows": [row, {**row, "metric": "ece"}], "comparisons": []}
    monkeypatch.setattr(evaluation, "evaluate_models", lambda names, **given: found)
    assert cli.main(["evaluate", "smollm2-135m"]) == 0
    words = "qa: 4 not scored (3 too long for the model's 2,048 tokens, 1 refused by the endpoint)"
    assert capsys.readouterr().out.count(words) == 1


def test_the_doctor_names_what_is_missing_and_the_command_that_gets_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "PARTS", {"numpy": "train", "no-such-part": "gguf"})
    monkeypatch.setenv("RESIDENCY_CONVERTER", "/nowhere")
    code, document, _ = answer(capsys, "doctor")
    found = {check["name"]: check for check in document["checks"]}
    assert code == document["exit_code"] == 2
    assert found["numpy"]["found"] and found["no-such-part"]["found"] is None
    assert found["GGUF converter"]["fix"].startswith("pip install --no-deps --target")
    cli.main(["doctor"])
    out = capsys.readouterr().out
    assert "NO   no-such-part" in out and "pip install 'residency[gguf]'" in out


def test_a_run_that_could_not_be_finished_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESIDENCY_CONVERTER", "/nowhere")
    with pytest.raises(cli.UserError, match="GGUF converter is missing: pip install"):
        doctor.before_run(["base", "quantize"])
    doctor.before_run(["base"])


def test_verbs_are_needed_and_legal_ones_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["rnu"]):
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        assert caught.value.code == 2
    assert "doctor" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m residency doctor --json | head -c 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert done.stdout == "{" and done.stderr == ""


def test_the_command_line_page_is_current() -> None:
    assert DOCS.read_text(encoding="utf-8") == cli.docs(), "run: python -m residency.cli --docs > docs/cli.md"


def test_help_is_instant_and_the_package_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "residency", "--version"], capture_output=True, text=True
    )
    assert done.returncode == 0 and done.stdout.startswith("residency ")
    assert "sqlalchemy" not in done.stderr and "numpy" not in done.stderr


def test_the_quickstart_is_held_against_the_real_stages() -> None:
    from residency.core.recipe import read_text, resolve
    from residency.plan import make_plan

    path = cli.find_recipe("quickstart")
    recipe = resolve(read_text(path), [], pipeline.sections())
    names = [step.name for step in make_plan(recipe, pipeline.STAGES)]
    assert names == [
        "base",
        "corpus",
        "examples",
        "pretrain",
        "instruct",
        "prefer",
        "export",
        "evaluate",
        "report",
        "card",
    ]
    assert set(recipe["budget"]) <= set(names)
    with pytest.raises(RecipeError, match=r"did you mean schedule\.learning_rate\?"):
        resolve(read_text(path), ["train.instruct.learning_rate=1e-3"], pipeline.sections())
