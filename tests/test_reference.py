"""Every setting of every stage says what is legal, the page lists it, and a recipe that says otherwise never starts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from residency import cli, pipeline, reference
from residency.core import runs
from residency.core.check import Place, as_node, check
from residency.core.errors import RecipeError
from residency.core.legal import rules_of
from residency.core.recipe import read_text, resolve
from residency.core.settings import REQUIRED, Field, is_data, load, one_of, plain, settings_of, union
from residency.evaluate.tasks import SUITES, Suite

DOCS = Path(__file__).parent.parent / "docs" / "settings.md"
FREE = {"licence", "language", "name", "model", "weak", "judge", "axis", "sources", "general", "keywords"}
FREE |= {"examples_of", "labels", "waiver"}
"""Names and words that only what they name can refuse."""
WRONG = """\
seed: -4
base: ./nowhere
corpus:
  sources:
    - hpo: {folder: /no/ontology}
    - icd10: {path: no.xml}
    - notes: no/such/notes
    - jsonl: {path: gone.jsonl}
    - fhir: empty
    - simulated_hospital: {population: 0, end_date: yesterday, country: UK}
examples: {test_share: 3}
train:
  - pretrain: {tokens: -5, schedule: {epochs: -1, precision: fp13}}
  - instruct: {first: {nli/statu: 3}}
  - prefer: {loss: dppo}
compress:
  - quantize: {type: q4_9}
evaluate: {suite: quikstart, generated: -4}
budget: {instrct: 4}
"""
ANSWERS = [
    "line 1: seed: -4 is out of range",
    "line 2: base.base: there is no ./nowhere; legal: a packaged name",
    "line 5: corpus.sources.hpo.folder: hp.obo is missing from /no/ontology",
    "line 6: corpus.sources.icd10.path: no.xml is not a file",
    "line 7: corpus.sources.notes.path: no/such/notes does not exist; give a file or a folder",
    "line 8: corpus.sources.jsonl.path: gone.jsonl does not exist",
    "line 9: corpus.sources.fhir.path: empty holds no file",
    "line 10: corpus.sources.simulated_hospital.population: 0 is out of range; legal: at least 1",
    "line 10: corpus.sources.simulated_hospital.end_date: 'yesterday' is not a date",
    "line 10: corpus.sources.simulated_hospital.country: 'UK' is not legal; legal: US, JP",
    "line 11: examples.test_share: 3 is out of range; legal: from 0 to 0.5",
    "line 13: train.pretrain.tokens: -5 is out of range; legal: at least 0 (0: all there are)",
    "line 13: train.pretrain.schedule.epochs: -1 is out of range; legal: at least 1",
    "line 13: train.pretrain.schedule.precision: 'fp13' is not legal; did you mean fp32? legal: auto, fp32, bf16",
    "line 14: train.instruct.first: no such key as nli/statu; did you mean nli/status?",
    "line 15: train.prefer.loss: 'dppo' is not legal; did you mean dpo? legal: dpo, ipo, simpo, orpo, kto",
    "line 17: compress.quantize.type: 'q4_9' is not legal; legal: q8_0, bf16, f16, f32",
    "line 18: evaluate.suite: 'quikstart' is not legal; did you mean quickstart? legal: quickstart",
    "line 18: evaluate.generated: -4 is out of range; legal: at least 0 (0: all items)",
    "line 19: budget: no such key as instrct; did you mean instruct?",
]


def functions() -> Iterator[Callable[..., Any]]:
    """Yield every function whose keywords are settings of a recipe: the stages and the sources' readers."""
    for stage in pipeline.STAGES.values():
        function = load(stage.function)
        yield function
        for field in settings_of(function).values():
            if one := one_of(field.hint):
                yield from map(load, one.table.values())


def settings(function: Callable[..., Any]) -> Iterator[tuple[str, Field]]:
    """Yield every setting of a function, those of nested dataclasses too."""
    for name, field in settings_of(function).items():
        nested = [part for part in union(field.hint) if is_data(part)]
        yield from settings(nested[0]) if nested else [(name, field)]


def bounded(hint: Any) -> bool:
    """Return whether a hint says which values are legal."""
    if one_of(hint):
        return True
    if is_data(hint):
        return all(bounded(field.hint) for _, field in settings(hint))
    if get_origin(hint) in (tuple, list):
        return all(bounded(part) for part in get_args(hint) if part is not ...)
    if get_origin(hint) is dict:
        return bounded(get_args(hint)[1])
    parts = [part for part in union(hint) if part is not type(None)]
    if parts != [hint]:
        return all(map(bounded, parts))
    return all(part is bool or get_origin(part) is Literal or bool(rules_of(part)) for part in parts)


@pytest.mark.parametrize("function", functions(), ids=lambda function: function.__name__)
def test_every_setting_says_which_values_are_legal_and_its_default_is_one(function: Callable[..., Any]) -> None:
    for name, field in settings(function):
        assert bounded(field.hint) or name in FREE, f"{function.__name__}({name}=) takes anything"
        if field.default is not REQUIRED:
            place = Place()
            check(as_node(plain(field.default), "default"), field.hint, place)
            assert not place.problems


def test_a_recipe_of_mistakes_is_answered_whole_before_any_folder_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "wrong.yaml").write_text(WRONG)
    assert cli.main(["run", "wrong.yaml"]) == 2
    found = [line.strip() for line in capsys.readouterr().err.splitlines()[1:]]
    assert [line[: len(wanted)] for line, wanted in zip(found, ANSWERS, strict=True)] == ANSWERS
    assert not runs.runs_root().exists()


def test_a_recipe_without_a_source_is_refused() -> None:
    with pytest.raises(
        RecipeError, match="line 1: corpus.sources: no source is given; legal: one or more of hpo, icd10"
    ):
        resolve("corpus: {sources: []}", [], pipeline.sections())


def test_a_home_folder_is_found_and_a_base_of_another_kind_is_not_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("Seen for a cough.")
    sections = pipeline.sections()
    resolve("corpus: {sources: [notes: ~/notes]}", [], sections)
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.json").write_text("{}")
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    for base, words in (("half", "holds no *.safetensors"), ("adapter", "cannot be trained further")):
        with pytest.raises(RecipeError, match=f"base.base: .*{base} {words.replace('*', '.')}"):
            resolve(f"base: {tmp_path / base}\ncorpus: {{sources: [notes: ~/notes]}}", [], sections)
    resolve("base: Qwen/Qwen2.5-0.5B-Instruct\ncorpus: {sources: [hpo]}", [], sections)  # fetched when it is prepared


def test_the_words_of_a_hint_are_those_of_its_table() -> None:
    assert set(get_args(Suite)) == set(SUITES)


def test_the_page_of_settings_is_current_and_lists_every_one() -> None:
    made = reference.page()
    assert DOCS.read_text(encoding="utf-8") == made, "run: python -m residency.reference > docs/settings.md"
    for function in functions():
        for name, field in settings_of(function).items():
            default = f"| `{json.dumps(plain(field.default))}` |" if field.default is not REQUIRED else "| (needed) |"
            nested = any(is_data(part) for part in union(field.hint))
            assert f"| `{name}." in made if nested else f"| `{name}` {default}" in made


def of_a_corpus() -> Iterator[Callable[..., Any]]:
    """Yield the functions whose settings make a corpus: the two stages, the sources' readers and the makers."""
    for stage, named in (("corpus", "sources"), ("make", "rows")):
        function = load(pipeline.STAGES[stage].function)
        yield function
        if one := one_of(settings_of(function)[named].hint):
            yield from map(load, one.table.values())


@pytest.mark.parametrize("function", of_a_corpus(), ids=lambda function: function.__name__)
def test_every_setting_of_a_corpus_says_what_it_does_in_a_sentence(function: Callable[..., Any]) -> None:
    page = DOCS.read_text(encoding="utf-8")
    for name, _, words in reference.flat(function):
        assert words.endswith(".") and 15 < len(words) < 160, f"{function.__name__}({name}=): {words!r}"
        assert words in page


def test_what_a_setting_does_is_read_from_the_comment_over_it() -> None:
    def stage(
        *,
        # How deep,
        # in metres.
        depth: int = 1,
        bare: int = 2,  # not over it
    ) -> None: ...

    assert reference.comments(stage) == {"depth": "How deep, in metres."}
    assert [(name, words) for name, _, words in reference.flat(stage)] == [
        ("depth", "How deep, in metres."),
        ("bare", ""),
    ]


def test_the_quickstart_passes_as_it_did() -> None:
    resolve(read_text(cli.find_recipe("quickstart")), [], pipeline.sections())
