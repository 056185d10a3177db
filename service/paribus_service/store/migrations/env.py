"""Alembic's entry: runs migrations on the connection that `store.migrate` hands over."""

from alembic import context

from paribus_service.store import upstream_tables
from paribus_service.store.tables import Base

assert upstream_tables.UpstreamRun.metadata is Base.metadata  # so that their tables are known

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite alters tables by copying them
    compare_type=True,
    transaction_per_migration=False,
)
context.run_migrations()
