"""What proves an application: a ledger's row of its task and this very model, above what a guess has."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest

from residency.core.store import write_jsonl
from residency.serve.apps import load
from residency.serve.apps.listed import answered, listed
from residency.serve.apps.proof import admitted, ledgers_of, proof, read_ledgers
from residency.serve.types import Refused
from serve.api.flow_doubles import ANNA
from serve.apps.desk import Desk

HASH = "a" * 64


def row(task="gen", model="gguf", metric="rouge_l", value=0.5, low=0.4, high=0.6, *, digest=HASH, **more):
    found = {"task": task, "model": model, "metric": metric, "value": value, "low": low, "high": high, "n": 60}
    return {**found, "contaminated": False, "protocol": {"model_hash": digest, "shots": 0}} | more


def ledger(*rows):
    return {"rows": list(rows)}


def of(name, *rows):
    return proof(load()[name], HASH, [ledger(*rows)])


def test_a_score_is_told_with_its_limits_its_number_and_the_best_trivial_rule():
    rules = [row(model="rule:majority", value=0.1, digest=""), row(model="rule:copy", value=0.3, digest="")]
    found = of("explanation", row(), row(metric="bertscore", value=0.9), *rules)
    assert (found.metric, found.value, found.low, found.high, found.n) == ("rouge_l", 0.5, 0.4, 0.6, 60)
    assert (found.baseline, found.baseline_name, found.better) == (0.3, "copying the term", True)
    assert found.proves and json.dumps(found.told())


@pytest.mark.parametrize(
    "name, rows",
    [
        ("triage", [row()]),  # measured by nothing
        ("explanation", []),
        ("explanation", [row(digest="b" * 64)]),  # another model's
        ("explanation", [row(value=None, low=None, high=None)]),  # not scored
        ("explanation", [row(model="gguf+sources")]),  # it was shown evidence, the application is not
        ("explanation", [row(protocol={"model_hash": HASH, "variant": "wording-1"})]),
        ("coding", [row()]),  # another task's
    ],
)
def test_what_does_not_measure_this_model_on_this_task_is_no_proof(name, rows):
    assert of(name, *rows) is None


def test_a_score_that_is_not_above_a_guess_or_is_contaminated_proves_nothing_and_is_shown():
    level = of("explanation", row(low=0.2), row(model="rule:copy", value=0.3, digest=""))
    assert level.better is False and not level.proves and level.value == 0.5
    assert not of("explanation", row(contaminated=True)).proves
    assert of("explanation", row()).better is None and of("explanation", row()).proves


def test_a_hospitals_own_task_called_after_the_application_counts_before_ours():
    assert of("triage", row(task="triage", metric="accuracy")).task == "triage"
    assert of("explanation", row(), row(task="explanation", value=0.7, low=0.6)).value == 0.7


def test_the_newest_ledger_and_the_first_row_of_a_model_count():
    both = [ledger(row(value=0.1)), ledger(row(value=0.2), row(model="base-3shot", value=0.9))]
    assert proof(load()["explanation"], HASH, both).value == 0.2


def test_chance_and_the_commonest_place_are_reckoned_on_the_items_themselves(tmp_path):
    places = [(4, 0), (4, 0), (4, 1), (2, 1)]
    items = tmp_path / "items" / "medmcqa" / "gguf.jsonl"
    items.parent.mkdir(parents=True)
    write_jsonl(items, [{"places": n, "right": right} for n, right in places])
    (tmp_path / "ledger.json").write_text(json.dumps(ledger(row("medmcqa", metric="accuracy"))), encoding="utf-8")
    found = proof(load()["tutor"], HASH, read_ledgers([tmp_path / "ledger.json"]))
    assert (found.baseline, found.baseline_name) == (0.5, "the commonest place")  # chance: (3/4 + 1/2) / 4 = 0.3125
    assert found.better is False


def test_ledgers_are_those_around_the_model_and_those_of_evaluations(tmp_path, own_runs_folder):
    run, made = own_runs_folder / "quick-1", own_runs_folder / "evaluations" / "x-1"
    for folder in (run / "export", made):
        folder.mkdir(parents=True)
    for folder in (run, made):
        (folder / "ledger.json").write_text(json.dumps(ledger(row())), encoding="utf-8")
    (run / "export" / "model.gguf").touch()
    wanted = [(folder / "ledger.json").resolve() for folder in (run, made)]
    for name in (str(run), f"{run}:gguf", "runs/quick-1", str(run / "export" / "model.gguf")):
        assert ledgers_of(name) == wanted
    assert ledgers_of("https://example.org/v1") == wanted[1:] and len(read_ledgers(wanted)) == 2
    (run / "ledger.json").write_text("{", encoding="utf-8")
    (made / "ledger.json").write_text("[1]", encoding="utf-8")
    assert read_ledgers(wanted) == []


def test_what_nothing_proves_needs_a_click():
    tutor = load()["tutor"]
    with pytest.raises(Refused) as told:
        admitted(tutor, None, unproven=False)
    assert (told.value.status, told.value.code, told.value.param) == (409, "unproven", "unproven")
    assert "no measured score" in str(told.value)
    admitted(tutor, None, unproven=True)
    admitted(tutor, of("tutor", row("medmcqa", metric="accuracy")), unproven=False)


# --- a service's -----------------------------------------------------------------------------------------------------


@pytest.fixture
def service(tmp_path):
    desk = Desk({"impression": ["No pneumothorax."], "urgency": "routine"})
    folder = tmp_path / "run"
    folder.mkdir()
    rows = ledger(row("medmcqa", metric="accuracy", digest=desk.engine.hash))
    (folder / "ledger.json").write_text(json.dumps(rows), encoding="utf-8")
    about = {"ledgers": [folder / "ledger.json"]}
    return SimpleNamespace(settings=SimpleNamespace(folder=tmp_path), flow=desk.flow, about=about, desk=desk)


def asked(service, name, **body):
    return asyncio.run(answered(service, name, body, ANNA))


def test_a_service_lists_all_with_what_proves_each_in_the_readers_language(service):
    found = {one["id"]: one for one in listed(service, language="es")}
    assert len(found) == 11 and found["triage"]["title"] == "Triaje" and json.dumps(list(found.values()))
    assert found["tutor"]["proof"]["value"] == 0.5 and not found["tutor"]["unproven"]
    assert {name for name, one in found.items() if not one["unproven"]} == {"tutor"}
    assert found["triage"]["proof"] is None and found["triage"]["task"] is None


def test_an_unproven_one_is_refused_until_the_body_says_so(service):
    fields = {"findings": "No pneumothorax."}
    with pytest.raises(Refused) as told:
        asked(service, "impression", fields=fields)
    assert told.value.status == 409 and not service.desk.engine.asked
    found = asked(service, "impression", fields=fields, unproven=True, language="es")
    assert found["reply"]["impression"] == ["No pneumothorax."] and not found["abstained"] and json.dumps(found)
    assert service.desk.engine.asked[0]["messages"][0]["content"].startswith("Escriba la impresión")


@pytest.mark.parametrize(
    "name, body, status, code",
    [
        ("none", {}, 404, "application_not_found"),
        ("impression", {"model": "none"}, 404, "model_not_found"),
        ("impression", {"fields": []}, 400, "invalid_body"),
        ("impression", {"unproven": "yes"}, 400, "invalid_body"),
        ("impression", {"language": "xx"}, 400, "invalid_body"),
        ("impression", {"model": 7}, 400, "invalid_body"),
        ("impression", {"secret words": 1}, 400, "invalid_body"),
        ("impression", {"unproven": True, "fields": {}}, 400, "invalid_field"),
    ],
)
def test_a_wrong_body_is_refused(service, name, body, status, code):
    with pytest.raises(Refused) as told:
        asked(service, name, **body)
    assert (told.value.status, told.value.code) == (status, code) and "secret" not in str(told.value)
