"""Names of nodes in one SQLite file: looked up as said, as a variant (plural, British, other order), or by spelling.

The spelling goes by trigrams of letters (SQLite's full text search), so that a graph of any size opens at once.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from residency.corpus.graph.terms import CALLED

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
SMALL = frozenset("of the in on".split())
_BRITISH = [
    ("aemi", "emi"),
    ("haem", "hem"),
    ("oedem", "edem"),
    ("oesoph", "esoph"),
    ("paed", "ped"),
    ("anaes", "anes"),
]
_BRITISH += [
    ("orrhoea", "orrhea"),
    ("oeb", "eb"),
    ("foet", "fet"),
    ("caec", "cec"),
    ("gynaec", "gynec"),
    ("tumour", "tumor"),
]
_BRITISH += [("colour", "color"), ("faec", "fec"), ("leucoc", "leukoc"), ("sulph", "sulf"), ("fibre", "fiber")]
_BRITISH += [
    ("orthopaed", "orthoped"),
    ("oestr", "estr"),
    ("caes", "ces"),
    ("ischaem", "ischem"),
    ("behaviour", "behavior"),
]
_TABLES = """
CREATE TABLE name (key INTEGER PRIMARY KEY, node TEXT, how INTEGER, text TEXT, normal TEXT, variant TEXT,
    UNIQUE (normal, node, how));
CREATE VIRTUAL TABLE letters USING fts5(normal, content='name', content_rowid='key', tokenize='trigram', detail='none');
CREATE VIRTUAL TABLE piece USING fts5vocab(letters, 'row');
"""
LONGEST = 12
"""The most words of a name that is looked for in a text."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name of a node; ``how`` is the relation that gives it (name, synonym, abbreviation …)."""

    node: str
    text: str
    how: str


@lru_cache(maxsize=1 << 14)
def normal(text: str) -> str:
    """Return a name as it is compared: its words in lower case, without marks, accents' forms and possessives."""
    return " ".join(
        re.sub(r"['’]s$|['’]", "", word) for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    )


@lru_cache(maxsize=1 << 14)
def variant(text: str) -> str:
    """Return what the variants of a name share: American spelling, singular words in alphabetical order, no "of"."""
    words = [word for word in normal(text).split() if word not in SMALL]
    return " ".join(sorted(map(_singular, words)))


def _singular(word: str) -> str:
    for british, american in _BRITISH:
        word = word.replace(british, american)
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-2] if word.endswith(("xes", "ches", "shes", "sses")) else word[:-1]
    return word


def words_in(text: str) -> list[tuple[int, int]]:
    """Return the start and end of each word, as ``normal`` sees them."""
    return [found.span() for found in _WORD.finditer(text)]


class Names:
    """The file of names, for reading; any number of processes may."""

    def __init__(self, path: Path) -> None:
        self._table = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True, check_same_thread=False)
        self._seen: dict[str, int] = {}

    def said(self, text: str) -> list[Name]:
        """Return the nodes that are called so, the firmest relation first."""
        return self._ask("normal = ?", normal(text))

    def varied(self, text: str) -> list[Name]:
        """Return the nodes with a name that is a variant of the text."""
        return self._ask("variant = ?", variant(text))

    def of(self, node: str) -> list[Name]:
        """Return a node's names (a scan: for a look at one, not for a loop)."""
        return self._ask("node = ?", node)

    def alike(self, text: str, *, most: int = 64) -> list[Name]:
        """Return names that share trigrams of letters with a text, those that share the rarest most first.

        Only the rarer half of the text's trigrams is looked up: a name that is spelt alike has some of them (Chaudhuri
        2006, A Primitive Operator for Similarity Joins in Data Cleaning), and the others are in most names.
        """
        pieces = self._rarer(normal(text))
        if not pieces:
            return []
        rows = self._table.execute(
            "SELECT node, text, how FROM letters JOIN name ON name.key = letters.rowid WHERE letters MATCH ? "
            "ORDER BY rank, node, how, text LIMIT ?",
            (" OR ".join(f'"{piece}"' for piece in pieces), most),
        )
        return [Name(node, called, _HOW[how]) for node, called, how in rows]

    def _rarer(self, text: str) -> list[str]:
        pieces = sorted({text[i : i + 3] for i in range(len(text) - 2)})
        for piece in pieces:
            if piece not in self._seen:
                found = self._table.execute("SELECT doc FROM piece WHERE term = ?", (piece,)).fetchone()
                self._seen[piece] = found[0] if found else 0
        known = sorted((piece for piece in pieces if self._seen[piece]), key=lambda piece: (self._seen[piece], piece))
        return known[: max(5, len(known) // 2)]

    def all(self) -> Iterator[Name]:
        """Yield every name, by key."""
        for node, text, how in self._table.execute("SELECT node, text, how FROM name ORDER BY key"):
            yield Name(node, text, _HOW[how])

    def __len__(self) -> int:
        """Return the number of names."""
        return int(self._table.execute("SELECT count(*) FROM name").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._table.close()

    def _ask(self, where: str, value: str) -> list[Name]:
        if not value:
            return []
        asked = f"SELECT node, text, how FROM name WHERE {where} ORDER BY how, node, text"
        return [Name(node, text, _HOW[how]) for node, text, how in self._table.execute(asked, (value,))]


_HOW = sorted(CALLED, key=lambda how: CALLED[how])


class Naming:
    """The file of names while it is made; ``add`` may be told the same name any number of times."""

    def __init__(self, path: Path) -> None:
        self._table = sqlite3.connect(path, isolation_level=None)
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -64000"):
            self._table.execute(f"PRAGMA {setting}")
        self._table.executescript(_TABLES)
        self._table.execute("BEGIN")
        self._waiting: dict[tuple[str, str, str], None] = {}

    def add(self, node: str, text: str, how: str) -> None:
        """Add a name."""
        self._waiting[node, text, how] = None
        if len(self._waiting) >= 20_000:
            self._put()

    def _put(self) -> None:
        rows = [(node, CALLED[how], text, normal(text), variant(text)) for node, text, how in self._waiting]
        self._table.executemany(
            "INSERT OR IGNORE INTO name (node, how, text, normal, variant) VALUES (?,?,?,?,?)", rows
        )
        self._waiting.clear()

    def finish(self) -> int:
        """Return the number of names, when all have been added and can be found."""
        self._put()
        self._table.execute("CREATE INDEX by_variant ON name (variant)")
        self._table.execute("CREATE INDEX by_node ON name (node)")
        self._table.execute("INSERT INTO letters (letters) VALUES ('rebuild')")
        self._table.execute("COMMIT")
        count = int(self._table.execute("SELECT count(*) FROM name").fetchone()[0])
        self._table.close()
        return count


def spelt_alike(one: str, other: str) -> float:
    """Return how alike two names are spelt, 0 to 1: Dice's coefficient of the trigrams of their letters.

    Dice 1945, Measures of the Amount of Ecologic Association Between Species.
    """
    a, b = _pieces(one), _pieces(other)
    return 2 * len(a & b) / (len(a) + len(b)) if a and b else 0.0


@lru_cache(maxsize=1 << 14)
def _pieces(text: str) -> frozenset[str]:
    padded = f" {normal(text)} "
    return frozenset(padded[i : i + 3] for i in range(len(padded) - 2))


def aligned(one: str, other: str) -> float:
    """Return how alike the words of two names are that have the least counterpart in the other, 0 to 1.

    "Male" for "female" and "left" for "right" show here, where the names as a whole are spelt much alike.
    """
    a, b = variant(one).split(), variant(other).split()
    if not a or not b:
        return 0.0
    rows = [[spelt_alike(word, another) for another in b] for word in a]
    return min(*(max(row) for row in rows), *(max(column) for column in zip(*rows, strict=True)))


def best_alike(text: str, names: Iterable[Name]) -> Sequence[tuple[float, Name]]:
    """Return names with how alike they are spelt to a text, the most alike first; of a node the best name only."""
    whole, bare = normal(text), variant(text)
    scored = [(max(spelt_alike(whole, n.text), spelt_alike(bare, variant(n.text))), n) for n in names]
    best: dict[str, tuple[float, Name]] = {}
    for score, name in sorted(scored, key=lambda one: (-one[0], CALLED[one[1].how], one[1].node, one[1].text)):
        best.setdefault(name.node, (score, name))
    return list(best.values())
