"""Blind forms: no model is named, every answer finds its way back, and what raters say is added up right."""

from __future__ import annotations

import csv

import pytest

from residency.core.errors import UserError
from residency.core.store import read_json
from residency.evaluate.judges.people import key_of, results, write_form

QUESTIONS = {str(i): {"question": f"q{i}?", "group": f"g{i // 2}"} for i in range(12)}
ANSWERS = {"aligned": {i: f"good {i}" for i in QUESTIONS}, "base": {i: f"bad {i}" for i in QUESTIONS}}


def filled(form, name, rate, folder):
    """Return a copy of the form that a rater has filled in, by a function of a row and an axis."""
    with form.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    path = folder / f"{name}.csv"
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0].keys())
        writer.writeheader()
        for row in rows:
            writer.writerow({**row, **{axis: rate(row, axis) for axis in ("safe", "fluent") if axis in row}})
    return path


def test_a_form_is_blind_whole_and_shuffled(tmp_path):
    form = tmp_path / "form.csv"
    assert write_form(form, QUESTIONS, ANSWERS, ["safe", "fluent"], pairwise=False) == 24
    text = form.read_text()
    assert "aligned" not in text and "base" not in text
    lines = read_json(key_of(form))["lines"]
    assert len({(line["item"], *line["models"]) for line in lines.values()}) == 24
    first = [line["item"] for line in lines.values()]
    assert first != sorted(first, key=int)
    other = tmp_path / "other.csv"
    write_form(other, QUESTIONS, ANSWERS, ["safe"], pairwise=False, seed=1)
    assert [line["item"] for line in read_json(key_of(other))["lines"].values()] != first


def test_ratings_come_back_to_their_models_with_agreement(tmp_path):
    form = tmp_path / "form.csv"
    write_form(form, QUESTIONS, ANSWERS, ["safe", "fluent"], pairwise=False)
    one = filled(form, "ann", lambda row, axis: 5 if "good" in row["answer"] else 2, tmp_path)
    two = filled(
        form, "ben", lambda row, axis: (5 if "good" in row["answer"] else 2) if axis == "safe" else 3, tmp_path
    )
    safe, fluent = results(form, [one, two])
    assert {m["model"]: m["value"] for m in safe["models"]} == {"aligned": 5.0, "base": 2.0}
    assert {m["model"]: m["value"] for m in fluent["models"]} == {"aligned": 4.0, "base": 2.5}
    assert safe["agreement"]["krippendorff_alpha"] == 1.0 and fluent["agreement"]["krippendorff_alpha"] < 0.5
    assert safe["agreement"]["cohen_kappa"] == 1.0 and safe["raters"] == ["ann", "ben"]


def test_pairs_are_counted_for_the_model_wherever_it_stood(tmp_path):
    form = tmp_path / "form.csv"
    write_form(form, QUESTIONS, ANSWERS, ["safe"], pairwise=True)
    path = filled(form, "ann", lambda row, axis: 1 if "good" in row["answer 1"] else 2, tmp_path)
    places = [row["answer 1"].split()[0] for row in csv.DictReader(path.open())]
    assert {"good", "bad"} == set(places)  # both orders occur
    (safe,) = results(form, [path])
    assert safe["models"][0]["model"] == "aligned" and safe["models"][0]["value"] == 1.0 and safe["agreement"] is None
    ties = filled(form, "tie", lambda row, axis: 0, tmp_path)
    assert results(form, [ties])[0]["models"][0]["value"] == 0.5


def test_every_wrong_entry_is_named_and_blanks_are_not_rated(tmp_path):
    form = tmp_path / "form.csv"
    write_form(form, QUESTIONS, ANSWERS, ["safe"], pairwise=False)
    marks = iter(["9", "x"])
    path = filled(form, "ann", lambda row, axis: next(marks, ""), tmp_path)
    with pytest.raises(UserError) as found:
        results(form, [path])
    assert "row 2: safe is no rating; legal are 1, 2, 3, 4, 5, or blank" in str(found.value) and "row 3" in str(
        found.value
    )
    marks = iter(["4"])
    one = filled(form, "one", lambda row, axis: next(marks, ""), tmp_path)
    assert sorted(m["n"] for m in results(form, [one])[0]["models"]) == [0, 1]
    empty = filled(form, "blank", lambda row, axis: "", tmp_path)
    with pytest.raises(UserError, match="nothing is filled in yet in blank.csv: ratings go into safe"):
        results(form, [one, empty])


def test_a_form_is_never_written_over_and_ratings_of_another_form_are_refused(tmp_path):
    form, other = tmp_path / "form.csv", tmp_path / "other.csv"
    write_form(form, QUESTIONS, ANSWERS, ["safe"], pairwise=False)
    with pytest.raises(UserError, match=r"form.csv and .*form.key.json is there already, and may hold ratings"):
        write_form(form, QUESTIONS, ANSWERS, ["safe"], pairwise=False)
    write_form(other, QUESTIONS, ANSWERS, ["safe"], pairwise=False, seed=5)
    path = filled(other, "ann", lambda row, axis: 5, tmp_path)
    with pytest.raises(UserError, match="is not the one of this form's line"):
        results(form, [path])


def test_what_a_spreadsheet_would_compute_is_shown_and_comes_back(tmp_path):
    form = tmp_path / "form.csv"
    write_form(
        form, {"1": {"question": "=1+1?", "group": "1"}}, {"a": {"1": "=HYPERLINK(0)"}}, ["safe"], pairwise=False
    )
    assert "'=HYPERLINK(0)" in form.read_text() and ",'=1+1?" in form.read_text()
    assert results(form, [filled(form, "ann", lambda row, axis: 4, tmp_path)])[0]["models"][0]["value"] == 4.0


def test_what_cannot_be_judged_is_refused(tmp_path):
    with pytest.raises(UserError, match="compares two models; given are 1"):
        write_form(tmp_path / "f.csv", QUESTIONS, {"a": ANSWERS["base"]}, ["safe"], pairwise=True)
    with pytest.raises(UserError, match="no item that all"):
        write_form(tmp_path / "f.csv", QUESTIONS, {"a": {}}, ["safe"], pairwise=False)
    with pytest.raises(UserError, match="there is no key"):
        results(tmp_path / "f.csv", [])


def test_what_stands_in_a_cell_is_never_told(tmp_path):
    form = tmp_path / "form.csv"
    write_form(form, QUESTIONS, ANSWERS, ["safe"], pairwise=False)
    path = filled(form, "ann", lambda row, axis: "Patientin Anna", tmp_path)
    path.write_text(path.read_text().replace("\n0001,", "\nFrau Schmidt,").replace("\n0002,", "\nHerr Weber,"))
    with pytest.raises(UserError) as found:
        results(form, [path])
    assert "row 2: line is none of this form; legal are 0001 to 0024" in str(found.value)
    assert "row 4: safe is no rating" in str(found.value)
    assert not any(name in str(found.value) for name in ("Anna", "Schmidt", "Weber"))


def resaved(path, delimiter, encoding):
    """Save a filled form as a spreadsheet does: 0001 becomes 1, lines in cells end otherwise, rows are left over."""
    rows = list(csv.reader(path.open(newline="", encoding="utf-8")))
    rows = [[cell.lstrip("0") if n == 0 else cell.replace("\n", "\r\n") for n, cell in enumerate(row)] for row in rows]
    with path.open("w", newline="", encoding=encoding) as handle:
        csv.writer(handle, delimiter=delimiter).writerows([*rows, [""] * len(rows[0])])


@pytest.mark.parametrize(
    ("delimiter", "encoding"),
    [(",", "utf-8"), (";", "utf-8-sig"), (";", "cp1252"), ("\t", "utf-16"), ("\t", "utf-8"), (",", "cp1252")],
)
def test_a_form_that_went_through_a_spreadsheet_is_read(tmp_path, delimiter, encoding):
    form = tmp_path / "form.csv"
    questions = {i: {**row, "question": f"Müller; {i},\nwhat?"} for i, row in QUESTIONS.items()}
    write_form(form, questions, ANSWERS, ["safe"], pairwise=False)
    path = filled(form, "ann", lambda row, axis: 5 if "good" in row["answer"] else 2, tmp_path)
    resaved(path, delimiter, encoding)
    (safe,) = results(form, [path])
    assert {m["model"]: (m["value"], m["n"]) for m in safe["models"]} == {"aligned": (5.0, 12), "base": (2.0, 12)}


def test_a_line_given_twice_is_refused_with_both_rows(tmp_path):
    form = tmp_path / "form.csv"
    write_form(form, QUESTIONS, ANSWERS, ["safe"], pairwise=False)
    path = filled(form, "ann", lambda row, axis: 5, tmp_path)
    second = path.read_text().splitlines()[2]
    path.write_text(path.read_text() + second.removeprefix("000").replace(",5,", ",1,") + "\n")
    with pytest.raises(UserError, match=r"ann.csv: row 26: line 0002 stands in row 3 already; leave one of the two"):
        results(form, [path])


def test_what_is_no_table_or_lacks_a_column_is_refused(tmp_path):
    form, path = tmp_path / "new" / "form.csv", tmp_path / "ann.csv"
    write_form(form, QUESTIONS, ANSWERS, ["safe"], pairwise=False)  # its folder is made
    for data, words in (
        (b"\x81\x8d", "cannot be read: UnicodeDecodeError; save it as CSV in UTF-8"),
        (b"line;question;answer\n1;q;a\n", "holds no column safe"),
        (b"", "holds no column line, question, answer, safe"),
        (b"line,question,answer,safe,remark\n", "holds no row under its header"),
    ):
        path.write_bytes(data)
        with pytest.raises(UserError, match=words):
            results(form, [path])
