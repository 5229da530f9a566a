"""Terms and relations of OBO are read stanza by stanza; a broken one costs only itself."""

import gzip

from residency.core.types import Document
from residency.corpus.readers import read_file
from residency.corpus.readers.detect import detect
from residency.corpus.readers.guard import Given
from residency.corpus.readers.obo import unescape
from residency.corpus.records import Bad, Left

OBO = r"""format-version: 1.4
data-version: 2030-02-01
default-namespace: eyes
! a remark

[Term]
id: HP:0000004 ! Cataract
name: Cataract\, of\nthe "eye" ! said so
alt_id: HP:0009999
def: "A \"cloudy\" lens; see {x} ! not a remark." [PMID:1, "x"] {source="y"}
comment: Common.
subset: rare
synonym: "Cloudy lens" EXACT layperson [x]
synonym: "CAT" []
xref: UMLS:C0086543 "Cataract"
is_a: HP:0000003 {source="z"} ! Lens trouble
relationship: part_of HP:0000002 ! Eye

[Term]
id: HP:0000005
name: Old word
is_obsolete: true

[Term]
id: HP:0000006
name: Damaged
synonym: no quotes here

[Term]
name: Without id

[Term]
id: HP:0000007
namespace: other

[Term]
id: HP:0000008
name: Named
a line of no tag

[Typedef]
id: part_of
name: part of

[Instance]
id: x
"""


def read(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert detect(path) == "obo"
    return list(read_file(Given(path, name, "onto", "CC0"), "obo"))


def test_a_term_of_obo_has_its_name_definition_and_place(tmp_path):
    term = read(tmp_path, OBO, "eyes.obo")[0]
    assert (term.id, term.place) == ("HP:0000004", ("eyes.obo", 6))
    assert term.text == 'Cataract, of\nthe "eye"\n\nA "cloudy" lens; see {x} ! not a remark.'
    assert term.meta == {
        "kind": "term",
        "stanza": "term",
        "name": 'Cataract, of\nthe "eye"',
        "alt_ids": ["HP:0009999"],
        "definition": 'A "cloudy" lens; see {x} ! not a remark.',
        "comment": "Common.",
        "subsets": ["rare"],
        "synonyms": [
            {"text": "Cloudy lens", "scope": "EXACT", "type": "layperson"},
            {"text": "CAT", "scope": "RELATED"},
        ],
        "xrefs": ["UMLS:C0086543"],
        "is_a": ["HP:0000003"],
        "relationships": [["part_of", "HP:0000002"]],
        "namespace": "eyes",
    }


def test_every_other_stanza_is_a_document_bad_or_left_out(tmp_path):
    rest = read(tmp_path, OBO, "eyes.obo")[1:]
    assert rest[:-2] == [
        Left("obsolete term"),
        Bad("eyes.obo", 24, "the synonym is not in quotes"),
        Bad("eyes.obo", 29, "the term has no id"),
        Left("term without a name"),
        Bad("eyes.obo", 36, "line 39 is no tag with a value"),
    ]
    assert (rest[-2].id, rest[-2].meta["stanza"]) == ("part_of", "relation")
    assert rest[-1] == Left("stanza that is no term and no relation")


def test_escapes_of_obo_are_resolved():
    assert unescape(r"a\Wb\tc\nd\:e\,f\"g\\h\(\[\{") == 'a b\tc\nd:e,f"g\\h([{'


def test_a_packed_obo_that_is_cut_keeps_what_was_read_before(tmp_path):
    stanza = '[Term]\nid: X:{0}\nname: term {0}\ndef: "No. {0}." []\n\n'
    content = gzip.compress(("format-version: 1.2\n\n" + "".join(stanza.format(i) for i in range(9000))).encode())
    records = read(tmp_path, content[: len(content) // 2], "x.obo.gz")
    assert len(records) > 100 and all(isinstance(record, Document) for record in records[:-1])
    assert isinstance(records[-1], Bad) and "gzip" in records[-1].reason


def test_a_line_of_another_encoding_costs_its_stanza_only(tmp_path):
    content = b"format-version: 1.2\n[Term]\nid: X:1\nname: Caf\xe9\n\n[Term]\nid: X:2\nname: two\n"
    bad, term = read(tmp_path, content, "x.obo")
    assert isinstance(bad, Bad) and "UTF-8" in bad.reason and term.id == "X:2"


def test_a_file_without_any_term_is_named(tmp_path):
    assert read(tmp_path, "format-version: 1.2\n", "x.obo") == [Bad("x.obo", None, "no term in it")]
