"""The hash of a set of texts, whatever their order and however they are parted: those of the parts are added up.

Each text with its id becomes a number of 4,096 bits (SHA-256, drawn out by SHAKE-256), and the hash is that of their
count and of their sum modulo 2 ** 4096. The sum is AdHASH (Bellare and Micciancio 1997, A new paradigm for
collision-free hashing). The generalised birthday attack (Wagner 2002) breaks a sum of 256 bits in some 2 ** 32 steps,
and one of 4,096 in 2 ** 128. It says that texts are the same, not who says so: that is the signature's part. It is no
secret either: whoever guesses all of the texts can tell that they are these.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from residency.core.errors import UserError
from residency.core.store import dumps, sha256_text

_BYTES = 512
_ALL = 1 << 8 * _BYTES


@dataclass(frozen=True, slots=True)
class Content:
    """What some texts add up to: how many, and the sum of their numbers. ``Content()`` is of none."""

    documents: int = 0
    total: int = 0

    def __add__(self, other: Content) -> Content:
        return Content(self.documents + other.documents, (self.total + other.total) % _ALL)

    @property
    def hash(self) -> str:
        """The hash of the texts, in hex."""
        head = f"residency content 1\n{self.documents}\n".encode()
        return hashlib.sha256(head + self.total.to_bytes(_BYTES, "big")).hexdigest()

    def as_part(self) -> dict[str, Any]:
        """Return it as JSON that can be added up later, by ``part_of``."""
        return {"documents": self.documents, "total": f"{self.total:x}"}

    def as_row(self) -> dict[str, Any]:
        """Return it as a receipt tells it."""
        return {"documents": self.documents, "hash": self.hash}


def part_of(row: Mapping[str, Any]) -> Content:
    """Return the content that ``as_part`` told; UserError where it is none."""
    try:
        found = Content(int(row["documents"]), int(row["total"], 16))
    except (KeyError, TypeError, ValueError):
        raise UserError("the hash of a part of a corpus is damaged; make the corpus again") from None
    if found.documents < 0 or not 0 <= found.total < _ALL:
        raise UserError("the hash of a part of a corpus is out of range; make the corpus again")
    return found


def content_of(texts: Iterable[tuple[str, str]]) -> Content:
    """Return the content of pairs of id and text."""
    documents = total = 0
    for key, text in texts:
        documents += 1
        total += _number(key, text)
    return Content(documents, total % _ALL)


def _number(key: str, text: str) -> int:
    name = dumps([key, sha256_text(text)]).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.shake_256(hashlib.sha256(name).digest()).digest(_BYTES), "big")
