"""Limits hold: on time, size, depth, expansion and entities; and lines are cut without losing one."""

import gzip
import io
import json
import math
import signal
import threading
import time
import tracemalloc

import pytest
from hypothesis import given as cases
from hypothesis import settings
from hypothesis import strategies as st

from residency.corpus.readers.guard import (
    Given,
    Limits,
    OutOfTime,
    TooMuch,
    decoded,
    iterparse_xml,
    lines,
    load_json,
    opened,
    parse_xml,
    reason,
    time_limit,
    whole_bytes,
    whole_text,
)
from residency.corpus.records import Bad

LIMITS = Limits(depth=20)


def file(tmp_path, content, name="a.txt", **fields):
    path = tmp_path / name
    path.write_bytes(content)
    return Given(path, name, "made", "CC0-1.0", **fields)


# --- lines -----------------------------------------------------------------------------------------------------------


def split(content):
    return [piece + b"\n" for piece in content.split(b"\n")[:-1]] + [p for p in content.split(b"\n")[-1:] if p]


@settings(max_examples=150, deadline=None)
@cases(st.data())
def test_the_lines_of_spans_are_the_lines_of_the_file(tmp_path_factory, data):
    pieces = st.sampled_from([b"a", b"bc", b"\n", b"\r\n", b"\r", b"long" * 40, b"\n\n"])
    content = b"".join(data.draw(st.lists(pieces, max_size=30)))
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(content) - 1)), max_size=6)))
    edges = [0, *(cut for cut in cuts if cut < len(content)), len(content)]
    path = tmp_path_factory.mktemp("lines", numbered=True) / "a.txt"
    path.write_bytes(content)
    short = Limits(record_mb=100e-6)
    for limits in (Limits(), short):
        found, whole = [], [line for _, line in lines(Given(path, "a", "made", "CC0-1.0", limits=limits))]
        for span in zip(edges, edges[1:], strict=False):
            numbered = list(lines(Given(path, "a", "made", "CC0-1.0", limits=limits, span=span)))
            assert [number for number, _ in numbered] == list(range(1, len(numbered) + 1))
            found += [line for _, line in numbered]
        assert [type(line) for line in found] == [type(line) for line in whole]
        assert [line for line in found if isinstance(line, bytes)] == [x for x in whole if isinstance(x, bytes)]
        kept = [line if limits is not short or len(line.rstrip(b"\n")) <= 100 else Bad for line in split(content)]
        assert [Bad if isinstance(line, Bad) else line for line in whole] == kept


def test_a_line_that_is_too_long_is_passed_over_without_being_in_memory(tmp_path):
    given = file(tmp_path, b"one\n" + b"x" * 30_000_000 + b"\nthree", limits=Limits(record_mb=1))
    tracemalloc.start()
    found = list(lines(given))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found[0] == (1, b"one\n") and found[2] == (3, b"three")
    assert found[1] == (2, Bad("a.txt", 2, "a line of more than 1 MB"))
    assert peak < 5_000_000


def test_a_truncated_gzip_is_named_and_what_was_read_before_is_kept(tmp_path):
    rows = [f"line {number} of it\n".encode() for number in range(20_000)]
    packed = gzip.compress(b"".join(rows))
    found = list(lines(file(tmp_path, packed[: len(packed) // 2], "a.jsonl")))
    *kept, (number, last) = found
    assert len(kept) > 5000 and [line for _, line in kept] == rows[: len(kept)]
    assert last == Bad("a.jsonl", number, "its packing (gzip) is broken or cut short") and number == len(kept) + 1
    damaged = packed[:3000] + b"\xff" * 50 + packed[3050:]
    assert isinstance(list(lines(file(tmp_path, damaged, "b")))[-1][1], Bad)


def test_utf16_is_read_by_line_as_well(tmp_path):
    given = file(tmp_path, "eins\r\nzwölf\n\u0a0a\u2028".encode("utf-16"))
    assert [decoded(line) for _, line in lines(given)] == ["eins\r\n", "zwölf\n", "\u0a0a\u2028"]
    other = file(tmp_path, "zwölf\n".encode("utf-16-be").join([b"\xfe\xff", b""]), encoding="cp1252")
    assert [decoded(line, "cp1252") for _, line in lines(other)] == ["zwölf\n"]


# --- size and encoding -----------------------------------------------------------------------------------------------


def test_a_gzip_bomb_is_refused_before_it_fills_the_memory(tmp_path):
    given = file(tmp_path, gzip.compress(b"\0" * 100_000_000), limits=Limits(expand=50))
    tracemalloc.start()
    with pytest.raises(TooMuch, match="expand"):
        whole_bytes(given)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000
    assert "expand" in list(lines(given))[-1][1].reason


def test_a_file_above_the_limit_is_refused_packed_or_not(tmp_path):
    small = Limits(whole_mb=0.001)
    assert len(whole_bytes(file(tmp_path, b"x" * 1000, limits=small))) == 1000
    for content in (b"x" * 1001, gzip.compress(b"x" * 1001)):
        with pytest.raises(TooMuch, match="whole_mb"):
            whole_bytes(file(tmp_path, content, limits=small))


def test_packing_goes_by_content_and_not_by_name(tmp_path):
    with opened(file(tmp_path, gzip.compress(b"words"), "a.txt")) as handle:
        assert handle.read() == b"words"
    assert whole_bytes(file(tmp_path, b"words", "a.txt.gz")) == b"words"


def test_a_mark_names_the_encoding_and_nul_is_no_text(tmp_path):
    for encoding in ("utf-8-sig", "utf-16"):
        assert whole_text(file(tmp_path, "Größe".encode(encoding), encoding="cp1252")) == "Größe"
    assert whole_text(file(tmp_path, "Größe".encode("cp1252"), encoding="cp1252")) == "Größe"
    with pytest.raises(TooMuch, match="NUL byte at character 2"):
        decoded(b"ab\0c")
    with pytest.raises(UnicodeDecodeError) as caught:
        whole_text(file(tmp_path, "Größe".encode("cp1252")))
    assert reason(caught.value).startswith("not UTF-8 at byte 2; name the encoding")
    with pytest.raises(LookupError) as unknown:
        decoded(b"a", "utf-99")
    assert "name another" in reason(unknown.value)


def test_the_key_of_a_file_is_its_name_without_ending(tmp_path):
    for name, key in {"a/b.txt": "a/b", "a.b/c.md.gz": "a.b/c", "plain": "plain", "x.tar.txt": "x.tar"}.items():
        assert Given(tmp_path, name, "made", "CC0-1.0").key == key


# --- time ------------------------------------------------------------------------------------------------------------


def test_an_endless_loop_ends_at_the_limit():
    began = time.monotonic()
    with pytest.raises(OutOfTime, match=r"more than 0\.1 s"), time_limit(0.1):
        while True:
            pass
    assert 0.05 < time.monotonic() - began < 2


def test_a_library_that_swallows_the_alarm_hears_it_again():
    def deaf():
        for _ in range(2):
            try:
                while True:
                    pass
            except Exception:
                continue
        while True:
            pass

    with pytest.raises(OutOfTime), time_limit(0.05):
        deaf()


def test_limits_nest_and_leave_no_alarm_behind():
    with pytest.raises(OutOfTime, match=r"more than 0\.3 s"), time_limit(0.3):
        for _ in range(100):
            with time_limit(0.2):
                time.sleep(0.02)
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


def test_in_a_thread_there_is_no_limit_and_no_fault():
    done = []

    def work():
        with time_limit(0.01):
            time.sleep(0.05)
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done


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
        began = time.monotonic()
        with pytest.raises(TooMuch):
            load_json(content, Limits())
        assert time.monotonic() - began < 3


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

    began = time.monotonic()
    for encoding in ("utf-8", "utf-16"):
        with pytest.raises((TooMuch, etree.XMLSyntaxError)):
            parse_xml(content.encode(encoding), LIMITS)
        with pytest.raises((TooMuch, etree.XMLSyntaxError)):
            list(iterparse_xml(io.BytesIO(content.encode(encoding)), ["a"], LIMITS))
    assert time.monotonic() - began < 2


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
