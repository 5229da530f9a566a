"""What does not go together is told with what would; and no reason stands without something to look up."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from residency.advise.advice import Advice, document, in_words, reasons
from residency.advise.evidence import measured
from residency.advise.form import Form, form_of
from residency.advise.page import SCENARIOS
from residency.advise.reason import KINDS, Reason
from residency.advise.room import ROWS, rows_for
from residency.advise.stages import epochs
from residency.catalog.entries import Catalog
from residency.catalog.sizes import parameters
from residency.core.errors import UserError
from residency.evaluate.tasks import TASKS

ROOT = Path(__file__).parents[2]
Advise = Callable[[str], Advice]


def told(found: tuple[Reason, ...]) -> str:
    return " ".join(reason.text for reason in found)


def test_items_alone_are_asked_and_no_other_classes_learned_for_them(advised: Advise, ward: Path) -> None:
    lines = [
        line for line in (ward / "triage.yaml").read_text().splitlines() if not line.startswith(("train:", "dev:"))
    ]
    (ward / "items.yaml").write_text("\n".join(lines).replace("task: triage", "task: items"))
    made = advised("--task cls --data items.yaml")
    assert made.form.name == "prompting" and not made.stages and "items.yaml" in made.text


def test_a_base_that_is_not_here_gets_no_figures(advised: Advise) -> None:
    with pytest.raises(UserError, match="--base nosuch/model: nothing of it lies here"):
        advised("--task cls --data triage.yaml --base nosuch/model")


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_reason_points_at_something_that_is_there(name: str, advised: Advise, catalog: Catalog) -> None:
    """A row of the catalog that is more than memory, a figure of ours, a page with that heading, a file."""
    made = advised(SCENARIOS[name])
    for reason in reasons(made):
        assert reason.points, reason.text
        for point in reason.points:
            assert point.kind in KINDS
            if point.kind == "catalog":
                assert any(point.id in entries for entries in catalog.entries.values()), point
                assert point.mark in set("VSPO"), point
            elif point.kind == "measured":
                assert point.id in measured()
            elif point.kind == "code":
                assert is_there(point.id, point.where), point
            else:
                assert Path(point.id).exists(), point


def is_there(name: str, where: str) -> bool:
    """Return whether a page has the heading that is named, or a file is there; sets are those of residency data."""
    if where == "residency data":
        return name in TASKS
    page, _, heading = where.partition("#") if "#" in where else where.partition(", ")
    text = (ROOT / page).read_text(encoding="utf-8") if (ROOT / page).suffix == ".md" else ""
    heads = re.findall(r"^#+ (.+)$", text, re.M)
    anchors = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
    return (ROOT / page).exists() and (not heading or heading in heads or heading in anchors)


def test_the_rules_load_no_torch() -> None:
    code = "import sys, residency.advise.page, residency.advising; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_reason_without_a_point_is_none() -> None:
    with pytest.raises(ValueError, match="nothing shows"):
        Reason("it is so", ())


def test_the_words_hold_every_reason(advised: Advise) -> None:
    made = advised(SCENARIOS["patient education"])
    words = in_words(made)
    assert all(reason.text in words for reason in reasons(made))
    assert document(made)["paradigms"] == ["instruction_tuning"]


# --- encoder, generator or prompting ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "form"),
    [
        ("--task ner", "encoder"),
        ("--task re", "encoder"),
        ("--task nli", "encoder"),
        ("--task deid --language es", "encoder"),
        ("--task qa", "encoder"),  # yes, no or maybe: the same options each time
        ("--task qa --stakeholder patient", "generator"),
        ("--task sum", "generator"),
        ("--task dialogue", "generator"),
        ("--task qa --language es", "prompting"),  # a set to examine on, and none to learn from
        ("--task ner --base smollm2-135m", "generator"),
        ("--task ner --base minilm", "encoder"),
    ],
)
def test_the_form_follows_from_what_is_learned(command: str, form: str, case) -> None:
    assert form_of(case(f"{command} --memory 8GB")).name == form


def test_an_encoder_is_no_base_of_what_is_written(case) -> None:
    with pytest.raises(UserError, match="an encoder, which writes nothing.*nearest: --base smollm2-135m"):
        form_of(case("--task sum --base minilm"))


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("memory", "rows"), [("64GB", 1024), ("4.2GB", 256), ("2GB", 256)])
def test_a_generator_gets_the_longest_rows_that_fit(memory: str, rows: int, case) -> None:
    found, why = rows_for(case(f"--task sum --memory {memory}"), "generator")
    assert found.batch_tokens == rows and why.points[0].kind == "measured"


def test_too_little_memory_is_an_error_that_names_the_least(advised: Advise) -> None:
    with pytest.raises(UserError, match=r"--memory 1 GB.*nearest that is possible: --memory 1\.9GB.*--task cls or ner"):
        advised("--task sum --memory 1GB")
    with pytest.raises(UserError, match=r"nearest that is possible: --memory 0\.8GB$"):
        advised("--task ner --memory 500MB")
    with pytest.raises(UserError, match=r"nearest that is possible: --accelerator 1\.3GB"):
        advised("--task sum --memory 8GB --accelerator 1GB")


def test_in_little_memory_no_file_is_written_whose_making_was_not_measured(advised: Advise) -> None:
    made = advised("--task sum --memory 3GB")
    assert "compress" not in made.recipe and "256 tokens" in told(made.conflicts)


def test_rows_are_known_by_a_figure_of_the_same_memory() -> None:
    for rows in (one for known in ROWS.values() for one in known):
        assert rows.peak == pytest.approx(1e9 * measured()[rows.shown_by].numbers["memory_gb"])


@pytest.mark.parametrize(("steps", "wanted"), [(0, 5), (94, 5), (20, 5), (10, 10), (2, 20)])
def test_few_steps_an_epoch_make_more_epochs(steps: int, wanted: int) -> None:
    assert epochs(steps) == wanted


def test_larger_bases_are_larger_fit_and_are_named_by_their_hub_id(advised: Advise) -> None:
    for command, room in (("--task sum --memory 16GB", 16e9), ("--task sum --memory 64GB --accelerator 24GB", 24e9)):
        found = advised(command).larger
        assert found and len({one.hub for one in found}) == len(found) <= 3
        for one in found:
            assert one.hub.count("/") == 1 and one.bytes <= room and parameters(one.size) > 136e6


# --- what does not go together ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("--task ner --labelled 0", "label 200 items"),
        ("--task ner --labelled 300", "you say that 300 items are labelled"),
        ("--task ner --data findings.yaml --labelled 900", "hold 500, which counts"),
        ("--task ner --latency 10ms", "the linear CRF alone, 1 ms a text"),
        ("--task cls --data triage.yaml --latency 10ms", "took 46 ms.*an accelerator"),
        ("--task sum --latency 10ms --accelerator 24GB", "took 353 ms.*your accelerator"),
        ("--task ner --data hallazgos.yaml", "hallazgos.yaml is in es"),
        ("--task ner --data hallazgos.yaml --language es", "no packaged base has learned es.*0.953"),
        ("--task qa", "so few questions teach so small a model the form alone"),
        ("--task ner --accelerator 24GB", "the accelerator is not needed"),
        ("--task ner --privacy cloud", "sends nothing away.*--tasks ncbi_disease"),
    ],
)
def test_a_conflict_is_told_with_the_nearest(command: str, wanted: str, advised: Advise) -> None:
    assert re.search(wanted, told(advised(f"{command} --memory 8GB").conflicts))


def test_so_little_time_that_the_crf_is_left_out(advised: Advise) -> None:
    made = advised("--task ner --latency 25ms --memory 8GB")
    assert [stage.name for stage in made.stages] == ["encode"]
    assert "blend" in {one.name for one in made.left_out} and not made.conflicts[1:]


def test_nothing_to_learn_and_nothing_to_examine_is_an_error(advised: Advise) -> None:
    with pytest.raises(UserError, match="nothing here teaches it.*kind extract.*--language en"):
        advised("--task ner --language fr")


def test_sets_that_are_not_here_are_named_with_the_command_that_gets_them(advised: Advise, ward: Path) -> None:
    for folder in (ward / "sets").iterdir():
        folder.rmdir()
    with pytest.raises(UserError, match="residency data get ncbi_disease"):
        advised("--task ner")


# --- data -------------------------------------------------------------------------------------------------------------


def uses(made: Advice) -> dict[str, str]:
    return {piece.name: piece.use for piece in made.data}


def test_a_task_of_another_kind_is_not_used_and_says_which_kinds_are(advised: Advise) -> None:
    made = advised("--task cls --data findings.yaml --memory 8GB")
    assert uses(made) == {"evidence_inference": "learned", "findings.yaml": ""}
    assert "made of: classify, tag" in told(tuple(piece.reason for piece in made.data))


def test_a_data_set_of_the_catalog_is_a_task_where_it_is_read_here_and_told_where_not(advised: Advise) -> None:
    made = advised("--task ner --data bc5cdr_chemical MIMIC-III --memory 8GB")
    assert uses(made) == {"bc5cdr_chemical": "learned", "MIMIC-III": ""}


def test_a_receipt_or_a_waiver_lets_texts_in(advised: Advise, ward: Path) -> None:
    assert uses(advised("--task sum --data notes --memory 8GB"))["notes"] == ""
    (ward / "notes" / "receipt.json").write_text("{}")
    made = advised("--task sum --data notes --memory 8GB")
    assert uses(made)["notes"] == "read" and made.recipe["corpus"]["sources"] == [{"notes": "notes"}]


def test_labels_that_no_task_declares_get_a_task_file(advised: Advise, ward: Path) -> None:
    made = advised("--task ner --data findings-train.jsonl --labelled 500 --memory 8GB")
    assert uses(made)["findings-train.jsonl"] == ""
    assert "train: train.jsonl      # 338 items" in document(made)["task_file"]


def test_the_form_is_told_by_the_base_alone_where_it_is_named(case) -> None:
    found: Form = form_of(case("--task ner --base smollm2-135m"))
    assert "the base that you name" in found.reason.text
