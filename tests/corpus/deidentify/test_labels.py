"""Labels are read as they were written, spreadsheets' habits allowed for, and what is wrong is told without a text."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from fixture_deidentified import PLANTED, marked, notes
from residency.core.errors import UserError
from residency.core.store import read_json, write_json
from residency.corpus.deidentify.labels import HEADS, Labelled, Labels, Sheet, read_labels, write_labels
from residency.corpus.deidentify.sheet import draw


@pytest.fixture
def labels() -> Labels:
    made, drawn = draw(notes(12), 6, seed=3)
    return marked(made, drawn)


def test_csv_and_json_hold_the_same(labels, tmp_path):
    rows = (replace(labels.documents[0], marks=()), replace(labels.documents[1], shown=True), *labels.documents[2:])
    labels = replace(labels, documents=rows)
    for name in ("labels.csv", "labels.json"):
        write_labels(tmp_path / name, labels)
        found = read_labels(tmp_path / name)
        assert found.hash == labels.hash and found.sheet == labels.sheet
        assert sorted(found.documents, key=lambda d: d.id) == sorted(labels.documents, key=lambda d: d.id)
        assert PLANTED not in (tmp_path / name).read_text()


def test_a_spreadsheet_may_save_it_its_own_way(labels, tmp_path):
    write_labels(tmp_path / "labels.csv", labels)
    rows = list(csv.reader((tmp_path / "labels.csv").read_text(encoding="utf-8").splitlines()))
    text = io.StringIO()
    wide = [row + [""] * (len(HEADS) - len(row)) for row in rows]
    csv.writer(text, delimiter=";", lineterminator="\n").writerows([*wide, [""] * len(HEADS)])
    (tmp_path / "saved.csv").write_text(text.getvalue(), encoding="utf-8-sig")
    assert read_labels(tmp_path / "saved.csv").hash == labels.hash


def test_ids_and_types_with_signs_and_line_ends_survive(tmp_path):
    rows = (Labelled('a "b",\n;c', "f" * 64, "type, of\na note", checked=True, marks=((0, 3, "NAME"),)),)
    labels = Labels(Sheet(0, "e" * 64, 9, {"type, of\na note": (9, 1)}), rows)
    for name in ("l.csv", "l.json"):
        write_labels(tmp_path / name, labels)
        assert read_labels(tmp_path / name) == labels


def spoilt(labels: Labels, tmp_path, change) -> str:
    """Return what is said of a CSV some of whose rows were changed."""
    write_labels(tmp_path / "labels.csv", labels)
    rows = list(csv.reader((tmp_path / "labels.csv").read_text(encoding="utf-8").splitlines()))
    change(rows)
    with open(tmp_path / "labels.csv", "w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows(rows)
    with pytest.raises(UserError) as error:
        read_labels(tmp_path / "labels.csv")
    return str(error.value)


def set_cell(row: int, column: int, value: str):
    return lambda rows: rows[row].__setitem__(column, value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_cell(3, 3, PLANTED), "row 4: an entity_type that is not known; legal: NAME"),
        (set_cell(3, 1, PLANTED), "row 4: start and end must be whole numbers"),
        (set_cell(3, 1, "-2"), "row 4: a mark from -2 to"),
        (set_cell(3, 2, "0"), "is none; start must be below end"),
        (set_cell(3, 4, "0" * 64), "row 4: its text_sha256 is not that of the other rows"),
        (set_cell(0, 0, PLANTED), "first cell are damaged"),
        (set_cell(0, 0, '{"residency_sheet": 1}'), "facts of the sheet are damaged"),
        (set_cell(0, 0, '{"residency_sheet": 2}'), "a newer Residency (sheet 2, here 1)"),
        (set_cell(1, 3, PLANTED), "is no labelling sheet"),
        (lambda rows: rows.__delitem__(2), "whether"),
        (lambda rows: rows.__delitem__(slice(2, 6)), "chosen by hand measures nothing"),
    ],
)
def test_what_is_wrong_is_told_by_its_row_and_never_quoted(labels, tmp_path, change, said):
    words = spoilt(labels, tmp_path, change)
    assert said in words and PLANTED not in words


def test_a_file_that_is_none_is_refused(tmp_path, labels):
    with pytest.raises(UserError, match="--sample 100"):
        read_labels(tmp_path / "absent.csv")
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="UTF-8"):
        read_labels(tmp_path / "x.csv")
    for text in ("", "{", f'{{"labels": "{PLANTED}"}}', f'{{"labels": ["{PLANTED}"]}}', '{"labels": []}'):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(UserError) as error:
            read_labels(tmp_path / "x.json")
        assert PLANTED not in str(error.value)
    write_labels(tmp_path / "l.json", labels)
    found = read_json(tmp_path / "l.json")
    found["labels"][0]["spans"][0]["entity_type"] = PLANTED
    write_json(tmp_path / "l.json", found)
    with pytest.raises(UserError, match="document 1: an entity_type that is not known"):
        read_labels(tmp_path / "l.json")
