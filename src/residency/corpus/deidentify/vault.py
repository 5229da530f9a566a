"""The vault: what stands for what, and the key it was drawn with, in one encrypted file that its owner alone can open.

Whoever throws the key away needs no vault, and nobody can go back. Whoever keeps it can: the file holds a row for each
(patient, kind, original, surrogate), locked with a key file or a passphrase.

A file is a line that says what it is, a line of JSON (how the lock was made), then frames: a length, and what
AES-256-GCM (NIST SP 800-38D) makes of some rows, under a key that is the file's own. Each frame is bound to the two
lines, its number, and whether it is the last: none can be changed, moved, or left out unseen. Processes that hide texts
side by side each write a part, sealed with the key that surrogates are drawn with, so that they need not know the lock;
``gather`` puts the parts in the vault.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import os
import secrets
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from residency.core.errors import SourceError, UserError
from residency.core.store import atomic_path, dumps
from residency.corpus.deidentify.hide import KEY_BYTES, Hidden

MAGIC = b"residency vault 1\n"
PART = ".part"
FRAME = 1 << 16
"""Rows in a frame."""
COST = 17
"""scrypt's N is 2^17 (128 MiB with r = 8), as OWASP advises for passphrases."""
MOST = 20
"""A file that asks for more is refused."""


class Row(NamedTuple):
    """What stands for what, in the texts of a patient."""

    patient: str
    kind: str
    original: str
    surrogate: str


@dataclass(frozen=True, slots=True)
class Lock:
    """What opens a vault: the bytes of a key file, or a passphrase."""

    secret: bytes
    passphrase: bool = False

    def key(self, head: Mapping[str, Any]) -> bytes:
        """Return the key of a file with this head; raises ``UserError`` where it was locked in the other way."""
        if (head.get("lock") == "passphrase") != self.passphrase:
            other = "a passphrase" if head.get("lock") == "passphrase" else "a key file"
            raise UserError(f"the vault was locked with {other}: give that")
        salt = base64.b64decode(head["salt"])
        if not self.passphrase:
            return hmac.digest(self.secret, b"vault" + salt, "sha256")
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        if not 14 <= head["cost"] <= MOST:
            raise SourceError(f"the vault asks for scrypt with N = 2^{head['cost']}: not between 2^14 and 2^{MOST}")
        return Scrypt(salt=salt, length=32, n=1 << head["cost"], r=8, p=1).derive(self.secret)

    def head(self) -> dict[str, Any]:
        """Return the head of a new file."""
        salt = base64.b64encode(secrets.token_bytes(16)).decode()
        return {"lock": "passphrase", "salt": salt, "cost": COST} if self.passphrase else {"lock": "key", "salt": salt}


def new_key() -> bytes:
    """Return a key to draw surrogates with: 32 random bytes."""
    return secrets.token_bytes(KEY_BYTES)


def create_key_file(path: Path | str) -> Lock:
    """Write a new key file that only its owner may read, and return the lock that it is; none is written over."""
    path = Path(path)
    if path.exists():
        raise UserError(
            f"{path} is there already: a key that is written over opens nothing any more; choose another name"
        )
    secret = new_key()
    with atomic_path(path) as temporary, private(temporary) as handle:
        handle.write(base64.b64encode(secret) + b"\n")
    return Lock(secret)


def lock_of_file(path: Path | str) -> Lock:
    """Return the lock that a key file is."""
    try:
        secret = base64.b64decode(Path(path).read_bytes().strip(), validate=True)
    except FileNotFoundError:
        raise UserError(f"{path}: no such key file") from None
    except binascii.Error:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise UserError(f"{path}: not a key file of a vault (one line, {KEY_BYTES} bytes in base64)")
    return Lock(secret)


def lock_of_passphrase(passphrase: str) -> Lock:
    """Return the lock that a passphrase is; raises ``UserError`` for one of under 12 characters."""
    if len(passphrase) < 12:
        raise UserError("the passphrase is too short: 12 characters or more")
    return Lock(passphrase.encode(), passphrase=True)


@dataclass(slots=True)
class Vault:
    """The key that surrogates are drawn with, and rows of what stands for what."""

    key: bytes
    rows: set[Row] = field(default_factory=set)
    _backward: dict[tuple[str, str, str], set[str]] | None = None

    def add(self, rows: Iterable[Row]) -> None:
        """Add rows; one that is there already counts once."""
        self.rows.update(rows)
        self._backward = None

    def originals(self, patient: str, kind: str, surrogate: str) -> list[str]:
        """Return what a surrogate stands for: none, one, or (as for a tag) several."""
        if self._backward is None:
            self._backward = {}
            for row in self.rows:
                self._backward.setdefault((row.patient, row.kind, row.surrogate), set()).add(row.original)
        return sorted(self._backward.get((patient, kind, surrogate), ()))

    def restore(self, hidden: Hidden, patient: str) -> tuple[str, list[int]]:
        """Return a text with the originals put back, and which of its spans (by number) were left as they are.

        Left is what stands for several originals, such as a tag, and what the vault does not know.
        """
        pieces, left, last = [], [], 0
        for number, span in enumerate(hidden.spans):
            found = self.originals(patient, span.entity_type, hidden.text[span.new_start : span.new_end])
            if len(found) != 1:
                left.append(number)
                continue
            pieces += [hidden.text[last : span.new_start], found[0]]
            last = span.new_end
        return "".join([*pieces, hidden.text[last:]]), left


def rows_of(text: str, hidden: Hidden, patient: str) -> Iterator[Row]:
    """Yield the rows of a text that was hidden."""
    for span in hidden.spans:
        original, now = text[span.start : span.end], hidden.text[span.new_start : span.new_end]
        yield Row(patient, span.entity_type, original, now)


# --- files ---------------------------------------------------------------------------------------------------------


def save_vault(path: Path | str, vault: Vault, lock: Lock) -> None:
    """Write a vault, whole or not at all, so that only its owner may read it, and only with the lock."""
    head = lock.head()
    first = dumps({"key": base64.b64encode(vault.key).decode()})
    _write(Path(path), head, lock.key(head), first, sorted(vault.rows))


def open_vault(path: Path | str, lock: Lock) -> Vault:
    """Return a vault; raises ``UserError`` where the lock is another one, and ``SourceError`` where it is damaged."""
    head, rest, start = _head(Path(path))
    frames = _frames(Path(path), lock.key(head), start, rest)
    key = base64.b64decode(json.loads(next(frames))["key"])
    return Vault(key, {row for frame in frames for row in _rows(frame)})


def write_part(folder: Path | str, key: bytes, rows: Iterable[Row]) -> Path:
    """Write rows as a part for ``gather``, sealed with the key that surrogates are drawn with, and return its path."""
    path = Path(folder) / f"{os.getpid()}-{secrets.token_hex(8)}{PART}"
    head = {"lock": "part", "salt": base64.b64encode(secrets.token_bytes(16)).decode()}
    _write(path, head, _part_key(key, head), "{}", sorted(set(rows)))
    return path


def gather(path: Path | str, lock: Lock, folder: Path | str) -> Vault:
    """Return the vault of a file with the rows of all parts of a folder added; the parts go once it is written."""
    vault = open_vault(path, lock)
    parts = sorted(Path(folder).glob(f"*{PART}"))
    for part in parts:
        head, rest, start = _head(part)
        frames = _frames(part, _part_key(vault.key, head), start, rest)
        next(frames)
        vault.add(row for frame in frames for row in _rows(frame))
    save_vault(path, vault, lock)
    for part in parts:
        part.unlink()
    return vault


def _part_key(key: bytes, head: Mapping[str, Any]) -> bytes:
    return hmac.digest(key, b"part of a vault" + base64.b64decode(head["salt"]), "sha256")


def _rows(frame: bytes) -> Iterator[Row]:
    return (Row(*row) for row in json.loads(frame))


def _write(path: Path, head: Mapping[str, Any], key: bytes, first: str, rows: list[Row]) -> None:
    start = MAGIC + dumps(head).encode() + b"\n"
    texts = [first, *(json.dumps(rows[at : at + FRAME]) for at in range(0, len(rows), FRAME))]
    with atomic_path(path) as temporary, private(temporary) as handle:
        handle.writelines(_sealed(start, key, texts))


def _sealed(start: bytes, key: bytes, texts: list[str]) -> Iterator[bytes]:
    """Yield the head of a file and its frames. A key seals one file, so a nonce may be a frame's number."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    yield start
    for number, text in enumerate(texts):
        bound = _bound(start, number, number == len(texts) - 1)
        data = AESGCM(key).encrypt(number.to_bytes(12, "big"), zlib.compress(text.encode(), 1), bound)
        yield len(data).to_bytes(4, "big") + data


def _bound(start: bytes, number: int, last: bool) -> bytes:
    return start + number.to_bytes(8, "big") + bytes([last])


def _head(path: Path) -> tuple[dict[str, Any], bytes, bytes]:
    """Return a file's head, its frames, and the two lines that they are bound to."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such vault") from None
    line, end = data[len(MAGIC) :].split(b"\n", 1)[0], data.find(b"\n", len(MAGIC)) + 1
    if not data.startswith(MAGIC) or not end:
        raise SourceError(f"{path}: no vault of this version; it begins with {MAGIC.decode().strip()!r}")
    try:
        head = json.loads(line)
        base64.b64decode(head["salt"])
        head["cost"] = int(head.get("cost", COST))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SourceError(f"{path}: the head of the vault is damaged; take a copy of it") from None
    return head, data[end:], data[:end]


def _frames(path: Path, key: bytes, start: bytes, data: bytes) -> Iterator[bytes]:
    """Yield what the frames of a file hold."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    at, number = 0, 0
    while at < len(data) or number == 0:
        size = int.from_bytes(data[at : at + 4], "big")
        frame, at = data[at + 4 : at + 4 + size], at + 4 + size
        try:
            if at > len(data):
                raise ValueError("the file ends within a frame")
            bound = _bound(start, number, at == len(data))
            yield zlib.decompress(AESGCM(key).decrypt(number.to_bytes(12, "big"), frame, bound))
        except (InvalidTag, ValueError):
            where = (
                "the key is not this vault's, or the head is damaged" if number == 0 else f"frame {number} is damaged"
            )
            raise UserError(f"{path}: {where}; give the right key, or take a copy of the file") from None
        number += 1


def private(path: Path) -> BinaryIO:
    """Return a new file to write to, that only its owner may read."""
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
