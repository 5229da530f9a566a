"""RTF as plain text: paragraphs, tabs and table cells; fonts, pictures, headers and hidden groups are passed over.

Record systems still send notes as RTF. One pass over the tokens; nothing in it is run or fetched.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from residency.core.types import Document
from residency.corpus.readers.guard import Given, TooMuch, whole_bytes
from residency.corpus.records import Bad

_TOKEN = re.compile(rb"\\([A-Za-z]{1,32})(-?\d{1,9})? ?|\\'([0-9A-Fa-f]{2})|\\(.)|([{}])|([^\\{}\r\n]+)", re.DOTALL)
_PASSED = frozenset(
    b"fonttbl colortbl stylesheet info pict object header headerl headerr headerf footer footerl footerr footerf "
    b"listtable listoverridetable rsidtbl generator themedata colorschememapping datastore latentstyles xmlnstbl "
    b"fldinst nonshppict bkmkstart bkmkend filetbl revtbl mmathPr".split()
)
_WORDS = {
    b"par": "\n",
    b"line": "\n",
    b"sect": "\n",
    b"page": "\n",
    b"row": "\n",
    b"tab": "\t",
    b"cell": " | ",
    b"emdash": "\u2014",
    b"endash": "\u2013",
    b"bullet": "\u2022",
    b"lquote": "\u2018",
    b"rquote": "\u2019",
    b"ldblquote": "\u201c",
    b"rdblquote": "\u201d",
}
_SIGNS = {b"~": "\u00a0", b"_": "-", b"\n": "\n", b"\r": "\n", b"\\": "\\", b"{": "{", b"}": "}"}
_DEPTH = 900


@dataclass(frozen=True, slots=True)
class _Group:
    passed: bool = False  # a destination that is no text
    fallback: int = 1  # how many characters stand behind \u for old readers


def read_rtf(given: Given) -> Iterator[Document | Bad]:
    """Yield an RTF file's one document."""
    content = whole_bytes(given)
    if not content.lstrip().startswith(b"{\\rtf"):
        yield given.bad("no RTF: it does not begin with {\\rtf")
        return
    text = rtf_text(content)
    if text:
        yield given.document(given.key, text, meta={"kind": given.options.get("kind", "note"), "format": "rtf"})
    else:
        yield given.bad("no text in it")


def rtf_text(content: bytes) -> str:
    """Return the text of RTF, one line a paragraph or table row. Raises TooMuch where its groups nest too deeply."""
    lines = (" ".join(line.replace("\t", " \t ").split(" ")) for line in "".join(_pieces(content)).split("\n"))
    tidy = (" ".join(line.split()).removesuffix(" |") for line in lines)
    return "\n".join(line for line in tidy if line)


def _pieces(content: bytes) -> Iterator[str]:
    groups, decoder, pending = [_Group()], _decoder(1252), 0
    place = 0
    while match := _TOKEN.search(content, place):
        place = match.end()
        word, number, code, sign, brace, plain = match.groups()
        if brace:
            pending = 0
            _step(groups, brace)
        elif word == b"bin":
            place += max(0, int(number or 0))
        elif word == b"ansicpg":
            decoder = _decoder(int(number or 1252))
        elif word == b"uc":
            groups[-1] = replace(groups[-1], fallback=max(0, int(number or 1)))
        elif word in _PASSED or sign == b"*":
            groups[-1] = replace(groups[-1], passed=True)
        elif groups[-1].passed:
            continue
        elif word == b"u":
            pending = groups[-1].fallback
            yield _character(int(number or 0))
        elif word:
            yield _WORDS.get(word, "")
        elif pending:
            kept = (plain or b"")[pending:]
            pending = max(0, pending - len(plain or b"?"))
            yield decoder.decode(kept)
        elif sign:
            yield _SIGNS.get(sign, "")
        else:  # a character of two bytes may come in two tokens
            yield decoder.decode(bytes.fromhex(code.decode()) if code else plain)


def _step(groups: list[_Group], brace: bytes) -> None:
    if brace == b"{":
        if len(groups) > _DEPTH:
            raise TooMuch(f"its groups nest deeper than {_DEPTH}")
        groups.append(groups[-1])
    elif len(groups) > 1:
        groups.pop()


def _decoder(page: int) -> codecs.IncrementalDecoder:
    """Return what decodes bytes of a code page; of one that is not known, Windows-1252."""
    try:
        return codecs.getincrementaldecoder(f"cp{page}")("replace")
    except LookupError:
        return codecs.getincrementaldecoder("cp1252")("replace")


def _character(number: int) -> str:
    number %= 65536
    return "" if 0xD800 <= number < 0xE000 or not number else chr(number)
