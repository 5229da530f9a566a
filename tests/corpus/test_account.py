"""The account of a corpus: each source by its own name, licences by document, and numbers that say what they count."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from residency.core.documents import read_documents
from residency.core.errors import RecipeError, SourceError
from residency.core.recipe import resolve
from residency.core.settings import call_settings
from residency.core.store import read_json
from residency.core.types import Document
from residency.corpus.account import NOT_SHOWN
from residency.corpus.assemble import collect
from residency.corpus.card.datacard import front_matter, make_card, words
from residency.corpus.clean import Clean
from residency.corpus.compare.dedup import Dedup
from residency.corpus.concepts import read_facts
from residency.corpus.engine import engine
from residency.corpus.mixing.mixture import Mixture
from residency.corpus.mixing.splits import Splits
from residency.corpus.prepare import Preparing, lost
from residency.corpus.readers.shapes import legal_shapes
from residency.corpus.records import KINDS, Bad
from residency.corpus.sides import people_of
from residency.corpus.sources import READERS, names_of, open_source
from residency.pipeline import sections


def rows(tmp_path, name, *texts, **fields):
    path = tmp_path / f"{name}.jsonl"
    path.write_text("".join(json.dumps({"id": f"{name}{at}", "text": text, **fields}) + "\n" for at, text in texts))
    return str(path)


def texts(word, count):
    return enumerate(f"{word} {at} was seen today and is well" for at in range(count))


def gather(tmp_path, *sources, name="corpus", **settings):
    out = tmp_path / name
    collect(out=out, sources=sources, **call_settings(collect, settings))
    return {document.id: document for document in read_documents(out / "documents")}, read_json(out / "card.json"), out


# --- names -----------------------------------------------------------------------------------------------------------


def test_sources_of_one_kind_are_told_apart_by_their_names_in_documents_card_and_mixture(tmp_path):
    ward, clinic = rows(tmp_path, "w", *texts("Ward", 30)), rows(tmp_path, "c", *texts("Clinic", 30))
    sources = [{"jsonl": {"path": ward, "name": "ward"}}, {"jsonl": {"path": clinic, "name": "clinic"}}]
    mixture = Mixture(weights={"ward": 0, "clinic": 1}, tokens=150)
    found, card, out = gather(tmp_path, *sources, mixture=mixture)
    assert {document.source for key, document in found.items() if key[0] == "w"} == {"ward"}
    assert [(source["name"], source["stay"]) for source in card["sources"]] == [("ward", 30), ("clinic", 30)]
    order = pq.read_table(out / "order.parquet").to_pylist()
    shards = {file.stem: list(read_documents(file)) for file in (out / "documents").glob("*.parquet")}
    assert {shards[row["shard"]][row["place"]].source for row in order} == {"clinic"}


def test_sources_without_a_name_are_numbered_from_the_second_one_on(tmp_path):
    paths = [rows(tmp_path, name, *texts(name, 2)) for name in ("x", "y", "z")]
    found, card, _ = gather(
        tmp_path, {"jsonl": paths[0]}, {"jsonl": {"path": paths[1], "name": "mine"}}, {"jsonl": paths[2]}
    )
    assert [source["name"] for source in card["sources"]] == ["jsonl", "mine", "jsonl-2"]
    assert found["x0"].source == "jsonl" and found["y0"].source == "mine" and found["z0"].source == "jsonl-2"


def test_a_public_set_is_named_by_called_since_its_name_says_which_set_it_is():
    assert names_of([{"set": "pubmedqa"}, {"set": {"name": "pubmedqa", "split": "test", "called": "exam"}}]) == [
        "pubmedqa",
        "exam",
    ]
    assert names_of([{"set": "pubmedqa"}, {"set": "pubmedqa"}, {"hpo": None}]) == ["pubmedqa", "pubmedqa-2", "hpo"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("ward", "ward"), "two sources are called ward; give each a name of its own"),
        (("hpo", "b"), "hpo is what a source without a name may be called; give another"),
        (("a", "simulated_hospital-2"), "simulated_hospital-2 is what a source without a name may be called"),
        (("my ward", "b"), "'my ward' is no name; legal: letters, digits"),
    ],
)
def test_names_that_are_given_twice_or_mean_something_else_are_refused_with_the_line(tmp_path, names, words):
    path = rows(tmp_path, "w", *texts("Ward", 3))
    recipe = f"corpus:\n  sources: [{', '.join(f'jsonl: {{path: {path}, name: {name}}}' for name in names)}]"
    with pytest.raises(RecipeError, match="line 2: corpus.sources.*") as error:
        resolve(recipe, [], sections())
    assert words in str(error.value)
    with pytest.raises(SourceError) as error:
        gather(tmp_path, *({"jsonl": {"path": path, "name": name}} for name in names))
    assert words in str(error.value)


def test_a_second_built_in_source_is_still_known_for_what_it_is(tmp_path):
    assert tuple(READERS) == KINDS
    source = open_source({"hpo": None}, scratch=tmp_path, name="hpo-2")
    first = next(record for record in source.records if isinstance(record, Document))
    assert first.source == source.name == "hpo-2"
    assert not read_facts([first]).notes and read_facts([Document("x", "t", "ward", "", meta=first.meta)]).notes
    card = make_card({"sources": [{"name": "simulated_hospital-2", "licence": "MIT"}]})
    assert "synthetic" in front_matter(card, tmp_path)["tags"]


def test_the_files_of_a_part_whose_process_died_are_named_also_where_its_source_has_a_number(tmp_path):
    path = rows(tmp_path, "w", *texts("Ward", 3))
    for name, kind in (("", {"jsonl": path}), ("jsonl-2", {"jsonl": path}), ("hpo-2", {"hpo": None})):
        [part] = open_source(kind, scratch=tmp_path, name=name).parts
        found = lost(Preparing(0, 0, part, tmp_path / f"lost{name}", None, Dedup.none(), None))
        aside = (tmp_path / f"lost{name}" / "000000" / "bad.jsonl").read_text()
        assert found["bad"] == 1 and ('"file": "w.jsonl"' in aside) == ("jsonl" in kind)


# --- licences --------------------------------------------------------------------------------------------------------


def test_documents_are_counted_by_licence_where_they_differ_and_the_strictest_one_binds(tmp_path):
    mixed = rows(tmp_path, "m", *texts("Page", 3)), rows(tmp_path, "n", *texts("Book", 2), licence="CC BY-NC 4.0")
    (tmp_path / "in").mkdir()
    for path in mixed:
        (tmp_path / path).rename(tmp_path / "in" / path.rpartition("/")[2])
    plain = {"jsonl": {"path": rows(tmp_path, "p", *texts("Plain", 4)), "licence": "MIT", "name": "plain"}}
    _, card, out = gather(tmp_path, {"jsonl": {"path": tmp_path / "in", "licence": "MIT"}}, plain)
    assert card["sources"][0]["licences"] == {"CC BY-NC 4.0": 2, "MIT": 3}
    assert card["sources"][0]["allows"]["commercial"] is False and card["sources"][1]["allows"]["commercial"] is True
    assert card["licence"]["commercial"] is False
    readme = (out / "README.md").read_text()
    assert "### Licences within a source" in readme and "| jsonl | CC BY-NC 4.0 | NO | 2 |" in readme
    assert "| plain | MIT | yes" not in readme.partition("### Licences within")[2]
    alone = gather(tmp_path, plain, name="alone")[2]
    assert "Licences within a source" not in (alone / "README.md").read_text()


def test_a_text_that_was_taken_for_a_licence_is_in_no_card(tmp_path):
    texts_of = rows(tmp_path, "m", *texts("Page", 3), licence="Mrs Canary lives in Ghent and keeps her own notes")
    _, card, out = gather(tmp_path, {"jsonl": {"path": texts_of, "licence": "MIT"}})
    assert card["sources"][0]["licences"] == {NOT_SHOWN: 3} and card["licence"]["commercial"] is None
    assert "Canary" not in "".join(path.read_text() for path in (out / "README.md", out / "card.json"))
    assert "Canary" not in words(card) and "Canary" not in (out / "manifest.json").read_text()
    stated = {"jsonl": {"path": texts_of, "licence": "Mrs Canary lives in Ghent and keeps her own notes"}}
    assert gather(tmp_path, stated, name="stated")[1]["sources"][0]["licences"] == {stated["jsonl"]["licence"]: 3}


def test_of_a_hundred_licences_in_one_source_the_card_names_the_most_frequent():
    many = {f"licence {at:03}": at for at in range(1, 101)}
    card = make_card({"sources": [{"name": "web", "licence": "MIT", "licences": many}]})
    told = words(card)
    assert "licence 100" in told and "licence 050" not in told and "88 more" in told
    assert "and 92 more" in " ".join(card["licence"]["words"])


# --- numbers that say what they count --------------------------------------------------------------------------------


def test_the_summary_says_how_many_documents_were_read_and_how_many_stay(tmp_path):
    path = rows(tmp_path, "w", *texts("Ward", 3), (9, "Ward 1 was seen today and is well"))
    _, card, out = gather(tmp_path, {"jsonl": path}, dedup=Dedup(near=None))
    assert (card["sources"][0]["documents"], card["sources"][0]["stay"]) == (4, 3)
    heads = next(line for line in words(card).splitlines() if line.startswith("source "))
    assert heads.split() == ["source", "licence", "read", "bad", "left", "out", "stay"]
    assert "| access | read | bad | left out | stay |" in (out / "README.md").read_text()


def test_what_was_read_is_what_stays_and_what_was_removed_and_nothing_is_counted_twice(tmp_path):
    seen = "The patient was seen today for asthma and is well on the new inhaler, with no fever and no cough."
    mixed = [
        {"id": "a", "text": seen, "patient": "p", "date": "2024-01-01"},
        {"id": "a", "text": "The same id with other words.", "patient": "q", "date": "2024-01-01"},
        {"id": "b", "text": seen, "patient": "r", "date": "2024-01-02"},
        {"id": "c", "text": "x", "patient": "r", "date": "2024-01-02"},
        {"id": "d", "text": "A note of the ward that has no day at all but is long enough.", "patient": "s"},
        {"id": "e", "text": "A later note of the ward on a broken hip, long enough too.", "date": "2024-09-01"},
        {"id": "f", "body": "No known shape"},
    ]
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in mixed) + "{broken\n")
    splits = Splits(by="time", time="2024-07-01", validation=0)
    clean, dedup = Clean(shortest=10), Dedup(near=None)
    sources = {"jsonl": path}, {"jsonl": rows(tmp_path, "w", *texts("Ward", 3), date="2024-02-02")}
    _, card, out = gather(tmp_path, *sources, splits=splits, clean=clean, dedup=dedup, bad_share=1)
    removed = sum(sum(reasons.values()) for reasons in card["dropped"].values())
    assert [(s["documents"], s["bad"]) for s in card["sources"]] == [(5, 3), (3, 0)]
    assert {step: sum(reasons.values()) for step, reasons in card["dropped"].items()} == {
        "clean": 1,
        "dedup": 1,
        "splits": 1,
    }
    assert card["read"] == sum(s["documents"] for s in card["sources"]) == card["documents"] + removed == 8
    assert card["documents"] == sum(s["stay"] for s in card["sources"]) == 5
    assert sum(pq.read_metadata(file).num_rows for file in (out / "dropped").glob("*.parquet")) == removed
    assert len((out / "bad.jsonl").read_text().splitlines()) == 3


def test_groups_are_patients_and_documents_without_one_or_whole_sources(tmp_path):
    people = rows(tmp_path, "w", *texts("Ward", 6), patient="p1")
    paths = [{"jsonl": people}, {"jsonl": rows(tmp_path, "c", *texts("Clinic", 4))}]
    _, card, _ = gather(tmp_path, *paths, splits=Splits(test=0, validation=0))
    assert card["splits"]["splits"]["train"]["groups"] == 5 and "-" not in words(card).split("split ")[1].split()[6:9]
    _, card, _ = gather(tmp_path, *paths, splits=Splits(by="source", test=0, validation=0), name="two")
    assert card["splits"]["splits"]["train"]["groups"] == 2


def test_a_patient_who_stands_in_two_splits_is_counted_from_what_was_written(tmp_path):
    columns = {"patient": [1, 1, 2, None], "split": ["train", "test", "train", "train"], "source": ["a", "a", "b", "b"]}
    columns["public"] = [False, False, True, True]
    pq.write_table(pa.table({**columns, "date": ["2024", None, None, "2020"]}), tmp_path / "rows.parquet")
    with engine("local", scratch=tmp_path, workers=1) as run:
        found = people_of(run, [tmp_path / "rows.parquet"], tmp_path, None)
        by_source = people_of(run, [tmp_path / "rows.parquet"], tmp_path, Splits(by="source"))
    assert (found.patients, found.in_two, found.groups_in_two) == (2, 1, 1) and by_source.groups_in_two == 1
    counts = {"documents": 3, "groups": 3, "patients": 2, "without_patient": 1, "public": 1, "without_date": 1}
    assert found.splits["train"] == {**counts, "first": "2020", "last": "2024"} and found.without == 1
    assert by_source.splits["train"]["groups"] == 2


def test_the_card_says_how_many_documents_name_no_patient_and_of_which_it_cannot_speak(tmp_path, capsys):
    people, nobody = rows(tmp_path, "w", *texts("Ward", 3), patient="p1"), rows(tmp_path, "c", *texts("Clinic", 40))
    _, card, out = gather(tmp_path, {"jsonl": people}, {"jsonl": nobody}, splits=Splits(test=0.3, validation=0))
    each = {name: row["without_patient"] for name, row in card["splits"]["splits"].items()}
    assert card["without_patient"] == sum(each.values()) == 40 and all(each.values())
    readme, told = (out / "README.md").read_text(), f"40 name none ({each['test']} in test, {each['train']} in train)"
    assert "It is about 1 patient, and 40 of 43 documents name no patient." in readme
    assert "| documents without a patient | 40 |" in readme
    assert f"{told}, and whether those are about the same patients is not known." in readme
    assert "splits: 40 of 43 documents name no patient" in capsys.readouterr().err
    _, card, out = gather(tmp_path, {"jsonl": people}, splits=Splits(test=0.3, validation=0), name="named")
    assert card["without_patient"] == 0 and "name none" not in (out / "README.md").read_text()
    assert "name no patient" not in capsys.readouterr().err


def test_a_split_that_does_not_come_to_its_share_is_said(tmp_path, capsys):
    paths = [{"jsonl": rows(tmp_path, name, *texts(name, 20))} for name in ("ward", "clinic", "home")]
    gather(tmp_path, *paths, splits=Splits(by="source", test=0.05, validation=0.04))
    told, whole = capsys.readouterr().err, "sources, each kept whole)"
    assert f"splits: test: 0.05 was asked for, and it holds 33.3% of the documents (1 of 3 {whole}" in told
    assert f"splits: validation: 0.04 was asked for, and it holds 0.0% of the documents (0 of 3 {whole}" in told
    gather(tmp_path, *paths, splits=Splits(test=0.3, validation=0.3), name="by-document")
    assert "was asked for" not in capsys.readouterr().err
    dated = {"jsonl": rows(tmp_path, "d", *texts("Dated", 20), date="2024-01-01")}
    gather(tmp_path, dated, splits=Splits(by="time", time="2024-07-01", validation=0), name="by-day")
    assert "splits: nothing is from 2024-07-01 on, so there is no test" in capsys.readouterr().err


def test_a_share_of_the_mixture_that_is_not_reached_is_said(tmp_path, capsys):
    ward, clinic = rows(tmp_path, "w", *texts("Ward", 30)), rows(tmp_path, "c", *texts("Clinic", 3))
    sources = [{"jsonl": {"path": ward, "name": "ward"}}, {"jsonl": {"path": clinic, "name": "clinic"}}]
    _, card, _ = gather(tmp_path, *sources, mixture=Mixture(weights={"ward": 1, "clinic": 1}, most_epochs=1))
    [words] = card["mixture"]["words"]
    assert f"mixture: {words}" in capsys.readouterr().err and "and not the 50.0% that is asked for" in words


def test_the_card_tells_public_knowledge_that_no_day_parts_from_the_notes_that_a_day_must(tmp_path, capsys):
    (tmp_path / "x.obo").write_text('format-version: 1.2\n\n[Term]\nid: X:1\nname: Fever\ndef: "A high warmth." []\n')
    ward = rows(tmp_path, "w", *texts("Ward", 3), patient="p1", date="2024-01-01")
    undated = rows(tmp_path, "c", *texts("Clinic", 4))
    splits = Splits(by="time", time="2024-07-01", validation=0)
    sources = {"files": tmp_path / "x.obo"}, {"jsonl": ward}, {"jsonl": undated}
    found, card, out = gather(tmp_path, *sources, splits=splits)
    assert {document.meta["split"] for document in found.values()} == {"train"} and len(found) == 4
    assert card["dropped"]["splits"] == {"left out of the splits: no date": 4}
    dropped = [row for file in (out / "dropped").glob("*.parquet") for row in pq.read_table(file).to_pylist()]
    assert {row["reason"] for row in dropped} == {"left out of the splits: no date"} and len(dropped) == 4
    readme = (out / "README.md").read_text()
    assert "1 document outside the test has no date: public knowledge, of no patient." in readme
    told = capsys.readouterr().err
    assert "left out, since the day decides: 4 with no date, 0 with a date that cannot be read; name dates" in told
    assert "1 names none (1 in train; public knowledge: 1)." in readme
    assert "no patient, so" not in told


def test_the_content_hash_is_of_the_documents_and_not_of_the_files_or_their_order(tmp_path):
    def hashed(name, *parts):
        folder = tmp_path / name
        folder.mkdir()
        for at, part in enumerate(parts):
            (folder / f"{at}.jsonl").write_text(
                "".join(json.dumps({"id": key, "text": text}) + "\n" for key, text in part)
            )
        return gather(tmp_path, {"jsonl": folder}, name=f"out-{name}")[1]["hashes"]["content"]

    one, two, three = (("a", "Seen today."), ("b", "Seen again."), ("c", "Went home."))
    whole = hashed("whole", [one, two, three])
    assert len(whole) == 64 and whole == hashed("cut", [three], [two, one])
    assert whole != hashed("fewer", [one, two]) and whole != hashed("other", [one, two, ("c", "Went home")])


# --- malformed records -----------------------------------------------------------------------------------------------


def test_too_many_bad_tables_are_told_with_what_is_legal_once_and_with_the_path_of_all(tmp_path):
    (tmp_path / "in").mkdir()
    for at in range(5):
        (tmp_path / "in" / f"{at}.csv").write_text("note_key,note_body,ward\n1,Seen today.,A\n2,Seen again.,B\n")
    with pytest.raises(SourceError, match="5 of 5 records are malformed") as error:
        gather(tmp_path, {"files": tmp_path / "in"})
    told = str(error.value)
    assert told.count("known shapes:") == 1 and told.count("its columns: note_key, note_body, ward") == 3
    assert f"and 2 more; {legal_shapes()}. All are in {tmp_path / 'corpus' / 'bad.jsonl'};" in told
    assert (tmp_path / "corpus" / "bad.jsonl").read_text().count("known shapes:") == 5


def test_a_resource_type_that_is_none_is_not_called_missing_and_not_repeated(tmp_path):
    rows = [{"resourceType": "Anna Berg", "id": "1"}, {"id": "2"}]
    path = tmp_path / "x.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"resourceType":"Patient","id":"3"}\n')
    found = [
        record.reason for record in open_source({"fhir": path}, scratch=tmp_path).records if isinstance(record, Bad)
    ]
    head = "no FHIR resource: resourceType is"
    assert found == [f"{head} no type of FHIR", f"{head} missing"]
