"""The corpus stage: documents with their origin; the malformed named and kept aside; too many of them refused."""

import json

import pytest

from residency.core.documents import read_documents
from residency.core.errors import SourceError
from residency.core.store import read_jsonl, read_manifest
from residency.corpus.assemble import collect
from residency.corpus.sources import READERS, open_source

ENCODING = "not UTF-8 at byte 3; name the encoding with encoding: cp1252 (or other)"


def write_jsonl(path, *rows):
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")
    return str(path)


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "notes"
    (folder / "ward").mkdir(parents=True)
    (folder / "b.txt").write_text("Seen for a cough.")
    (folder / "ward" / "a.txt").write_text("\ufeffGoing home: 37.2 °C.", encoding="utf-8")
    return folder


def gather(tmp_path, *sources, **settings):
    out = tmp_path / "corpus"
    collect(out=out, sources=sources, **settings)
    return list(read_documents(out / "documents")), list(read_jsonl(out / "bad.jsonl")), read_manifest(out)


def test_text_files_and_jsonl_become_documents_with_their_origin(tmp_path, texts):
    rows = [
        {"id": 7, "text": "One.", "patient": "p1", "date": "2024-01-02", "language": "nl", "ward": "B"},
        {"text": "Two.", "licence": "CC0", "meta": {"kind": "letter"}},
    ]
    path = write_jsonl(tmp_path / "mine.jsonl", *rows)
    documents, bad, manifest = gather(tmp_path, {"notes": str(texts)}, {"jsonl": path})
    assert [document.id for document in documents] == ["b", "ward/a", "7", "mine.jsonl:2"]
    assert documents[1].text == "Going home: 37.2 °C."
    seven, two = documents[2:]
    assert (seven.patient, seven.date, seven.language) == ("p1", "2024-01-02", "nl")
    assert seven.meta == {"kind": "note", "ward": "B", "shape": "text"} and two.meta == {
        "kind": "letter",
        "shape": "text",
    }
    assert two.licence == "CC0" and seven.licence == "not stated (your own data)"
    assert bad == [] and manifest["documents"] == 4
    assert [(card["name"], card["documents"]) for card in manifest["sources"]] == [("notes", 2), ("jsonl", 2)]


def test_the_same_sources_give_the_same_bytes(tmp_path, texts):
    first, _, one = gather(tmp_path / "1", {"notes": str(texts)})
    second, _, two = gather(tmp_path / "2", {"notes": str(texts)})
    assert first == second and one["sources"] == two["sources"]
    (texts / "b.txt").write_text("Seen for a cold.")
    _, _, three = gather(tmp_path / "3", {"notes": str(texts)})
    assert three["sources"][0]["path_sha256"] != one["sources"][0]["path_sha256"]
    assert three["sources"][0]["documents_sha256"] != one["sources"][0]["documents_sha256"]


def test_malformed_records_are_named_kept_aside_and_counted(tmp_path):
    good = [{"text": f"Note {i}."} for i in range(396)]
    path = write_jsonl(
        tmp_path / "mine.jsonl", *good[:5], "{torn secret", *good[5:], ["a list"], {"id": "x"}, {"text": ""}
    )
    documents, bad, manifest = gather(tmp_path, {"jsonl": path})
    assert len(documents) == 396 and manifest["bad"] == 4 and manifest["sources"][0]["bad"] == 4
    assert [(row["source"], row["file"], row["line"]) for row in bad] == [
        ("jsonl", "mine.jsonl", 6),
        ("jsonl", "mine.jsonl", 398),
        ("jsonl", "mine.jsonl", 399),
        ("jsonl", "mine.jsonl", 400),
    ]
    assert "secret" not in json.dumps(bad)


def test_more_than_one_percent_stops_the_run_and_leaves_the_list(tmp_path):
    path = write_jsonl(tmp_path / "mine.jsonl", *[{"text": "ok"}] * 98, "{", "secret")
    with pytest.raises(SourceError, match=r"2 of 100 records .* more than the 1.00%.*mine.jsonl, line 99") as error:
        gather(tmp_path, {"jsonl": path})
    assert "secret" not in str(error.value)
    out = tmp_path / "corpus"
    assert read_manifest(out) is None and not list((out / "documents").glob("*"))
    assert [row["line"] for row in read_jsonl(out / "bad.jsonl")] == [99, 100]
    documents, _, manifest = gather(tmp_path, {"jsonl": path}, bad_share=0.02)
    assert len(documents) == 98 and manifest["bad_share"] == 0.02


def test_files_that_are_no_text_are_bad_records(tmp_path, texts):
    (texts / "c.txt").write_bytes(b"caf\xe9")
    (texts / "d.txt").write_text(" \n")
    write_jsonl(tmp_path / "mine.jsonl", {"text": "x", "id": ["list"]}, {"text": "x", "date": {"y": 1}})
    (tmp_path / "mine.jsonl").open("ab").write(b'{"text": "\xe9"}\n')
    _, bad, _ = gather(tmp_path, {"notes": texts}, {"jsonl": tmp_path / "mine.jsonl"}, bad_share=1.0)
    assert [(row["file"], row["line"]) for row in bad] == [
        ("c.txt", None),
        ("d.txt", None),
        ("mine.jsonl", 1),
        ("mine.jsonl", 2),
        ("mine.jsonl", 3),
    ]
    assert bad[0]["reason"].startswith("not UTF-8 at byte 3; name the encoding")


@pytest.mark.parametrize(("spoilt", "reason"), [(b"caf\xe9", ENCODING), (b" \n", "it is empty")])
def test_one_bad_file_in_a_small_folder_is_named_and_kept_aside(tmp_path, texts, capsys, spoilt, reason):
    for number in range(5):
        (texts / "ward" / f"{number}.txt").write_text(f"Note {number}.")
    (texts / "ward" / "bad.txt").write_bytes(spoilt)
    documents, bad, manifest = gather(tmp_path, {"notes": texts})
    assert len(documents) == 7 and manifest["bad"] == 1
    assert bad == [{"source": "notes", "file": "ward/bad.txt", "line": None, "reason": reason}]
    said = capsys.readouterr().err
    assert (
        f"source notes: 1 of 8 records kept aside in bad.jsonl: ward/bad.txt: {reason}" in said and "line" not in said
    )


def test_two_bad_files_in_a_small_folder_stop_the_run_and_so_does_a_folder_of_nothing_else(tmp_path, texts):
    (texts / "c.txt").write_bytes(b"caf\xe9")
    (texts / "d.txt").write_text("")
    with pytest.raises(
        SourceError, match=r"2 of 4 records .*First: c.txt: not UTF-8 at byte 3; .*; d.txt: it is empty\. All"
    ):
        gather(tmp_path, {"notes": texts})
    with pytest.raises(SourceError, match="1 of 1 records are malformed"):
        gather(tmp_path, {"notes": texts / "d.txt"})


def test_a_file_that_may_not_be_read_is_a_bad_record(tmp_path, texts, monkeypatch):
    look = type(texts).open

    def refuse(path, *arguments, **settings):
        if path.name == "b.txt":
            raise PermissionError(13, "Permission denied")
        return look(path, *arguments, **settings)

    monkeypatch.setattr(type(texts), "open", refuse)
    documents, bad, _ = gather(tmp_path, {"notes": texts})
    assert [document.id for document in documents] == ["ward/a"]
    assert (bad[0]["file"], bad[0]["reason"]) == ("b.txt", "cannot be read (Permission denied)")


def test_an_id_that_comes_twice_in_a_file_is_kept_aside_and_in_two_files_told_apart(tmp_path):
    (tmp_path / "in").mkdir()
    write_jsonl(tmp_path / "in" / "one.jsonl", {"id": "a", "text": "x"}, {"id": "b", "text": "z"})
    write_jsonl(
        tmp_path / "in" / "two.jsonl", {"id": "a", "text": "y"}, {"id": "c", "text": "u"}, {"id": "c", "text": "v"}
    )
    documents, bad, manifest = gather(tmp_path, {"jsonl": tmp_path / "in"}, bad_share=1.0)
    assert {document.id: document.text for document in documents} == {"a": "x", "b": "z", "two.jsonl:a": "y", "c": "u"}
    assert bad[0]["reason"] == "a record of the same id was already read from two.jsonl, line 2"
    assert (bad[0]["file"], bad[0]["line"]) == ("two.jsonl", 3)
    assert manifest["bad"] == 1 and manifest["sources"][0]["documents"] == 4


def test_ids_that_several_sources_have_are_told_apart_by_their_source(tmp_path):
    paths = [write_jsonl(tmp_path / f"{name}.jsonl", {"id": "a", "text": name}) for name in ("x", "y", "z")]
    documents, bad, _ = gather(tmp_path, *({"jsonl": path} for path in paths))
    assert {document.id: document.text for document in documents} == {"a": "x", "jsonl-2:a": "y", "jsonl-3:a": "z"}
    assert not bad


def test_an_id_that_another_source_has_too_is_told_apart_by_its_source(tmp_path, texts):
    first = gather(tmp_path, {"notes": texts})[0][0]
    mine = write_jsonl(tmp_path / "mine.jsonl", {"id": first.id, "text": "y"})
    documents, bad, _ = gather(tmp_path, {"notes": texts}, {"jsonl": mine})
    assert documents[-1].id == f"jsonl:{first.id}" and documents[-1].text == "y" and not bad


def test_the_installed_packages_are_sources_with_version_licence_and_acknowledgement(tmp_path):
    _, bad, manifest = gather(tmp_path, {"hpo": {}}, {"icd10": None})
    assert bad == []
    for card in manifest["sources"]:
        assert card["version"] and card["licence"] and card["acknowledgement"]
        assert card["documents"] > 30_000 and len(card["path_sha256"]) == 64
    assert manifest["sources"][0]["version"] in manifest["sources"][0]["acknowledgement"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"hop": {}}, "no source 'hop' (did you mean 'hpo'?); legal: hpo, icd10"),
        ({"hpo": {"foldr": "x"}}, "hpo has no setting 'foldr' (did you mean 'folder'?)"),
        ({"notes": {}}, "notes needs path"),
        ({"notes": "/no/such/folder"}, "/no/such/folder does not exist"),
        ({"hpo": {}, "icd10": {}}, "a source is one key with its settings"),
        ({"simulated_hospital": {"scratch": "/tmp"}}, "has no setting 'scratch'"),
    ],
)
def test_a_wrong_source_is_refused_before_anything_is_read(tmp_path, source, words):
    with pytest.raises(SourceError) as error:
        collect(out=tmp_path / "corpus", sources=[source])
    assert words in str(error.value)


def test_a_folder_without_a_fitting_file_is_refused(tmp_path):
    with pytest.raises(SourceError, match="holds no file that ends in .txt"):
        open_source({"notes": tmp_path}, scratch=tmp_path)


def test_the_hospital_takes_the_runs_seed_unless_it_has_its_own(tmp_path, monkeypatch):
    asked = []
    reader = READERS["simulated_hospital"]

    def watch(*, scratch, population=100, seed=1, end_date="2024-12-31", country="US"):
        asked.append(seed)
        return reader(scratch=scratch, population=population, seed=seed)

    monkeypatch.setitem(READERS, "simulated_hospital", watch)
    open_source({"simulated_hospital": {}}, scratch=tmp_path, seed=5)
    open_source({"simulated_hospital": {"seed": 8}}, scratch=tmp_path, seed=5)
    assert asked == [5, 8]
