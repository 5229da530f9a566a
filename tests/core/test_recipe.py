"""A recipe is checked against the functions it will call: every problem at once, with line and nearest name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from residency.core.errors import RecipeError, UserError
from residency.core.legal import Range
from residency.core.recipe import dump, read_text, resolve
from residency.core.settings import Field, Flat, OneOf, call_settings, load, settings_of


@dataclass(frozen=True)
class Schedule:
    steps: int = 100
    learning_rate: float = 1e-3
    decay: Literal["linear", "cosine"] = "linear"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError(f"steps is {self.steps}; it must be above 0")


def prepare(*, out: Path, base: str = "small") -> None: ...


def hpo(*, folder: Path | None = None) -> None: ...


def notes(*, path: Path, scratch: Path, seed: int = 7) -> None: ...


Sources = Annotated[Sequence[Any], OneOf({"hpo": hpo, "notes": notes})]


def collect(*, out: Path, sources: Sources, bad_share: float = 0.01, seed: int = 0) -> None: ...


def instruct(
    model: Path,
    examples: Path,
    *,
    out: Path,
    tokens: int = 5,
    tasks: tuple[str, ...] = ("qa",),
    weights: dict[str, float] | None = None,
    clean: bool = True,
    rank: int | Literal["full"] = 16,
    reward: Callable[[str], float] | None = None,
    schedule: Schedule = Schedule(learning_rate=5e-4),  # noqa: B008
) -> None: ...


def prefer(model: Path, *, out: Path, loss: str = "dpo", schedule: Schedule | None = None) -> None: ...


SECTIONS = {
    "name": Field(str, ""),
    "seed": Field(int | None, None),
    "base": Field(prepare, {}),
    "corpus": Field(collect, {}),
    "train": Field(OneOf({"instruct": instruct, "prefer": prefer}), []),
}
CORPUS = "corpus: {sources: [{hpo: {}}]}\n"


def settled(text: str, *arguments: str) -> dict[str, Any]:
    return resolve(text, arguments, SECTIONS)


def problems(text: str, *arguments: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        settled(text, *arguments)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_defaults_are_written_down_and_nested_settings_expanded() -> None:
    recipe = settled(CORPUS + "train: [instruct: {tokens: 60k, schedule: {steps: 20}}]")
    assert recipe["base"] == {"base": "small"}
    assert recipe["train"][0]["instruct"] == {
        "tokens": 60_000,
        "tasks": ["qa"],
        "weights": None,
        "clean": True,
        "rank": 16,
        "schedule": {"steps": 20, "learning_rate": 5e-4, "decay": "linear", "seed": 0},
    }


def test_what_was_resolved_is_a_recipe_that_resolves_to_itself() -> None:
    text = CORPUS + "seed: 3\nbase: other\ntrain: [prefer: {schedule: {steps: 2}}, instruct, prefer: false]"
    once = settled(text)
    assert settled(dump(once)) == once


def test_every_problem_comes_at_once_with_its_line() -> None:
    found = problems(
        "trian: []\n"
        "corpus:\n"
        "  sources: [{hpoo: {}}]\n"
        "  bad_share: much\n"
        "train:\n"
        "  - instruct: {tokens: 1.5, clean: 3}\n"
        "  - 7\n"
    )
    assert found == [
        "line 1: trian: no such setting; did you mean train? legal: name, seed, base, corpus, train",
        "line 3: corpus.sources.hpoo: unknown; did you mean hpo? legal: hpo, notes",
        "line 4: corpus.bad_share: 'much' is not a number (such as 0.1 or 1e-3)",
        "line 6: train.instruct.tokens: 1.5 is not a whole number (such as 200, 60k or 1.5M)",
        "line 6: train.instruct.clean: 3 is not true or false",
        "line 7: train: 7 is not one {name: settings} with a name from: instruct, prefer",
    ]


def test_a_setting_put_one_level_too_high_is_sent_to_its_place() -> None:
    [found] = problems(CORPUS + "train: [instruct: {learning_rate: 1e-3}]")
    assert "did you mean schedule.learning_rate?" in found


@pytest.mark.parametrize(
    ("written", "meant"), [("60k", 60_000), ("1.5M", 1_500_000), ("1.1M", 1_100_000), ("1e3", 1000), ("'20'", 20)]
)
def test_sizes_are_read_as_whole_numbers(written: str, meant: int) -> None:
    assert settled(CORPUS + f"train: [instruct: {{tokens: {written}}}]")["train"][0]["instruct"]["tokens"] == meant


@pytest.mark.parametrize(("written", "meant"), [("1e-3", 1e-3), ("1", 1.0), (".5", 0.5), ("2.5E-4", 2.5e-4)])
def test_floats_that_yaml_takes_for_text_are_numbers(written: str, meant: float) -> None:
    recipe = settled(CORPUS, "train=[instruct]", f"train.instruct.schedule.learning_rate={written}")
    found = recipe["train"][0]["instruct"]["schedule"]["learning_rate"]
    assert found == meant and isinstance(found, float)


def test_a_dataclass_speaks_for_its_own_rules() -> None:
    [found] = problems(CORPUS + "train:\n  - instruct:\n      schedule: {steps: 0}")
    assert found == "line 4: train.instruct.schedule: steps is 0; it must be above 0"


def test_choices_and_unions_say_what_is_legal() -> None:
    found = problems(CORPUS + "train: [instruct: {rank: half, schedule: {decay: cosin}}]")
    assert "did you mean cosine? legal: linear, cosine" in found[1]
    assert "'half' is not a whole number (such as 200, 60k or 1.5M) or one of full" in found[0]
    assert settled(CORPUS + "train: [instruct: {rank: full}]")["train"][0]["instruct"]["rank"] == "full"


def test_settings_that_may_be_left_out_are_switched_on_and_off_by_a_word() -> None:
    def schedule(words: str) -> Any:
        return settled(CORPUS + f"train: [prefer: {{schedule: {words}}}]")["train"][0]["prefer"]["schedule"]

    assert schedule("false") is None and schedule("null") is None
    assert schedule("true") == schedule("{}") and schedule("true")["steps"] == 100


def test_a_mistake_inside_settings_that_may_be_left_out_is_named_where_it_is() -> None:
    [found] = problems(CORPUS + "train: [prefer: {schedule: {step: 3}}]")
    assert found.startswith("line 2: train.prefer.schedule.step: no such setting; did you mean steps?")


def test_a_missing_setting_is_named() -> None:
    assert problems("base: x") == ["line 1: corpus.sources: missing; give a list"]
    [found] = problems("corpus: {sources: [{notes: {}}]}")
    assert found == "line 1: corpus.sources.notes.path: missing; give a path"


def test_a_word_in_place_of_settings_is_the_first_setting() -> None:
    recipe = settled("base: other\ncorpus: {sources: [{notes: my/notes}]}")
    assert recipe["base"] == {"base": "other"}
    assert recipe["corpus"]["sources"] == [{"notes": {"path": "my/notes", "seed": 7}}]


def test_a_key_alone_means_its_defaults_and_false_switches_off() -> None:
    recipe = settled(CORPUS + "base:\ntrain:\n  - instruct:\n  - prefer: false")
    assert recipe["base"] == {"base": "small"}
    assert recipe["train"][0]["instruct"]["tokens"] == 5
    assert recipe["train"][1] == {"prefer": False}


def test_one_seed_holds_for_everything_beneath_that_says_nothing_itself() -> None:
    recipe = settled("seed: 3\ncorpus: {sources: [{notes: a}]}\ntrain: [instruct, prefer: {schedule: {seed: 5}}]")
    assert recipe["corpus"]["seed"] == 3 and recipe["corpus"]["sources"][0]["notes"]["seed"] == 3
    assert recipe["train"][0]["instruct"]["schedule"]["seed"] == 3
    assert recipe["train"][1]["prefer"]["schedule"]["seed"] == 5


def test_arguments_lie_over_the_recipe_by_name_and_by_number() -> None:
    text = CORPUS + "train: [instruct, prefer]"
    recipe = settled(text, "train.instruct.tokens=7", "train.1.prefer.loss=ipo", "base=other", "corpus.sources.hpo={}")
    assert recipe["train"][0]["instruct"]["tokens"] == 7
    assert recipe["train"][1]["prefer"]["loss"] == "ipo"
    assert recipe["base"]["base"] == "other"
    assert settled(text, "train.prefer=false")["train"][1] == {"prefer": False}
    assert settled(text, "train.1=instruct")["train"][1]["instruct"]["tokens"] == 5


def test_arguments_that_lead_nowhere_are_named_as_they_were_given() -> None:
    found = problems(
        CORPUS + "base: x\ntrain: [instruct, instruct]",
        "what",
        "train.instrct.tokens=3",
        "train.instruct.tokens=3",
        "train.5.instruct.tokens=3",
        "base.base.base=3",
        "seed={",
    )
    assert found[0] == "argument what: not key=value, such as train.instruct.schedule.steps=20"
    assert found[1].endswith("train has no item of that name; did you mean instruct? legal: instruct")
    assert found[2].endswith("train has 2 items named instruct; say which: train.0.instruct")
    assert found[3].endswith("train has 2 items, numbered from 0")
    assert found[4].endswith("base is 'x', which has no base")
    assert found[5].startswith("argument seed={: line")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("train: 3", "train: 3 is not a list of {name: settings} with names from: instruct, prefer"),
        ("train: [instruct: {tasks: {a: 1}}]", "train.instruct.tasks: a mapping is not a list"),
        ("train: [instruct: {schedule: fast}]", "is not a mapping of steps, learning_rate, decay, seed"),
        ("train: [prefer: {schedule: {steps: null, loss: 1}}]", "train.prefer.schedule.loss: no such setting"),
        ("train: [prefer: {schedule: fast}]", "is not a mapping of steps, learning_rate, decay, seed"),
        ("train: [instruct: {weights: [1]}]", "train.instruct.weights: a list is not a mapping"),
        ("train: [instruct: {tokens: true}]", "train.instruct.tokens: True is not a whole number"),
        ("train: [instruct: {tokens: .}]", "train.instruct.tokens: '.' is not a whole number"),
        ("base: {base: [1]}", "base.base: a list is not a word or text"),
    ],
)
def test_wrong_shapes_are_said_in_words(text: str, problem: str) -> None:
    [found] = problems(CORPUS + text)
    assert problem in found


def test_a_list_of_stages_may_be_switched_off() -> None:
    assert settled(CORPUS + "train: false")["train"] == [] == settled(CORPUS + "train:")["train"]


def test_a_key_given_twice_is_a_problem() -> None:
    assert problems(CORPUS + "base: x\nbase: y") == ["line 3: base: given twice; keep one"]


@pytest.mark.parametrize("text", ["a: [", "- a\n- b", "just words"])
def test_what_is_no_mapping_is_no_recipe(text: str) -> None:
    with pytest.raises(RecipeError, match="not YAML|a recipe is a mapping"):
        settled(text)


def test_an_absent_or_binary_recipe_is_said_to_be_unreadable(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="not UTF-8"):
        read_text(tmp_path / "x.yaml")
    with pytest.raises(RecipeError, match="No such file"):
        read_text(tmp_path / "y.yaml")


def test_settings_are_the_keyword_only_arguments_without_places_and_callables() -> None:
    assert list(settings_of(instruct)) == ["tokens", "tasks", "weights", "clean", "rank", "schedule"]
    assert list(settings_of(notes)) == ["path", "seed"]


def test_functions_get_dataclasses_paths_and_tuples() -> None:
    recipe = settled("corpus: {sources: [{notes: ~/n}]}\ntrain: [instruct: {weights: {qa: 2}}, prefer]")
    tuned = call_settings(instruct, recipe["train"][0]["instruct"])
    assert tuned["schedule"] == Schedule(learning_rate=5e-4) and tuned["tasks"] == ("qa",)
    assert tuned["weights"] == {"qa": 2.0}
    assert call_settings(prefer, recipe["train"][1]["prefer"])["schedule"] is None
    assert call_settings(collect, recipe["corpus"])["sources"] == [{"notes": {"path": Path.home() / "n", "seed": 7}}]


@dataclass(frozen=True)
class Sampling:
    n: Annotated[int, Range(least=1)] = 1
    folder: Path = Path("here")


def sample(*, out: Path, first: str = "", sampling: Flat[Sampling] = Sampling(n=2), seed: int = 0) -> None: ...  # noqa: B008


def test_the_fields_of_a_flat_dataclass_are_written_among_the_functions_own_and_reach_it_as_one() -> None:
    found = {name: field.default for name, field in settings_of(sample).items()}
    assert found == {"first": "", "n": 2, "folder": Path("here"), "seed": 0}
    recipe = resolve("sample: {folder: ~/n}", ["sample.seed=3"], {"sample": Field(sample, {})})
    assert recipe["sample"] == {"first": "", "n": 2, "folder": "~/n", "seed": 3}
    given = {"first": "", "sampling": Sampling(2, Path.home() / "n"), "seed": 3}
    assert call_settings(sample, recipe["sample"]) == given
    assert call_settings(sample, {}) == {}
    with pytest.raises(RecipeError, match="sample.n: 0 is out of range; legal: at least 1"):
        resolve("sample: {n: 0}", [], {"sample": Field(sample, {})})
    with pytest.raises(RecipeError, match="sample.sampling: no such setting"):
        resolve("sample: {sampling: {n: 3}}", [], {"sample": Field(sample, {})})


def test_functions_are_found_by_name_and_a_missing_part_says_its_command(tmp_path: Path) -> None:
    assert load("residency.core.store:sha256_text")("").startswith("e3b0c442")
    with pytest.raises(UserError, match="no_such_package is not installed; install it with: pip install"):
        load("no_such_package:function")
    with pytest.raises(ModuleNotFoundError):
        load("residency.no_such_room:function")


def test_a_day_that_is_none_stays_what_was_written_and_its_setting_says_what_is_wrong() -> None:
    assert settled(CORPUS + "name: 2024-13-01")["name"] == "2024-13-01"
    assert settled(CORPUS, "name=2024-13-01")["name"] == "2024-13-01"
    assert problems(CORPUS + "seed: 2024-13-01") == [
        "line 2: seed: '2024-13-01' is not a whole number (such as 200, 60k or 1.5M)"
    ]
