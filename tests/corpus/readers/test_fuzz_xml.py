"""Whatever is done to a file of XML, OBO or RDF, its reader ends with records, and never with an exception."""

import importlib.util
import tempfile
import zlib
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residency.core.types import Document
from residency.corpus.readers import FORMATS, read_file
from residency.corpus.readers.guard import Given, Limits
from residency.corpus.records import Bad, Left

PIECES = [
    b"<",
    b">",
    b"</",
    b"&",
    b"&x;",
    b'"',
    b"]]>",
    b"<!--",
    b"<![CDATA[",
    b"\0",
    b"\xff",
    b"\n[Term]\n",
    b" .\n",
    b"{",
]


def sample(name):
    """Return another test's module, for the file it made up."""
    place = Path(__file__).parent / f"test_{name}.py"
    spec = importlib.util.spec_from_file_location(f"sample_{name}", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def samples():
    medline, jats, cda, rdf = map(sample, ("medline", "jats", "cda", "rdf"))
    return {
        "medline": [medline.wrapped(medline.article(1), medline.article(2))],
        "jats": [f"<pmc-articleset>{jats.article(1)}{jats.article(2)}</pmc-articleset>"],
        "cda": [cda.HEAD + cda.SECTIONS],
        "obo": [sample("obo").OBO],
        "rdf": [rdf.TURTLE, rdf.RDFXML.format(comment="x"), '<http://a> <http://b> "c"@en .\n' * 5],
    }


@st.composite
def damaged(draw, form):
    """Draw a file of a format with pieces cut out, put in, repeated, or packed and cut."""
    content = draw(st.sampled_from(samples()[form])).encode()
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 1, 5, 60, 2000])))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=8), st.just(content[start:end] * 2)))
        content = content[:start] + piece + content[end:]
    if draw(st.booleans()):
        packer = zlib.compressobj(wbits=31)
        packed = packer.compress(content) + packer.flush()
        content = packed[: draw(st.integers(2, len(packed)))]
    return content


@pytest.mark.parametrize("form", ["medline", "jats", "cda", "obo", "rdf"])
def test_a_damaged_file_becomes_records_whatever_was_done_to_it(form):
    assert form in FORMATS

    @settings(max_examples=120, deadline=None, database=None, derandomize=True)
    @given(damaged(form))
    def check(content):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            path.write_bytes(content)
            records = list(read_file(Given(path, "file", "s", "l", limits=Limits(seconds=5)), form))
        assert all(isinstance(record, Document | Bad | Left) for record in records)
        assert records
        for record in records:
            if isinstance(record, Document):
                assert record.id and record.text.strip()
            else:
                assert "Secret" not in record.reason and len(record.reason) < 200

    check()
