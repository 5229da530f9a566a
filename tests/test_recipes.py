"""Every recipe that comes with Residency is a plan, says first what it does, and trains on no test part."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from residency import pipeline
from residency.core.recipe import read_text, resolve
from residency.corpus import benchmarks
from residency.corpus.benchmarks import SETS
from residency.making import across
from residency.plan import make_plan

FOLDER = Path(__file__).parent.parent / "recipes"
RECIPES = sorted(
    path for path in FOLDER.glob("*.yaml") if "rows" not in yaml.safe_load(path.read_text(encoding="utf-8"))
)
REAL = [path for path in RECIPES if path.stem not in ("quickstart", "corpus_demo")]
UNEXAMINED = ("corpus_demo", "identifiers")
"""What trains nothing, and what is examined on the user's own notes (`residency deidentify --score`)."""
CLOCK = re.compile(r"Time on two cores: .+ of (training|alignment)", re.S)


@pytest.fixture(autouse=True)
def sets_here(tmp_path, monkeypatch):
    """Every public set has a folder, though an empty one: no recipe is refused for want of data."""
    monkeypatch.setenv("RESIDENCY_DATA", str(tmp_path))
    for about in SETS.values():
        (tmp_path / about.folder).mkdir(exist_ok=True)
    assert benchmarks.folder_of("pubmedqa")


def planned(path: Path, *arguments: str) -> list[str]:
    recipe = resolve(read_text(path), arguments, pipeline.sections(), name=path.name, across=across)
    return [step.kind for step in make_plan(recipe, pipeline.STAGES)]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_resolves_to_a_plan(path: Path) -> None:
    kinds = planned(path)
    assert kinds[0] in ("base", "corpus")
    assert path.stem in UNEXAMINED or {"base", "evaluate", "report", "card"} <= set(kinds)


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_a_recipe_opens_with_what_it_does_how_long_it_takes_and_its_protocol(path: Path) -> None:
    head = path.read_text(encoding="utf-8").split("\nbase:")[0]
    assert all(line.startswith("#") for line in head.strip().splitlines())
    assert CLOCK.search(head) and "Protocol:" in head


SWITCHES = {
    "CP, IFT and HA": ([], ["pretrain", "instruct", "prefer"]),
    "CP and IFT": (["train.prefer=false"], ["pretrain", "instruct"]),
    "IFT and HA": (["train.pretrain=false"], ["instruct", "prefer"]),
    "IFT": (["train.pretrain=false", "train.prefer=false"], ["instruct"]),
}


@pytest.mark.parametrize("paradigm", SWITCHES)
def test_the_four_paradigms_are_switches_of_one_recipe(paradigm: str) -> None:
    arguments, wanted = SWITCHES[paradigm]
    kinds = planned(FOLDER / "own_corpus.yaml", *arguments)
    assert [kind for kind in kinds if kind in ("pretrain", "instruct", "prefer")] == wanted
    text = (FOLDER / "own_corpus.yaml").read_text(encoding="utf-8")
    assert not arguments or f"own_corpus {' '.join(arguments)} " in text


def test_ones_own_folder_takes_the_place_of_the_public_sets(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("Seen for a cough.")
    arguments = [f"corpus.sources=[{{files: {tmp_path / 'mine'}}}]", "make=false"]
    assert planned(FOLDER / "own_corpus.yaml", *arguments)[:3] == ["base", "corpus", "gather"]
