"""The service's own keys: what seals texts, hashes them so that nobody can try texts on a hash, and signs the record.

Two files in ``secret/``, made together at the first start and readable by their owner alone: ``master.key`` (32 random
bytes, from which the keys of each purpose are derived by HKDF, RFC 5869) and ``record.pem`` (Ed25519, RFC 8032).
A backup without them holds no text of a patient that can be read; without a copy of them no text can ever be read.
"""

from __future__ import annotations

import hmac
import os
import secrets
import shutil
import stat
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from residency.core.errors import ResidencyError, UserError

MASTER, SIGNING = "master.key", "record.pem"
_FORM, _SALT, _NONCE = b"\x01", 16, 12
_RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw


class Unopened(ResidencyError):
    """What was sealed does not open: it was changed, put in another's place, or sealed by another key."""

    def __init__(self) -> None:
        super().__init__("a sealed text does not open: it was changed or moved, or sealed with another key")


class Seal:
    """The keys of the service in ``folder``, made where there are none yet (``make=False``: UserError instead)."""

    def __init__(self, folder: Path | str, *, make: bool = True) -> None:
        self.folder = Path(folder)
        secret = self.folder / "secret"
        if make and not secret.exists():
            _make(secret)
        elif not secret.exists() and not (self.folder / "service.sqlite").exists():
            raise UserError(f"there is no service in {self.folder}: residency serve makes one; or give its --folder")
        master, signing = _read(secret / MASTER), _read(secret / SIGNING)
        if len(master) != 32:
            raise UserError(f"{secret / MASTER} is not a key of 32 bytes: bring it back from the backup")
        self._sealing, self._hashing, self._marking = (_derived(master, name) for name in ("seal", "digest", "mark"))
        self._signing = _private(signing, secret / SIGNING)
        self.public = self._signing.public_key().public_bytes(*_RAW).hex()
        """The public key, in hex, by which anyone can check what this service signed."""

    def __repr__(self) -> str:
        return f"Seal({str(self.folder)!r})"

    def seal(self, content: bytes, context: str) -> bytes:
        """Return content that only this key opens, and only under the same context (AES-256-GCM).

        Each has a key of its own, made from 16 random bytes, so that no number of texts wears a key out.
        """
        salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
        return _FORM + salt + nonce + AESGCM(self._key(salt)).encrypt(nonce, content, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Return what was sealed; Unopened where it was changed, or belongs to another context."""
        salt, nonce = sealed[1 : 1 + _SALT], sealed[1 + _SALT : 1 + _SALT + _NONCE]
        if sealed[:1] != _FORM or len(nonce) != _NONCE:
            raise Unopened
        try:
            return AESGCM(self._key(salt)).decrypt(nonce, sealed[1 + _SALT + _NONCE :], context.encode())
        except InvalidTag:
            raise Unopened from None

    def digest(self, text: str) -> str:
        """Return the keyed hash of a text (HMAC-SHA256), in hex: no one without the key can try texts on it."""
        return hmac.digest(self._hashing, text.encode("utf-8", "surrogatepass"), "sha256").hex()

    def mark(self, content: str) -> str:
        """Return the keyed hash that shows an entry of the record to be ours, in hex."""
        return hmac.digest(self._marking, content.encode(), "sha256").hex()

    def sign(self, content: bytes) -> str:
        """Return the signature of content, in hex (Ed25519)."""
        return self._signing.sign(content).hex()

    def _key(self, salt: bytes) -> bytes:
        return hmac.digest(self._sealing, salt, "sha256")


def signed(content: bytes, signature: str, public: str) -> bool:
    """Return whether a signature of content holds by a public key, both in hex."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), content)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def fingerprint(public: str) -> str:
    """Return what people compare of a public key: the first 16 bytes of its SHA-256, in groups of four."""
    try:
        found = sha256(bytes.fromhex(public)).hexdigest()[:32]
    except ValueError:
        return "no key"
    return " ".join(found[at : at + 4] for at in range(0, 32, 4))


# --- the files -------------------------------------------------------------------------------------------------------


def _make(secret: Path) -> None:
    """Make both files in a folder beside, and give it its name when both are on the disk: all or nothing."""
    made = secret.with_name(f".{os.getpid()}.{secrets.token_hex(4)}.secret")
    try:
        secret.parent.mkdir(parents=True, exist_ok=True)
        made.mkdir(mode=0o700)
        _write(made / MASTER, secrets.token_bytes(32))
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        _write(made / SIGNING, Ed25519PrivateKey.generate().private_bytes(*form))
        sync_folder(made)
        made.rename(secret)
        sync_folder(secret.parent)
    except OSError as error:
        shutil.rmtree(made, ignore_errors=True)
        if not secret.exists():  # else another process was first
            words = os.strerror(error.errno or 0)
            raise UserError(f"the keys cannot be made in {secret} ({words}): choose another --folder") from None


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Wait until the names of a folder's files are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path) -> bytes:
    """Return a key file's bytes; UserError where it is absent, or where others may read it."""
    try:
        with open(path, "rb") as handle:
            if stat.S_IMODE(os.fstat(handle.fileno()).st_mode) & 0o077:
                raise UserError(f"others may read {path}: chmod 600 it, and think of the key as known to them")
            return handle.read()
    except OSError as error:
        words = os.strerror(error.errno or 0)
        raise UserError(f"the key {path} cannot be read ({words}): bring it back from the backup") from None


def _private(pem: bytes, path: Path) -> Ed25519PrivateKey:
    try:
        found = serialization.load_pem_private_key(pem, None)
    except (TypeError, ValueError):
        found = None
    if not isinstance(found, Ed25519PrivateKey):
        raise UserError(f"{path} holds no private Ed25519 key: bring it back from the backup")
    return found


def _derived(master: bytes, purpose: str) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt=None, info=f"residency {purpose} 1".encode()).derive(master)
