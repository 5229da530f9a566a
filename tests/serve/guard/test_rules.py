"""The rules' files: whole, the same in both languages, and a hospital's own add to them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from residency.core.errors import RecipeError
from residency.serve.guard import Guard
from residency.serve.guard.context import SCOPES
from residency.serve.guard.rules import LANGUAGES, OURS, read_rules


def file(name: str) -> dict:
    return yaml.safe_load((OURS / name).read_text(encoding="utf-8"))


def test_every_concept_and_every_text_is_there_in_both_languages() -> None:
    english, spanish = (file(f"words.{code}.yaml") for code in LANGUAGES)
    assert english.keys() == spanish.keys()
    assert file("texts.en.yaml").keys() == file("texts.es.yaml").keys()


def test_every_concept_is_used_by_a_rule_or_says_how_others_are_meant() -> None:
    found = file("rules.yaml")
    lines = [line for rule in found["rules"].values() for line in rule["when"]]
    used = {part.strip().lstrip("!") for line in lines for group in line.split("+") for part in group.split("|")}
    used |= {one for name in used & found["groups"].keys() for one in found["groups"][name]}
    after = {"reassures", "refers", "advises", "tells-method"}
    assert file("words.en.yaml").keys() - used - SCOPES - after == set()


def test_a_hospitals_rules_add_to_ours(tmp_path: Path) -> None:
    (tmp_path / "words.en.yaml").write_text("our-ward: [(blue|red) ward]\nchest-pain: [ticker trouble]\n")
    (tmp_path / "texts.en.yaml").write_text("ward: Ask the desk, call {emergency}.\n")
    (tmp_path / "texts.es.yaml").write_text("ward: Pregunte en recepción.\n")
    (tmp_path / "rules.yaml").write_text(
        "rules:\n  ward.ours: {when: [our-ward], does: {patient: answer}, text: ward}\n"
        "  self-harm.intent: {when: [our-ward], does: {patient: refuse}, text: ward}\n"
    )
    guard = Guard(rules=read_rules(tmp_path), emergency="999")
    asked = guard.before([{"role": "user", "content": "Where is the blue ward?"}], "patient")
    assert (asked.action, asked.text) == ("answer", "Ask the desk, call 999.")
    assert (
        guard.before([{"role": "user", "content": "I have ticker trouble and I sweat"}], "patient").urgency
        == "emergency"
    )
    assert guard.before([{"role": "user", "content": "I want to die"}], "patient").rules == ("self-harm.intent",)


def test_every_mistake_of_a_hospitals_rules_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "words.en.yaml").write_text("ours: ['(open bracket']\n")
    (tmp_path / "rules.yaml").write_text(
        "rules:\n  one: {when: [chest-pian], does: {patient: answer}, text: nowhere}\n"
        "  two: {when: [fever], does: {doctor: shout}, urgency: now, frob: 1}\n"
    )
    with pytest.raises(RecipeError) as told:
        read_rules(tmp_path)
    words = str(told.value)
    for part in ("(open bracket", "chest-pian", "nowhere", "doctor: shout", "urgency now", "frob"):
        assert part in words


def test_a_file_that_is_no_mapping_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules:\n  - [broken\n")
    with pytest.raises(RecipeError, match=r"rules.yaml: line \d"):
        read_rules(tmp_path)
