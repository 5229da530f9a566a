"""Six needs, given as commands: each recipe is one that `residency run` takes, with the stages that it should have."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from residency import cli, doctor
from residency.advise.page import SCENARIOS, advised
from residency.catalog.entries import load

Ask = Callable[[str], dict[str, Any]]


@pytest.fixture
def ask(ward: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Return what gives a command and returns its document; parts that this machine lacks are taken as there."""
    monkeypatch.setattr(doctor, "before_run", lambda stages: None)

    def given(command: str) -> dict[str, Any]:
        code = cli.main(["advise", *command.split(), "--json"])
        found = json.loads(capsys.readouterr().out)
        assert code == 0, found
        return found

    return given


def recipe(found: dict[str, Any]) -> dict[str, Any]:
    """Return the recipe that was written."""
    text = Path(found["out"]).read_text(encoding="utf-8")
    assert text.startswith("# Made by residency advise")
    return yaml.safe_load(text)


def stages(found: dict[str, Any]) -> list[str]:
    return [name for stage in recipe(found).get("train", []) for name in stage]


def said(found: dict[str, Any], part: str) -> str:
    """Return what a part of the document says, in one text."""
    return " ".join(row["text"] for row in found[part])


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_need_gives_a_recipe_that_can_be_run(name: str, ask: Ask) -> None:
    found = ask(SCENARIOS[name])
    assert found["runs"] and found["waits_for"] == []
    assert recipe(found)["base"] == found["base"]["is"]
    assert found["recipe"] == advised(SCENARIOS[name], load()).recipe  # as docs/advise.md shows it
    assert found["recipe"].keys() == recipe(found).keys()


def test_a_server_with_notes_and_labels_gets_a_tagger_and_what_to_do_with_the_notes(ask: Ask) -> None:
    found = ask(SCENARIOS["a 2-core server with notes and 500 labels"])
    assert (found["form"]["is"], stages(found)) == ("encoder", ["encode", "blend"])
    assert recipe(found)["gather"]["tasks"] == ["findings.yaml"]
    assert [row["name"] for row in found["data"] if not row["use"]] == ["notes"]
    assert "residency deidentify notes --out notes-safe" in said(found, "gates")
    assert not found["task_file"]


def test_spanish_notes_are_told_that_no_packaged_base_reads_them(ask: Ask) -> None:
    found = ask(SCENARIOS["a GPU workstation with Spanish notes"])
    assert "no packaged base has learned es" in said(found, "conflicts")
    assert "residency deidentify notas --language es" in said(found, "gates")
    assert recipe(found)["evaluate"]["tasks"] == ["hallazgos.yaml"]


def test_without_labels_a_public_set_stands_in_and_is_called_so(ask: Ask) -> None:
    found = ask(SCENARIOS["no labels at all"])
    assert recipe(found)["gather"] == {"tasks": ["ncbi_disease"], "against": ["bc5cdr_disease"]}
    assert "no model of your task" in said(found, "conflicts")
    assert "kind: extract" in found["task_file"] and "distillation" in said(found, "missing")


def test_extraction_with_fifty_milliseconds_keeps_its_crf(ask: Ask) -> None:
    found = ask(SCENARIOS["extraction"])
    assert stages(found) == ["encode", "blend"]
    assert recipe(found)["train"][0]["encode"]["schedule"]["epochs"] > 5  # an epoch of so few texts has few steps


def test_patient_education_is_written_and_left_to_people_to_judge(ask: Ask) -> None:
    found = ask(SCENARIOS["patient education"])
    assert (found["form"]["is"], stages(found)) == ("generator", ["instruct"])
    assert recipe(found)["compress"] == [{"quantize": {"type": "q8_0"}}]
    assert "let people judge it blind" in said(found, "gates") and "retrieval" in said(found, "missing")
    assert {"pretrain", "prefer"} <= {row["stage"] for row in found["left_out"]}


def test_triage_under_a_gigabyte_learns_in_short_rows_and_is_examined_in_one_process(ask: Ask) -> None:
    found = ask(SCENARIOS["triage under 1 GB"])
    [stage] = recipe(found)["train"]
    assert stage["encode"]["task"] == "classify" and stage["encode"]["schedule"]["batch_tokens"] == 256
    assert recipe(found)["evaluate"]["processes"] == 1
    assert "urgent case that is sorted as routine" in said(found, "gates")


def test_texts_with_a_waiver_are_read_by_a_generator(ask: Ask, ward: Path) -> None:
    (ward / "letters.jsonl").write_text("".join(f'{{"text": "Dear all, {n}."}}\n' for n in range(200)))
    command = "--task generation --data letters.jsonl --memory 8GB --out mine.yaml --waiver invented"
    found = ask(command)
    assert stages(found) == ["pretrain", "instruct"]
    assert recipe(found)["corpus"]["sources"] == [{"jsonl": {"path": "letters.jsonl", "waiver": "invented"}}]
    assert recipe(found)["gather"]["corpus"] is True and recipe(found)["examples"] is False


def test_more_judged_pairs_than_moved_nothing_are_learned(ask: Ask, ward: Path) -> None:
    row = '{"prompt": "What is gout?", "chosen": "Crystals.", "rejected": "A bird."}\n'
    (ward / "pairs.jsonl").write_text(row * 158)
    found = ask("--task generation --data pairs.jsonl --memory 8GB --out pairs.yaml --waiver invented")
    assert stages(found) == ["instruct", "prefer"]


def test_where_there_is_only_something_to_examine_on_a_base_is_asked(ask: Ask) -> None:
    found = ask("--task qa --language es --memory 8GB --out asked.yaml")
    assert found["runs"] and (found["form"]["is"], stages(found)) == ("prompting", [])
    assert recipe(found)["evaluate"]["tasks"] == ["apollo_es"] and found["paradigms"] == ["prompting"]


def test_dialogues_of_ones_own_are_learned_though_nothing_examines_them(ask: Ask, ward: Path) -> None:
    (ward / "chats.jsonl").write_text('{"instruction": "What is gout?", "output": "Crystals."}\n' * 20)
    found = ask("--task dialogue --language es --data chats.jsonl --memory 8GB --out chats.yaml --waiver invented")
    assert recipe(found)["gather"] == {"corpus": True} and stages(found) == ["instruct"]
    assert "nothing but its loss tells" in said(found, "conflicts")


def test_to_hide_identifiers_the_verb_is_named(ask: Ask) -> None:
    found = ask("--task deid --language es --memory 8GB --out deid.yaml")
    assert "take `residency deidentify`" in said(found, "gates") and recipe(found)["gather"]["tasks"] == ["deid_es"]


def test_on_a_gpu_a_step_is_one_row(ask: Ask) -> None:
    found = ask("--task sum --accelerator 24GB --memory 32GB --out gpu.yaml")
    [stage] = recipe(found)["train"]
    assert (stage["instruct"]["schedule"]["batch_tokens"], stage["instruct"]["schedule"]["accumulate"]) == (2048, 1)


def test_a_task_without_a_word_on_its_patients_waits(ask: Ask, ward: Path) -> None:
    declared = yaml.safe_load((ward / "drugs.yaml").read_text())
    (ward / "drugs.yaml").write_text(yaml.safe_dump({k: v for k, v in declared.items() if k != "waiver"}))
    found = ask(SCENARIOS["extraction"])
    assert not found["runs"] and "waiver" in found["waits_for"][0]
    assert "say in the file why its texts identify nobody" in said(found, "gates")


def test_the_words_name_the_recipe_and_where_every_reason_stands(ward: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(doctor, "before_run", lambda stages: None)
    assert cli.main(["advise", *SCENARIOS["triage under 1 GB"].split()]) == 0
    words = capsys.readouterr().out
    assert "residency run triage-1gb.yaml" in words and "Where the reasons stand:" in words


def test_a_file_of_another_origin_is_left_alone(ward: Path, capsys) -> None:
    (ward / "mine.yaml").write_text("base: minilm\n")
    assert cli.main("advise --task ner --out mine.yaml".split()) == 2
    assert "name another file" in capsys.readouterr().err
    assert (ward / "mine.yaml").read_text() == "base: minilm\n"
    for _ in range(2):  # one of its own is written over
        assert cli.main("advise --task ner --out ours.yaml --memory 8GB".split()) == 0


def test_what_is_measured_here_stands_beside_the_advice(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    from residency import advising

    monkeypatch.setattr(advising, "_foretold", lambda recipe: ({"whole": {"seconds": 12}}, "12 s"))
    monkeypatch.setattr(advising, "one_text", lambda base, *, writes: 0.2)
    found = ask(f"{SCENARIOS['triage under 1 GB']} --measure")
    assert found["measured_here"]["one_text"] == {"of": "one text of 200 words", "seconds": 0.2}
    assert found["measured_here"]["training"]["whole"]["seconds"] == 12
