"""A page is its main part, one line a block; what stands around it, and what a browser hides, is not its text."""

import re
import time
from html.parser import HTMLParser

import pytest

from residency.corpus.readers import read_part
from residency.corpus.readers.guard import Given
from residency.corpus.readers.html import fragment_text
from residency.corpus.records import Bad


def read(tmp_path, content, name="a.html", **fields):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    [record] = read_part([Given(path, name, "made", "CC0-1.0", **fields)])
    return record


def test_a_page_is_its_main_part_without_the_furniture(tmp_path):
    page = """<!doctype html><html lang="de-CH"><head><title>Fever</title><style>p {}</style></head><body>
      <header>Site</header><nav><a>Home</a></nav>
      <main><header><h1>Brimtail   fever</h1></header><p>One &amp; <b>two</b>&nbsp;mg.<br>New line.</p>
      <script>var x = "script"</script><noscript>none</noscript><aside>Advert</aside>
      <form><input value="q"><button>Search</button></form><p hidden>hidden</p><p style="display:none">gone</p>
      <ul><li>first</li><li><p>second</p></li></ul></main>
      <footer>Imprint</footer></body></html>"""
    found = read(tmp_path, page)
    assert found.text == "Brimtail fever\nOne & two mg.\nNew line.\n- first\n- second"
    assert found.language == "de" and found.id == "a"
    assert found.meta == {"kind": "page", "format": "html", "title": "Fever"}


def test_tables_are_rows_and_layout_tables_are_not(tmp_path):
    table = """<table><tr><th>Test</th><th>Value</th></tr>
      <tr><td>Na</td><td><p>140</p> mmol</td></tr><tr><td>K</td><td></td></tr></table>"""
    assert read(tmp_path, f"<html><body>{table}").text == "Test | Value\nNa | 140 mmol\nK"
    layout = f"<html><table><tr><td><h1>Title</h1><p>One.</p><p>Two.</p>{table}</td></tr></table>"
    assert read(tmp_path, layout).text == "Title\nOne.\nTwo.\nTest | Value\nNa | 140 mmol\nK"


def test_what_a_page_says_about_itself_is_kept(tmp_path):
    head = """<meta property="og:title" content="The title"><title>x</title>
      <meta name="citation_author" content="Ada One"><meta name="citation_author" content="Bo Two">
      <meta name="citation_publication_date" content="2021/03/05"><meta name="date" content="nonsense">
      <link rel="canonical" href="https://example.org/page"><meta http-equiv="content-language" content="fr">"""
    found = read(tmp_path, f"<html><head>{head}</head><body><p>Un mot.</p></body></html>")
    assert (found.date, found.language) == ("2021-03-05", "fr")
    assert found.meta["title"] == "The title" and found.meta["author"] == "Ada One; Bo Two"
    assert found.meta["url"] == "https://example.org/page"


def test_an_empty_main_part_is_not_believed(tmp_path):
    assert read(tmp_path, f"<html><body><main></main><p>{'word ' * 50}</p>").text.startswith("word")
    two = "<html><body><article><p>One.</p></article><article><p>Two.</p></article></body></html>"
    assert read(tmp_path, two).text == "One.\nTwo."


def test_a_form_around_the_whole_page_is_no_furniture(tmp_path):
    page = "<html><body><form><p>Words.</p><input><select><option>x</option></select></form></body></html>"
    assert read(tmp_path, page).text == "Words."


def test_words_beside_what_is_removed_stay_apart(tmp_path):
    assert read(tmp_path, "<html><body><p>one<script>x</script>two</p>").text == "one two"


def test_preformatted_text_keeps_its_lines(tmp_path):
    assert read(tmp_path, "<html><body><pre>a\n  b\n</pre>c\nd").text == "a\nb\nc d"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_the_encoding_that_a_page_names_is_its_own(tmp_path, encoding):
    page = f'<html><head><meta charset="{encoding}"></head><body><p>Größe – 5 µg</p></body></html>'
    assert read(tmp_path, page.encode(encoding)).text == "Größe – 5 µg"
    old = '<html><meta http-equiv="Content-Type" content="text/html; charset=ISO-8859-1"><p>Größe</p></html>'
    assert read(tmp_path, old.encode("cp1252")).text == "Größe"
    assert "not UTF-8" in read(tmp_path, "<html><p>Größe".encode("cp1252")).reason
    assert read(tmp_path, "<html><meta charset=nonsense><p>Größe".encode()).text == "Größe"


def test_xhtml_with_a_declaration_is_read(tmp_path):
    page = (
        '<?xml version="1.0" encoding="UTF-8"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>a</p></body></html>'
    )
    assert read(tmp_path, page).text == "a"


def test_a_page_without_text_is_bad(tmp_path):
    for page in ("<html></html>", "<html><script>x()</script></html>", "<!doctype html>", "<html><body>&nbsp;"):
        assert isinstance(read(tmp_path, page), Bad)


@pytest.mark.parametrize(
    "page",
    [
        "<html>" + "<div>" * 200_000 + "deep",
        "<html>" + "<b><p>" * 100_000,
        "<html><p>" + "&" * 300_000,
        "<html>" + "<td>" * 100_000,
        "<html><table>" + "<tr><td><table>" * 50_000,
        "<html>" + "<!--" * 200_000,
        "<html><p " + "a=b " * 200_000,
        "<html>" + "<li>" * 50_000 + "x",
        "<html><p>" + "w" * 11_000_000,
    ],
)
def test_hostile_pages_end_in_a_record_soon(tmp_path, page):
    began = time.monotonic()
    read(tmp_path, page)
    assert time.monotonic() - began < 10


class Reference(HTMLParser):
    """The standard library's parser, as the FHIR reader used it: line ends where blocks begin or end."""

    blocks = {"p", "div", "br", "li", "tr", "ul", "ol", "table", "h1", "h2", "h3", "h4"}

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.parts = []

    def handle_starttag(self, tag, attrs):
        self.parts.append("\n" if tag in self.blocks else "")

    def handle_endtag(self, tag):
        self.parts.append("\n" if tag in self.blocks else "")

    def handle_data(self, data):
        self.parts.append(data)


def reference(html):
    parser = Reference()
    parser.feed(html)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.parts).split("\n"))
    return "\n".join(line for line in lines if line)


PIECES = [
    "",
    "plain words\nof two lines",
    "a &lt; b &amp; c &#8211; d&nbsp;e &eacute; &hellip;",
    '<div xmlns="http://www.w3.org/1999/xhtml">a  b<p>c &lt; d</p></div>',
    "<div><table><tr><td>Na</td><td>140</td></tr><tr><td>K</td></tr></table></div>",
    "<p>One</p>two<br/>three<ul><li>four</li><li>five <b>six</b></li></ul>",
    "<h2>Title</h2><div>text<div>inner</div>after</div>",
    "less < than and > more & so on",
    "<div>a<!-- comment -->b</div>",
    "<table border='1'><thead><tr><th>Drug</th></tr></thead><tbody><tr><td>x</td></tr></tbody></table>",
    "Größe 5 µg 😀",
]


@pytest.mark.parametrize("piece", PIECES)
def test_a_fragment_reads_as_the_standard_parser_reads_it(piece):
    assert fragment_text(piece) == reference(piece)


def test_a_fragment_never_joins_the_words_of_two_blocks():
    assert fragment_text("<p>Fever</p>Cough<div>Rash</div>Pain") == "Fever\nCough\nRash\nPain"


def test_a_fragment_is_read_faster_than_by_the_standard_parser():
    note = "".join(f"<p>Line {i} of a note, with <b>bold</b> words &amp; signs.</p>" for i in range(200))
    note = f"<div>{note}</div>"

    def best(function):
        times = []
        for _ in range(5):
            began = time.perf_counter()
            function(note)
            times.append(time.perf_counter() - began)
        return min(times)

    assert fragment_text(note) == reference(note) and re.match("Line 0", fragment_text(note))
    assert best(fragment_text) < best(reference)
