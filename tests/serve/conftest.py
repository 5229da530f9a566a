"""For all tests of the service: a PostgreSQL server, started for the first test that asks for it."""

from serve.postgres import database_url, migrated, postgres

__all__ = ["database_url", "migrated", "postgres"]
