"""Articles of PubMed are read one at a time: their text, labels, dates and what they say of themselves."""

import gzip
import time
import tracemalloc

import pytest

from residency.core.types import Document
from residency.corpus.readers import read_file
from residency.corpus.readers.detect import detect
from residency.corpus.readers.guard import Given, Limits
from residency.corpus.records import Bad, Left

ARTICLE = """<PubmedArticle>
  <MedlineCitation Status="MEDLINE" Owner="NLM">
    <PMID Version="1">{pmid}</PMID>
    <Article PubModel="Print">
      <Journal><ISSN>1234-5678</ISSN><JournalIssue><PubDate>{date}</PubDate></JournalIssue>
        <Title>Journal of made-up trials</Title></Journal>
      <ArticleTitle>Zinc in CO<sub>2</sub> at 10<sup>6</sup> cells.</ArticleTitle>
      <ELocationID EIdType="doi" ValidYN="Y">10.1/abc</ELocationID>
      <Abstract>
        <AbstractText Label="BACKGROUND" NlmCategory="BACKGROUND">We <i>asked</i> &amp; answered.</AbstractText>
        <AbstractText Label="UNLABELLED">Half: <mml:math xmlns:mml="http://www.w3.org/1998/Math/MathML"><mml:mfrac>
          <mml:mn>1</mml:mn><mml:mn>2</mml:mn></mml:mfrac></mml:math>.</AbstractText>
        <AbstractText Label="RESULTS">It did
           nothing.</AbstractText>
        <CopyrightInformation>Copyright 2030 Nobody.</CopyrightInformation>
      </Abstract>
      <AuthorList><Author><LastName>Secretname</LastName></Author><Author><LastName>Other</LastName></Author></AuthorList>
      <Language>ger</Language>
      <PublicationTypeList><PublicationType UI="D1">Journal Article</PublicationType></PublicationTypeList>
    </Article>
    <CommentsCorrectionsList><CommentsCorrections RefType="RetractionIn"/></CommentsCorrectionsList>
    <MeshHeadingList>
      <MeshHeading><DescriptorName MajorTopicYN="N">Humans</DescriptorName></MeshHeading>
      <MeshHeading><DescriptorName MajorTopicYN="N">Zinc</DescriptorName>
        <QualifierName MajorTopicYN="Y">blood</QualifierName></MeshHeading>
    </MeshHeadingList>
  </MedlineCitation>
  <PubmedData>
    <ArticleIdList><ArticleId IdType="pubmed">{pmid}</ArticleId>
    <ArticleId IdType="pmc">PMC77</ArticleId></ArticleIdList>
    <ReferenceList><Reference><ArticleIdList><ArticleId IdType="pmc">PMC1</ArticleId></ArticleIdList></Reference>
    </ReferenceList>
  </PubmedData>
</PubmedArticle>
"""
OTHER = """<MedlineCitation><PMID>{pmid}</PMID><Article><ArticleTitle>[Fever.]</ArticleTitle>{abstract}
<VernacularTitle>Fiebre.</VernacularTitle><Language>spa</Language></Article>{other}</MedlineCitation>"""
HEAD = '<?xml version="1.0"?>\n<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD X//EN" "https://dtd.nlm.nih.gov/x.dtd">\n'


def article(pmid=1, date="<Year>2021</Year><Month>Mar</Month><Day>5</Day>"):
    return ARTICLE.format(pmid=pmid, date=date)


def wrapped(*articles, root="PubmedArticleSet"):
    return f"{HEAD}<{root}>\n{''.join(articles)}</{root}>\n"


def read(tmp_path, content, name="set.xml", **options):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert detect(path) == options.pop("form", "medline")
    limits = options.pop("limits", Limits())
    return list(read_file(Given(path, name, "pubmed", "NLM terms", limits=limits, options=options), "medline"))


def test_an_article_is_its_title_and_labelled_abstract(tmp_path):
    (found,) = read(tmp_path, wrapped(article(123)))
    assert found.id == "PMID:123"
    assert found.text == (
        "Zinc in CO2 at 10^6 cells.\n\nBACKGROUND: We asked & answered.\nHalf: 1/2.\nRESULTS: It did nothing."
    )
    assert (found.date, found.language, found.licence, found.source) == ("2021-03-05", "en", "NLM terms", "pubmed")


def test_what_an_article_says_of_itself_is_kept_but_no_author_is_named(tmp_path):
    (found,) = read(tmp_path, wrapped(article()))
    assert found.meta == {
        "kind": "article",
        "title": "Zinc in CO2 at 10^6 cells.",
        "journal": "Journal of made-up trials",
        "mesh": ["Zinc", "Humans"],
        "publication_types": ["Journal Article"],
        "languages": ["de"],
        "doi": "10.1/abc",
        "pmc": "PMC77",
        "authors": 2,
        "retracted": True,
        "copyright": "Copyright 2030 Nobody.",
    }


@pytest.mark.parametrize(
    ("date", "wanted"),
    [
        ("<Year>1999</Year>", "1999"),
        ("<Year>1999</Year><Month>11</Month>", "1999-11"),
        ("<Year>1999</Year><Season>Spring</Season>", "1999"),
        ("<Year>1999</Year><Month>Feb</Month><Day>30</Day>", "1999-02"),
        ("<MedlineDate>1998 Dec-1999 Jan</MedlineDate>", "1998-12"),
        ("<MedlineDate>2000 Spring</MedlineDate>", "2000"),
        ("<MedlineDate>1998-1999</MedlineDate>", "1998"),
        ("<MedlineDate>no year</MedlineDate>", None),
        ("", None),
    ],
)
def test_dates_are_as_precise_as_they_are_known(tmp_path, date, wanted):
    assert read(tmp_path, wrapped(article(date=date)))[0].date == wanted


def test_an_abstract_in_another_language_stands_only_where_there_is_no_english_one(tmp_path):
    other = '<OtherAbstract Type="Publisher" Language="spa"><AbstractText>Texto.</AbstractText></OtherAbstract>'
    english = "<Abstract><AbstractText>A text.</AbstractText></Abstract>"
    both = OTHER.format(pmid=1, abstract=english, other=other)
    only = OTHER.format(pmid=2, abstract="", other=other)
    first, second = read(tmp_path, wrapped(both, only, root="MedlineCitationSet"))
    assert (first.text, first.language, first.meta["languages"]) == ("[Fever.]\n\nA text.", "en", ["es"])
    assert (second.text, second.language) == ("Fiebre.\n\nTexto.", "es")


def test_articles_without_abstract_are_left_out_unless_titles_are_wanted(tmp_path):
    bare = wrapped(OTHER.format(pmid=2, abstract="", other=""))
    assert read(tmp_path, bare) == [Left("no abstract")]
    assert read(tmp_path, bare, titles=True)[0].text == "[Fever.]"


def test_deleted_citations_are_counted_one_by_one(tmp_path):
    deleted = "<DeleteCitation><PMID>5</PMID><PMID>6</PMID></DeleteCitation>"
    records = read(tmp_path, wrapped(article(), deleted))
    assert records[1:] == [Left("deleted citations")] * 2


def test_a_single_article_and_a_chapter_of_a_book_are_read(tmp_path):
    assert read(tmp_path, article(9))[0].id == "PMID:9"
    chapter = """<PubmedBookArticle><BookDocument><PMID>10</PMID><Book><BookTitle>Genes</BookTitle>
      <PubDate><Year>1993</Year></PubDate></Book><ArticleTitle>One gene</ArticleTitle><Language>eng</Language>
      <Abstract><AbstractText>Short.</AbstractText></Abstract></BookDocument></PubmedBookArticle>"""
    (found,) = read(tmp_path, wrapped(chapter))
    assert (found.id, found.text, found.date, found.meta["journal"]) == (
        "PMID:10",
        "One gene\n\nShort.",
        "1993",
        "Genes",
    )


def test_an_article_without_pmid_is_bad_and_the_others_are_read(tmp_path):
    broken = article(7).replace('<PMID Version="1">7</PMID>', "")
    first, bad, last = read(tmp_path, wrapped(article(1), broken, article(2)))
    assert (first.id, last.id) == ("PMID:1", "PMID:2")
    assert bad == Bad("set.xml", 4 + article(1).count("\n"), "the article has no PMID")


def test_a_packed_file_is_read_as_the_plain_one(tmp_path):
    content = wrapped(*map(article, range(1, 4))).encode()
    packed = read(tmp_path, gzip.compress(content), "set.xml.gz")
    assert packed == read(tmp_path, content) and len(packed) == 3


def test_a_truncated_gzip_is_named_and_what_was_read_before_is_kept(tmp_path):
    content = gzip.compress(wrapped(*map(article, range(1, 2000))).encode())
    records = read(tmp_path, content[: len(content) // 2], "set.xml.gz")
    assert len(records) > 100 and all(isinstance(record, Document) for record in records[:-1])
    assert "gzip" in records[-1].reason and records[-1].line > 1000


def test_cut_xml_keeps_what_was_complete_and_names_the_line(tmp_path):
    content = wrapped(article(1), article(2))
    lines = content.splitlines(keepends=True)
    records = read(tmp_path, "".join(lines[:60]))
    assert [record.id for record in records[:-1]] == ["PMID:1"]
    assert isinstance(records[-1], Bad) and records[-1].line in (60, 61)


@pytest.mark.parametrize(
    "declared",
    [
        '<!ENTITY a "aa"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">',
        '<!ENTITY c SYSTEM "file:///etc/hostname">',
    ],
)
def test_entities_are_neither_expanded_nor_fetched(tmp_path, declared):
    content = f"<!DOCTYPE PubmedArticleSet [{declared}]>\n<PubmedArticleSet>{article()}</PubmedArticleSet>"
    (bad,) = read(tmp_path, content.replace("nothing.", "&c;"))
    assert isinstance(bad, Bad) and "entities" in bad.reason


def test_another_root_is_named(tmp_path):
    (bad,) = read(tmp_path, "<?xml version='1.0'?><other><thing/></other>", form="xml")
    assert bad == Bad("set.xml", None, "no PubMed article in it")


def test_a_record_beyond_the_limit_ends_the_file_with_its_name(tmp_path):
    big = article(2).replace("nothing.", "word " * 100_000)
    records = read(tmp_path, wrapped(article(1), big), limits=Limits(record_mb=0.2))
    assert records[0].id == "PMID:1" and "record_mb" in records[-1].reason


def test_memory_stays_flat_over_a_long_file(tmp_path):
    path = tmp_path / "long.xml"
    path.write_text(wrapped(*map(article, range(1, 1501))))
    given = Given(path, "long.xml", "pubmed", "NLM terms")
    tracemalloc.start()
    began = time.process_time()
    assert sum(isinstance(record, Document) for record in read_file(given, "medline")) == 1500
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size / 4 and time.process_time() - began < 30
