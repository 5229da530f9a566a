"""Why a stage is done again, in words: settings, files and earlier stages by name, and never what stands in a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from residency.core.store import read_json, write_json
from residency.plan import Given
from residency.state import changes


def given(version: str = "0.1.0", before: str = "a", files: tuple[str, ...] = (), **settings: object) -> Given:
    return Given("x", version, settings, {"corpus": before}, {f"notes/{name}": [1, 2] for name in files})


def told(before: Given, now: Given, folder: Path) -> str:
    """Return the words, what was given before having lain in a file meanwhile."""
    write_json(folder / "given.json", asdict(before))
    return changes(read_json(folder / "given.json"), now)


def test_each_kind_of_change_is_named(tmp_path: Path) -> None:
    assert told(given(tokens=1, rank=4), given(tokens=2, rank=4), tmp_path) == "its settings changed: tokens"
    assert told(given(before="a"), given(before="b"), tmp_path) == "what it is made from changed: corpus"
    assert told(given(), given("0.2.0"), tmp_path) == "Residency 0.1.0 made it, and this is 0.2.0"
    assert told(given(tokens=1), given("0.2.0", "b", tokens=2), tmp_path).count("; ") == 2


def test_three_changed_files_are_named_and_the_others_counted(tmp_path: Path) -> None:
    files = tuple(f"{number}.txt" for number in range(6))
    found = told(given(), given(files=files), tmp_path)
    assert found == "its inputs changed: 0.txt (new), 1.txt (new), 2.txt (new), 3 more"
    assert told(given(files=files[:1]), given(), tmp_path) == "its inputs changed: 0.txt (gone)"


def test_a_stage_whose_inputs_were_not_noted_says_so_in_general() -> None:
    assert changes({}, given()) == "its settings or inputs changed"
