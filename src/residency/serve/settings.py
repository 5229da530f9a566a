"""What a service is started with: where it listens, what it holds, and how much it takes at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from residency.core.legal import AtLeastOne, Range

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Settings:
    """All that is settled before the first request; ``folder`` holds everything that the service writes."""

    folder: Path
    # The database; empty: the file service.sqlite in the folder. PostgreSQL: postgresql+psycopg://…
    database: str = ""
    # The address to listen at; one that is not loopback needs a certificate, or a declared proxy that has one.
    host: str = "127.0.0.1"
    port: Annotated[int, Range(least=0, most=65535)] = 8000
    certificate: Path | None = None
    private_key: Path | None = None
    # Whether a proxy before the service ends TLS; then the address of a client is taken from what it says.
    proxy: bool = False
    proxy_address: str = ""
    # The host names that the service is called by, where they are not its address or its certificate's.
    names: tuple[str, ...] = ()
    # Whether texts are kept in the record, encrypted; else their keyed hashes alone.
    keep_text: bool = False
    # How many requests are worked on at once, with room for so many tokens each.
    parallel: AtLeastOne = 4
    context: AtLeastOne = 4096
    # How many requests may wait; the next is told to come back (429).
    queue: AtLeastOne = 64
    # Seconds without a sign of work after which a model's process is taken for hung, and started again (ten times as
    # many while it uses the processor: reading 2,048 tokens is one step).
    hung: AtLeastOne = 300
    # Whether what was read of a prompt for one user is used for another's that begins the same: sooner first tokens,
    # by which one can tell what others have asked.
    share_prefix: bool = False
    # The largest body of a request, in bytes.
    most_body: AtLeastOne = 1_000_000
    # The language of pages for those who have not chosen one.
    language: str = "en"
    # Indexes of passages and a knowledge graph that cited answers stand on.
    sources: tuple[Path, ...] = ()
    graph: str = ""
    # A folder of a hospital's own rules for the guard, beside ours.
    rules: Path | None = None
    # What to call here in an emergency and in a crisis, in place of the usual numbers.
    emergency: str = ""
    crisis: str = ""

    @property
    def url(self) -> str:
        """Return the database's URL."""
        return self.database or f"sqlite:///{self.folder.resolve() / 'service.sqlite'}"

    @property
    def secure(self) -> bool:
        """Return whether browsers reach the service by TLS."""
        return bool(self.certificate) or self.proxy
