"""What alembic runs: one transaction over the connection that `storage.migrate` (or a test) hands in."""

from alembic import context

from storage import alert_schema, reconciling_schema, schema, usage_schema

PARTS = (schema, usage_schema, alert_schema, reconciling_schema)
"""Every module that adds to the one set of tables."""

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=PARTS[0].metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
