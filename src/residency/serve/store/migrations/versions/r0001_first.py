"""The first tables: users, sessions, keys, the record, drafts with their versions, comparisons.

The record's table refuses to be changed: a statement that edits or deletes fails, whoever sends it. Who may change
tables can take that away again; the chain of hashes and its signed head then show what was done.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WORDS = "the record only grows"


def upgrade() -> None:
    """Make all tables."""
    _people()
    _record()
    _drafts()
    _only_grows()


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("password", sa.String(256)),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("language", sa.String(8)),
        sa.Column("made", sa.String(32), nullable=False),
        sa.Column("changed", sa.String(32), nullable=False),
        sa.Column("must_change", sa.Boolean, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("locked_until", sa.String(32)),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("user", sa.String(32), sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("csrf", sa.String(64), nullable=False),
        sa.Column("made", sa.String(32), nullable=False),
        sa.Column("seen", sa.String(32), nullable=False),
        sa.Column("expires", sa.String(32), nullable=False),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("user", sa.String(32), sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("scopes", sa.String(256), nullable=False),
        sa.Column("per_minute", sa.Integer, nullable=False),
        sa.Column("made", sa.String(32), nullable=False),
        sa.Column("expires", sa.String(32)),
        sa.Column("revoked", sa.String(32)),
        sa.Column("used", sa.String(32)),
    )


def _record() -> None:
    op.create_table(
        "record",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False, index=True),
        sa.Column("request", sa.String(32), nullable=False, index=True),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("before", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )


def _drafts() -> None:
    op.create_table(
        "drafts",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("application", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False, index=True),
        sa.Column("by", sa.String(32), sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("made", sa.String(32), nullable=False),
        sa.Column("changed", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("model", sa.String(160), nullable=False),
        sa.Column("model_hash", sa.String(64), nullable=False),
        sa.Column("request", sa.String(32), nullable=False),
        sa.Column("urgency", sa.String(16)),
    )
    op.create_table(
        "draft_versions",
        sa.Column("draft", sa.String(32), sa.ForeignKey("drafts.id"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("by", sa.String(32), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("decision", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(64)),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.create_table(
        "comparisons",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("by", sa.String(32), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("first", sa.String(160), nullable=False),
        sa.Column("second", sa.String(160), nullable=False),
        sa.Column("choice", sa.String(16)),
        sa.Column("request", sa.String(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )


def _only_grows() -> None:
    """Refuse what edits or deletes an entry."""
    if op.get_bind().dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            body = f"BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
            op.execute(f"CREATE TRIGGER record_no_{act.lower()} BEFORE {act} ON record {body}")
        return
    op.execute(
        "CREATE FUNCTION record_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{WORDS}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER record_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON record "
        "FOR EACH STATEMENT EXECUTE FUNCTION record_only_grows()"
    )
