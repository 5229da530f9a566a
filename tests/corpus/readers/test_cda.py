"""C-CDA documents are read as their sections' narrative; entries speak only where there is none."""

import base64

import pytest

from residency.corpus.readers import read_file
from residency.corpus.readers.detect import detect
from residency.corpus.readers.guard import Given, Limits
from residency.corpus.records import Bad, Left

HEAD = """<?xml version="1.0"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <id root="1.2.3" extension="doc9"/>
 <code code="34133-9" codeSystem="2.16.840.1.113883.6.1" displayName="Summarization of Episode Note"/>
 <title>Summary of care</title>
 <effectiveTime value="20210305141500-0500"/>
 <languageCode code="en-US"/>
 <recordTarget><patientRole>
  <id root="2.16.840.1.113883.4.1" extension="111-00-2222"/><id root="9.9"/><id root="1.2.4" extension="MRN7"/>
  <addr><city>Secrettown</city></addr><patient><name><given>Secretname</given></name></patient>
 </patientRole></recordTarget>
"""
SECTIONS = """<component><structuredBody>
 <component><section>
  <code code="11450-4" displayName="Problem list"/><title>Problems</title>
  <text>Known <content styleCode="Bold">for years</content>:<br/>two
   <list listType="ordered"><item>Asthma<footnote>mild</footnote></item><item><caption>Old:</caption>Gout</item></list>
   <paragraph>Dose 5 m<sup>2</sup> at 10<sup>6</sup> <content revised="delete">gone</content>&#956;g</paragraph>
   <renderMultiMedia referencedObject="m"><caption>A picture</caption></renderMultiMedia></text>
  <entry><act><templateId root="2.16.1.3"/></act></entry>
  <entry><act><templateId root="2.16.1.3"/></act></entry>
  <component><section><title>Family</title><text>None.</text></section></component>
 </section></component>
 <component><section>
  <code code="30954-2"/><title>Results</title>
  <text><table><caption>Blood</caption><thead><tr><th>Test</th><th colspan="2">Value</th><th>Date</th></tr></thead>
   <tbody><tr><td>Sodium</td><td>140</td><td>mmol/L</td><td>2021</td></tr>
   <tr><td>Zinc</td><td/><td/><td><list><item>a</item><item>b</item></list></td></tr></tbody></table></text>
 </section></component>
</structuredBody></component></ClinicalDocument>"""
TEXT = """Summary of care

Problems
Known for years:
two
1. Asthma
mild
2. Old:
Gout
Dose 5 m2 at 10^6 \u03bcg
A picture

Family
None.

Results
Blood
Test: Sodium; Value: 140; Value: mmol/L; Date: 2021
Test: Zinc; Date: a, b"""


def read(tmp_path, content, name="visits/note.xml", encoding="utf-8", limits=None):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    assert detect(path) in ("cda", "xml")
    return list(read_file(Given(path, name, "ehr", "internal", encoding=encoding, limits=limits or Limits()), "cda"))


def test_sections_are_read_in_order_under_their_titles(tmp_path):
    (found,) = read(tmp_path, HEAD + SECTIONS)
    assert found.text == TEXT
    assert (found.id, found.patient, found.date, found.language) == ("1.2.3:doc9", "MRN7", "2021-03-05", "en")
    assert found.meta == {
        "kind": "note",
        "format": "cda",
        "title": "Summary of care",
        "type": "Summarization of Episode Note",
        "loinc": "34133-9",
        "sections": [["Problems", "11450-4"], ["Family", ""], ["Results", "30954-2"]],
        "entries": {"2.16.1.3": 2},
    }


def test_names_addresses_and_social_security_numbers_of_the_header_are_not_read(tmp_path):
    (found,) = read(tmp_path, HEAD + SECTIONS)
    assert not any(word in repr(found) for word in ("Secrettown", "Secretname", "111-00-2222"))


ENTRIES = """<component><structuredBody><component><section><title>{title}</title>{text}<entry>{entry}</entry></section>
</component></structuredBody></component></ClinicalDocument>"""


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (
            """<act><entryRelationship><observation><code code="55607006" displayName="Problem"/>
            <effectiveTime><low value="201005"/></effectiveTime>
            <value xsi:type="CD" code="1" displayName="Asthma"/></observation>
            </entryRelationship></act>""",
            "Problem: Asthma (2010-05)",
        ),
        (
            """<observation negationInd="true"><code displayName="Problem"/><value xsi:type="CD" code="1"
            displayName="Gout"/></observation>""",
            "Problem: not Gout",
        ),
        (
            """<substanceAdministration><effectiveTime xsi:type="IVL_TS"><low value="20200101"/><high value="20200201"/>
            </effectiveTime><routeCode displayName="Oral"/><doseQuantity value="5" unit="mg"/><consumable>
            <manufacturedProduct><manufacturedMaterial><code nullFlavor="OTH"><translation displayName="Zinc"/></code>
            </manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>""",
            "Zinc 5 mg Oral (2020-01-01 to 2020-02-01)",
        ),
        (
            """<observation><code displayName="Assertion"/><value xsi:type="CD" displayName="Allergy to substance"/>
            <participant><participantRole><playingEntity><code displayName="Penicillin"/></playingEntity>
            </participantRole></participant></observation>""",
            "Allergy to substance: Penicillin",
        ),
        (
            """<organizer><component><observation><code displayName="Sodium"/><effectiveTime value="20210304"/>
            <value xsi:type="PQ" value="140" unit="mmol/L"/></observation></component></organizer>""",
            "Sodium: 140 mmol/L (2021-03-04)",
        ),
        (
            """<observation><code><originalText>Rash</originalText></code><value xsi:type="IVL_PQ"><low value="1"
            unit="cm"/></value></observation>""",
            "Rash: at least 1 cm",
        ),
        ("""<procedure><code displayName="Biopsy"/><effectiveTime><high value="2019"/></effectiveTime></procedure>""",
         "Biopsy (until 2019)"),
    ],
)  # fmt: skip
def test_entries_speak_where_there_is_no_narrative(tmp_path, entry, line):
    (found,) = read(tmp_path, HEAD + ENTRIES.format(title="T", text="<text/>", entry=entry))
    assert found.text == f"Summary of care\n\nT\n{line}"
    (told,) = read(tmp_path, HEAD + ENTRIES.format(title="T", text="<text>Told.</text>", entry=entry))
    assert told.text == "Summary of care\n\nT\nTold."


def body(content, kind="text/plain", more='representation="B64"'):
    packed = base64.b64encode(content.encode()).decode()
    text = f'<text mediaType="{kind}" {more}>\n{packed}\n</text>'
    return f"{HEAD}<component><nonXMLBody>{text}</nonXMLBody></component></ClinicalDocument>"


def test_an_unstructured_body_is_unpacked_where_it_is_text(tmp_path):
    assert read(tmp_path, body("A letter."))[0].text == "Summary of care\n\nA letter."
    assert read(tmp_path, body("<p>One &amp;</p><p>two</p>", "text/html"))[0].text == "Summary of care\n\nOne &\ntwo"
    assert read(tmp_path, body("%PDF", "application/pdf")) == [Left("body of type application/pdf, or compressed")]
    assert read(tmp_path, body("x", more='representation="B64" compression="DF"'))[0].reason.endswith("compressed")
    broken = body("A letter.").replace(base64.b64encode(b"A letter.").decode(), "Q!S")
    assert read(tmp_path, broken) == [Bad("visits/note.xml", 12, "broken base64 in the body")]


def test_a_document_without_id_and_patient_goes_by_its_file(tmp_path):
    content = "<ClinicalDocument xmlns='urn:hl7-org:v3'>" + SECTIONS
    (found,) = read(tmp_path, content)
    assert (found.id, found.patient, found.date) == ("visits/note", None, None)


def test_a_document_of_nothing_is_left_out(tmp_path):
    content = HEAD + ENTRIES.format(title="T", text="", entry="<act/>")
    assert read(tmp_path, content) == [Left("no narrative and no entries that are read")]


HOSTILE = (HEAD + SECTIONS)[22:].replace("None.", "&b;")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ((HEAD + SECTIONS)[:-200], "not well-formed XML at line 26"),
        ("<?xml version='1.0'?>\n<Other/>", "the root element is not ClinicalDocument"),
        ('<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>' + HOSTILE, "entities"),
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "/etc/hostname">]>' + HOSTILE, "entities"),
        (HEAD + "<component>" * 220 + "</component>" * 220 + "</ClinicalDocument>", "deep"),
    ],
)  # fmt: skip
def test_what_is_broken_or_hostile_is_named(tmp_path, content, why):
    (bad,) = read(tmp_path, content)
    assert isinstance(bad, Bad) and why in bad.reason and "Gout" not in bad.reason


def test_a_file_beyond_the_limit_is_named(tmp_path):
    (bad,) = read(tmp_path, HEAD + SECTIONS, limits=Limits(whole_mb=0.001))
    assert "whole_mb" in bad.reason
