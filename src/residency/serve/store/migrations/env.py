"""What Alembic runs for a migration: on the connection that ``store/database.py`` hands it, in that transaction.

To draft the next step from a change in tables.py: ``alembic.command.revision(config, autogenerate=True)`` with such a
connection in ``config.attributes``.
"""

from alembic import context

from residency.serve.store.tables import META

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=META,
    render_as_batch=True,  # SQLite changes a table by making it anew
    compare_type=True,
)
context.run_migrations()
