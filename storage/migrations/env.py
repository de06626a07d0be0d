"""What alembic runs: one transaction over the connection that `storage.migrate` (or a test) hands in."""

from alembic import context

from storage.reconciling_schema import findings  # the last module that adds to the tables of storage.schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=findings.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
