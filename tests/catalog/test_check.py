"""`residency catalog check` finds every kind of mistake, each with its file and line, and our own entries have none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from residency import cli
from residency.catalog.check import problems
from residency.catalog.entries import DATA, Catalog, load
from residency.catalog.sizes import parameters
from residency.core.errors import UserError

HEAD = "name: {name}\nabout: Words.\nnamed: [{{in: mine, mark: V, from: [mine]}}]\n"


def found(folder: Path, name: str, text: str, known: Catalog | None = None) -> list[tuple[int, str]]:
    """Return (line, text) of the problems that a file has when it is written into a folder."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    every = problems(folder, known)
    assert {problem.path for problem in every} <= {path}, every
    return [(problem.line, problem.text) for problem in every]


def model(folder: Path, lines: str, name: str = "New") -> list[tuple[int, str]]:
    """Return the problems of a model whose head is sound; its own lines begin with the fourth."""
    return found(folder, "models/new.yaml", HEAD.format(name=name) + lines)


def test_a_sound_folder_has_no_problems(folder: Path) -> None:
    assert problems(folder) == []


def test_an_alias_is_refused_before_it_is_followed(folder: Path) -> None:
    nested = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    [(line, text)] = found(folder, "models/new.yaml", f"a0: &a0 [x]\n{nested}")
    assert line == 2 and "alias" in text


def test_our_own_entries_have_no_problems() -> None:
    assert [str(problem) for problem in problems(DATA)] == []


@pytest.mark.parametrize("name", ["Alpha", "alpha", "ALPHA-Chat", "Beta  2"])
def test_a_name_that_another_entry_has_is_told_with_that_entry(folder: Path, name: str) -> None:
    ((line, text),) = model(folder, "", name)
    assert line == 1 and "is the name of another model too" in text
    assert "models/beta.yaml" in text if "Beta" in name else "models/alpha.yaml" in text


def test_further_names_are_names_and_other_kinds_have_their_own(folder: Path) -> None:
    ((line, text),) = model(folder, "also:\n  - Neu\n  - alpha-chat\n")
    assert (line, text.split(" is ")[0]) == (6, "alpha-chat")
    assert model(folder, "", "The Exam") == []
    assert model(folder, "also: [new]\n") == []


def test_an_unknown_value_of_an_axis_is_told_with_the_legal_ones(folder: Path) -> None:
    lines = (
        "tasks:\n  is:\n    - qa\n    - nerr\n  mark: O\ncare: {is: [triag], mark: O}\naccess: {is: free, mark: O}\n"
    )
    first, second, third = model(folder, lines)
    assert first[0] == 7 and "tasks: there is no value nerr on this axis; did you mean ner? legal: qa, ner" in first[1]
    assert second[0] == 9 and "care" in second[1] and "did you mean triage?" in second[1]
    assert third[0] == 10 and "access" in third[1] and "legal: open, noncommercial" in third[1]


def test_the_axes_of_data_sets_and_methods_hold_too(folder: Path) -> None:
    text = HEAD.format(name="New") + "use: {is: [examine], mark: O}\nform: {is: [span], mark: O}\n"
    assert [line for line, _ in found(folder, "datasets/new.yaml", text)] == [4, 5]
    (folder / "datasets/new.yaml").unlink()
    ((line, text),) = found(folder, "methods/new.yaml", HEAD.format(name="New") + "kind: {is: [agent], mark: O}\n")
    assert line == 4 and "did you mean agents?" in text


def test_a_language_is_a_code(folder: Path) -> None:
    ((line, text),) = model(folder, "languages: {is: [en, Spanish], mark: O}\n")
    assert line == 4 and "'Spanish' is no language" in text


@pytest.mark.parametrize("size", ["7 billion", "7b", "1500 M", "0.5 GB", "7B-Instruct", "x7B"])
def test_sizes_in_odd_units_are_told(folder: Path, size: str) -> None:
    ((line, text),) = model(folder, f"sizes:\n  is: [1.5B, '{size}']\n  mark: M\n")
    assert line == 5 and f"'{size}' is no size; legal: a number of parameters such as 347M, 1.5B or 8x7B" in text
    with pytest.raises(UserError, match="is no size"):
        parameters(size)


def test_sizes_are_read_as_numbers_of_parameters() -> None:
    assert [parameters(size) for size in ("347M", "1.5B", "8x7B", "0.5B")] == [347e6, 1.5e9, 56e9, 5e8]


def test_a_result_without_protocol_is_told(folder: Path) -> None:
    lines = "results:\n  - {set: exam, metric: accuracy, value: 3, mark: M, protocol: zero-shot}\n"
    assert model(folder, lines) == []
    ((line, text),) = model(folder, lines + "  - {set: exam, metric: accuracy, value: 3, mark: M}\n")
    assert line == 6 and "a result without protocol" in text


def test_a_number_that_does_not_fit_its_scale_is_told(folder: Path) -> None:
    row = "  - {{set: exam, metric: accuracy, value: {}, scale: {}, protocol: zero-shot, mark: M{}}}\n"
    wrong = row.format(81.0, "share", "") + row.format(150, "percent", "")
    ((one, text), (two, _)) = model(folder, f"results:\n{wrong}")
    assert (one, two) == (5, 6) and "81.0 is no share; legal: 0 to 1" in text
    assert model(folder, "results:\n" + row.format(150, "percent", ", than: the base")) == []


@pytest.mark.parametrize(
    ("lines", "line", "words"),
    [
        ("base: {is: [roott], mark: M}\n", 4, "base: there is no model roott; did you mean root?"),
        ("base:\n  is: [root]\n  mark: P\n  from: [card1, card2]\n", 7, "from: there is no source card2; did you mean"),
        ("data: {is: [nowhere], mark: M}\n", 4, "data: there is no data set nowhere"),
        (
            "results: [{set: exm, metric: accuracy, value: 1, protocol: p p, mark: M}]\n",
            4,
            "set: there is no data set exm",
        ),
        (
            "results: [{set: exam, metric: acc, value: 1, protocol: p p, mark: M}]\n",
            4,
            "metric: there is no metric acc",
        ),
    ],
)
def test_dead_references_are_told(folder: Path, lines: str, line: int, words: str) -> None:
    ((at, text),) = model(folder, lines)
    assert at == line and text.startswith(words)


def test_sets_in_words_are_no_references(folder: Path) -> None:
    lines = "results: [{set: our own notes, metric: f1, value: 0.5, protocol: split unknown, mark: M}]\n"
    assert model(folder, lines) == []


def test_within_and_metrics_of_a_data_set_and_surveys_are_references(folder: Path) -> None:
    text = "name: New\nabout: Words.\nnamed: [{in: card1, mark: M}, {in: theirs, mark: M}]\n"
    text += "use: {is: [evaluate], mark: O}\nwithin: {is: [nothing], mark: O}\nmetrics: {is: [f2], mark: O}\n"
    lines = found(folder, "datasets/new.yaml", text)
    assert [line for line, _ in lines] == [3, 3, 5, 6]
    assert "card1 is no survey" in lines[0][1] and "there is no source theirs" in lines[1][1]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("name: New\n", 1, "about is missing"),
        (HEAD.format(name="New") + "tusks: {is: [qa], mark: O}\n", 4, "no such key as tusks; did you mean tasks?"),
        (HEAD.format(name="New") + "tasks:\n  is: [qa]\n", 4, "tasks: mark is missing"),
        (
            HEAD.format(name="New") + "tasks:\n  is: [qa]\n  mark: V\n",
            4,
            "tasks: from is missing: what is marked V, S or P",
        ),
        (
            HEAD.format(name="New") + "tasks: {is: [qa], mark: Q}\n",
            4,
            "tasks.mark: 'Q' is not legal; legal: V, S, P, M, O",
        ),
        (HEAD.format(name="New") + "tasks: {is: qa, mark: O}\n", 4, "tasks: 'qa' is not a list"),
        (HEAD.format(name="New") + "tasks: {is: [], mark: O}\n", 4, "tasks: it is empty; leave out what is unknown"),
        (HEAD.format(name="New") + "tasks: {is: [qa, qa], mark: O}\n", 4, "tasks: a value is given twice"),
        (
            HEAD.format(name="New") + "release: {is: May 2023, mark: M}\n",
            4,
            "release: 'May 2023' is no date; legal: a year",
        ),
        (HEAD.format(name="New") + "kind: domain\nabout: Again.\n", 5, "about is given twice; keep one"),
        ("- a list\n", 1, "an entry is a mapping"),
        ("name: New\nabout: 'open\n", 3, "not YAML"),
        ("", 1, "an entry is a mapping"),
    ],
)
def test_errors_of_form_are_told_in_words(folder: Path, text: str, line: int, words: str) -> None:
    (folder / "models/new.yaml").write_text(text, encoding="utf-8")
    told = [problem for problem in problems(folder) if problem.text.startswith(words)]
    assert [(problem.path.name, problem.line) for problem in told] == [("new.yaml", line)]


def test_files_that_nothing_reads_and_odd_ids_are_told(folder: Path) -> None:
    (folder / "models/late.yml").write_text("name: Late\n")
    (folder / "systems").mkdir()
    (folder / "models/Bad-Id.yaml").write_text(HEAD.format(name="Bad"))
    (folder / "models/latin.yaml").write_bytes("name: Ä".encode("latin-1"))
    told = {problem.path.name: problem.text for problem in problems(folder)}
    assert set(told) == {"late.yml", "systems", "Bad-Id.yaml", "latin.yaml"}
    assert "is no id" in told["Bad-Id.yaml"] and "not UTF-8" in told["latin.yaml"]


def test_what_is_wrong_with_axes_is_told(folder: Path) -> None:
    (folder / "axes.yaml").write_text("tasks: [qa]\n")
    assert [(one.line, one.text.split(":")[0]) for one in problems(folder)] == [(1, "no axis")]
    axes = (
        (DATA / "axes.yaml")
        .read_text(encoding="utf-8")
        .replace("    qa: {about: answers questions, mark: S", "    qa: {about: answers, questions, mark: S")
    )
    (folder / "axes.yaml").write_text(axes, encoding="utf-8")
    ((line, text),) = [(one.line, one.text) for one in problems(folder) if "qa" in one.text]
    assert axes.splitlines()[line - 1].startswith("    qa:")
    assert text == "tasks.qa: no such key as questions; a comma needs quotes"


def test_a_catalog_with_problems_is_not_loaded_and_all_are_told(folder: Path) -> None:
    (folder / "models/one.yaml").write_text(HEAD.format(name="Alpha"))
    (folder / "models/two.yaml").write_text(HEAD.format(name="Two") + "base: {is: [none_such], mark: M}\n")
    with pytest.raises(UserError) as caught:
        load(folder)
    assert "2 problems" in str(caught.value)
    assert "one.yaml:1: Alpha is the name" in str(caught.value) and "two.yaml:4: base: there is no" in str(caught.value)


def test_entries_of_ones_own_may_refer_to_ours_and_keep_their_names(ours: Catalog, tmp_path: Path) -> None:
    for name in ("models/mine.yaml", "models/biogpt.yaml", "models/other.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
    named = "named: [{in: garg2025, mark: M}]\n"
    (tmp_path / "models/mine.yaml").write_text(f"name: Mine\nabout: Of us.\n{named}base: {{is: [biogpt], mark: O}}\n")
    assert problems(tmp_path, ours) == []
    both = load(more=tmp_path)
    assert both.entries["models"]["mine"].values("base") == ("biogpt",)
    assert len(both.entries["models"]) == len(ours.entries["models"]) + 1
    (tmp_path / "models/biogpt.yaml").write_text(f"name: Another\nabout: Words.\n{named}")
    (tmp_path / "models/other.yaml").write_text(f"name: BioGPT-Large\nabout: Words.\n{named}")
    assert [problem.path.name for problem in problems(tmp_path, ours)] == ["biogpt.yaml", "other.yaml"]


def test_the_verb_lists_problems_and_leaves_with_2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder.rename(folder.with_name("others"))
    (folder / "models/alpha.yaml").write_text(HEAD.format(name="Alpha") + "sizes: {is: [seven], mark: M}\n")
    (folder / "sources/garg2025.yaml").unlink()
    for kind in ("datasets", "methods", "metrics"):
        for path in (folder / kind).iterdir():
            path.unlink()
    for name in ("beta", "root", "gamma"):
        (folder / f"models/{name}.yaml").unlink()
    assert cli.main(["catalog", "check", str(folder)]) == 2
    out = capsys.readouterr().out
    assert f"{folder}/models/alpha.yaml:4: sizes: 'seven' is no size" in out and "1 problem" in out
    assert cli.main(["catalog", "check", str(folder), "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 2 and [row["line"] for row in document["problems"]] == [4]
    assert cli.main(["catalog", "check", str(folder / "none")]) == 2
    assert "there is no folder" in capsys.readouterr().err
