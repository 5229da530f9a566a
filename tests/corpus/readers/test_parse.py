"""JSON and XML from strangers: depth, entities, size and breaks end in a reason, soon, and flat in memory."""

import gzip
import io
import json
import math
import time

import pytest
from hypothesis import given as cases
from hypothesis import settings
from hypothesis import strategies as st

from residency.corpus.readers.guard import Limits, TooMuch, iterparse_xml, load_json, parse_xml, reason

LIMITS = Limits(depth=20)


# --- JSON ------------------------------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.integers() | st.text('[]{}"\\ab', max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text('[]{}"\\', max_size=3), inner, max_size=2),
    max_leaves=12,
)


def depth(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@settings(max_examples=200, deadline=None)
@cases(VALUES, st.integers(0, 25))
def test_json_is_refused_above_the_depth_and_only_there(value, more):
    for _ in range(more):
        value = [value]
    content = json.dumps(value)
    if depth(value) > LIMITS.depth:
        with pytest.raises(TooMuch, match="deeper than 20"):
            load_json(content, LIMITS)
    else:
        assert load_json(content, LIMITS) == value


def test_very_deep_json_is_refused_at_once():
    for content in ("[" * 3_000_000, '{"a":' * 1_000_000, '["\\\\",' * 500_000):
        began = time.process_time()
        with pytest.raises(TooMuch):
            load_json(content, Limits())
        assert time.process_time() - began < 3


def test_many_shallow_brackets_are_no_depth():
    assert load_json(json.dumps([[i] for i in range(1000)] + ['[[[{"' * 200]), LIMITS)[7] == [7]


def test_json_keeps_repeats_and_nan_and_refuses_half_characters():
    assert load_json('{"a": 1, "a": 2}', LIMITS) == {"a": 2}
    assert math.isnan(load_json("[NaN]", LIMITS)[0])
    assert load_json('"\\ud83d\\ude00 \\\\ud800"', LIMITS) == "😀 \\ud800"
    with pytest.raises(TooMuch, match="half a character"):
        load_json('{"a": ["\\ud83d"]}', LIMITS)
    with pytest.raises(json.JSONDecodeError) as caught:
        load_json('{"name": "Vornak",\n oops}', LIMITS)
    assert reason(caught.value).startswith("not JSON at line 2, column 2")


# --- XML -------------------------------------------------------------------------------------------------------------

LAUGHS = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))


@pytest.mark.parametrize(
    "content",
    [
        f'<!DOCTYPE a [<!ENTITY a0 "ha">{LAUGHS}]><a>&a9;</a>',
        f'<!DOCTYPE a [<!ENTITY a0 "ha">{LAUGHS}]><a b="&a9;"/>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
        '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://example.org/x.dtd"> %x;]><a/>',
        '<!DOCTYPE a [<!ENTITY % x "y">]><a/>',
    ],
)
def test_declared_entities_are_refused_quickly(content):
    from lxml import etree

    began = time.process_time()
    for encoding in ("utf-8", "utf-16"):
        with pytest.raises((TooMuch, etree.XMLSyntaxError)):
            parse_xml(content.encode(encoding), LIMITS)
        with pytest.raises((TooMuch, etree.XMLSyntaxError)):
            list(iterparse_xml(io.BytesIO(content.encode(encoding)), ["a"], LIMITS))
    assert time.process_time() - began < 2


def test_a_plain_doctype_is_allowed_and_not_loaded(tmp_path):
    (tmp_path / "x.dtd").write_text('<!ENTITY x "SECRET">')
    content = f'<!DOCTYPE a PUBLIC "-//made" "{tmp_path}/x.dtd"><a>one &x; two</a>'.encode()
    root = parse_xml(content, LIMITS)
    assert "SECRET" not in "".join(root.itertext()) and root.text == "one "


def test_xml_is_refused_above_the_depth_and_only_there():
    from lxml import etree

    def nested(levels):
        return b"<a>" * levels + b"</a>" * levels

    assert parse_xml(nested(20), LIMITS).tag == "a"
    assert parse_xml(nested(200), Limits()).tag == "a"
    for levels, limits in ((21, LIMITS), (201, Limits()), (100_000, Limits(depth=900))):
        with pytest.raises((TooMuch, etree.XMLSyntaxError)):
            parse_xml(nested(levels), limits)
        with pytest.raises((TooMuch, etree.XMLSyntaxError)):
            list(iterparse_xml(io.BytesIO(b"<r>" + nested(levels) + b"</r>"), ["a"], limits))


def test_what_is_wrong_with_xml_is_said_without_quoting_it():
    from lxml import etree

    with pytest.raises(etree.XMLSyntaxError) as caught:
        parse_xml(b"<a>\n<Vornak>x</Quistel></a>", LIMITS)
    assert reason(caught.value).startswith("not well-formed XML at line 2, column")


def records(count):
    return [f'<r n="{number}"><t>word {number}</t></r>' for number in range(count)]


def test_records_are_read_one_by_one_and_memory_stays_flat():
    psutil = pytest.importorskip("psutil")
    body = b"<set>" + b"".join(b"<other>%d</other><w><r><t>%s</t></r></w>" % (i, b"x" * 400) for i in range(150_000))
    process = psutil.Process()
    peaks, count = [], 0
    for record in iterparse_xml(io.BytesIO(body + b"</set>"), ["{*}r"], Limits()):
        assert len(record.findtext("t")) == 400
        count += 1
        if count % 15_000 == 0:
            peaks.append(process.memory_info().rss)
    assert count == 150_000
    assert peaks[-1] - peaks[1] < 15e6


def test_what_stands_before_a_break_is_kept():
    from lxml import etree

    whole = ("<set>" + "".join(records(2000)) + "</set>").encode()
    found = []
    with pytest.raises(etree.XMLSyntaxError):
        for record in iterparse_xml(io.BytesIO(whole[: len(whole) // 2]), ["r"], Limits()):
            found.append(record.get("n"))
    assert found == [str(number) for number in range(len(found))] and len(found) >= 990
    packed = gzip.compress(whole, mtime=0)
    found = []
    half = gzip.GzipFile(fileobj=io.BytesIO(packed[: len(packed) // 2]))
    with pytest.raises(EOFError):
        for record in iterparse_xml(half, ["r"], Limits()):
            found.append(record.findtext("t"))
    assert found == [f"word {number}" for number in range(len(found))] and len(found) > 500


def test_the_outermost_element_is_one_record_with_all_that_is_in_it():
    content = b"<set><r><t>a</t><r><t>b</t></r><t>c</t></r>tail<r><t>d</t></r></set>"
    found = ["".join(record.itertext()) for record in iterparse_xml(io.BytesIO(content), ["r"], LIMITS)]
    assert found == ["abc", "d"]
    assert ["".join(r.itertext()) for r in iterparse_xml(io.BytesIO(content), ["set"], LIMITS)] == ["abctaild"]


def test_a_record_that_is_too_large_is_refused_and_does_not_fill_the_memory():
    content = b"<set><r>ok</r><x>" + b"<y>word</y>" * 200_000
    found = []
    with pytest.raises(TooMuch, match="record_mb"):
        for record in iterparse_xml(io.BytesIO(content), ["r"], Limits(record_mb=0.5)):
            found.append(record.text)
    assert found == ["ok"]
