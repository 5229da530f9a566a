"""A DOCX is its paragraphs, items and tables in their order; old, locked and hostile ones are named as such."""

import io
import zipfile

import docx as library
import pytest
from docx.oxml import parse_xml

from fixture_files import docx
from residency.corpus.readers import read_part
from residency.corpus.readers.guard import Given, Limits
from residency.corpus.records import Bad

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def read(tmp_path, content, limits=None, name="a.docx"):
    if not isinstance(content, bytes):
        out = io.BytesIO()
        content.save(out)
        content = out.getvalue()
    path = tmp_path / name
    path.write_bytes(content)
    [record] = read_part([Given(path, name, "made", "CC0-1.0", limits=limits or Limits())])
    return record


def changed(parts, drop=()):
    """Return a DOCX with some parts of its container put in place of, or beside, the others."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(docx())) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in parts and name not in drop:
                new.writestr(name, old.read(name))
        for name, content in parts.items():
            new.writestr(name, content)
    return out.getvalue()


def test_headings_paragraphs_items_and_tables_stand_in_their_order(tmp_path):
    document = library.Document()
    document.add_heading("Discharge letter", 0)
    document.add_heading("Course", 1)
    document.add_paragraph("First line.\nSecond\tline.")
    document.add_paragraph("calm", style="List Bullet")
    document.add_paragraph("well", style="List Number")
    table = document.add_table(2, 3)
    for place, words in enumerate(["Test", "Value", "Unit", "Na", "140", ""]):
        table.cell(place // 3, place % 3).text = words
    table.cell(0, 0).add_table(1, 1).cell(0, 0).text = "inner"
    document.add_paragraph("After.")
    document.core_properties.title, document.core_properties.author = "A letter", "A. Writer"
    found = read(tmp_path, document)
    assert found.text.split("\n") == [
        "Discharge letter",
        "Course",
        "First line.",
        "Second line.",
        "- calm",
        "- well",
        "Test inner | Value | Unit",
        "Na | 140",
        "After.",
    ]
    made = document.core_properties.created.date().isoformat()  # by whoever made the template: not the letter's date
    about = {"title": "A letter", "author": "A. Writer", "file_date": made}
    assert found.meta == {"kind": "note", "format": "docx", **about} and found.date is None


def test_the_first_heading_is_the_title_where_the_file_names_none(tmp_path):
    document = library.Document()
    document.add_paragraph("Words.")
    document.add_heading("Course", 2)
    assert read(tmp_path, document).meta["title"] == "Course"


def test_forms_insertions_links_and_boxes_are_read_and_deletions_are_not(tmp_path):
    document = library.Document()
    for xml in (
        f"<w:sdt {W}><w:sdtContent><w:p><w:r><w:t>In a form.</w:t></w:r></w:p></w:sdtContent></w:sdt>",
        f"<w:p {W}><w:r><w:t>He is </w:t></w:r><w:ins><w:r><w:t>not </w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>very </w:delText></w:r></w:del>"
        "<w:hyperlink><w:r><w:t>ill.</w:t></w:r></w:hyperlink></w:p>",
        f'<w:p {W} xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><w:r><mc:AlternateContent>'
        "<mc:Choice Requires='w'><w:txbxContent><w:p><w:r><w:t>Boxed.</w:t></w:r></w:p></w:txbxContent></mc:Choice>"
        "<mc:Fallback><w:txbxContent><w:p><w:r><w:t>Boxed.</w:t></w:r></w:p></w:txbxContent></mc:Fallback>"
        "</mc:AlternateContent></w:r></w:p>",
    ):
        document.element.body.insert(len(document.element.body) - 1, parse_xml(xml))
    assert read(tmp_path, document).text == "In a form.\nHe is not ill.\nBoxed."


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (OLE + "EncryptedPackage".encode("utf-16-le") + bytes(600), "encrypted; save it without a password"),
        (OLE + "WordDocument".encode("utf-16-le") + bytes(600), "an old Word file (.doc); save it as .docx"),
        (OLE + bytes(600), "an old Office file, and no text document"),
        (docx()[:3000], "its packing (zip) is broken or cut short (BadZipFile)"),
        (b"", "it is empty"),
    ],
)
@pytest.mark.parametrize("name", ["a.docx", "a.doc"])
def test_what_cannot_be_read_says_which_kind_it_is(tmp_path, name, content, why):
    assert read(tmp_path, content, name=name) == Bad(name, None, why)


def test_a_document_without_words_and_one_without_its_parts_are_bad(tmp_path):
    assert read(tmp_path, library.Document()).reason.startswith("no text in it")
    assert read(tmp_path, changed({}, drop=("word/document.xml",))).reason.startswith("malformed DOCX")
    assert read(tmp_path, changed({"word/document.xml": "<w:document"})).reason.startswith("malformed DOCX")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    bomb = changed({"word/media/a.bin": bytes(40_000_000)})
    assert read(tmp_path, bomb).reason == "it unpacks to more than 200 times its size (limits: expand)"
    assert "whole_mb" in read(tmp_path, bomb, Limits(whole_mb=1)).reason
    many = changed({f"word/media/{number}.bin": b"" for number in range(10_001)})
    assert "10000 files" in read(tmp_path, many).reason


def test_a_doctype_entities_and_depth_are_refused_in_every_part(tmp_path):
    body = f"<w:document {W}><w:body><w:p><w:r><w:t>a</w:t></w:r></w:p></w:body></w:document>"
    entities = f'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>{body}'
    for name in ("word/document.xml", "word/styles.xml", "docProps/core.xml", "_rels/.rels"):
        found = read(tmp_path, changed({name: entities.encode("utf-16")}))
        assert found.reason == "it declares entities, which are not read"
        assert "DOCTYPE" in read(tmp_path, changed({name: f"<!DOCTYPE d>{body}"})).reason
    deep = body.replace("<w:p>", "<w:sdt>" * 230 + "<w:p>").replace("</w:p>", "</w:p>" + "</w:sdt>" * 230)
    assert "depth" in read(tmp_path, changed({"word/document.xml": deep})).reason


def test_an_encrypted_entry_is_named(tmp_path):
    content = bytearray(docx())
    with zipfile.ZipFile(io.BytesIO(bytes(content))) as file:
        start = file.start_dir
    place = content.index(b"PK\x01\x02", start)
    content[place + 8] |= 1
    assert read(tmp_path, bytes(content)).reason == "encrypted; save it without a password"


def test_a_broken_date_or_style_loses_no_text(tmp_path):
    core = '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
    core += 'xmlns:dcterms="http://purl.org/dc/terms/"><dcterms:created>99999-99</dcterms:created></cp:coreProperties>'
    found = read(tmp_path, changed({"docProps/core.xml": core}))
    assert "brimtail fever" in found.text and found.date is None
