"""Full articles are read as they are read by people: in order, without what stands around the text."""

import pytest

from residency.core.types import Document
from residency.corpus.readers import read_file
from residency.corpus.readers.detect import detect
from residency.corpus.readers.guard import Given
from residency.corpus.records import Bad, Left

ARTICLE = """<article xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:mml="http://www.w3.org/1998/Math/MathML"
 article-type="research-article" xml:lang="en">
<front><journal-meta><journal-title-group><journal-title>Made-up Medicine</journal-title></journal-title-group>
</journal-meta>
<article-meta>
 <article-id pub-id-type="pmc">{pmc}</article-id><article-id pub-id-type="doi">10.1/x</article-id>
 <title-group><article-title>Zinc for <italic>colds</italic></article-title><subtitle>a trial</subtitle></title-group>
 <contrib-group><contrib contrib-type="author"><name><surname>Secretname</surname></name></contrib></contrib-group>
 <pub-date pub-type="collection"><year>2020</year></pub-date>
 <pub-date pub-type="epub"><day>3</day><month>2</month><year>2021</year></pub-date>
 <permissions><copyright-statement>2021 Nobody</copyright-statement><license>
  <ali:license_ref xmlns:ali="http://www.niso.org/schemas/ali/1.0/">https://creativecommons.org/licenses/by/4.0/</ali:license_ref>
  <license-p>Data: <ext-link xlink:href="https://creativecommons.org/publicdomain/zero/1.0/">CC0</ext-link></license-p>
 </license></permissions>
 <abstract><sec><title>Aims</title><p>To see.</p></sec></abstract>
 <abstract abstract-type="graphical"><p>A picture.</p></abstract>
 <kwd-group><kwd>zinc</kwd><kwd>cold</kwd></kwd-group>
</article-meta></front>
<body>
 <sec><label>1</label><title>Methods</title>
  <p>As shown [<xref ref-type="bibr" rid="b1">1</xref>, <xref ref-type="bibr" rid="b2">2</xref>&#8211;<xref
   ref-type="bibr" rid="b3">4</xref>], by many<sup><xref ref-type="bibr" rid="b1">5</xref>,<xref ref-type="bibr"
   rid="b1">6</xref></sup> and by <xref ref-type="bibr" rid="b9">Smith (2010)</xref>; see
   <xref ref-type="fig" rid="f1">Fig. 1</xref>
   for 10<sup>3</sup> cells<xref ref-type="bibr" rid="b7"><sup>7</sup></xref>.</p>
  <p>Steps: <list list-type="bullet"><list-item><p>wash</p></list-item><list-item><p>rest</p>
   <list><list-item><p>long</p></list-item></list></list-item></list> and then
   <disp-formula id="e1"><label>(1)</label><alternatives><graphic xlink:href="x"/><mml:math><mml:msup><mml:mi>x</mml:mi>
   <mml:mn>2</mml:mn></mml:msup><mml:mo>=</mml:mo><mml:mfrac><mml:mi>a</mml:mi><mml:mi>b</mml:mi></mml:mfrac></mml:math>
   <tex-math>\\begin{{document}}$$x$$\\end{{document}}</tex-math></alternatives></disp-formula>.</p>
  <sec><title>Patients</title><p>Forty<xref ref-type="table-fn">*</xref>.</p></sec>
  <table-wrap><label>Table 1.</label><caption><p>Results</p></caption><table>
   <thead><tr><th>Arm</th><th>n</th></tr></thead>
   <tbody><tr><td>zinc</td><td>2<sup>*</sup></td></tr></tbody></table>
   <table-wrap-foot><fn><p>* one left</p></fn></table-wrap-foot>
  </table-wrap>
  <fig><label>Figure 1</label><caption><title>Flow.</title><p>Who came.</p></caption><graphic xlink:href="f"/></fig>
 </sec>
</body>
<back><ack><p>We thank Secretname.</p></ack>
 <ref-list><ref><mixed-citation>Secretname 2001</mixed-citation></ref></ref-list>
 <app-group><app><title>Appendix</title><p>More.</p></app></app-group></back>
</article>
"""
TEXT = """Zinc for colds: a trial

Abstract
Aims
To see.

Methods
As shown, by many and by Smith (2010); see Fig. 1 for 10^3 cells.
Steps:
- wash
- rest
- long
and then
x^2=a/b
Patients
Forty*.
Table 1. Results
Arm | n
zinc | 2*
* one left
Figure 1. Flow. Who came.

Appendix
More."""


def article(pmc=11):
    return ARTICLE.format(pmc=pmc)


def read(tmp_path, content, name="a.xml", form="jats", **options):
    path = tmp_path / name
    path.write_text(content)
    assert form is None or detect(path) == form
    return list(read_file(Given(path, name, "pmc", "unknown", language="de", options=options), "jats"))


def test_an_article_is_read_in_order_without_what_stands_around_it(tmp_path):
    (found,) = read(tmp_path, article())
    assert found.text == TEXT
    assert (found.id, found.date, found.language, found.licence) == ("PMC11", "2021-02-03", "en", "CC BY 4.0")
    assert "Secretname" not in found.text


def test_what_an_article_says_of_itself_is_kept(tmp_path):
    (found,) = read(tmp_path, article())
    assert found.meta == {
        "kind": "article",
        "title": "Zinc for colds: a trial",
        "journal": "Made-up Medicine",
        "article_type": "research-article",
        "keywords": ["zinc", "cold"],
        "doi": "10.1/x",
        "authors": 1,
        "copyright": "2021 Nobody",
    }


def test_tables_may_be_left_out_but_not_their_captions(tmp_path):
    (found,) = read(tmp_path, article(), tables=False)
    assert "Table 1. Results\nFigure 1." in found.text and "zinc | 2" not in found.text


@pytest.mark.parametrize(
    ("link", "wanted"),
    [
        ('xlink:href="http://creativecommons.org/licenses/by-nc-nd/3.0/us/"', "CC BY-NC-ND 3.0"),
        ('xlink:href="https://creativecommons.org/publicdomain/zero/1.0/"', "CC0 1.0"),
        ('xlink:href="https://creativecommons.org/licenses/by-sa/"', "CC BY-SA"),
        ('xlink:href="https://example.org/terms"', "unknown"),
        ('license-type="open-access"', "unknown"),
    ],
)
def test_a_creative_commons_licence_is_named_and_no_other_guessed(tmp_path, link, wanted):
    start, rest = article().split("<license>")
    rest = rest.partition("</license>")[2]
    (found,) = read(tmp_path, f"{start}<license {link}><license-p>As is.</license-p></license>{rest}")
    assert found.licence == wanted
    assert found.meta.get("permissions") == ("As is." if wanted == "unknown" else None)


def test_ids_fall_back_to_the_doi_and_the_name_of_the_file(tmp_path):
    content = article().replace('<article-id pub-id-type="pmc">11</article-id>', "")
    assert read(tmp_path, content)[0].id == "10.1/x"
    content = content.replace('<article-id pub-id-type="doi">10.1/x</article-id>', "")
    assert read(tmp_path, content)[0].id == "a"
    both = read(tmp_path, f"<pmc-articleset>\n{content}{content}</pmc-articleset>")
    assert [record.id for record in both] == ["a.xml:3", f"a.xml:{3 + content.count(chr(10))}"]


def test_a_set_of_articles_and_an_archives_answer_are_read(tmp_path):
    inside = article(5).replace("<article ", '<article xmlns="https://jats.nlm.nih.gov/ns/archiving/1.3/" ')
    answer = f"""<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><ListRecords><record><header/><metadata>
    {inside}</metadata></record><record><header status="deleted"/></record></ListRecords></OAI-PMH>"""
    first, last = read(tmp_path, answer, form=None)
    assert (first.id, first.text, last) == ("PMC5", TEXT, Left("deleted records"))
    both = read(tmp_path, f"<pmc-articleset>{article(1)}{article(2)}</pmc-articleset>")
    assert [record.id for record in both] == ["PMC1", "PMC2"]


def test_a_retracted_article_says_so(tmp_path):
    link = '<related-article related-article-type="retraction-forward" ext-link-type="pubmed"/></article-meta>'
    assert read(tmp_path, article().replace("</article-meta>", link))[0].meta["retracted"] is True


def test_an_article_without_front_is_bad_and_one_without_text_is_left_out(tmp_path):
    empty = "<article><front><article-meta/></front></article>"
    records = read(tmp_path, f"<pmc-articleset>\n<article><body/></article>\n{empty}\n{article()}</pmc-articleset>")
    assert records[0] == Bad("a.xml", 2, "no article, or one without its front (article-meta)")
    assert records[1] == Left("no abstract and no body") and records[2].id == "PMC11"


def test_cut_xml_keeps_what_was_complete_and_names_the_line(tmp_path):
    content = f"<pmc-articleset>\n{article(1)}{article(2)}"
    records = read(tmp_path, content[:-300])
    assert [getattr(record, "id", None) for record in records] == ["PMC1", None]
    assert records[1].line == content[:-300].count("\n") + 1


def test_entities_are_refused_and_characters_of_an_unread_dtd_are_known(tmp_path):
    declared = '<!DOCTYPE article [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
    (bad,) = read(tmp_path, declared + article().replace("To see.", "&b;"))
    assert "entities" in bad.reason
    public = '<!DOCTYPE article PUBLIC "-//NLM//DTD JATS//EN" "JATS.dtd">'
    (found,) = read(tmp_path, public + article().replace("To see.", "2&nbsp;&mu;g"))
    assert "2 \u03bcg" in found.text


def test_oasis_tables_and_a_file_that_holds_no_article(tmp_path):
    rows = "<tgroup><tbody><row><entry>a</entry><entry>b</entry></row></tbody></tgroup>"
    start, _, rest = article().partition("<table>")
    (found,) = read(tmp_path, f"{start}<table>{rows}</table>{rest.partition('</table>')[2]}")
    assert "Table 1. Results\na | b\n* one left" in found.text
    assert read(tmp_path, "<?xml version='1.0'?><other/>", form="xml") == [Bad("a.xml", None, "no article in it")]
    assert all(isinstance(record, Document) for record in [found])
