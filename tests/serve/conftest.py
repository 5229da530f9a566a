"""For all tests of the service: a PostgreSQL server, started for the first test that asks for it."""

from serve.postgres import database_url, migrated, postgres
from serve.tiny_gguf import tiny_gguf

__all__ = ["database_url", "migrated", "postgres", "tiny_gguf"]
