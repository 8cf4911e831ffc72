"""Run by Alembic (not imported), from `storage.upgrade`, which hands over an open transaction."""

from alembic import context

from storage.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
context.run_migrations()
