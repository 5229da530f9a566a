"""Under which names the service may be called, and from which pages: what stops rebound names and foreign forms.

A page of another site can point a name of its own at 127.0.0.1 and then speak to the service as that name (DNS
rebinding); so a host that is none of ours is refused. What changes something must come from a page of ours.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

from residency.serve.settings import LOOPBACK, Settings

_WELL_FORMED = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_.-]{0,252}[a-z0-9_])?\.?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")


def names(settings: Settings) -> tuple[str, ...]:
    """Return the names that the service answers to: this machine's loopback, its address, those of its certificate.

    Those that it was given come to them. Behind a proxy without such names any is, since the proxy chooses what it
    hands on. Raises ValueError for a certificate that is none.
    """
    given = tuple(name.lower() for name in settings.names)
    if settings.proxy and not given:
        return ("*",)
    own = () if _unspecified(settings.host) else (settings.host.lower(),)
    certified = _of_certificate(settings.certificate) if settings.certificate else ()
    return (*sorted(LOOPBACK), *own, *given, *certified)


def _unspecified(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _of_certificate(path: Path) -> list[str]:
    from cryptography import x509

    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = found.get_values_for_type(x509.IPAddress)
    return [name.lower() for name in found.get_values_for_type(x509.DNSName)] + [str(one) for one in addresses]


def host_of(header: bytes) -> str | None:
    """Return the name in a host header without its port; None where it is not well formed."""
    text = header.decode("latin-1").lower()
    if not _WELL_FORMED.fullmatch(text):
        return None
    bare = text[1 : text.index("]")] if text.startswith("[") else text.partition(":")[0]
    return bare.removesuffix(".")


def known_host(hosts: Sequence[bytes], allowed: Sequence[str]) -> bool:
    """Return whether a request names one host, and one of those allowed (``*.ward.example`` stands for one label)."""
    host = host_of(hosts[0]) if len(hosts) == 1 else None
    return host is not None and any(_fits(host, name) for name in allowed)


def _fits(host: str, name: str) -> bool:
    if name.startswith("*."):
        return fnmatchcase(host, name) and host.count(".") == name.count(".")
    return name in ("*", host)


def own_page(origin: bytes | None, site: bytes | None, host: bytes, *, secure: bool) -> bool:
    """Return whether a request comes from a page of ours, by its ``origin`` and ``sec-fetch-site`` headers.

    Every browser sends ``origin`` with what changes something; without both headers it was no page that sent it.
    """
    if site is not None and site not in (b"same-origin", b"none"):
        return False
    if origin is None:
        return True
    try:
        parts = urlsplit(origin.decode("latin-1").lower())
    except ValueError:
        return False
    schemes = ("https",) if secure else ("http", "https")
    return parts.scheme in schemes and parts.netloc == host.decode("latin-1").lower()
