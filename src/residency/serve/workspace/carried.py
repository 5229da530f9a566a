"""An answer that a page carries, sealed, so that a change of language shows it again and asks nobody twice.

Nothing of it is kept by the service or by the browser beyond the page: the form of the language takes it along, only
the user who asked can have it opened, and what comes back changed opens for nobody.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from residency.serve.store.keys import Unopened
from residency.serve.types import Refused
from residency.serve.workspace.shown import Piece, Shown

if TYPE_CHECKING:
    from residency.serve.store.keys import Seal
    from residency.serve.types import Principal


def carried(seal: Seal | None, principal: Principal, question: dict[str, str], found: Shown) -> str:
    """Return an answer and the question that it belongs to as a text for a field; "" where there is no seal."""
    if seal is None:
        return ""
    content = json.dumps({"asked": question, "shown": asdict(found)}, ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(seal.seal(zlib.compress(content), _context(principal))).decode()


def again(seal: Seal | None, principal: Principal, field: str) -> tuple[dict[str, str], Shown]:
    """Return the question and the answer of a field; Refused (422) where it does not open for this user."""
    try:
        if seal is None:
            raise Unopened
        content = json.loads(zlib.decompress(seal.open(base64.urlsafe_b64decode(field), _context(principal))))
    except (Unopened, binascii.Error, ValueError):
        raise Refused("the answer that the form carries does not open", status=422, code="carried") from None
    return content["asked"], _shown(content["shown"])


def _shown(fields: dict[str, Any]) -> Shown:
    """Return an answer from its JSON, in which tuples are lists."""
    pieces = tuple(Piece(**{**one, "cites": tuple(one["cites"])}) for one in fields.pop("pieces"))
    quotes = tuple((id, words) for id, words in fields.pop("quotes"))
    rest: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in fields.items()}
    return Shown(pieces=pieces, quotes=quotes, **rest)


def _context(principal: Principal) -> str:
    return f"an answer shown to {principal.user}"
