"""Whatever stands in a file, reading it ends soon, in at least one record, and says nothing of its text.

Cases are whole files: noise, and valid files of every format with bytes changed, parts cut off, doubled or packed. A
reason may only be made of words that stand in our own source.
"""

import gzip
import re
import string
import time
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import residency.corpus
from fixture_files import FILES, brat
from residency.core.types import Document
from residency.corpus.readers import FORMATS, read_part
from residency.corpus.readers.guard import Given, Limits
from residency.corpus.records import Bad, Left

LIMITS = Limits(whole_mb=1, record_mb=0.1, expand=50, seconds=2, depth=40)
SOON = 10.0  # seconds of the processor, of which the limit is 2
STRETCH = 8
QUICK, CASES = 50, 1300  # cases of a format
PROFILE = settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
SEEDS = {form: [(name, content) for name, (kind, content) in FILES.items() if kind == form] for form in FORMATS}
STARTS = [b"", b"{", b'{"', b"[", b"<", b"<?xml ", b"%PDF-1.4\n", b"PK\x03\x04", b"PAR1", b"\x1f\x8b\x08", b"\xff\xfe"]
COLUMNS = re.compile("its columns: ([^;]*);")
LETTERS = string.printable + "é\u2028\0😀"


# --- the cases -------------------------------------------------------------------------------------------------------


@st.composite
def noise(draw):
    if draw(st.booleans()):
        return draw(st.sampled_from(STARTS)) + draw(st.binary(max_size=400))
    return draw(st.text(LETTERS, max_size=200)).encode(draw(st.sampled_from(["utf-8", "utf-16"])))


@st.composite
def changed(draw, content):
    """Return a file with some of its bytes changed, cut, doubled, moved or packed."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, max(0, len(content) - 1)))
        end = min(len(content), start + draw(st.sampled_from([1, 2, 8, 40, 300])))
        content = draw(
            st.sampled_from(
                [
                    content[:start] + bytes([content[start] ^ (1 << draw(st.integers(0, 7)))]) + content[start + 1 :]
                    if content
                    else b"",
                    content[:start] + draw(st.binary(max_size=6)) + content[end:],
                    content[:start] + content[end:],
                    content[:end] + content[start:end] * draw(st.sampled_from([1, 2, 50])) + content[end:],
                    content[:start],
                    content[start:],
                    content + content,
                ]
            )
        )
    if draw(st.integers(0, 9)) == 0:
        packed = gzip.compress(content, 1, mtime=0)
        content = packed[: draw(st.integers(2, len(packed)))]
    return content


@st.composite
def files(draw, form):
    """Return a name, a content and whether its format is said (or looked for)."""
    name, content = draw(st.sampled_from(SEEDS[form]))
    content = draw(noise() if draw(st.integers(0, 4)) == 0 else changed(content))
    return name, content, draw(st.booleans())


# --- what must hold --------------------------------------------------------------------------------------------------


@cache
def own_words():
    """Return every stretch of our own source and of the names of formats: what a reason may be made of."""
    source = "".join(path.read_text() for path in Path(residency.corpus.__file__).parent.rglob("*.py"))
    return stretches(source)


def stretches(text):
    return {text[place : place + STRETCH] for place in range(len(text) - STRETCH + 1)}


def quoted(reason, content):
    """Return the stretches of a file's text, packed or not, that a reason repeats."""
    try:
        content += gzip.decompress(content)
    except (OSError, EOFError, ValueError, ArithmeticError):
        pass
    except Exception as error:  # zlib.error
        assert type(error).__name__ == "error"
    texts = content.decode("utf-8", "ignore"), content.decode("latin-1"), content.decode("utf-16-le", "ignore")
    reason = COLUMNS.sub(
        lambda found: "" if all(is_column(name, texts) for name in names(found[1])) else found[0], reason
    )
    return [piece for piece in stretches(reason) - own_words() if any(piece in text for text in texts)]


def names(said):
    """Return the names of columns in what a reason says of them."""
    first = re.sub("(?:^| and )[0-9]+ (?:more|whose names may be values and are not said)$", "", said)
    return first.split(", ") if first.strip() else []


def is_column(name, texts):
    """Return whether a name is short and stands as a key of JSON, in a first line, or in the schema of Parquet."""
    return len(name) <= 40 and any(
        re.search(re.escape(name) + r'[^"]*"\s*:', text)
        or any(name in line for line in re.split("[\r\n]+", text.strip())[:2])
        or text.startswith("PAR1")
        for text in texts
    )


def test_only_what_stands_as_a_column_may_be_said_as_one():
    said = "no known shape; its columns: note_bodies and 2 more; known shapes: text"
    assert quoted(said, b"\n\nA line.\nAnother.\nA note_bodies.\n") and not quoted(said, b'{"note_bodies": 1}')
    assert not quoted(said, b"id;note_bodies\n") and names("3 whose names may be values and are not said") == []


def check(folder, form, case):
    name, content, said = case
    path = folder / name
    path.write_bytes(content)
    options = {"format": form} if said else {}
    began = time.process_time()
    records = list(read_part([Given(path, name, "made", "CC0-1.0", limits=LIMITS, options=options)]))
    assert time.process_time() - began < SOON, "it took too long"
    assert records, "no record"
    for record in records:
        assert isinstance(record, Document | Bad | Left)
        if isinstance(record, Document):
            assert record.text.strip() and record.text.encode() and record.id
        else:
            assert not quoted(record.reason, content), "a reason quotes the file"


def run(folder, form, cases):
    """Return how many cases of a format were read; each holds, or this raises."""
    read = 0
    (folder / "marked.ann").write_bytes(brat()[1])

    @settings(PROFILE, max_examples=cases)
    @given(files(form))
    def one(case):
        nonlocal read
        read += 1
        check(folder, form, case)

    one()
    return read


@pytest.mark.parametrize("form", FORMATS)
def test_a_valid_file_of_each_format_gives_documents(tmp_path, form):
    (tmp_path / "marked.ann").write_bytes(brat()[1])
    for name, content in SEEDS[form]:
        path = tmp_path / name
        path.write_bytes(content)
        records = list(read_part([Given(path, name, "made", "CC0-1.0", limits=LIMITS)]))
        assert any(isinstance(record, Document) for record in records), name
        assert not any(isinstance(record, Bad) for record in records), name


@pytest.mark.parametrize("form", FORMATS)
def test_no_file_breaks_hangs_or_vanishes(tmp_path, form):
    assert run(tmp_path, form, QUICK) >= QUICK


def test_the_harness_sees_a_reason_that_quotes_the_file():
    assert quoted("no such word as Vornak Qui", b"seen: Vornak Quistel") and not quoted("it is empty", b"it is empty")


@pytest.mark.slow
def test_twenty_thousand_files_over_all_readers_break_nothing(tmp_path):
    counts = {}
    for form in FORMATS:
        counts[form] = run(tmp_path, form, CASES)
    print("cases:", sum(counts.values()), counts)
    assert sum(counts.values()) >= 20_000 and min(counts.values()) >= 1000
