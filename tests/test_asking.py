"""The verb that asks: in every mode one document with the same keys, and nothing asked that could not be answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from residency import asking, cli
from residency.core.types import Document
from residency.infer.retrieve import build, delete
from residency.models import load as loading
from residency.models.scripted import ScriptedModel

GOUT = (
    "Gout is treated with colchicine or a non-steroidal drug during an attack. Allopurinol lowers the urate and is "
    "started after the attack. People with gout should drink enough water and eat less meat and seafood."
)
SCURVY = (
    "Scurvy comes of a lack of vitamin C. The gums bleed and wounds heal slowly. Ascorbic acid by mouth cures scurvy "
    "within weeks, and fruit and vegetables keep it away in people who eat enough of them every day."
)
CHART = (
    "The patient has had gout since 2019 and takes allopurinol 100 mg each morning. The last attack of gout was in May "
    "in the left big toe, and it went away with colchicine after three days without any other treatment."
)


def text(id: str, words: str, **more: Any) -> Document:
    return Document(id, words, "guides", "made up", "en", **more)


@pytest.fixture(scope="module")
def guides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asking") / "guides"
    build([text("gout", GOUT, date="2024-03-01"), text("scurvy", SCURVY, date="2021-01-01")], folder, embedder=None)
    return folder


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asking") / "chart"
    both = [text("note-1", CHART, patient="p7"), text("note-2", CHART.replace("gout", "asthma"), patient="p8")]
    build(both, folder, embedder=None, shelf="chart")
    return folder


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ScriptedModel:
    """Return the model that every name stands for; it says the same to all."""
    said = ScriptedModel(lambda prompt: "Answer: allopurinol lowers the urate.")
    monkeypatch.setattr(loading, "load", lambda name: said)
    return said


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Return the document of a question."""
    code = cli.main(["ask", "smollm2-135m", *arguments, "--json"])
    out, _ = capsys.readouterr()
    assert code == 0, out
    return json.loads(out)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what is said to a question that cannot be asked so."""
    assert cli.main(["ask", "smollm2-135m", *arguments]) == 2
    return capsys.readouterr().err


QUESTION = "How is gout treated?"


def test_every_mode_has_the_same_keys(capsys: pytest.CaptureFixture[str], model: ScriptedModel, guides: Path) -> None:
    plain = set(asked(capsys, QUESTION))
    for mode in ("cited", "appraise", "cot", "vote", "panel", "agent"):
        document = asked(capsys, QUESTION, "--mode", mode, "--sources", str(guides))
        assert plain <= set(document) and document["mode"] == mode


def test_a_cited_answer_names_the_places_it_stands_on(
    capsys: pytest.CaptureFixture[str], model: ScriptedModel, guides: Path
) -> None:
    document = asked(capsys, QUESTION, "--sources", str(guides))
    assert document["mode"] == "cited" and not document["abstained"] and document["dated"] == "2024-03-01"
    for sentence in document["sentences"]:
        place = sentence["citations"][0]
        assert place["document"] == "gout" and GOUT[place["start"] : place["end"]] == place["quote"]
        assert document["answer"][sentence["start"] : sentence["end"]] == sentence["text"]
    assert document["snapshots"]["index"] and document["snapshots"]["graph"] is None


def test_a_cited_answer_is_printed_with_numbers_and_its_sources(
    capsys: pytest.CaptureFixture[str], model: ScriptedModel, guides: Path
) -> None:
    assert cli.main(["ask", "smollm2-135m", QUESTION, "--sources", str(guides)]) == 0
    out, err = capsys.readouterr()
    assert "[1]" in out and "[1] gout, characters" in out and "Newest evidence: 2024-03-01" in out
    assert asking.CAUTION in err


def test_what_no_source_speaks_of_is_not_answered(
    capsys: pytest.CaptureFixture[str], model: ScriptedModel, guides: Path
) -> None:
    document = asked(capsys, "How is narcolepsy treated?", "--sources", str(guides))
    assert document["answer"] is None and document["abstained"] and "narcolepsy" in document["missing"]
    cli.main(["ask", "smollm2-135m", "How is narcolepsy treated?", "--sources", str(guides)])
    assert capsys.readouterr().out.startswith("No answer: ")


def test_two_indexes_are_searched_as_one_and_both_are_named(
    capsys: pytest.CaptureFixture[str], model: ScriptedModel, guides: Path, tmp_path: Path
) -> None:
    build([text("more", GOUT.replace("colchicine", "prednisolone"))], tmp_path / "more", embedder=None)
    document = asked(capsys, QUESTION, "--sources", str(guides), "--sources", str(tmp_path / "more"), "-k", "3")
    assert {one["document"] for one in document["evidence"]} >= {"gout", "more"}
    assert len(document["snapshots"]["index"]) == 2 and len(document["evidence"]) <= 3


def test_the_record_of_one_patient_is_told_apart_and_nobody_elses_is_read(
    capsys: pytest.CaptureFixture[str], model: ScriptedModel, guides: Path, chart: Path
) -> None:
    document = asked(capsys, "How is gout treated?", "--sources", str(guides), "--chart", str(chart), "--patient", "p7")
    shelves = {one["document"]: one["shelf"] for one in document["evidence"]}
    assert shelves["note-1"] == "chart" and shelves["gout"] == "evidence" and "note-2" not in shelves
    assert "From the patient's record:" in document["answer"] and "From the sources:" in document["answer"]


def test_a_document_that_was_deleted_is_cited_no_more(
    capsys: pytest.CaptureFixture[str], model: ScriptedModel, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    build([text("gout", GOUT), text("scurvy", SCURVY)], index, embedder=None)
    before = asked(capsys, QUESTION, "--sources", str(index))
    delete(index, ["gout"])
    after = asked(capsys, QUESTION, "--sources", str(index))
    assert not before["abstained"] and after["abstained"]
    assert before["snapshots"]["index"] != after["snapshots"]["index"]


def test_a_patient_who_has_no_record_is_not_answered_from_the_guidelines(
    capsys: pytest.CaptureFixture[str], model: ScriptedModel, guides: Path, chart: Path
) -> None:
    said = refused(capsys, QUESTION, "--sources", str(guides), "--chart", str(chart), "--patient", "p99")
    assert "holds nothing of this patient" in said and "p99" not in said


def test_sources_that_contradict_each_other_are_quoted_beside_each_other(
    capsys: pytest.CaptureFixture[str], model: ScriptedModel, tmp_path: Path
) -> None:
    both = [
        text("old", "Allopurinol is started at 300 mg each day in gout, and the dose is looked at after a month. " * 2)
    ]
    both += [
        text("new", "Allopurinol is started at 100 mg each day in gout, and the dose is looked at after a month. " * 2)
    ]
    build(both, tmp_path / "index", embedder=None)
    question = "At which dose is allopurinol started in gout?"
    assert cli.main(["ask", "smollm2-135m", question, "--sources", str(tmp_path / "index")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("No answer: the sources contradict each other") and "300 mg" in out and "100 mg" in out


def test_a_vote_tells_its_votes_and_what_lay_before_the_model(
    capsys: pytest.CaptureFixture[str], model: ScriptedModel, guides: Path
) -> None:
    document = asked(capsys, QUESTION, "--mode", "vote", "--sources", str(guides))
    assert document["reasoning"]["votes"] and document["evidence"]
    assert any("<evidence>" in turn["content"] for prompt in model.asked for turn in prompt)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--mode", "cited"], "cited needs something to cite: --sources INDEX"),
        (["--mode", "appraise", "--graph"], "appraise grades what is found in an index"),
        (["--mode", "plain", "--graph"], "plain takes no evidence; legal beside it: --mode cited"),
        (["--chart", "x"], "--chart or --fhir and --patient ID go together"),
        (["--patient", "p7"], "--chart or --fhir and --patient ID go together"),
        (["--fhir", "x", "--patient", "p7", "--mode", "cot"], "--fhir is read by --mode agent alone"),
        (["--sources", "nowhere"], "nowhere"),
        (["--since", "2024-99"], "--since '2024-99' is no date; give one such as 2024"),
    ],
)
def test_what_does_not_go_together_is_told_before_anything_is_opened(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.setattr(loading, "load", lambda name: pytest.fail("the model was opened"))
    assert says in refused(capsys, QUESTION, *arguments)


def test_a_graph_answers_in_facts_that_can_be_looked_up(
    capsys: pytest.CaptureFixture[str], model: ScriptedModel, tmp_path: Path
) -> None:
    from residency.corpus.graph.build import build as build_graph

    table = tmp_path / "facts.csv"
    table.write_text("head,relation,tail\nscurvy,has sign,bleeding gums\nscurvy,caused by,lack of vitamin C\n")
    build_graph([table], tmp_path / "graph")
    document = asked(capsys, "What are the signs of scurvy?", "--graph", str(tmp_path / "graph"))
    assert "bleeding gums" in document["answer"] and document["snapshots"]["graph"]
    assert all(one["shelf"] == "graph" for one in document["evidence"])


def test_an_agent_names_the_hash_of_the_record_that_it_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    subject = {"reference": "Patient/p7"}
    weight = {"resourceType": "Observation", "id": "w", "status": "final", "subject": subject}
    weight |= {
        "effectiveDateTime": "2024-05-01",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
    }
    weight |= {"valueQuantity": {"value": 70, "unit": "kg", "code": "kg", "system": "http://unitsofmeasure.org"}}
    rows = [{"resource": {"resourceType": "Patient", "id": "p7"}}, {"resource": weight}]
    (tmp_path / "bundle.json").write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": rows}))
    call = json.dumps({"tool": "chart_value", "arguments": {"measure": "weight"}})
    said = iter([call, '{"answer": "70 kg"}', '{"answer": "70 kg"}'])
    monkeypatch.setattr(loading, "load", lambda name: ScriptedModel(lambda prompt: next(said)))
    question = "What was the weight?"
    document = asked(capsys, question, "--mode", "agent", "--fhir", str(tmp_path / "bundle.json"), "--patient", "p7")
    assert document["answer"] == "70 kg" and document["tool_calls"][0]["tool"] == "chart_value"
    assert len(document["snapshots"]["tools"]) == 1
