"""Documents on their way: nothing of a patient stays in text, ids, dates or words beside it, and labels keep their
places."""

from datetime import date
from pathlib import Path

import pytest

from fixture_private import NOTES, PLANTED, tagger
from residency.core.types import Document, Span
from residency.corpus.deidentify.content import content_of
from residency.corpus.deidentify.stage import Deidentify, Tally, Treating, added, of_patients, treat
from residency.corpus.deidentify.vault import Lock, Vault, gather, save_vault

KEY = b"k" * 32
PERSON = {
    "name": [{"family": "Okonjovic", "given": ["Adaezeline"]}],
    "telecom": [{"system": "phone", "value": "217-555-0143"}],
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return Deidentify(tagger=str(tagger(tmp_path_factory.mktemp("trained"))))


def note(name="a", **more) -> Document:
    fields = {"patient": "P-1001", "date": "2024-03-05T10:30:00Z", "person": PERSON, **more}
    return Document(f"Okonjovic/{name}", NOTES[name], "ward", "own", meta={"kind": "note"}, **fields)


def treated(settings, *documents, **more):
    tally = Tally()
    return treat(documents, Treating(settings, KEY, **more), tally), tally


def test_nothing_that_was_planted_stays_anywhere(settings):
    meta = {"kind": "note", "title": "Visit of Mrs. Okonjovic", "encounter": "E-48-22911", "since": "2024-03-05"}
    meta["messages"] = [{"role": "user", "content": "Is Mrs. Okonjovic's phone 217-555-0143?"}]
    first, second = note(), note("b")
    first.meta = meta
    made, tally = treated(settings, first, second)
    for document in made:
        for word in PLANTED:
            assert word not in repr(document)
        assert document.person is None and document.patient and document.patient != "P-1001"
        assert "diabetes" in document.text or document is made[1]
    assert made[0].meta["messages"][0]["role"] == "user" and "since" not in made[0].meta
    assert made[0].patient == made[1].patient and made[0].id != made[1].id
    assert tally.patients == 2 and tally.hidden["NAME"] >= 4


def test_dates_beside_the_text_move_as_those_in_it_do(settings):
    [made], _ = treated(settings, note())
    moved = date.fromisoformat(made.date) - date(2024, 3, 5)
    assert moved.days and abs(moved.days) <= 365
    now = date(2024, 3, 5) + moved
    assert f"{now.month:02}/{now.day:02}/{now.year}" in made.text


def test_without_surrogates_only_the_year_of_a_date_stays(settings):
    [made], _ = treated(Deidentify(operator="tag", tagger=settings.tagger), note())
    assert made.date == "2024" and "[DATE]" in made.text and "[NAME]" in made.text


def test_the_same_key_gives_the_same_in_any_order_and_another_key_something_else(settings):
    there, back = treated(settings, note(), note("b"))[0], treated(settings, note("b"), note())[0]
    assert [d.text for d in there] == [d.text for d in reversed(back)]
    other = treat([note()], Treating(settings, b"o" * 32), Tally())
    assert other[0].text != there[0].text and other[0].id != there[0].id


def test_labels_keep_their_words(settings):
    start = NOTES["a"].index("diabetes mellitus")
    labelled = note(spans=[Span(start, start + 17, "DISEASE"), Span(9, 18, "WHO")])
    [made], _ = treated(settings, labelled)
    disease, who = made.spans
    assert made.text[disease.start : disease.end] == "diabetes mellitus" and made.text[who.start : who.end]


def test_public_knowledge_stays_as_it_is_and_is_no_patients(settings):
    known = Document("HP:1", "Parkinson's disease, named by Charcot in 1877.", "hpo", "open", meta={"kind": "term"})
    made, tally = treated(settings, known)
    assert made == [known] and not tally.patients and not of_patients(known) and of_patients(note())


def test_without_settings_documents_are_only_counted():
    tally = Tally()
    assert treat([note()], None, tally) == [note()] and tally.patients == 1 and not tally.hidden
    assert tally.before == tally.after == content_of([(note().id, note().text)])


def test_tallies_of_parts_add_up(settings):
    one, two = treated(settings, note())[1], treated(settings, note("b"))[1]
    both = treated(settings, note(), note("b"))[1]
    assert added([one.row(), two.row()]).row() == both.row()


def test_the_vault_says_who_is_who_and_no_file_holds_a_name(settings, tmp_path: Path):
    made, _ = treated(settings, note(), replaced=tmp_path)
    lock = Lock(b"l" * 32)
    save_vault(tmp_path / "vault", Vault(KEY), lock)
    vault = gather(tmp_path / "vault", lock, tmp_path)
    names = {row.original: row.surrogate for row in vault.rows if row.kind == "NAME"}
    assert any("Okonjovic" in name for name in names) and all(now in made[0].text for now in names.values())
    assert ("", "patient", "P-1001", made[0].patient) in vault.rows
    assert all(word.encode() not in file.read_bytes() for file in tmp_path.iterdir() for word in PLANTED)


def test_a_detector_that_crashes_stops_the_job(settings, monkeypatch):
    class Broken:
        def find(self, text, patient=None):
            raise ZeroDivisionError

    monkeypatch.setattr("residency.corpus.deidentify.stage.finder_of", lambda settings: Broken())
    with pytest.raises(ZeroDivisionError):
        treated(settings, note())
