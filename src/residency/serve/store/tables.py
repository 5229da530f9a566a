"""Every table of the service. Times are ISO 8601 in UTC with microseconds, hashes hexadecimal.

Texts of patients stand in ``sealed`` columns alone: bytes that only the service's key opens. The record only grows: no
statement of ours changes or deletes a row of it, and each row's hash is made with that of the row before.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Integer, LargeBinary, MetaData, String, Table, Text

META = MetaData()

USERS = Table(
    "users",
    META,
    Column("id", String(32), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("password", String(256)),  # argon2id; none: one that signs in by one-time key, or not at all
    Column("role", String(16), nullable=False),
    Column("active", Boolean, nullable=False, default=True),
    Column("language", String(8)),
    Column("made", String(32), nullable=False),
    Column("changed", String(32), nullable=False),  # of the password or role: sessions begun before end
    Column("must_change", Boolean, nullable=False, default=False),
    Column("failed", Integer, nullable=False, default=0),
    Column("locked_until", String(32)),
)

SESSIONS = Table(
    "sessions",
    META,
    Column("hash", String(64), primary_key=True),  # of the token in the cookie
    Column("user", String(32), ForeignKey("users.id"), nullable=False, index=True),
    Column("csrf", String(64), nullable=False),
    Column("made", String(32), nullable=False),
    Column("seen", String(32), nullable=False),
    Column("expires", String(32), nullable=False),
)

KEYS = Table(
    "api_keys",
    META,
    Column("id", String(32), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("user", String(32), ForeignKey("users.id"), nullable=False, index=True),
    Column("name", String(64), nullable=False),
    Column("scopes", String(256), nullable=False),  # names parted by spaces
    Column("per_minute", Integer, nullable=False),
    Column("made", String(32), nullable=False),
    Column("expires", String(32)),
    Column("revoked", String(32)),
    Column("used", String(32)),
)

RECORD = Table(
    "record",
    META,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("kind", String(32), nullable=False, index=True),
    Column("request", String(32), nullable=False, index=True),
    Column("actor", String(80), nullable=False),  # user:NAME, key:ID, or service
    Column("body", Text, nullable=False),  # canonical JSON without any text of a patient
    Column("sealed", LargeBinary),  # texts, where the hospital keeps them
    Column("before", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

DRAFTS = Table(
    "drafts",
    META,
    Column("id", String(32), primary_key=True),
    Column("application", String(64), nullable=False),
    Column("status", String(16), nullable=False, index=True),  # draft, accepted, edited, rejected, signed
    Column("by", String(32), ForeignKey("users.id"), nullable=False, index=True),
    Column("made", String(32), nullable=False),
    Column("changed", String(32), nullable=False),
    Column("version", Integer, nullable=False, default=1),
    Column("model", String(160), nullable=False),
    Column("model_hash", String(64), nullable=False),
    Column("request", String(32), nullable=False),
    Column("urgency", String(16)),
)

VERSIONS = Table(
    "draft_versions",
    META,
    Column("draft", String(32), ForeignKey("drafts.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("by", String(32), ForeignKey("users.id"), nullable=False),
    Column("at", String(32), nullable=False),
    Column("decision", String(16), nullable=False),  # draft, accepted, edited, rejected, signed
    Column("reason", String(64)),  # of a closed list; free words are sealed
    Column("sealed", LargeBinary, nullable=False),  # JSON: input, output, citations, comment
    Column("digest", String(64), nullable=False),  # keyed hash of what was sealed; stands in the record too
)

COMPARISONS = Table(
    "comparisons",
    META,
    Column("id", String(32), primary_key=True),
    Column("by", String(32), ForeignKey("users.id"), nullable=False),
    Column("at", String(32), nullable=False),
    Column("first", String(160), nullable=False),  # model and hash shown on the left
    Column("second", String(160), nullable=False),
    Column("choice", String(16)),  # first, second, tie, neither; none: not yet
    Column("request", String(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # JSON: question, both answers
)
