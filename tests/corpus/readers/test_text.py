"""Plain text and Markdown become one document a file; what is no text is said to be none."""

import pytest

from residency.core.types import Document
from residency.corpus.formats import read_files, read_notes
from residency.corpus.readers import parts, read_part
from residency.corpus.readers.guard import Given
from residency.corpus.readers.text import iso_date, iso_language
from residency.corpus.records import Bad


def read(tmp_path, name, content, **fields):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    [record] = read_part([Given(path, f"sub/{name}", "made", "CC0-1.0", **fields)])
    return record


def test_a_text_is_one_document_with_its_words_as_they_are(tmp_path):
    assert read(tmp_path, "a.txt", "One.\r\n\r\n  Two.\rThree") == Document(
        "sub/a", "One.\n\n  Two.\nThree", "made", "CC0-1.0", meta={"kind": "note", "format": "text"}
    )
    assert read(tmp_path, "a.txt", "One.", options={"kind": "book"}, language="de").meta["kind"] == "book"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b" \n\t\n", "it is empty"),
        (b"\xef\xbb\xbf", "it is empty"),
        (b"well \0 known words of a note that is long enough to be a text", "NUL byte at character 5"),
        (b"\0" * 100, "NUL byte at character 0"),
        ("Größe".encode("cp1252"), "not UTF-8 at byte 2"),
        (b"\xff\xfea", "not UTF-16"),
        (b"\x1f\x8b\x08\0broken", "gzip"),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.md"])
def test_what_is_no_text_is_named_with_the_reason(tmp_path, name, content, why):
    record = read(tmp_path, name, content)
    assert isinstance(record, Bad) and record.file == f"sub/{name}" and record.line is None
    assert record.reason.startswith(why) or why in record.reason


def test_front_matter_is_metadata_and_not_text(tmp_path):
    front = "---\ntitle: 'Fever: a guide'\ndate: 2021-03-05\nlicense: CC-BY-4.0\nlang: de-AT\n"
    front += "author: [A, B]\nversion: 2\n"
    page = read(tmp_path, "a.md", front + f"big: {'x' * 900}\n---\n\n# Heading\n\nWords.\n")
    assert page.text == "# Heading\n\nWords.\n"
    assert (page.licence, page.language, page.date) == ("CC-BY-4.0", "de", "2021-03-05")
    assert page.meta == {
        "kind": "page",
        "format": "markdown",
        "title": "Fever: a guide",
        "author": ["A", "B"],
        "version": "2",
    }


@pytest.mark.parametrize(
    "front",
    ["---\n\nWords under a rule.\n", "---\n- one\n---\nx\n", "---\na: [\n---\nx\n", f"---\n{'[' * 5000}\n---\nx"],
)
def test_what_only_looks_like_front_matter_stays_text(tmp_path, front):
    assert read(tmp_path, "a.md", front).text == front


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
@pytest.mark.parametrize(
    ("front", "line"),
    [
        ("edition: [1\nvalid_until: soon\n", 3),
        ("title: Gout: in adults\nvalid until: 2020\n", 2),
        ("Patient ID: p7\n\tdate: 2024\n", 3),
    ],
)
def test_front_matter_that_is_no_yaml_makes_the_document_bad(tmp_path, name, front, line):
    record = read(tmp_path, name, f"---\n{front}---\nGive colchicine.\n")
    assert isinstance(record, Bad) and (record.file, record.line) == (f"sub/{name}", line)
    assert "is no YAML" in record.reason and "2020" not in record.reason


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
def test_a_letter_between_rules_stays_text(tmp_path, name):
    letter = "---\nDear colleague,\ndate: [2024\nshe is well and walks to work\n---\nYours.\n"
    assert read(tmp_path, name, letter).text == letter


def test_front_matter_of_plain_text_may_say_only_until_when_it_is_valid(tmp_path):
    page = read(tmp_path, "a.txt", "---\nValid until: 2020-01\n---\nGive colchicine.\n")
    assert (page.text, page.meta["valid_until"]) == ("Give colchicine.\n", "2020-01")


def test_the_first_heading_is_the_title(tmp_path):
    for words, title in {
        "Intro\n\n## Second *level* ##\n": "Second *level*",
        "```\n# code\n```\n\nReal title\n====\n": "Real title",
        "~~~~\n# code\n```\n~~~~\n# Real\n": "Real",
        "Sub\n---\n": "Sub",
        "#hashtag\n\n| a |\n\n---\n": None,
    }.items():
        assert read(tmp_path, "a.md", words).meta.get("title") == title


def test_front_matter_alone_is_empty(tmp_path):
    assert read(tmp_path, "a.md", "---\ntitle: x\n---\n").reason == "it is empty"


def test_dates_and_languages_are_kept_only_where_they_are_some():
    for value, day in {
        "2021": "2021",
        "2021-3": "2021-03",
        "2021/03/5": "2021-03-05",
        "2021-03-05T10:15:00Z": "2021-03-05T10:15:00Z",
        "2021-13-01": None,
        "2021-02-30": None,
        "March 2021": None,
        "": None,
    }.items():
        assert iso_date(value) == day
    assert [iso_language(tag) for tag in ("en", "en-GB", "pt_BR", "DE", "eng", "x", "")] == [
        "en",
        "en",
        "pt",
        "de",
        None,
        None,
        None,
    ]


def test_front_matter_names_the_patient(tmp_path):
    (tmp_path / "a.md").write_text("---\npatient: p7\ndate: 2024-03-05\n---\nSeen today.\n")
    [found] = [record for part in parts(tmp_path, source="files", licence="x")[1] for record in part()]
    assert (found.patient, found.date, found.text.strip()) == ("p7", "2024-03-05", "Seen today.")


@pytest.mark.parametrize("read_source", [read_files, read_notes])
def test_front_matter_of_plain_text_names_the_patient_and_is_not_trained_on(tmp_path, read_source):
    (tmp_path / "a.txt").write_bytes(
        b"\xef\xbb\xbf---\r\npatient: P0\r\ndate: 2024-05-11\r\nward: 3\r\n---\r\nSeen.\r\n"
    )
    [found] = read_source(path=tmp_path).records
    assert (found.id, found.patient, found.date, found.text) == ("a", "P0", "2024-05-11", "Seen.\n")
    assert found.meta == {"kind": "note", "format": "text", "ward": "3"}


@pytest.mark.parametrize("names", [("Patient", "Date", "Lang"), ("PATIENT ID", "date", "Language")])
@pytest.mark.parametrize("ending", [".txt", ".md"])
def test_front_matter_may_be_written_in_capitals(tmp_path, names, ending):
    patient, day, language = names
    front = f"---\n{patient}: P0\n{day}: 2024-05-11\n{language}: de\nWard: 3\n---\nSeen.\n"
    (tmp_path / f"a{ending}").write_text(front)
    [found] = read_files(path=tmp_path).records
    assert (found.patient, found.date, found.language, found.text) == ("P0", "2024-05-11", "de", "Seen.\n")
    assert found.meta["Ward"] == "3" and not {*names} & {*found.meta}


def test_two_spellings_of_a_field_are_both_kept(tmp_path):
    (tmp_path / "a.txt").write_text("---\nPATIENT: p1\npatient: p2\n---\nSeen.\n")
    [found] = read_files(path=tmp_path).records
    assert found.patient == "p2" and found.meta["PATIENT"] == "p1"


@pytest.mark.parametrize("name", ["adt.hl7", "a.txt", "a", "a.md", "a.csv", "a.json"])
@pytest.mark.parametrize("start", ["", "\x0b", "BHS|^~\\&|WARD\r"])
def test_hl7_messages_are_no_notes_and_are_named_as_what_they_are(tmp_path, name, start):
    message = "MSH|^~\\&|WARD|HOSPITAL|||20240511||ADT^A01|1|P|2.5\rPID|1||P0^^^H||BERG^ANNA\r"
    (tmp_path / name).write_bytes((start + message).encode())
    [found] = read_files(path=tmp_path).records
    assert isinstance(found, Bad) and found.file == name
    assert found.reason.startswith("HL7 v2 messages, a format that is not read; export") and "BERG" not in found.reason
    if name == "a.txt":
        assert list(read_notes(path=tmp_path).records) == [found]


def test_a_note_that_speaks_of_a_header_of_hl7_is_a_note(tmp_path):
    (tmp_path / "a.txt").write_text("MSH is 0.4 today.\nMSH|a|b\n")
    [found] = read_files(path=tmp_path).records
    assert found.text.startswith("MSH is")


@pytest.mark.parametrize(
    "note",
    [
        "---\nSeen today.\n---\nWell.\n",
        "---\nDiagnosis: asthma\nPlan: salbutamol\n---\nWell.\n",
        "---\npatient: P0\nNo second line of dashes.\n",
        "-----\npatient: P0\n-----\nWell.\n",
        "--- \nTemp: 38\n",
        "Seen.\n---\npatient: P0\n---\n",
    ],
)
def test_a_note_that_only_begins_with_dashes_stays_as_it_is(tmp_path, note):
    found = read(tmp_path, "a.txt", note)
    assert (found.text, found.patient, found.meta) == (note, None, {"kind": "note", "format": "text"})


def test_what_is_too_long_for_metadata_stays_text_of_a_note(tmp_path):
    note = f"---\npatient: P0\nhistory: {'cough and ' * 90}\n---\nWell.\n"
    assert (read(tmp_path, "a.txt", note).text, read(tmp_path, "a.txt", note).patient) == (note, "P0")


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
def test_a_date_that_cannot_be_read_is_kept_as_it_is_written(tmp_path, name):
    found = read(tmp_path, name, "---\npatient: P0\ndate: 11.05.2024\n---\nWell.\n")
    assert found.date is None and found.meta["date_as_written"] == "11.05.2024" and "date" not in found.meta
