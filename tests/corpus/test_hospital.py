"""The simulated hospital hangs on its seed and end date only, and its notes carry the rows behind them."""

from pathlib import Path

import pytest

from residency.core.errors import SourceError
from residency.core.types import Document
from residency.corpus import hospital
from residency.corpus.hospital import read_hospital
from residency.corpus.records import Left


def records(folder, **settings):
    settings = {"population": 5, "seed": 3, "end_date": "2023-06-30"} | settings
    return [record for part in read_hospital(scratch=folder, **settings).parts for record in part()]


def simulate(folder, **settings):
    return [record for record in records(folder, **settings) if not isinstance(record, Left)]


@pytest.fixture(scope="module")
def notes(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("hospital"))


def test_every_note_is_well_formed_and_falls_before_the_end_date(notes):
    assert len(notes) >= 20
    assert all(isinstance(note, Document) and note.text.strip() and note.patient for note in notes)
    assert all("2022-06" <= note.date[:10] <= "2023-06-30" for note in notes)
    assert len({note.id for note in notes}) == len(notes)


def test_notes_carry_coded_conditions_and_medications(notes):
    rows = [row for note in notes for row in note.meta["conditions"]]
    assert rows and all(row["code"] and row["display"] and "icd-10-cm" in row["system"] for row in rows)
    assert any(note.meta["medications"] for note in notes)


def test_two_processes_simulate_the_same_notes_whatever_the_environment(notes, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "77")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    (tmp_path / ".hospital-left-by-a-killed-run").mkdir()
    assert simulate(tmp_path) == notes
    assert list(tmp_path.iterdir()) == []


def test_a_folder_named_from_here_is_as_good_as_a_whole_path(notes, tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    assert simulate(Path("runs")) == notes


def test_another_seed_is_another_hospital(notes, tmp_path):
    assert {note.text for note in simulate(tmp_path, seed=4, population=2)} != {note.text for note in notes}


def test_settings_are_checked_before_anything_is_simulated(tmp_path):
    with pytest.raises(SourceError, match="must be a date such as 2024-12-31"):
        read_hospital(scratch=tmp_path, end_date="yesterday")
    with pytest.raises(SourceError, match="at least 1"):
        read_hospital(scratch=tmp_path, population=0)


def test_a_simulation_that_fails_says_so(tmp_path):
    with pytest.raises(SourceError, match="clinosim ended with code"):
        simulate(tmp_path, population=2, country="Atlantis")


def test_many_people_are_simulated_in_blocks_of_which_the_first_is_a_hospital_of_its_own(notes, tmp_path, monkeypatch):
    monkeypatch.setattr(hospital, "BLOCK", 5)
    assert len(read_hospital(scratch=tmp_path, population=11).parts) == 3
    both = simulate(tmp_path, population=10)
    more = both[len(notes) :]
    assert both[: len(notes)] == notes and more
    assert all(note.id.startswith("2-") and note.patient.startswith("2-") for note in more)
    assert all(note.meta["encounter"].startswith("2-") for note in more)
    assert not {note.text for note in more} <= {note.text for note in notes}
    assert list(tmp_path.iterdir()) == []
