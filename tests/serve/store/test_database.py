"""The database: both kinds get the same tables, refuse what they must, and never say a password."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from residency.core.errors import UserError
from residency.serve.settings import Settings
from residency.serve.store.database import name_of, open_database, upgrade
from residency.serve.store.tables import KEYS, META, RECORD
from serve.postgres import free_port

PASSWORD = "correct-horse"
URLS = [
    f"postgresql+psycopg://ward:{PASSWORD}@127.0.0.1:{{port}}/ward",
    f"postgres://ward:{PASSWORD}@127.0.0.1:{{port}}/ward",
    f"postgresql://ward:{PASSWORD}@127.0.0.1:notaport/ward",
    f"mysql://ward:{PASSWORD}@127.0.0.1/ward",
    f"{PASSWORD}",
]
LINE = {"seq": 1, "at": "t", "kind": "k", "request": "", "actor": "a", "body": "{}", "before": "0", "hash": "1"}


@pytest.fixture
def database(tmp_path: Path, database_url: str) -> Engine:
    engine = open_database(Settings(tmp_path, database=database_url))
    upgrade(engine)
    yield engine
    engine.dispose()


def test_the_migrations_make_exactly_the_tables_of_the_code(database: Engine) -> None:
    with database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, META) == []


def test_the_comparison_sees_a_column_that_no_migration_makes(database: Engine) -> None:
    with database.connect() as connection:
        connection.execute(text("ALTER TABLE comparisons DROP COLUMN choice"))
        found = compare_metadata(MigrationContext.configure(connection), META)
        connection.rollback()
    assert [change[0] for change in found] == ["add_column"]


def test_bringing_the_tables_up_again_does_nothing(database: Engine) -> None:
    assert upgrade(database) == upgrade(database)


def test_of_two_that_start_at_once_one_makes_the_tables(tmp_path: Path, postgres) -> None:
    for url in ("", postgres.make()):
        engines = [open_database(Settings(tmp_path, database=url)) for _ in range(2)]
        with ThreadPoolExecutor(2) as pool:
            assert len(set(pool.map(upgrade, engines))) == 1
        for engine in engines:
            engine.dispose()


def test_tables_of_a_newer_program_are_refused_and_stay_as_they_are(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9042'"))
    with pytest.raises(UserError, match="version 9042.*newer program"):
        upgrade(database)
    with database.begin() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9042"
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))


def test_the_record_refuses_to_be_edited_or_emptied(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(insert(RECORD).values(LINE))
    for statement in (update(RECORD).values(actor="b"), delete(RECORD)):
        with pytest.raises(DBAPIError, match="only grows"), database.begin() as connection:
            connection.execute(statement)
    with database.connect() as connection:
        assert connection.execute(select(RECORD.c.actor)).scalars().all() == ["a"]


def test_a_key_of_nobody_is_refused(database: Engine) -> None:
    row = {"id": "k", "hash": "h", "user": "nobody", "name": "n", "scopes": "", "per_minute": 1, "made": "t"}
    with pytest.raises(IntegrityError), database.begin() as connection:
        connection.execute(insert(KEYS).values(row))


def test_an_error_of_a_statement_does_not_say_its_values(database: Engine) -> None:
    with pytest.raises(IntegrityError) as caught, database.begin() as connection:
        connection.execute(insert(RECORD).values({**LINE, "actor": "Ms Doe", "kind": None}))
    assert "Ms Doe" not in str(caught.value).split("DETAIL")[0]


def test_the_file_is_for_its_owner_alone_and_waits_for_the_disk(tmp_path: Path) -> None:
    engine = open_database(Settings(tmp_path / "new"))
    asked = ("journal_mode", "synchronous", "foreign_keys")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
        assert [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked] == ["wal", 2, 1]
        files = sorted((tmp_path / "new").iterdir())
    assert len(files) == 3 and {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}


def test_postgres_commits_before_it_says_so(tmp_path: Path, postgres) -> None:
    engine = open_database(Settings(tmp_path, database=postgres.make()))
    with engine.connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"


def test_only_asked_for_a_missing_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no database"):
        open_database(Settings(tmp_path), must_exist=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", URLS)
def test_no_error_says_the_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(UserError) as caught:
        open_database(Settings(tmp_path, database=url.format(port=free_port())))
    assert PASSWORD not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_database_is_named_without_its_password(tmp_path: Path, postgres) -> None:
    engine = open_database(Settings(tmp_path, database=postgres.make()))
    assert "***@127.0.0.1" in name_of(engine) and "unused" not in name_of(engine)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///a.sqlite?mode=ro"])
def test_a_database_that_would_not_last_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(UserError, match="legal: sqlite:///FILE"):
        open_database(Settings(tmp_path, database=url))


def test_a_folder_with_odd_signs_in_its_name_is_taken(tmp_path: Path) -> None:
    engine = open_database(Settings(tmp_path / "a?b%20c#d"))
    upgrade(engine)
    assert (tmp_path / "a?b%20c#d" / "service.sqlite").stat().st_size > 0


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "service.sqlite").write_bytes(b"words of another program " * 400)
    with pytest.raises(UserError, match=r"cannot be used \(DatabaseError\)"):
        open_database(Settings(tmp_path))
