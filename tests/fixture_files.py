"""One small valid file of every format that is read, made here; no word of them is from a data set."""

from __future__ import annotations

import io
import json
from base64 import b64encode

WORDS = "Vornak Quistel reports brimtail fever since Tuesday, pulse 88, and takes 40 mg zelmorin daily."
MORE = "The second visit of Vornak Quistel was calm; the brimtail fever is over and zelmorin was stopped."


def text() -> bytes:
    return f"Visit note\n\n{WORDS}\n{MORE}\n".encode()


def markdown() -> bytes:
    return f"---\ntitle: Brimtail fever\ndate: 2021-03-05\nlicence: CC0-1.0\n---\n# Overview\n\n{WORDS}\n".encode()


def html() -> bytes:
    return f"""<!DOCTYPE html><html lang="en"><head><title>Brimtail fever</title>
<meta name="author" content="A. Writer"></head><body><nav>Home</nav><main><h1>Brimtail fever</h1><p>{WORDS}</p>
<ul><li>one</li><li>two</li></ul><table><tr><th>Na</th><td>140</td></tr></table></main></body></html>""".encode()


def pdf(pages: list[list[str]] | None = None, title: str = "Brimtail fever") -> bytes:
    """Return a PDF with one line of text under the other on each page; brackets in them are not escaped."""
    pages = pages if pages is not None else [[WORDS[:50], WORDS[50:]], [MORE[:50], MORE[50:]]]
    kids = " ".join(f"{5 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        f"<< /Title ({title}) /Author (A. Writer) /CreationDate (D:20210305101500Z) >>",
    ]
    for number, page in enumerate(pages):
        drawn = "BT /F1 12 Tf 72 720 Td 14 TL " + " ".join(f"({line}) Tj T*" for line in page) + " ET"
        box = "/MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>"
        objects.append(f"<< /Type /Page /Parent 2 0 R {box} /Contents {6 + 2 * number} 0 R >>")
        objects.append(f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream")
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("cp1252")
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    tail = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R /Info 4 0 R >>\n"
    return out + f"{tail}startxref\n{len(out)}\n%%EOF\n".encode()


def docx() -> bytes:
    import docx as library

    document = library.Document()
    document.add_heading("Brimtail fever", 1)
    document.add_paragraph(WORDS)
    document.add_paragraph("one", style="List Bullet")
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Na", "140"
    document.add_paragraph(MORE)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def jsonl() -> bytes:
    rows = [{"id": "r1", "text": WORDS}, {"id": "r2", "text": MORE, "patient": "p1", "date": "2021-03-05"}]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def messages() -> bytes:
    turns = [{"role": "user", "content": WORDS}, {"role": "assistant", "content": MORE}]
    return "".join(json.dumps({"messages": turns}) + "\n" for _ in range(2)).encode()


def json_array() -> bytes:
    return json.dumps([{"instruction": "Sum up.", "input": WORDS, "output": MORE}], indent=1).encode()


def csv() -> bytes:
    return f'id,text,patient\nr1,"{WORDS}",p1\nr2,"{MORE}\nIt ends.",p2\n'.encode()


def parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.table({"id": ["r1", "r2"], "text": [WORDS, MORE]}), out)
    return out.getvalue()


def medline() -> bytes:
    article = """<PubmedArticle><MedlineCitation Status="MEDLINE" Owner="NLM"><PMID Version="1">{0}</PMID>
<Article PubModel="Print"><Journal><JournalIssue><PubDate><Year>2021</Year><Month>Mar</Month></PubDate></JournalIssue>
<Title>Made Journal</Title></Journal><ArticleTitle>On brimtail fever.</ArticleTitle><Abstract>
<AbstractText Label="RESULTS">{1}</AbstractText></Abstract><Language>eng</Language></Article>
<MeshHeadingList><MeshHeading><DescriptorName UI="D005334">Fever</DescriptorName></MeshHeading></MeshHeadingList>
</MedlineCitation></PubmedArticle>"""
    doctype = '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle//EN" "https://example.org/pubmed.dtd">'
    articles = article.format(11, WORDS) + article.format(12, MORE)
    articles = f"<PubmedArticleSet>{articles}</PubmedArticleSet>"
    return f'<?xml version="1.0" encoding="utf-8"?>\n{doctype}\n{articles}'.encode()


def jats() -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE article PUBLIC "-//NLM//DTD JATS//EN" "JATS-archivearticle1.dtd">
<article xml:lang="en" article-type="research-article"><front><journal-meta><journal-title-group>
<journal-title>Made Journal</journal-title></journal-title-group></journal-meta><article-meta>
<article-id pub-id-type="pmc">PMC11</article-id><title-group><article-title>On brimtail fever</article-title>
</title-group><pub-date><day>5</day><month>3</month><year>2021</year></pub-date><abstract><p>{WORDS}</p></abstract>
</article-meta></front><body><sec><title>Results</title><p>{MORE}</p></sec></body></article>""".encode()


def cda() -> bytes:
    return f"""<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.3" extension="n1"/>
<title>Visit</title><effectiveTime value="20210305"/><languageCode code="en-US"/><recordTarget><patientRole>
<id root="1.2" extension="p1"/></patientRole></recordTarget><component><structuredBody><component><section>
<title>Course</title><text><paragraph>{WORDS}</paragraph></text></section></component></structuredBody></component>
</ClinicalDocument>""".encode()


def _note(key: str, words: str) -> dict:
    data = {"contentType": "text/plain", "data": b64encode(words.encode()).decode()}
    subject = {"reference": "Patient/p1"}
    return {
        "resourceType": "DocumentReference",
        "id": key,
        "status": "current",
        "subject": subject,
        "content": [{"attachment": data}],
    }


def _condition() -> dict:
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "1", "display": "Brimtail fever"}]}
    return {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}, "code": code}


def fhir_bundle() -> bytes:
    entries = [{"resource": resource} for resource in (_note("n1", WORDS), _condition())]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}, indent=2).encode()


def fhir_lines() -> bytes:
    rows = (_note("n1", WORDS), _condition(), _note("n2", MORE))
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def obo() -> bytes:
    return f"""format-version: 1.2
ontology: made

[Term]
id: MADE:1
name: fever
def: "{WORDS}" [made:1]

[Term]
id: MADE:2
name: brimtail fever
synonym: "tail fever" EXACT []
is_a: MADE:1 ! fever
""".encode()


def turtle() -> bytes:
    return f"""@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix m: <http://example.org/> .
m:fever rdfs:label "fever"@en ; rdfs:comment "{WORDS}" .
m:brimtail rdfs:subClassOf m:fever ; rdfs:label "brimtail fever"@en .
""".encode()


def rdf_xml() -> bytes:
    return f"""<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#"><rdf:Description rdf:about="http://example.org/fever">
<rdfs:label xml:lang="en">fever</rdfs:label><rdfs:comment>{WORDS}</rdfs:comment></rdf:Description></rdf:RDF>""".encode()


def brat() -> tuple[bytes, bytes]:
    """Return a text and the annotations that stand beside it."""
    start = WORDS.index("brimtail")
    return WORDS.encode(), f"T1\tDisease {start} {start + 14}\tbrimtail fever\nA1\tNegated T1\n".encode()


def conll() -> bytes:
    rows = ["Vornak\tO", "reports\tO", "brimtail\tB-Disease", "fever\tI-Disease", "", "No\tO", "cough\tB-Disease"]
    return ("\n".join(rows) + "\n").encode()


FILES: dict[str, tuple[str, bytes]] = {
    "note.txt": ("text", text()),
    "page.md": ("markdown", markdown()),
    "page.html": ("html", html()),
    "paper.pdf": ("pdf", pdf()),
    "letter.docx": ("docx", docx()),
    "rows.jsonl": ("jsonl", jsonl()),
    "chat.jsonl": ("jsonl", messages()),
    "rows.json": ("json", json_array()),
    "rows.csv": ("csv", csv()),
    "rows.parquet": ("parquet", parquet()),
    "pubmed.xml": ("medline", medline()),
    "PMC11.nxml": ("jats", jats()),
    "visit.xml": ("cda", cda()),
    "bundle.json": ("fhir", fhir_bundle()),
    "notes.ndjson": ("fhir", fhir_lines()),
    "made.obo": ("obo", obo()),
    "made.ttl": ("rdf", turtle()),
    "made.owl": ("rdf", rdf_xml()),
    "marked.txt": ("brat", brat()[0]),
    "words.conll": ("conll", conll()),
}
"""Name, format and content; beside ``marked.txt`` stands ``marked.ann`` with ``brat()[1]``."""
