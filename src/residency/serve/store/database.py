"""The one door to the database: a SQLite file by default, PostgreSQL by URL; a password never leaves this file.

SQLite writes ahead (WAL) and waits for the disk at every commit (synchronous=FULL), so that what was said to be written
is there after a power cut. Errors name the database without its password, and no error holds a statement's values.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from residency.core.errors import UserError
from residency.serve.settings import Settings

LEGAL = "legal: sqlite:///FILE, or postgresql+psycopg://USER:PASSWORD@HOST/NAME"
MIGRATIONS = Path(__file__).parent / "migrations"
WAIT = 5
"""Seconds that a statement waits for another's lock, and a connection for its server."""
_ONE_AT_A_TIME = 0x5265736964656E01
"""PostgreSQL's advisory lock under which the tables are changed."""


def open_database(settings: Settings, *, must_exist: bool = False) -> Engine:
    """Return the database that the settings name, reached once; ``must_exist`` makes no new SQLite file.

    Raises UserError where the URL is not legal or the database cannot be reached.
    """
    url = _legal(settings)
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite:
        _make_file(Path(str(url.database)), must_exist)
    engine = _sqlite(url) if sqlite else _postgres(url)
    try:
        with _told(engine), engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except UserError:
        engine.dispose()
        raise
    return engine


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """Give a connection that reads the database as it stands now, whatever others write meanwhile."""
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        if sqlite:
            connection.exec_driver_sql("BEGIN")
        yield connection if sqlite else connection.execution_options(isolation_level="REPEATABLE READ")


def name_of(engine: Engine) -> str:
    """Return a database's URL without its password."""
    return engine.url.render_as_string(hide_password=True)


def _legal(settings: Settings) -> URL:
    if not settings.database:
        return URL.create("sqlite", database=str(settings.folder.resolve() / "service.sqlite"))
    try:
        url = make_url(settings.database)
    except (ArgumentError, ValueError):
        raise UserError(f"--database is no URL of a database; {LEGAL}") from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        if not url.database or url.database == ":memory:" or url.query:
            raise UserError(f"--database needs a SQLite file without options; {LEGAL}")
        return url.set(database=str(Path(url.database).resolve()))
    if url.drivername != "postgresql+psycopg":
        raise UserError(f"--database of the kind {url.drivername} is not supported; {LEGAL}")
    return url


# --- the two kinds ---------------------------------------------------------------------------------------------------


def _make_file(path: Path, must_exist: bool) -> None:
    """Make a SQLite file that only its owner reads; its companions (-wal, -shm) inherit that."""
    if must_exist:
        if not path.is_file():
            raise UserError(f"there is no database {path}: name the service's --folder, or its --database")
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise UserError(f"the database {path} cannot be written ({os.strerror(error.errno or 0)})") from None


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, hide_parameters=True, pool_size=8, max_overflow=32, connect_args={"timeout": WAIT})

    @event.listens_for(engine, "connect")
    def settle(connection: Any, _: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={WAIT * 1000}"):
            connection.execute(f"PRAGMA {pragma}").close()

    return engine


def _postgres(url: URL) -> Engine:
    settled = f"-c lock_timeout={WAIT}s -c statement_timeout=30s -c synchronous_commit=on -c timezone=UTC"
    watched = {"keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 15_000}
    given = {"connect_timeout": WAIT, "options": settled, "application_name": "residency", **watched}
    arguments = {name: value for name, value in given.items() if name not in url.query}
    return create_engine(
        url, hide_parameters=True, pool_size=8, max_overflow=16, pool_pre_ping=True, connect_args=arguments
    )


@contextmanager
def _told(engine: Engine) -> Iterator[None]:
    """Turn what the database says into a UserError that has no password and no value of a row in it."""
    try:
        yield
    except SQLAlchemyError as error:
        kind = type(getattr(error, "orig", None) or error).__name__
        raise UserError(
            f"the database {name_of(engine)} cannot be used ({kind}): does it run, and do name and password hold?"
        ) from None


# --- its tables ------------------------------------------------------------------------------------------------------


def upgrade(engine: Engine) -> str:
    """Return the version of the tables, brought up to this program's; nothing is done where they are.

    All steps are one transaction, and of two processes that start at once the second waits. Raises UserError where the
    tables are newer than the program, or where the database cannot be written.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    newest = ScriptDirectory.from_config(config).get_current_head()
    with _told(engine), engine.begin() as connection:
        _alone(connection)
        found = version(connection)
        _refuse_newer(found, ScriptDirectory.from_config(config), engine)
        if found != newest:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    return str(newest)


def version(connection: Connection) -> str | None:
    """Return the version of the tables that a database holds, None where it holds none of ours."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _alone(connection: Connection) -> None:
    """Begin a transaction that no other that changes tables runs beside."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ONE_AT_A_TIME})


def _refuse_newer(found: str | None, script: Any, engine: Engine) -> None:
    known = {one.revision for one in script.walk_revisions()}
    if found is not None and found not in known:
        raise UserError(
            f"the tables of {name_of(engine)} are of version {found}, which this program does not know (it knows "
            f"{', '.join(sorted(known))}): install the newer program that made them"
        )
