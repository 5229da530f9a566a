"""An index holds what its sources hold, whatever the way it came to it, and a killed change leaves the old state."""

from __future__ import annotations

import pytest

from fixture_files import pdf
from residency.core.errors import SourceError, UserError
from residency.core.types import Document
from residency.infer.retrieve import Cut, build, delete, open_index, store, update
from residency.models.scripted import ScriptedModel

ASTHMA = "---\nedition: 3rd\nvalid_until: 2031\ndate: 2024-05\n---\n# Asthma\n\nGive salbutamol by inhaler.\n"
GOUT = "Gout is treated with colchicine in the first days."
CHART = "---\npatient: p7\ndate: 2024-02-01\n---\nSwollen toe, thinks it is gout again."
MODEL = ScriptedModel({})


@pytest.fixture
def folder(tmp_path):
    """Return a folder of three made-up documents, one of them a patient's."""
    found = tmp_path / "guides"
    found.mkdir()
    for name, text in (("asthma.md", ASTHMA), ("gout.txt", GOUT), ("visit.txt", CHART)):
        (found / name).write_text(text, encoding="utf-8")
    return found


def test_a_folder_becomes_passages_that_keep_their_place_and_facts(folder, tmp_path):
    report = build([folder], tmp_path / "index", embedder=MODEL)
    assert report["documents"] == 3 and report["shelves"] == {"chart": 1, "evidence": 2} and not report["bad"]
    index = open_index(tmp_path / "index", embedder=MODEL)
    [one] = index.passages("guides/asthma.md")
    assert one.text == "# Asthma\n\nGive salbutamol by inhaler." and (one.start, one.end) == (0, len(one.text))
    assert (one.title, one.edition, one.valid_until, one.date) == ("Asthma", "3rd", "2031-12-31", "2024-05")
    assert (one.source, one.shelf, one.id) == ("guides", "evidence", "guides/asthma.md#0")
    assert index.about["embedder"]["hash"] == MODEL.hash and index.about["newest"] == "2024-05"


def test_a_pdf_keeps_its_pages(tmp_path):
    words = [[f"{page}{letter * 3}" for letter in "abcdefghijklmnopqrstuvwxyz"] for page in ("one", "two", "three")]
    (tmp_path / "guide.pdf").write_bytes(pdf([[" ".join(page[:13]), " ".join(page[13:])] for page in words]))
    build([tmp_path / "guide.pdf"], tmp_path / "index", embedder=None, cut=Cut(words=20, overlap=0, least=0))
    found = open_index(tmp_path / "index").passages("guide.pdf")
    begun = [next(n for n, page in enumerate(words, 1) if one.text.split()[0] in page) for one in found]
    assert [one.page for one in found] == begun and set(begun) == {1, 2, 3}


def test_a_sentence_is_of_the_page_that_it_stands_on_however_short_the_pages(tmp_path):
    first = ["Rivaroxaban is given for a thrombosis of the leg.", "It is begun at once. The dose is taken with"]
    second = ["food in the evening.", "Treatment lasts three months after a provoked thrombosis."]
    (tmp_path / "dvt.pdf").write_bytes(pdf([first, second]))
    build([tmp_path / "dvt.pdf"], tmp_path / "index", embedder=None)
    one, two = open_index(tmp_path / "index").passages("dvt.pdf")
    assert (one.page, two.page) == (1, 2) and two.text == second[1]
    assert one.text.endswith("The dose is taken with\nfood in the evening.")  # begun on page 1, and kept whole


def test_what_stands_beside_a_file_goes_before_what_it_says_itself(folder, tmp_path):
    (folder / "asthma.md.meta.yaml").write_text("valid_until: 2019-06\nlicence: CC0\nstudy: guideline\n")
    build([folder], tmp_path / "index", embedder=None)
    [one] = open_index(tmp_path / "index").passages("guides/asthma.md")
    assert (one.valid_until, one.licence, one.study, one.edition) == ("2019-06-30", "CC0", "guideline", "3rd")
    (folder / "asthma.md.meta.yaml").write_text("valid_untill: 2019-06\n")
    with pytest.raises(UserError, match="no 'valid_untill'.*valid_until"):
        update(tmp_path / "index", [folder])


def test_front_matter_names_the_source_and_what_stands_beside_goes_before_it(folder, tmp_path):
    (folder / "gout.txt").write_text("---\nedition: 1\nsource: a hospital\n---\n" + GOUT)
    build([folder], tmp_path / "index", embedder=None)
    index = open_index(tmp_path / "index")
    assert index.about["sources"] == {"a hospital": 1, "guides": 2}
    assert [one.document for one in index.search("colchicine", sources=["a hospital"]).evidence] == ["guides/gout.txt"]
    (folder / "gout.txt.meta.yaml").write_text("source: another\n")
    update(tmp_path / "index", [folder])
    assert index.about["sources"] == {"another": 1, "guides": 2}
    delete(tmp_path / "index", sources=["another"])
    assert index.about["sources"] == {"guides": 2}


def test_a_date_of_validity_that_cannot_be_read_keeps_a_document_out_and_is_told(folder, tmp_path):
    (folder / "asthma.md").write_text(ASTHMA.replace("2031", "next spring"), encoding="utf-8")
    report = build([folder], tmp_path / "index", embedder=None)
    assert report["bad_first"] == ["guides/asthma.md: its valid_until is no date such as 2027-06-30; it is not indexed"]
    assert not open_index(tmp_path / "index").has("guides/asthma.md")


def test_retracted_articles_and_charts_of_nobody_are_left_out_and_counted(tmp_path):
    articles = [Document("a", GOUT, "papers", "CC0", meta={"retracted": True}), Document("b", GOUT, "papers", "CC0")]
    assert build(articles, tmp_path / "index", embedder=None)["left_out"] == {"an article that was retracted": 1}
    report = build(articles[1:], tmp_path / "charts", embedder=None, shelf="chart")
    assert report["documents"] == 0 and list(report["left_out"]) == ["a text for the chart shelf that names no patient"]


@pytest.mark.parametrize(
    ("meta", "retracted"),
    [
        ({"title": "RETRACTED: Theriac cures gout"}, True),
        ({"title": "[Retracted] Theriac cures gout"}, True),
        ({"title": "Retracted article: Theriac cures gout"}, True),
        ({"title": "Retraction notice to: Theriac cures gout"}, True),
        ({"title": "Retraction: Theriac cures gout"}, True),
        ({"title": "Retraction of “Theriac cures gout”"}, True),
        ({"study": "retracted"}, True),
        ({"type": "Retraction"}, True),
        ({"publication_types": ["Journal Article", "Retracted Publication"]}, True),
        ({"retracted": "true"}, True),
        ({"retracted": "false"}, False),
        ({"title": "Retraction of the upper eyelid in thyroid disease"}, False),
        ({"title": "Retracted nipples: causes"}, False),
        ({"study": "retrospective"}, False),
    ],
)
def test_a_retracted_article_is_known_by_its_title_and_type_too(meta, retracted, tmp_path):
    report = build([Document("a", GOUT, "papers", "CC0", meta=meta)], tmp_path / "index", embedder=None)
    assert report["left_out"] == ({"an article that was retracted": 1} if retracted else {})


def test_what_stands_beside_a_file_may_say_that_it_was_retracted(folder, tmp_path):
    (folder / "gout.txt.meta.yaml").write_text("retracted: true\n")
    assert build([folder], tmp_path / "index", embedder=None)["left_out"] == {"an article that was retracted": 1}


def test_an_update_names_again_what_stays_unread(folder, tmp_path):
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing more")
    path = tmp_path / "index"
    [named] = build([folder], path, embedder=None)["bad_first"]
    before = open_index(path).snapshot
    for _ in range(2):
        report = update(path, [folder])
        assert (report["bad"], report["still_bad"], report["still_bad_first"]) == (0, 1, [named])
    assert open_index(path).snapshot == before
    again = update(path, [folder], again=True)
    assert (again["bad_first"], again["still_bad"]) == ([named], 0)
    (folder / "broken.pdf").unlink()
    assert update(path, [folder])["still_bad"] == 0


def test_an_update_reads_what_changed_and_drops_what_is_gone(folder, tmp_path):
    path = tmp_path / "index"
    build([folder], path, embedder=MODEL)
    (folder / "gout.txt").write_text("Gout is treated with naproxen.", encoding="utf-8")
    (folder / "asthma.md").unlink()
    (folder / "migraine.txt").write_text("Migraine is treated with triptans.", encoding="utf-8")
    report = update(path, [folder], embedder=MODEL)
    assert (report["read"], report["changed"], report["removed"], report["unchanged"]) == (2, 1, 1, 1)
    index = open_index(path, embedder=MODEL)
    assert not index.has("guides/asthma.md") and "naproxen" in index.passages("guides/gout.txt")[0].text
    again = update(path, [folder], embedder=MODEL)
    assert again["read"] == 0 and again["snapshot"] == report["snapshot"]


def test_a_document_that_changed_leaves_nothing_of_its_old_words(folder, tmp_path):
    path = tmp_path / "index"
    build([folder], path, embedder=None)
    (folder / "gout.txt").write_text("Gout is treated with naproxen.", encoding="utf-8")
    assert update(path, [folder])["passages"] == 3
    assert [one.text for one in open_index(path).passages("guides/gout.txt")] == ["Gout is treated with naproxen."]
    files = [file for file in path.rglob("*") if file.is_file()]
    assert not any(b"colchicine" in file.read_bytes() for file in files)
    update(path, [folder], again=True)
    assert open_index(path).about["passages"] == 3


def test_what_was_taken_out_stands_in_no_file_any_more(folder, tmp_path):
    path = tmp_path / "index"
    build([folder], path, embedder=None)

    def holding():
        return [file for file in path.rglob("*") if file.is_file() and b"colchicine" in file.read_bytes()]

    assert holding()
    delete(path, ["guides/gout.txt"])
    assert not holding() and open_index(path).passage("guides/gout.txt#0") is None


def test_the_snapshot_is_that_of_the_content_whatever_the_way_to_it(folder, tmp_path):
    straight = build([folder], tmp_path / "one", embedder=None)["snapshot"]
    parts = [Document("x", "Some other text.", "other", "CC0"), folder]
    roundabout = build([folder / "gout.txt"], tmp_path / "two", embedder=None)
    assert roundabout["snapshot"] != straight
    update(tmp_path / "two", parts)
    delete(tmp_path / "two", ["x", "gout.txt"])
    assert open_index(tmp_path / "two").snapshot == straight
    assert build([folder], tmp_path / "three", embedder=MODEL)["snapshot"] != straight


def test_of_two_documents_of_one_id_the_later_file_counts_until_it_goes(tmp_path):
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "a.jsonl").write_text('{"id": "PMID:1", "text": "The first version says ten."}\n')
    (folder / "b.jsonl").write_text('{"id": "PMID:1", "text": "The second version says twelve."}\n')
    path = tmp_path / "index"
    first = build([folder], path, embedder=None)
    assert first["documents"] == 1 and sum(first["left_out"].values()) == 1
    assert "twelve" in open_index(path).passages("PMID:1")[0].text
    (folder / "b.jsonl").unlink()
    update(path, [folder])
    assert "ten" in open_index(path).passages("PMID:1")[0].text
    (folder / "b.jsonl").write_text('{"id": "PMID:1", "text": "The second version says twelve."}\n')
    assert update(path, [folder])["snapshot"] == first["snapshot"]


def test_a_build_that_is_killed_leaves_nothing_that_counts(folder, tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            build([folder], tmp_path / "index", embedder=None)
    with pytest.raises(SourceError, match="is no index; make one with"):
        open_index(tmp_path / "index")
    build([folder], tmp_path / "index", embedder=None)
    assert len(list((tmp_path / "index").glob("table-*"))) == 1


def test_an_update_that_is_killed_leaves_the_old_state_and_no_row_for_the_next(folder, tmp_path, monkeypatch):
    path = tmp_path / "index"
    before = build([folder], path, embedder=None)["snapshot"]
    (folder / "new.txt").write_text("Migraine is treated with triptans.", encoding="utf-8")
    index = open_index(path)
    with monkeypatch.context() as patch:
        patch.setattr(store, "publish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            update(path, [folder])
    assert index.snapshot == before and not index.search("migraine").evidence
    (folder / "new.txt").write_text("Scabies is treated with permethrin.", encoding="utf-8")
    update(path, [folder])
    assert not index.search("migraine").evidence and index.search("scabies").evidence
    assert index.about["passages"] == 4


def test_only_one_process_changes_an_index_at_a_time(folder, tmp_path):
    path = tmp_path / "index"
    build([folder], path, embedder=None)
    with store.locked(path), pytest.raises(UserError, match="another process changes"):
        update(path, [folder])
    assert open_index(path).search("gout").evidence


def test_what_cannot_be_built_is_refused_before_work_starts(folder, tmp_path):
    path = tmp_path / "index"
    with pytest.raises(SourceError, match="does not exist"):
        build([tmp_path / "nowhere"], path, embedder=None)
    with pytest.raises(UserError, match="no shelf 'ward'"):
        build([folder], path, embedder=None, shelf="ward")
    with pytest.raises(UserError, match="holds other files"):
        build([folder], folder, embedder=None)
    build([folder], path, embedder=None)
    with pytest.raises(UserError, match="holds an index; update it"):
        build([folder], path, embedder=None)
    with pytest.raises(UserError, match="no document 'guides/gout.tx'.*guides/gout.txt"):
        delete(path, ["guides/gout.tx"])
    (tmp_path / "other" / "guides").mkdir(parents=True)
    (tmp_path / "other" / "guides" / "a.txt").write_text(GOUT)
    with pytest.raises(SourceError, match="two sources are called guides"):
        update(path, [folder, tmp_path / "other" / "guides"])


def test_an_index_is_not_searched_or_changed_with_another_embedder(folder, tmp_path):
    path = tmp_path / "index"
    build([folder], path, embedder=MODEL)
    other = ScriptedModel({}, name="other")
    with pytest.raises(UserError, match="made by scripted .*not by other"):
        open_index(path, embedder=other).search("gout")
    with pytest.raises(UserError, match="made by scripted .*not by other"):
        update(path, [folder], embedder=other)


def test_no_report_quotes_a_document(folder, tmp_path):
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 colchicine nothing more")
    report = build([folder], tmp_path / "index", embedder=None)
    assert report["bad"] == 1 and "colchicine" not in str(report) and "swollen" not in str(report).lower()
