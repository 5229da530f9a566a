"""A file is what it holds: wrong names, packing and byte order marks do not hide it."""

import gzip
import json
import time

import pytest

from fixture_files import FILES, WORDS, brat, docx, fhir_bundle, jsonl, medline, pdf
from residency.corpus.readers import FORMATS
from residency.corpus.readers.detect import detect


def place(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_there_is_a_file_of_every_format():
    assert {form for form, _ in FILES.values()} == set(FORMATS)


@pytest.mark.parametrize("name", FILES)
def test_every_format_is_found_under_its_own_name_packed_or_not(tmp_path, name):
    form, content = FILES[name]
    (tmp_path / "marked.ann").write_bytes(brat()[1])
    assert detect(place(tmp_path, name, content)) == form
    if form != "brat":
        assert detect(place(tmp_path, name + ".gz", gzip.compress(content))) == form


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("wrong", ["a.txt", "a.pdf", "a.xml", "a", "a.dat", "a.json", "a.jsonl", "a.csv"])
def test_every_format_that_shows_itself_is_found_under_a_wrong_name(tmp_path, name, wrong):
    form, content = FILES[name]
    if form in ("text", "markdown", "csv", "brat") or (form, wrong) == ("conll", "a.csv"):
        return  # plain text: its name decides
    if (form, wrong) == ("json", "a.jsonl"):
        form = "jsonl"
    assert detect(place(tmp_path, wrong, content)) == form
    assert detect(place(tmp_path, wrong, gzip.compress(content))) == form


def test_plain_text_goes_by_its_name(tmp_path):
    for name, form in {"a.txt": "text", "a": "text", "a.log": "text", "a.md": "markdown", "a.tsv": "csv"}.items():
        assert detect(place(tmp_path, name, WORDS)) == form
    for name in ("marked.txt", "marked.ann"):
        place(tmp_path, name, WORDS)
    assert detect(tmp_path / "marked.txt") == "brat" and detect(tmp_path / "marked.ann") == "annotations"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_byte_order_marks_are_looked_through(tmp_path, encoding):
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    for words, form in ((WORDS, "text"), (jsonl().decode(), "jsonl"), (medline().decode(), "medline")):
        assert detect(place(tmp_path, "a.txt", mark + words.encode(encoding))) == form


@pytest.mark.parametrize(
    "words",
    [
        "[**2151-7-16**] Discharge summary of a made patient",
        "[1] Brimtail, a review.",
        "{see above} no change",
        "<5 mg daily, more than <3 days",
        "BASE excess -4, lactate 2",
        "PREFIX unknown",
        "- [Term] is used for terms",
        "O negative blood was given.\nNo reaction.\nWell.",
        "# Vitals\nbase <4 normal",
    ],
)
def test_notes_that_begin_like_another_format_are_text(tmp_path, words):
    assert detect(place(tmp_path, "a.txt", words)) == "text"


def test_pretty_json_a_deep_resource_type_and_long_lines_are_seen(tmp_path):
    bundle = json.loads(fhir_bundle())
    bundle["entry"][0]["resource"]["content"][0]["attachment"]["data"] = "A" * 300_000
    for indent in (None, 2):
        assert detect(place(tmp_path, "a.json", json.dumps(bundle, sort_keys=True, indent=indent))) == "fhir"
    long = json.dumps({"text": "word " * 50_000}) + "\n"
    assert detect(place(tmp_path, "a.txt", long * 2)) == "jsonl"
    assert detect(place(tmp_path, "a", json.dumps([{"text": WORDS}] * 5, indent=2))) == "json"
    assert detect(place(tmp_path, "a.jsonl", '{"text": "a')) == "jsonl"
    assert detect(place(tmp_path, "a.ndjson", jsonl().splitlines()[0])) == "jsonl"


CSV = "text,id\nA cough,1\nA fever,2\n"
ODD = "note_body;written\nA cough;2021\nA fever;2022\n"


@pytest.mark.parametrize("wrong", ["a.csv", "a.tsv", "a.md", "a.txt", "a", "a.json", "a.parquet"])
def test_rows_of_json_are_json_whatever_the_name_and_with_a_broken_first_line(tmp_path, wrong):
    assert detect(place(tmp_path, wrong, jsonl())) == "jsonl"
    assert detect(place(tmp_path, wrong, b'{"text": "brok\n' + jsonl())) == "jsonl"
    assert detect(place(tmp_path, wrong, json.dumps([{"text": WORDS}], indent=2))) == "json"
    assert detect(place(tmp_path, wrong, json.dumps({"rows": [{"text": WORDS}]}, indent=1))) == "json"
    assert detect(place(tmp_path, wrong, fhir_bundle())) == "fhir"


@pytest.mark.parametrize("wrong", ["a.jsonl", "a.json", "a.ndjson", "a.txt", "a.dat", "a"])
def test_a_table_is_a_table_whatever_the_name(tmp_path, wrong):
    assert detect(place(tmp_path, wrong, CSV)) == "csv"
    assert detect(place(tmp_path, wrong, CSV.replace(",", "\t").encode("utf-16"))) == "csv"
    assert detect(place(tmp_path, wrong, 'id,text\n1,"two\nlines"\n2,"{""a"": 1}"\n')) == "csv"
    assert detect(place(tmp_path, wrong, ODD)) == ("csv" if "json" in wrong else "text")


@pytest.mark.parametrize("wrong", ["a.json", "a.jsonl", "a.ndjson"])
@pytest.mark.parametrize(
    "words",
    [
        WORDS,
        "Dear colleague, thank you\nfor sending, as agreed\nthis patient.",
        "[**2151-7-16**] Discharge summary",
        "{see above} no change\n[ ] fever [x] cough",
        "Text, id\nare not given here",
    ],
)
def test_plain_text_that_is_named_as_json_is_text(tmp_path, wrong, words):
    assert detect(place(tmp_path, wrong, words)) == "text"


@pytest.mark.parametrize("wrong", ["a.json", "a.jsonl"])
@pytest.mark.parametrize(
    "words",
    [
        '{"text": "a',
        "{'text': 'a'}",
        "{text: 1}",
        'ext": "a"}\n',
        'words\n{"text": "a"}\n',
        '"only a text"\n"another"\n',
        "[\n1,",
        "null",
        '{"a": 1}, {"a": 2}',
        "note\n} ",
    ],
)
def test_broken_json_that_is_named_as_json_is_never_text(tmp_path, wrong, words):
    assert detect(place(tmp_path, wrong, words)) in ("json", "jsonl")


@pytest.mark.parametrize(
    "words",
    [
        "Question, answer\nwere both given today.",
        "Note, text and more\nfollow, see below\n",
        "text | id\n",
        "- fever, cough\n- pain, none\n",
        "Date,patient\n1,2\n3,4\n",
    ],
)
def test_notes_with_commas_are_text(tmp_path, words):
    assert detect(place(tmp_path, "a.txt", words)) == "text"


def test_a_markdown_page_with_settings_in_json_and_one_with_a_table_stay_markdown(tmp_path):
    for words in ('{\n  "title": "x"\n}\n\n# Title\n', "| text | id |\n|---|---|\n| a | b |\n", "{: .note}\n# Title"):
        assert detect(place(tmp_path, "a.md", words)) == "markdown"
    assert detect(place(tmp_path, "a.csv", "{},b\n1,2\n")) == "csv"


def test_marked_up_files_are_told_apart_by_their_root(tmp_path):
    comment = "<!-- <html> " + "x" * 3000 + " -->\n"
    for words, form in {
        f"<?xml version='1.0'?>{comment}<!DOCTYPE html PUBLIC 'x' 'y'>{comment}<html><p>a": "html",
        f"{comment}<HTML><BODY>a": "html",
        f"<?xml version='1.0'?>\n{comment}<n:ClinicalDocument xmlns:n='urn:hl7-org:v3'/>": "cda",
        "<pmc-articleset><article/></pmc-articleset>": "jats",
        "<?xml version='1.0'?><Bundle xmlns='http://hl7.org/fhir'/>": "xml",
        "<p>One.</p>": "html",
        "<http://example.org/a> <http://example.org/b> 'c' .\n": "rdf",
    }.items():
        assert detect(place(tmp_path, "a.txt", words)) == form
    assert detect(place(tmp_path, "a.md", '<div align="center">\n\n# Title\n')) == "markdown"
    assert detect(place(tmp_path, "a.ttl", "# made\n\n@prefix m: <http://example.org/> .\n")) == "rdf"
    assert detect(place(tmp_path, "a.dat", "# made\n\n# more\n@prefix m: <http://example.org/> .\n")) == "rdf"


def test_pictures_archives_and_unknown_binaries_are_none_of_ours(tmp_path):
    import io
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("a.txt", WORDS)
    binary = bytes(range(256)) * 20
    for name, content in {
        "a.png": b"\x89PNG\r\n\x1a\n" + binary,
        "a.jpg": b"\xff\xd8\xff" + binary,
        "a.zip": out.getvalue(),
        ".DS_Store": b"\0\0\0\1Bud1" + bytes(500),
        "a.rtf": rb"{\rtf1\ansi words}",
        "a.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + binary,
        "noending": binary,
    }.items():
        assert detect(place(tmp_path, name, content)) is None, name


def test_a_damaged_file_is_still_what_it_was_meant_to_be(tmp_path):
    for name, content, form in (
        ("a.txt", WORDS.encode() + bytes(100), "text"),
        ("a.docx", docx()[:2000], "docx"),
        ("a.pdf", pdf()[:60], "pdf"),
        ("a.parquet", b"\0" * 100, "parquet"),
        ("a.jsonl.gz", gzip.compress(jsonl())[:150], "jsonl"),
        ("a.txt.gz", b"\x1f\x8b\x08broken", "text"),
        ("empty.jsonl", b"", "text"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "docx"),
    ):
        assert detect(place(tmp_path, name, content)) == form, name


@pytest.mark.parametrize(
    "piece", ["<!--", "<?", "#\n", "[Term]", "{", '{"a":', "[", "\n", "<!DOCTYPE ", "<a", "O\n", " "]
)
def test_no_text_makes_looking_slow(tmp_path, piece):
    path = place(tmp_path, "a.txt", piece * (200_000 // len(piece)))
    began = time.process_time()
    detect(path)
    assert time.process_time() - began < 2
