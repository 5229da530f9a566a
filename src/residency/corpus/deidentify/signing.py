"""The hospital's signature: Ed25519 (RFC 8032) by a private key in PEM, over what a receipt says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from residency.core.errors import UserError

_MAKE = "openssl genpkey -algorithm ed25519 -out hospital.pem"
_HEAD = b"residency receipt 1\n"
"""Said with what is signed, so that a signature of something else is never taken for one."""


def sign(content_hash: str, key: Path, *, password: bytes | None = None) -> dict[str, str]:
    """Return the signature of a content hash by a private key file; UserError where that holds no such key."""
    serialization, ed25519, _ = _crypto()
    try:
        found = serialization.load_pem_private_key(key.read_bytes(), password=password)
    except OSError:
        raise UserError(f"the key file {key} cannot be read; `{_MAKE}` makes one") from None
    except TypeError:
        words = "is encrypted: give its password" if password is None else "is not encrypted: give no password"
        raise UserError(f"the key file {key} {words}") from None
    except ValueError:
        raise UserError(f"{key} holds no private key in PEM, or the password is wrong; `{_MAKE}` makes one") from None
    if not isinstance(found, ed25519.Ed25519PrivateKey):
        raise UserError(f"{key} holds a private key of another kind; legal: Ed25519, as `{_MAKE}` makes it")
    public = found.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    value = found.sign(_HEAD + content_hash.encode())
    return {"algorithm": "Ed25519", "public_key": public.hex(), "value": value.hex()}


def public_key(path: Path, *, own: bool = False) -> str:
    """Return the public key of a PEM file in hex; ``own`` takes a private one that is not encrypted too."""
    serialization, ed25519, _ = _crypto()
    try:
        text = path.read_bytes()
        private = b"PRIVATE KEY" in text
        if private and not own:
            raise UserError(f"{path} holds a private key; keep that where it signs, and name the public key here")
        found = (
            serialization.load_pem_private_key(text, None).public_key()
            if private
            else serialization.load_pem_public_key(text)
        )
    except (OSError, TypeError, ValueError):
        words = f"openssl pkey -in hospital.pem -pubout -out {path.name}"
        raise UserError(f"{path} holds no public key in PEM that can be read; `{words}` writes it") from None
    if not isinstance(found, ed25519.Ed25519PublicKey):
        raise UserError(f"{path} holds a public key of another kind; legal: Ed25519, as `{_MAKE}` makes it")
    return str(found.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex())


def signed_by(content_hash: str, signature: dict[str, str]) -> str | None:
    """Return the public key, in hex, by which a content hash is truly signed; None where it is not."""
    _, ed25519, invalid = _crypto()
    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(signature["public_key"]))
        key.verify(bytes.fromhex(signature["value"]), _HEAD + content_hash.encode())
    except (KeyError, TypeError, ValueError, invalid):
        return None
    return signature["public_key"].lower() if signature.get("algorithm") == "Ed25519" else None


def _crypto() -> tuple[Any, Any, Any]:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise UserError("signatures need cryptography; install it: pip install 'residency[deidentify]'") from None
    return serialization, ed25519, InvalidSignature
