"""Models that read and write nothing: spans and labels scored by hand, and the linear CRF beside a model."""

import json
import math

import numpy as np
import pytest

from residency.core.errors import Unsupported
from residency.core.store import (
    read_examples,
    read_json,
    read_jsonl,
    read_manifest,
    write_examples,
    write_json,
    write_manifest,
)
from residency.core.types import Example, Span
from residency.evaluate import baselines
from residency.evaluate.answer import answer
from residency.evaluate.baselines import crf_jobs, why_none
from residency.evaluate.ledger import build, versus
from residency.evaluate.names import label, model_name, over_baselines, stage_of, stem_of
from residency.evaluate.readers import UNPLACED, as_read, is_reader, texts_of, why_not
from residency.evaluate.run import evaluate, evaluate_models
from residency.evaluate.tasks import TASKS, named
from residency.evaluate.tasks.form import Ask, example_of
from residency.models.load import find
from residency.models.reading import head_of, kind_of, labels_of
from residency.models.scripted import ScriptedModel
from residency.models.tagging import tagset, words_of
from residency.train.crf import fit

TEXT = "No renal cancer, but cysts and cysts."


class Marks:
    """A tagger that is sure of the words it was told, each a span of its own."""

    def __init__(self, words, labels=("Disease",)):
        self.name, self.hash, self.words, self.tags = "marks", "h", words, tagset(labels)

    def tag_probabilities(self, texts):
        made = []
        for text in texts:
            words = words_of(text)
            odds = np.zeros((len(words), len(self.tags)))
            for row, (a, b) in zip(odds, words, strict=True):
                row[self.tags.index(self.words.get(text[a:b], "O"))] = 1.0
            made.append((words, odds))
        return made


class Sorts:
    """A classifier that gives each text the probabilities it was told, and remembers what it read."""

    def __init__(self, odds, labels):
        self.name, self.hash, self.odds, self.labels, self.seen = "sorts", "h", odds, labels, []

    @property
    def tags(self):
        raise Unsupported("no tags")

    def tag_probabilities(self, texts):
        raise Unsupported("no tags")

    def classify(self, texts, pairs=None):
        self.seen += [(text, pairs and pairs[i]) for i, text in enumerate(texts)]
        return np.array([self.odds] * len(texts))


def disease(text, *spans):
    item = {"id": "1", "text": text, "entities": [{"start": a, "end": b, "label": "Disease"} for a, b in spans]}
    return example_of("extract", Ask("Find all diseases.", ("Disease",)), item, task="ncbi_disease")


def test_marked_spans_are_scored_by_place_and_shown_as_a_list():
    example = disease(TEXT, (3, 15), (21, 26))
    model = Marks({"renal": "B-Disease", "cancer": "I-Disease", "cysts": "B-Disease"})
    (row,) = answer(TASKS["ncbi_disease"], model, [example])
    assert row["counts"] == {"tp": 2, "fp": 1, "fn": 0}  # the second "cysts" is no gold span: a place, not a phrase
    assert row["relaxed"] == {"right": 2, "found": 3, "reached": 2, "wanted": 2}
    assert row["prediction"] == '["renal cancer", "cysts"]' and row["parsed"] and row["score"] == 0.8
    assert row["spans"] == [[3, 15, "Disease"], [21, 26, "Disease"], [31, 36, "Disease"]]
    assert row["tokens"] == 0 and row["seconds"] > 0


def test_a_generator_that_names_the_same_phrases_gets_the_same_score_where_each_occurs_once():
    text = "No renal cancer, but cysts."
    example = disease(text, (3, 15), (21, 26))
    model = Marks({"renal": "B-Disease", "cysts": "B-Disease"})
    (mine,) = answer(TASKS["ncbi_disease"], model, [example])
    (said,) = answer(TASKS["ncbi_disease"], ScriptedModel(lambda _: '["renal", "cysts"]'), [example])
    assert {key: mine[key] for key in ("counts", "relaxed", "score", "hash")} == {
        key: said[key] for key in ("counts", "relaxed", "score", "hash")
    }
    assert mine["counts"] == {"tp": 1, "fp": 1, "fn": 1}


def test_labels_that_the_task_does_not_ask_for_are_no_errors():
    example = disease(TEXT, (21, 26))
    model = Marks({"cysts": "B-Disease", "renal": "B-Organ"}, ("Organ", "Disease"))
    assert answer(TASKS["ncbi_disease"], model, [example])[0]["counts"] == {"tp": 1, "fp": 1, "fn": 0}


def test_labels_that_a_tagger_does_not_know_count_as_missed_and_are_told(capsys):
    items = {"id": "1", "text": TEXT, "entities": [{"start": 3, "end": 8, "label": "Organ"}]}
    example = example_of("extract", Ask("Find all.", ("Disease", "Organ")), items, task="mine")
    (row,) = answer(TASKS["deid_en"], Marks({}), [example])
    assert row["counts"] == {"tp": 0, "fp": 0, "fn": 1}
    assert "marks does not mark Organ; all of these count as missed" in capsys.readouterr().err


def test_the_findings_of_a_run_are_scored_as_phrases_as_replies_are():
    spans = [Span(3, 15, "phenotype")]
    example = Example("1", [], ['["renal cancer"]'], spans=spans, meta={"text": TEXT})
    model = Marks({"renal": "B-phenotype", "cancer": "I-phenotype"}, ("phenotype",))
    (row,) = answer(TASKS["ie"], model, [example])
    assert row["counts"] == {"tp": 1, "fp": 0, "fn": 0} and row["prediction"] == '["renal cancer"]'


def test_what_names_no_places_cannot_be_read():
    example = Example("1", [], ['["a: b"]'], meta={"text": "a has b"})
    with pytest.raises(Unsupported, match="name phrases and mark no places"):
        answer(TASKS["ie_relations"], Marks({}), [example])


def test_what_a_model_cannot_do_is_refused_with_what_it_can():
    with pytest.raises(Unsupported, match="it does tasks of kind extract, choice, classify"):
        answer(TASKS["mts_dialog"], Marks({}), [])
    with pytest.raises(Unsupported, match="sorts no texts, which pubmedqa asks for; it marks Disease"):
        answer(TASKS["pubmedqa"], Marks({}), [])
    with pytest.raises(Unsupported, match="marks no spans, which ncbi_disease asks for; it sorts by yes, no"):
        answer(TASKS["ncbi_disease"], Sorts([1, 0], ["yes", "no"]), [])
    with pytest.raises(Unsupported, match="asks for Disease; marks marks Drug"):
        answer(TASKS["ncbi_disease"], Marks({}, ("Drug",)), [disease(TEXT)])


def yes_no(style="options"):
    item = {
        "id": "1",
        "context": "A trial.",
        "question": "Does it help?",
        "choices": ["yes", "no", "maybe"],
        "answer": 1,
    }
    return example_of("choice", Ask("Answer.", style=style), item, task="pubmedqa")


@pytest.mark.parametrize(("style", "said"), [("options", "no"), ("letters", "B")])
def test_a_classifier_shares_its_probabilities_among_the_options(style, said):
    model = Sorts([0.2, 0.1, 0.5, 0.2], ["maybe", "other", "no", "yes"])
    (row,) = answer(TASKS["pubmedqa"], model, [yes_no(style)])
    assert row["prediction"] == said and row["score"] == 1.0
    assert row["confidence"] == pytest.approx(0.5 / 0.9) and row["logprob"] == pytest.approx(math.log(0.5 / 0.9))
    assert row["choice_logprobs"] == pytest.approx([math.log(p / 0.9) for p in (0.2, 0.5, 0.2)])
    assert model.seen == [("Does it help?", "A trial.")]  # no instruction, no options


def test_options_that_are_no_labels_are_refused():
    with pytest.raises(Unsupported, match="3 options of 1 are no label of sorts, which knows up, down"):
        answer(TASKS["pubmedqa"], Sorts([0.5, 0.5], ["up", "down"]), [yes_no()])


def test_a_text_alone_has_no_second_and_one_without_texts_of_its_own_is_read_by_its_prompt():
    item = {"id": "1", "text": "A note.", "label": "urgent"}
    alone = example_of("classify", Ask("How soon?", ("urgent", "routine")), item, task="mine")
    assert texts_of(alone) == ("A note.", None)
    pair = Example("1", [], [], meta={"premise": "P.", "hypothesis": "H."})
    assert texts_of(pair) == ("P.", "H.") and as_read(TASKS["nli"], pair) == "P.\n\nH."
    assert texts_of(Example("1", [{"role": "user", "content": "asked"}], [])) == ("asked", None)
    model = Sorts([0.3, 0.7], ["urgent", "routine"])
    (row,) = answer(TASKS["medec_flag"], model, [alone])
    assert row["prediction"] == "routine" and row["score"] == 0.0 and model.seen == [("A note.", None)]


# --- which models read -----------------------------------------------------------------------------------------------


def config(folder, **facts):
    folder.mkdir()
    write_json(folder / "config.json", facts)
    return str(folder)


def test_models_that_read_are_told_from_those_that_write_by_their_folder(tmp_path):
    tagger = config(
        tmp_path / "a",
        model_type="bert",
        architectures=["BertForTokenClassification"],
        id2label={"0": "O", "1": "B-Drug", "2": "I-Drug"},
    )
    sorter = config(
        tmp_path / "b",
        model_type="roberta",
        architectures=["RobertaForSequenceClassification"],
        id2label={"0": "yes", "1": "no"},
    )
    writer = config(tmp_path / "c", model_type="llama", architectures=["LlamaForCausalLM"])
    told = [(kind_of(path, {}), head_of(path, {}), labels_of(path, {})) for path in (tagger, sorter, writer)]
    assert told == [("encoder", "tag", ["Drug"]), ("encoder", "classify", ["yes", "no"]), ("", "", [])]
    assert head_of("nowhere", {"encoder": "mlm"}) == "mlm" and kind_of("nowhere", {"encoder": "mlm"}) == "encoder"
    assert kind_of("https://there/v1", {}) == "" and is_reader(Marks({})) and not is_reader(ScriptedModel({}))


class Relates:
    """Finds that iron causes anemia, and nothing else."""

    name, labels, related_types = "relates", ["none", "related"], [("Chemical", "Disease")]

    def classify(self, texts, pairs=None):
        return np.array([[0.2, 0.8] if "* iron @" in t and "^ anemia #" in t else [0.9, 0.1] for t in texts])


def relation(text, *relations):
    places = {"iron": "Chemical", "gold": "Chemical", "anemia": "Disease", "fever": "Disease"}
    entities = [
        {"start": text.index(w), "end": text.index(w) + len(w), "label": kind, "concepts": [w.upper()]}
        for w, kind in places.items()
        if w in text
    ]
    concepts = {w: w.upper() for w in places if w in text}
    meta = {"text": text, "entities": entities, "relations": [list(r) for r in relations], "concepts": concepts}
    return Example("1", [{"role": "user", "content": text}], ["[]"], meta=meta)


def test_relations_are_scored_by_the_pairs_of_concepts_that_an_item_marks():
    task = TASKS["bc5cdr_relations"]
    both = relation("iron and gold cause anemia and fever", ("IRON", "ANEMIA"), ("GOLD", "FEVER"), ("GOLD", "PAIN"))
    none = relation("anemia", ("X", "ANEMIA"))
    found = answer(task, Relates(), [both, none])
    assert [row["counts"] for row in found] == [{"tp": 1, "fp": 0, "fn": 2}, {"tp": 0, "fp": 0, "fn": 1}]
    assert found[0]["prediction"] == '[["iron", "anemia"]]' and found[0]["score"] == pytest.approx(0.5)
    with pytest.raises(Unsupported, match="tells no relations"):
        answer(task, Marks({}), [both])


def test_why_a_model_that_reads_is_left_out_of_a_task(tmp_path):
    fit([disease(TEXT, (3, 15))], ["Disease"], tmp_path / "crf", iterations=2)
    source, first = find(str(tmp_path / "crf")), [disease(TEXT, (3, 15))]
    assert why_not(TASKS["ncbi_disease"], source, first) == "" == why_not(TASKS["ncbi_disease"], source, [])
    assert why_not(TASKS["pubmedqa"], source, []) == "crf for tag"
    unplaced = [Example("1", [], ['["x"]'], meta={"text": "x"})]
    assert why_not(TASKS["ie"], source, unplaced) == UNPLACED
    drug = [example_of("extract", Ask("", ("Drug",)), {"id": "1", "text": "a", "entities": []}, task="t")]
    assert why_not(TASKS["bc5cdr_chemical"], source, drug) == "it marks Disease, and not Drug"


# --- the linear CRF beside a model -----------------------------------------------------------------------------------

NAMES = "flu asthma gout mumps scurvy rabies".split()


def items(names, frame):
    rows = []
    for number, name in enumerate(names):
        text = frame.format(name)
        start = text.index(name)
        entity = {"start": start, "end": start + len(name), "label": "Disease"}
        rows.append({"id": f"{frame[:3]}{number}", "text": text, "entities": [entity]})
    return rows


@pytest.fixture
def task(tmp_path):
    solved = [*items(NAMES, "He had {} in May."), *items(NAMES, "She has {} now.")]
    for name, rows in (("items", items(["ague", "croup", "lupus"], "He had {} in May.")), ("shots", solved)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = "task: mine\nitems: items.jsonl\nshots: shots.jsonl\nkind: extract\nlabels: [Disease]\nmax_tokens: 4\n"
    (tmp_path / "mine.yaml").write_text(said)
    return str(tmp_path / "mine.yaml")


def test_the_linear_crf_stands_beside_a_generator_and_is_compared_with_it(task, toy_bytes, tmp_path, monkeypatch):
    asked = {"tasks": task, "out": tmp_path / "out", "precision": "fp32", "baselines": True}
    found = evaluate_models([str(toy_bytes)], **asked)
    exact = {row["model"]: row for row in found["rows"] if row["metric"] == "entity_f1"}
    crf = exact["baseline:crf"]
    assert list(exact) == ["bytes", "baseline:crf"] and crf["value"] == 1.0 and crf["n"] == 3
    assert crf["protocol"]["method"] == "linear CRF, no prompt: the likeliest legal tags of all words"
    assert crf["protocol"]["note"].startswith("12 training texts, ") and crf["stage"] == "baseline"
    assert crf["protocol"]["extractor"] == "spans by place, no phrase is looked up" and not crf["protocol"]["prompt"]
    assert (crf["protocol"]["template"], crf["protocol"]["engine"]) == ("none", "CRFsuite")
    (compared,) = found["comparisons"]
    assert (compared["kind"], compared["from"], compared["to"]) == ("baseline", "baseline:crf", "bytes")
    assert compared["difference"] == exact["bytes"]["value"] - 1.0 and compared["n"] == 3
    monkeypatch.setattr(baselines, "load", lambda name: pytest.fail("it is trained once"))
    assert evaluate_models([str(toy_bytes)], **asked) == found
    assert evaluate_models([str(toy_bytes)], **{**asked, "baselines": False})["comparisons"] == []


def test_other_training_texts_make_another_crf(task, toy_bytes, tmp_path):
    out = tmp_path / "out" / "items"
    (mine,) = named(task)
    crf_jobs([mine], None, out)
    before = read_manifest(tmp_path / "out" / "baselines" / "mine")
    crf_jobs([mine], None, out)
    assert read_manifest(tmp_path / "out" / "baselines" / "mine") == before
    with (tmp_path / "shots.jsonl").open("a") as handle:
        handle.write(json.dumps(items(["typhus"], "A {} case.")[0]) + "\n")
    crf_jobs([mine], None, out)
    after = read_manifest(tmp_path / "out" / "baselines" / "mine")
    assert after["texts"] == 13 and after["fingerprint"] != before["fingerprint"]


def test_it_learns_from_a_part_where_there_are_many_texts_and_says_so(task, tmp_path, monkeypatch):
    monkeypatch.setattr(baselines, "MOST", 11)
    ((job,), without) = crf_jobs(named(task), None, tmp_path / "items")
    assert job.note.startswith("11 of 12 training texts") and not without
    monkeypatch.setattr(baselines, "WORK", 12 * (1400 + 3 * 3))  # twelve words; a text of this frame is three or four
    ((job,), _) = crf_jobs(named(task), None, tmp_path / "items")
    assert read_manifest(tmp_path / "baselines" / "mine")["texts"] < 11


def test_why_no_crf_stands_beside_a_task():
    marked = [disease(TEXT, (3, 15))]
    assert why_none([]) == "it has no training items"
    assert why_none([Example("1", [], ['["x"]'], meta={"text": "x"})]) == UNPLACED
    assert why_none(marked * 9) == "it has 9 training items, and fewer than 10 are too few"
    assert why_none(marked * 10) == ""


def test_a_crf_is_examined_by_the_name_of_its_folder_and_beside_the_baseline(task, tmp_path, capsys):
    rows = [example_of("extract", Ask("", ("Disease",)), row, task="t") for row in items(NAMES, "He had {} in May.")]
    fit(rows, ["Disease"], tmp_path / "mine-crf", name="mine-crf")
    found = evaluate_models(
        [str(tmp_path / "mine-crf")], tasks=f"{task},general_text", out=tmp_path / "out", baselines=True
    )
    assert {row["model"] for row in found["rows"]} == {"mine-crf", "baseline:crf"}
    assert found["comparisons"][0]["to_value"] == 1.0 and found["comparisons"][0]["difference"] == 0.0
    assert "left out for mine-crf, which reads a text and writes none: general_text (crf for tag)" in (
        capsys.readouterr().err
    )
    with pytest.raises(Unsupported, match="general_text .crf for tag.. It can do tasks of kind extract"):
        evaluate_models([str(tmp_path / "mine-crf")], tasks="general_text", out=tmp_path / "none")


def test_the_names_of_a_baseline():
    assert model_name(stem_of("baseline:crf"), {}) == "baseline:crf" and model_name("baseline_x", {}) == "baseline_x"
    assert label("baseline:crf") == "Linear CRF" and stage_of("baseline:crf") == "baseline"
    assert over_baselines(["rule:copy", "aligned", "baseline:crf", "base-0shot"]) == [
        ("baseline:crf", "base-0shot"),
        ("baseline:crf", "aligned"),
    ]


def test_a_baseline_is_never_one_of_those_that_are_compared_with_the_first():
    row = {"id": "1", "group": "1", "score": 1.0, "hash": "h", "counts": {"tp": 1, "fp": 0, "fn": 0}}
    models = {"a": [row], "b": [row], "baseline:crf": [row]}
    assert [r["to"] for r in versus({"ncbi_disease": models}, {}, "a")] == ["b"]
    assert [r["to"] for r in versus({"ncbi_disease": models}, {}, "baseline:crf", "baseline")] == ["a", "b"]


# --- in a run --------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path):
    rows = []
    for split, names in (("train", NAMES * 2), ("test", ["ague", "croup", "lupus", "anthrax"])):
        for number, name in enumerate(names):
            text = f"Findings include {name}." if number % 2 else f"He has {name}. No cough."
            spans = [Span(text.index(name), text.index(name) + len(name), "phenotype")]
            meta = {"task": "ie", "text": text, "pattern": "toy", "use": "instruct"}
            prompt = [{"role": "user", "content": text}]
            key = f"{split}-{number}"
            rows.append(Example(key, prompt, [json.dumps([name])], spans=spans, group=key, split=split, meta=meta))
            if split == "test":
                meta = {**meta, "task": "ie_relations"}
                rows.append(Example(f"r{key}", prompt, ['["a: b"]'], group=key, split=split, meta=meta))
    write_examples(tmp_path / "run" / "examples" / "examples.jsonl", rows)
    write_manifest(tmp_path / "run" / "examples", stage="examples")
    return tmp_path / "run"


def test_a_run_has_the_crf_beside_its_findings_and_says_where_it_cannot_stand(run, toy_bytes):
    crf = run / "encode"
    fit(list(read_examples(run / "examples/examples.jsonl", "train", "ie")), ["phenotype"], crf, name="encoded")
    models = {"aligned": toy_bytes, "encoded": crf}
    evaluate(run / "examples", models, out=run / "evaluate", processes=1, precision="fp32")
    rows = {m: list(read_jsonl(run / "items" / "ie" / f"{m}.jsonl")) for m in ("baseline_crf", "aligned", "encoded")}
    assert [r["hash"] for r in rows["baseline_crf"]] == [r["hash"] for r in rows["aligned"]]
    assert rows["encoded"][0]["prediction"] == rows["baseline_crf"][0]["prediction"] == '["ague"]'
    assert not (run / "items" / "ie_relations" / "encoded.jsonl").exists()  # it marks no places there
    assert read_json(run / "items" / "ie" / "encoded.protocol.json")["method"].startswith("linear CRF, no prompt")
    assert read_manifest(run / "evaluate")["no_baseline"] == {"ie_relations": "it has no training items"}
    book = build(run)
    held = [(r["from"], r["to"]) for r in book["comparisons"] if r["kind"] == "baseline" and r["task"] == "ie"]
    assert held == [("baseline:crf", "aligned"), ("baseline:crf", "encoded")]
    told = [f["text"] for f in book["findings"] if "linear CRF" in f["text"]]
    assert any("the aligned model is not shown to be better than a linear CRF" in text for text in told)  # of 4 items
    assert any("the trained encoder is not shown to be better" in text for text in told)
    assert any(text.endswith("disease and finding pairs: it has no training items.") for text in told)


def test_a_run_leaves_the_crf_out_where_it_is_told_to(run, toy_bytes):
    evaluate(
        run / "examples", {"aligned": toy_bytes}, out=run / "evaluate", processes=1, precision="fp32", baselines=False
    )
    assert not (run / "items" / "ie" / "baseline_crf.jsonl").exists() and not (run / "baselines").exists()
